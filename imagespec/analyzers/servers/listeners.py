"""
Who listens where: the steps of the start command, one by one.

A server's command line is one entry of `COMMANDS`; a call that serves inside a Python program is one of
`server_calls.SERVERS`. Everything else is a gap unless it is known never to serve.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

import attrs

from imagespec.analyzers.programs.shebang import parse_shebang
from imagespec.analyzers.python.paths import is_python
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.source import WANTED as _SOURCES_WANTED
from imagespec.analyzers.servers import modelservers
from imagespec.analyzers.servers.children import Children
from imagespec.analyzers.servers.flask import follow_flask
from imagespec.analyzers.servers.gunicorn import follow_gunicorn
from imagespec.analyzers.servers.hypercorn import follow_hypercorn
from imagespec.analyzers.servers.interpreter import follow_python, variable_doubts
from imagespec.analyzers.servers.listening import AppRef, Listener, Listening
from imagespec.analyzers.servers.nginx import follow_nginx
from imagespec.analyzers.servers.nginxconf import FILE_BYTES
from imagespec.analyzers.servers.pythonprograms import (
    beside_a_server,
    follow_script,
)
from imagespec.analyzers.servers.sanic import follow_sanic
from imagespec.analyzers.servers.spring import follow_java
from imagespec.analyzers.servers.uvicorn import follow_uvicorn
from imagespec.analyzers.servers.uwsgi import follow_uwsgi
from imagespec.analyzers.servers.waitress import follow_waitress
from imagespec.analyzers.servers.words import Command, MakeChildren, port_number
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.steps import StartCommand, Step
from imagespec.analyzers.startup.written import WrittenView
from imagespec.analyzers.wanted import LIBRARIES, Wanted
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

__all__ = ["WANTED", "AppRef", "Listener", "Listening", "find_listeners"]

WANTED: tuple[Wanted, ...] = (
    *_SOURCES_WANTED,
    Wanted(
        suffixes=(".conf", ".ini", ".properties", ".template", ".tmpl", ".tpl"),
        directories=("/etc/nginx/", "/nginx/conf/", "/etc/supervisor"),
        outside=LIBRARIES,
        head_bytes=FILE_BYTES,
        up_to_bytes=FILE_BYTES,
    ),
    # Debian links /etc/nginx/modules-enabled to these.
    Wanted(directories=("/nginx/modules-available/",), head_bytes=FILE_BYTES, up_to_bytes=FILE_BYTES),
)
"""Python sources, and configuration files of servers."""

HARMLESS = (
    tools.SHORT_LIVED
    | tools.SHELLS
    | tools.CLIENTS
    | {"cp", "kill", "pgrep", "pkill", "tail", "tee", "nvidia-smi", "npu-smi"}
) - {
    "awk",
    "install",
    "openssl",
}
"""Programs that never listen; what a shell or wrapper starts are steps of their own."""
_LIMIT_CHILDREN = 40
"""Programs of one image that Python programs start."""
_SYSTEM = ("bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/local/bin/", "usr/local/sbin/")

COMMANDS: Mapping[str, Callable[[Command], Listening]] = {
    "gunicorn": follow_gunicorn,
    "uvicorn": follow_uvicorn,
    "flask": follow_flask,
    "nginx": follow_nginx,
    "openresty": follow_nginx,
    "uwsgi": follow_uwsgi,
    "waitress-serve": follow_waitress,
    "waitress": follow_waitress,
    "hypercorn": follow_hypercorn,
    "sanic": follow_sanic,
    "supervisord": lambda command: _supervisord(command),  # noqa: PLW0108 - defined below; its programs are steps of their own
    "java": follow_java,
    **modelservers.COMMANDS,
}
"""Servers by the name of their program and of the module that ``python -m`` runs."""


def _supervisord(command: Command) -> Listening:
    """Return what supervisord itself listens on, by its ``inet_http_server``: all interfaces without a host."""
    host, _, port = (command.step.listens or "").rpartition(":")
    if not port:
        return Listening()
    listener = Listener(
        host="" if host == "*" else host,
        port=port_number(port),
        server="supervisord",
        certain=command.step.certain,
        evidence=(
            *command.step.trail,
            attrs.evolve(command.evidence, message=f"supervisord listens on {host}:{port}"),
        ),
    )
    return Listening(listeners=(listener,))


def find_listeners(start: StartCommand, rootfs: RootFs) -> Listening:
    """Return who listens where once the start command has run."""
    result = Listening(gaps=start.gaps)
    if not rootfs.complete:
        result = result.plus(Listening(gaps=(Evidence(message="a layer of the image could not be read"),)))
    follower = _Follower(start.architecture)
    found = [follower.follow(step, start.steps[:number], rootfs) for number, step in enumerate(start.steps)]
    foreground, waited = _kept(start, found)
    up = start.holds or any(foreground) or any(waited)
    for number, item in enumerate(found):
        left = item.left_alone() if not (start.holds or any(foreground[number + 1 :])) else item
        alone = start.steps[number].background and not up
        left = _unsure(left, start.steps[number], _ALONE) if alone else left
        result = result.plus(
            _unsure(left, start.steps[number], _LIMITED) if start.steps[number].limited else left
        )
    return _share(result)


def _kept(start: StartCommand, found: list[Listening]) -> tuple[list[bool], list[bool]]:
    """Return the steps that certainly go on for ever: those in the foreground, and those in the background that are waited for."""
    going = [
        step.stays
        or (
            step.certain
            and not step.limited
            and (item.stays or any(one.certain and not one.detached for one in item.listeners))
        )
        for step, item in zip(start.steps, found, strict=True)
    ]
    foreground = [goes and not step.background for step, goes in zip(start.steps, going, strict=True)]
    return foreground, [goes and number in start.held for number, goes in enumerate(going)]


_ALONE = "it runs in the background, and nothing that is known keeps the container up"
_LIMITED = "timeout ends it after a while"


def _unsure(found: Listening, step: Step, message: str) -> Listening:
    why = attrs.evolve(step.trail[-1], message=message) if step.trail else Evidence(message=message)
    listeners = [attrs.evolve(one, certain=False, evidence=(*one.evidence, why)) for one in found.listeners]
    return attrs.evolve(found, listeners=tuple(listeners))


def _share(found: Listening) -> Listening:
    """Return listeners with those uncertain that want one address: only the first of them gets it."""
    listeners = list(found.listeners)
    for number, one in enumerate(listeners):
        other = next((item for item in found.listeners[:number] if _excludes(item, one)), None)
        if other is not None:
            message = f"{other.server} and {one.server} both want port {one.port}, which only the first of them gets"
            why = attrs.evolve(one.evidence[-1], message=message)
            for at in (number, found.listeners.index(other)):
                evidence = (*listeners[at].evidence, why)
                listeners[at] = attrs.evolve(listeners[at], certain=False, evidence=evidence)
    return attrs.evolve(found, listeners=tuple(listeners))


def _excludes(one: Listener, other: Listener) -> bool:
    if not (one.certain and other.certain) or one.port is None or one.port != other.port:
        return False
    everywhere = {"", "0.0.0.0", "*"}  # noqa: S104 - compared with
    hosts = {one.host, other.host}
    plain = all(host is not None and ":" not in host for host in hosts)
    return len(hosts) == 1 or (plain and bool(hosts & everywhere))


class _Follower:
    """Follows steps, and those of the programs that Python programs start, up to a number of all of them."""

    def __init__(self, architecture: str) -> None:
        self._architecture = architecture
        self._left = _LIMIT_CHILDREN

    def follow(self, step: Step, before: tuple[Step, ...], rootfs: RootFs) -> Listening:
        """Return who listens in one step."""
        found = _follow(step, before, rootfs, self._children)
        for message in variable_doubts(step.env) if found.programs else ():
            found = _unsure(found, step, message)
        return attrs.evolve(found, stays=found.stays or step.stays)

    def _children(self, command: Command, program: Program) -> Children:
        return Children(command, program, self.follow, self._afford, self._architecture)

    def _afford(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _follow(step: Step, before: tuple[Step, ...], rootfs: RootFs, children: MakeChildren) -> Listening:
    place = step.trail[-1] if step.trail else Evidence(message="the start command")
    if step.files or step.spoiled:
        rootfs = WrittenView(rootfs, step.files, step.spoiled)
    command = Command(step, rootfs, step.argv[1:], place, before, children)
    word = step.argv[0] if step.argv else None
    if word is None:
        return command.gap("the program of this step is unknown")
    if step.program is None:
        missing = f"{word} is not in the image"
        return command.never(missing) if rootfs.complete else command.gap(missing)
    name = _console_script(step)
    if name in COMMANDS:
        return beside_a_server(COMMANDS[name](attrs.evolve(command, words=_words_behind(step, name))))
    if step.script is not None and step.program.path == step.script:
        return _script(command, word)
    if is_python(step.program.path) or is_python(word):
        return follow_python(command, COMMANDS)
    name = posixpath.basename(word)
    if name.startswith("busybox") and len(step.argv) > 1:
        name = posixpath.basename(step.argv[1] or "")
    if name in HARMLESS and step.program.path.startswith(_SYSTEM):
        return Listening()
    return command.gap(f"whether {word} listens is not known")


def _console_script(step: Step) -> str:
    """Return the base name of a script that pip made for a package, or that of the program."""
    if step.script is not None:
        return posixpath.basename(step.script) if posixpath.dirname(step.script).endswith("bin") else ""
    return posixpath.basename(step.argv[0] or "") if step.argv else ""


def _script(command: Command, word: str) -> Listening:
    """Follow a script that is started by its own name: what a shell's script starts are steps of their own."""
    step = command.step
    assert step.program is not None
    shebang = parse_shebang(command.rootfs.content(step.program) or b"")
    words = [] if shebang is None else [shebang.interpreter, *(shebang.argument or "").split()]
    names = [posixpath.basename(part) for part in words]
    if not names or names[0] in tools.SHELLS or (names[0] == "env" and set(names) & tools.SHELLS):
        return Listening()
    if is_python(names[0]) or (names[0] == "env" and any(map(is_python, names))):
        return follow_script(command, word, step.argv[1:])
    return command.gap(f"whether {word} listens is not known")


def _words_behind(step: Step, name: str) -> tuple[str | None, ...]:
    for position, word in enumerate(step.argv):
        if word is not None and posixpath.basename(word) == name:
            return step.argv[position + 1 :]
    return (None,)
