"""Child shells: subshells, background jobs and pipelines."""

from __future__ import annotations

import posixpath
from typing import Protocol

import attrs

from imagespec.analyzers.shell.accounts import user_number
from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.listings import listed, over, read_by
from imagespec.analyzers.shell.sinks import absolute, pipe_sink
from imagespec.analyzers.shell.state import Doubt, Job, Outcome, State, Status
from imagespec.analyzers.shell.tree import (
    AndOr,
    Background,
    Group,
    Loop,
    Pipeline,
    Redirected,
    Simple,
    Statement,
)
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import EntryKind
from imagespec.rootfs import DEFAULT_PATH, RootFs

_SURE = {Status.ZERO, Status.LIKELY}


class Runner(Protocol):
    """What child shells need of the shell that starts them."""

    walk: Walk
    expander: Expander

    def run(self, statement: Statement, state: State) -> Outcome:
        """Run one statement."""

    def run_all(self, body: tuple[Statement, ...], state: State) -> Outcome:
        """Run statements in order."""


def run_group(runner: Runner, statement: Group, state: State) -> Outcome:
    """Run a group, in a shell of its own where it is a subshell."""
    if not statement.subshell:
        return runner.run_all(statement.body, state)
    child = state.subshell()
    outcome = runner.run_all(statement.body, child)
    state.come_back(child)
    return Outcome(Status.UNKNOWN if Doubt.EXIT in child.doubts else outcome.status)


def is_subshell(statement: Statement) -> bool:
    """Tell whether a statement is a subshell, redirected or not."""
    while isinstance(statement, Redirected):
        statement = statement.inner
    return isinstance(statement, Group) and statement.subshell


def run_background(runner: Runner, statement: Background, state: State) -> Outcome:
    """Run a command in the background: nothing waits for it."""
    child = state.subshell()
    child.background = True
    first = len(runner.walk.steps)
    runner.run(statement.inner, child)
    job = Job(Doubt.HANG in child.doubts, range(first, len(runner.walk.steps)))
    state.jobs = (*state.jobs, job) if state.jobs is not None else None
    return Outcome(Status.ZERO)


def run_ampersand(runner: Runner, statement: Simple, state: State) -> Outcome:
    """Run ``command &> file`` as dash reads it: in the background, and then an empty file is made."""
    runner.walk.gap(state, "this shell reads '&>' as '&' and '>': the command runs in the background")
    plain = tuple(item for item in statement.redirects if not item.operator.startswith("&>"))
    inner = Simple(
        line=statement.line, assignments=statement.assignments, words=statement.words, redirects=plain
    )
    return run_background(runner, Background(statement.line, inner), state)


def run_pipeline(runner: Runner, statement: Pipeline, state: State) -> Outcome:
    """Run the stages of a pipeline, each in a shell of its own and all at once."""
    sinks: list[str | None] = [state.sinks.get(1)]
    runner.walk.mute(+1)  # the stages themselves are run below
    for stage in reversed(statement.stages[1:]):
        sinks.append(pipe_sink(stage, state, sinks[-1], runner.expander))
    runner.walk.mute(-1)
    sinks.reverse()
    *before, last = statement.stages
    while isinstance(last, Redirected):
        last = last.inner
    name = read_by(last)
    lines = listed(_without_errors(before), state, runner.expander, runner.walk) if name else None
    children: list[State] = []
    outcomes: list[Outcome] = []
    for stage, both, sink in zip(statement.stages, statement.both, sinks, strict=True):
        child = state.subshell()
        child.sinks[1] = sink
        if both:
            child.sinks[2] = sink
        if stage is statement.stages[-1] and lines is not None and name and isinstance(last, Loop):
            stage = over(lines, last, name)
        outcomes.append(runner.run(stage, child))
        children.append(child)
    for child in children:
        state.come_back(child)
    if lines is not None and isinstance(last, Simple):
        return Outcome(Status.ZERO if lines else Status.NONZERO)
    counted = outcomes if state.pipefail else outcomes[-1:]
    return Outcome(Status.LIKELY if all(one.status in _SURE for one in counted) else Status.UNKNOWN)


def _without_errors(stages: list[Statement]) -> tuple[Statement, ...]:
    """Return stages without what they do with standard error."""
    found: list[Statement] = []
    for stage in stages:
        plain = isinstance(stage, Simple) and all(item.fd == 2 for item in stage.redirects)
        found.append(attrs.evolve(stage, redirects=()) if plain and isinstance(stage, Simple) else stage)
    return tuple(found)


def known_output(body: tuple[Statement, ...], child: State, expander: Expander, walk: Walk) -> str | None:
    """Return what a substitution prints where that is plain: dirname, pwd, ``cd … && pwd``, which and the like."""
    if len(body) != 1:
        return None
    last = body[0]
    if isinstance(last, AndOr):
        if not (isinstance(last.first, Simple) and _named(last.first, "cd") and len(last.rest) == 1):
            return None
        last = last.rest[0][1]
        return (
            child.cwd if isinstance(last, Simple) and len(last.words) == 1 and _named(last, "pwd") else None
        )
    if not isinstance(last, Simple) or last.redirects or last.assignments:
        return None
    if _named(last, "pwd") and len(last.words) == 1:
        return child.cwd
    return _printed(last, child, expander, walk)


def _printed(last: Simple, child: State, expander: Expander, walk: Walk) -> str | None:
    """Return what a command prints about names and users."""
    fields = expander.fields(last.words, child.fork())
    if fields[:1] == ("uname",):
        return _uname(fields[1:], walk.architecture)
    if fields == ("id", "-u"):
        return user_number(child.user, walk.rootfs)
    if fields[:1] == ("which",) or fields[:2] == ("command", "-v"):
        return (
            _program_path(fields[-1], child, walk.rootfs)
            if len(fields) == 2 + (fields[0] == "command")
            else None
        )
    if _named(last, "readlink") or _named(last, "realpath"):
        return _real_path(fields, child, walk)
    if not (_named(last, "dirname") or _named(last, "basename")) or len(last.words) != 2:
        return None
    if len(fields) != 2 or not fields[1] or fields[1].endswith("/"):
        return None
    return posixpath.dirname(fields[1]) or "." if fields[0] == "dirname" else posixpath.basename(fields[1])


def _uname(options: tuple[str | None, ...], architecture: str) -> str | None:
    """Return what uname(1) prints of a container: Linux, and the machine that the image is for."""
    if options in {(), ("-s",)}:
        return "Linux"
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(architecture) if options == ("-m",) else None


def _real_path(fields: tuple[str | None, ...], state: State, walk: Walk) -> str | None:
    """Return what ``readlink -f FILE`` or ``realpath FILE`` prints for a file of the image."""
    wanted = (
        fields[2:] if fields[0] == "readlink" and fields[1:2] in {("-f",), ("-e",), ("-m",)} else fields[1:]
    )
    if len(wanted) != 1 or not wanted[0] or (fields[0] == "readlink" and len(fields) != 3):
        return None
    path = absolute(wanted[0], state.cwd)
    entry = walk.rootfs.resolve(path) if path is not None else None
    if entry is None or walk.maybe_changed(path, entry.path) or not walk.rootfs.complete:
        return None
    return "/" + entry.path


def _program_path(name: str | None, state: State, rootfs: RootFs) -> str | None:
    """Return the path that a program is found at on PATH."""
    path = state.variables.get("PATH", DEFAULT_PATH)
    if not name or "/" in name or path is None or name in state.functions:
        return None
    for folder in path.split(":")[:100]:
        if not folder.startswith("/"):
            return None
        entry = rootfs.resolve(f"{folder}/{name}")
        if entry is not None and entry.kind is EntryKind.FILE and entry.mode & 0o111:
            return f"{folder}/{name}"
    return None


def _named(statement: Simple, name: str) -> bool:
    return bool(statement.words) and statement.words[0].literal == name
