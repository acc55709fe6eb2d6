"""What the start command does: the programs it runs, one after the other, each with the way it was found."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec.analyzers.startup.written import Written
from imagespec.entry import Entry
from imagespec.verdict import Evidence

INHERITED = "inherited"
"""A `Step.stdout` or `Step.stderr` that goes where the container's own does: into its log."""


class OpenEnvironment(dict[str, str | None]):
    """An environment that may have any other variable, too: each is there, with a value that is not known."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> None:
        return None

    def get(self, name: str, default: object = None) -> str | None:  # noqa: ARG002
        """Return a value; the default never stands for certain."""
        return self[name]


@attrs.frozen(kw_only=True)
class Step:
    """
    One program that the start command runs, or may run.

    ``argv`` has None for a word whose value cannot be known from the bytes. ``certain`` is False where the step
    depends on something unknown: a branch, a command before it that may fail or never return.
    """

    argv: tuple[str | None, ...]
    program: Entry | None
    """The executable in the image after all links; None when there is none or argv[0] is unknown."""
    script: str | None = None
    """Real path (no leading slash) of the script file that an interpreter runs here."""
    env: Mapping[str, str | None] = attrs.field(factory=dict)
    """Environment; None for a variable whose value is unknown."""
    cwd: str | None = "/"
    """Working directory; None when unknown."""
    certain: bool = True
    background: bool = False
    user: str = ""
    """The user that runs it: as the config names it, or a command before; empty for root, and where it may not matter."""
    changed_user: bool = False
    """A command before made it another user's than the container's, to whom the container's streams belong."""
    stdout: str | None = INHERITED
    """`INHERITED`, the absolute path of a file, or None when unknown."""
    stderr: str | None = INHERITED
    trail: tuple[Evidence, ...] = ()
    """How the step is reached, from the image's config on; the last one is the step's own place."""

    files: Mapping[str, Written] = attrs.field(factory=dict)
    """What commands before it have certainly written, by real path."""
    listens: str | None = None
    """Where supervisord itself listens, as its configuration says: ``host:port`` or a port."""
    limited: bool = False
    """``timeout`` ends it."""
    spoiled: tuple[str, ...] = ()
    """Directories below which commands before it wrote what is not known."""
    stays: bool = False
    """It certainly goes on for ever, though it is no server, or one before it does."""
    tells: bool = False
    """It changes files in a known way only, which `files` of the steps behind it hold."""

    def environment(self) -> dict[str, str | None]:
        """Return a copy of the environment."""
        return OpenEnvironment(self.env) if isinstance(self.env, OpenEnvironment) else dict(self.env)


@attrs.frozen(kw_only=True)
class StartCommand:
    """Everything that following the start command yielded."""

    argv: tuple[str, ...]
    """Entrypoint and Cmd as the engine joins them; empty when the image has neither."""
    steps: tuple[Step, ...] = ()
    """In order of execution; scripts and the programs inside them are steps of their own."""
    failures: tuple[Evidence, ...] = ()
    """Why the container certainly cannot start as asked: no such program, no interpreter …"""
    ends: bool = False
    """The only failure is that it certainly ends, and with it the container, while a program runs in the background."""
    gaps: tuple[Evidence, ...] = ()
    """What could not be followed; while there are any, the absence of a step proves nothing."""
    architecture: str = ""
    """What the image's programs are for, as its config says."""
    doubts: tuple[Evidence, ...] = ()
    """Why steps are not certain, where nothing is hidden: commands that may fail, and what may end the container."""
    held: frozenset[int] = frozenset()
    """Numbers of steps in the background for which the command certainly waits."""
    holds: bool = False
    """The command certainly goes on for ever by itself."""
