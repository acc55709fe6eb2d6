"""Redirections around commands: where output goes, and whether the files can be opened, without which nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.sinks import absolute, apply_redirect
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Redirect, Simple, Substitution
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import Launched, Walk

Words = tuple[str | None, ...]


class Runner(Protocol):
    """What redirections need of the shell that makes them."""

    walk: Walk
    expander: Expander
    launch: Callable[[Words, State, bool], Launched]

    def values(self, statement: Simple, state: State) -> list[tuple[str, str | None]]:
        """Return what is assigned before a command."""


@contextmanager
def redirected(runner: Runner, redirects: tuple[Redirect, ...], state: State) -> Iterator[bool | None]:
    """Redirect while the block runs; yield whether all files can be opened, None where that is not certain."""
    before = dict(state.sinks)
    try:
        yield _apply(runner, redirects, state)
    finally:
        state.sinks = before


def behind(runner: Runner, *, opened: bool | None, state: State, run: Callable[[], Outcome]) -> Outcome:
    """Run what stands behind redirections that were ``opened``."""
    if opened:
        return run()
    if opened is False:
        if state.certain and not state.background:
            runner.walk.fail_if_last(state.here("a redirection fails, so that its command does not run")[-1])
        return Outcome(Status.NONZERO)
    before = Doubt.BRANCH in state.doubts
    state.doubts.add(Doubt.BRANCH)
    outcome = run()
    if not before:
        state.doubts.discard(Doubt.BRANCH)
    return Outcome(Status.UNKNOWN, outcome.flow)


def run_exec(runner: Runner, statement: Simple, words: Words, state: State) -> Outcome:
    """Run ``exec``, with or without a command (POSIX 2018 XCU "exec"); dash knows no options of it."""
    cleared = False
    while (
        words and words[0] in {"-a", "-c", "-l", "--"} and not (state.dialect == "dash" and words[0] != "--")
    ):
        cleared |= words[0] == "-c"
        if words[0] == "-a":
            runner.walk.gap(
                state, "exec -a starts a program under another name, by which it may look for its files"
            )
            state.doubts.add(Doubt.BRANCH)
        words = words[2 if words[0] == "-a" else 1 :]
    before = dict(state.sinks)
    opened = _apply(runner, statement.redirects, state)
    if not words:
        return _bare_exec(opened, before, state)
    child = state.fork()
    if cleared:
        child.variables, child.exported = {}, set()
    for key, value in runner.values(statement, state):
        child.assign(key, value, export=True)

    def launched() -> Outcome:
        found = runner.launch(words, child, True)
        if not found.returns:
            state.doubts.add(Doubt.HANG)
        return Outcome(found.status)

    if opened is None:
        child.doubts.add(Doubt.BRANCH)
    return Outcome(behind(runner, opened=opened, state=state, run=launched).status, Flow.EXIT)


def _bare_exec(opened: bool | None, before: dict[int, str | None], state: State) -> Outcome:  # noqa: FBT001 - of three values
    """Go on behind ``exec`` without a command: only bash does where a file cannot be opened, with the streams it has."""
    if opened is not True and (state.dialect != "bash" or state.posix):
        state.doubts.add(Doubt.EXIT)
    if not opened:
        same = {fd: sink if before.get(fd) == sink else None for fd, sink in state.sinks.items()}
        state.sinks = before if opened is False else same
    return Outcome(Status.ZERO if opened else Status.UNKNOWN if opened is None else Status.NONZERO)


def _apply(runner: Runner, redirects: tuple[Redirect, ...], state: State) -> bool | None:
    answers = []
    for redirect in redirects:
        text = runner.expander.value(redirect.target, state) if redirect.target else None
        answers.append(_opens(redirect, text, state, runner.walk))
        apply_redirect(redirect, text, state, runner.walk)
        if not answers[-1]:
            may = "cannot" if answers[-1] is False else "may not be able to"
            runner.walk.doubt(
                state, f"the shell {may} open {text or 'a file whose name is not known'} here", text
            )
    return False if False in answers else None if None in answers else True


def _opens(redirect: Redirect, text: str | None, state: State, walk: Walk) -> bool | None:
    operator, parts = redirect.operator, redirect.target.parts if redirect.target else ()
    if not parts or any(isinstance(part, Substitution) and part.process for part in parts):
        return True
    if operator.endswith("&") and (text is None or text.rstrip("-").isdecimal() or text == "-"):
        return True
    if operator in {"<<", "<<-", "<<<", ">&-", "<&-"}:
        return True
    places = Places(state, walk)
    if operator == "<":
        return places.readable(text)
    if operator == ">" and state.noclobber and places.there(text) and not (text or "").startswith("/dev/"):
        return False
    found = places.writable(text)
    path = absolute(text, state.cwd) if text else None
    if found and path is not None:
        walk.present.add(path)
    return found
