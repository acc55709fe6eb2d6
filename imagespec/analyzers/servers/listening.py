"""The answer to "who listens where": listeners, and what stays open."""

from __future__ import annotations

import attrs

from imagespec.analyzers.java.springapp import SpringApp
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Value
from imagespec.analyzers.servers.site import Site
from imagespec.analyzers.startup.steps import Step
from imagespec.verdict import Evidence


@attrs.frozen(kw_only=True, eq=False)
class AppRef:
    """The application that a server serves."""

    module_path: str
    """The file of the module that was imported, or of the call that was given the application."""
    variable: str
    """As the server was told it: a name, a call such as ``create_app()``; empty when an object was handed over."""
    framework: str | None
    """``flask``, ``fastapi``, ``starlette``; None when it is none that is understood."""
    interface: str | None = None
    """What the server speaks to it, ``wsgi`` or ``asgi``; None when unknown or fitting by itself."""
    root_path: str | None = ""
    """Prefix that the server was told the application is mounted at (ASGI); None when unknown."""
    application: Value = attrs.field(repr=False)
    program: Program = attrs.field(repr=False)


@attrs.frozen(kw_only=True, eq=False)
class Listener:
    """
    One socket that accepts connections.

    ``host`` is as the server is told it: ``0.0.0.0`` and the empty text mean all interfaces, ``::`` those of IPv6
    only. None for ``host`` or ``port`` means that the value is unknown.
    """

    host: str | None
    port: int | None
    server: str
    """The server's name, such as ``gunicorn`` or ``flask``."""
    certain: bool
    """Whether the container certainly comes to listen here."""
    evidence: tuple[Evidence, ...]
    app: AppRef | None = None
    socket: str | None = None
    """Path of a Unix domain socket, for a listener that has no address; ``host`` and ``port`` are None then."""
    tls: bool | None = False
    """Whether it speaks HTTPS only."""
    protocol: str = "http"
    """``http``, or what else it speaks, such as ``uwsgi``."""
    detached: bool = False
    """Whether its program goes to the background, so that it lives only as long as another one keeps the container up."""
    site: Site | None = None
    """What an nginx server block does with requests."""
    api: FixedApi | None = None
    """The interface of a server that has always the same."""
    spring: SpringApp | None = attrs.field(default=None, repr=False)
    """The Spring Boot application that it serves."""


@attrs.frozen(kw_only=True)
class FixedApi:
    """The interface that a model server has by itself: ``kind`` names it, ``models`` are those that it certainly has."""

    kind: str
    models: tuple[str, ...] | None = None
    """None where they are not known."""


@attrs.frozen(kw_only=True)
class ServerLog:
    """One log of a server; ``path`` is absolute, None when it is not known to be a file."""

    path: str | None
    certain: bool
    evidence: Evidence


@attrs.frozen(kw_only=True, eq=False)
class Listening:
    """
    Who listens where.

    Without ``gaps`` there is nobody else; without listeners too, the image provably serves nothing.
    """

    listeners: tuple[Listener, ...] = ()
    gaps: tuple[Evidence, ...] = ()
    """Steps that may listen but are not understood, and places where a program could not be followed."""
    never: tuple[Evidence, ...] = ()
    """Why a step that looks like a server certainly does not come to listen."""
    programs: tuple[Program, ...] = attrs.field(default=(), repr=False)
    """The Python programs that were followed."""
    logs: tuple[ServerLog, ...] = ()
    """Where servers log by their own configuration."""
    steps: tuple[Step, ...] = ()
    """Programs that followed Python programs start, and what these start in their turn."""
    unfollowed: tuple[Evidence, ...] = ()
    """Those of `gaps` where a Python program may start another program, which is not followed."""
    stays: bool = False
    """Whether the program certainly runs as long as the container, with listeners or without."""
    ends: bool = False
    """Whether the program is taken to end by itself, and to succeed."""

    def plus(self, other: Listening) -> Listening:
        """Return both together; whether it stays or ends is the first one's."""
        return Listening(
            listeners=self.listeners + other.listeners,
            gaps=self.gaps + other.gaps,
            never=self.never + other.never,
            programs=self.programs + other.programs,
            logs=self.logs + other.logs,
            steps=self.steps + other.steps,
            unfollowed=self.unfollowed + other.unfollowed,
            stays=self.stays,
            ends=self.ends,
        )

    def left_alone(self) -> Listening:
        """Return it with those listeners uncertain whose programs go to the background: nothing keeps the container up."""
        listeners = [attrs.evolve(one, certain=one.certain and not one.detached) for one in self.listeners]
        return attrs.evolve(self, listeners=tuple(listeners))

    def attached(self) -> Listening:
        """Return it beside a program that keeps the container up: what goes to the background stays."""
        return attrs.evolve(
            self, listeners=tuple(attrs.evolve(one, detached=False) for one in self.listeners)
        )

    def doubtful(self) -> Listening:
        """Return it as what may run or not."""
        return attrs.evolve(
            self,
            listeners=tuple(attrs.evolve(one, certain=False) for one in self.listeners),
            logs=tuple(attrs.evolve(log, certain=False) for log in self.logs),
            steps=tuple(attrs.evolve(step, certain=False) for step in self.steps),
        )
