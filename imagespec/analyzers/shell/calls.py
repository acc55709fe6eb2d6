"""Calls of functions (POSIX 2018 XCU 2.9.5)."""

from __future__ import annotations

from typing import Protocol

from imagespec.analyzers.shell.joining import settle
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State
from imagespec.analyzers.shell.tree import Statement
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Walk


class Runner(Protocol):
    """What a call needs of the shell that makes it."""

    walk: Walk

    def run(self, statement: Statement, state: State) -> Outcome:
        """Run one statement."""


def call_function(
    runner: Runner,
    name: str,
    arguments: tuple[str | None, ...],
    assignments: list[tuple[str, str | None]],
    state: State,
) -> Outcome:
    """Run the body of a function, with arguments and a place of its own."""
    function = state.functions[name]
    if function is None or state.calls >= LIMIT_DEPTH:
        reason = "whose body depends on a branch" if function is None else "too deep to follow"
        runner.walk.gap(state, f"a call of the function {name}, {reason}")
        state.forget()
        return Outcome()
    for key, value in assignments:
        state.assign(key, value)
    before, state.local = state.fork(), set()
    positional, line, loops = state.positional, state.line, state.loops
    returns = state.returns
    state.positional, state.loops, state.returns = arguments, state.loops_outside, True
    state.calls += 1
    outcome = runner.run(function.body, state)
    state.calls -= 1
    state.positional, state.line, state.loops, state.returns = positional, line, loops, returns
    state.restore(before, state.local)
    outcome = settle(state, before, Doubt.RETURN, outcome)
    if outcome.flow is Flow.RETURN:
        return Outcome(outcome.status)
    return outcome
