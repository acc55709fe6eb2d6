"""Branches and loops: ways that a run may take, none of them decided here."""

from __future__ import annotations

from typing import Protocol

from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.state import Branches, Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Case, If, Loop, Simple, Statement
from imagespec.analyzers.startup.walk import Walk


class Runner(Protocol):
    """What branches need of the shell that runs them."""

    walk: Walk
    expander: Expander

    def run_all(self, body: tuple[Statement, ...], state: State) -> Outcome:
        """Run statements in order."""


def run_maybe(runner: Runner, body: tuple[Statement, ...], state: State) -> Outcome:
    """Run what may be run or not."""
    branches = Branches(state)
    _way(runner, branches, body, state)
    branches.add(state.fork(), Outcome())
    return branches.close()


def _way(runner: Runner, branches: Branches, body: tuple[Statement, ...], state: State) -> None:
    child = state.fork()
    child.doubts.add(Doubt.BRANCH)
    branches.add(child, runner.run_all(body, child))


def run_if(runner: Runner, statement: If, state: State) -> Outcome:
    """Run ``if``: the first condition for certain, everything else as ways that may be taken."""
    branches, here = Branches(state), state
    for number, (condition, body) in enumerate(statement.arms):
        errexit, here.errexit = here.errexit, False  # a condition may fail under `set -e`
        outcome = runner.run_all(condition, here)
        here.errexit = errexit
        if outcome.flow is not Flow.NEXT:
            if number == 0:
                return outcome
            branches.add(here, outcome)
            return branches.close()
        if number == 0 and outcome.status is Status.ZERO:
            return runner.run_all(body, state)
        if outcome.status is not Status.NONZERO:
            _way(runner, branches, body, here)
            here = here.fork()
            here.doubts.add(Doubt.BRANCH)
    if here is state:  # every condition certainly failed
        return runner.run_all(statement.orelse or (), state)
    branches.add(here, runner.run_all(statement.orelse or (), here))
    return branches.close()


def run_case(runner: Runner, statement: Case, state: State) -> Outcome:
    """Run ``case``: each of its items is a way that may be taken."""
    runner.expander.value(statement.value, state)
    branches = Branches(state)
    for body in statement.bodies:
        _way(runner, branches, body, state)
    if not statement.exhaustive:
        branches.add(state.fork(), Outcome())
    return branches.close()


def run_loop(runner: Runner, statement: Loop, state: State) -> Outcome:
    """Run a loop: its body once, with what it changes unknown."""
    body = statement.body
    values = runner.expander.fields(statement.values, state)
    _forget_changes(runner, statement, state)
    if statement.keyword in {"for", "select"}:
        if statement.variable:
            state.assign(statement.variable, values[0] if len(values) == 1 else None)
        outcome = run_maybe(runner, body, state)
    else:
        status = runner.run_all(statement.condition, state).status
        if statement.keyword == "while" and status is Status.ZERO:
            return _endless(runner, body, state)
        outcome = run_maybe(runner, body, state)
        if not _ends_with_input(statement):
            state.doubts.add(Doubt.HANG)
    state.doubts.discard(Doubt.BREAK)
    return Outcome(Status.UNKNOWN, Flow.NEXT if outcome.flow is Flow.BREAK else outcome.flow)


def _endless(runner: Runner, body: tuple[Statement, ...], state: State) -> Outcome:
    outcome = runner.run_all(body, state)
    left = outcome.flow is Flow.BREAK or Doubt.BREAK in state.doubts
    state.doubts.discard(Doubt.BREAK)
    if outcome.flow in {Flow.RETURN, Flow.EXIT}:
        return outcome
    state.doubts.add(Doubt.HANG)
    return Outcome(Status.UNKNOWN, Flow.NEXT if left or Doubt.RETURN in state.doubts else Flow.EXIT)


def _forget_changes(runner: Runner, statement: Loop, state: State) -> None:
    """Give up the variables that the loop changes: which round comes is not known."""
    trial = state.fork()
    trial.doubts.add(Doubt.BRANCH)
    runner.walk.mute(+1)
    runner.run_all((*statement.condition, *statement.body), trial)
    runner.walk.mute(-1)
    for name in {*trial.variables, *state.variables}:
        if trial.variables.get(name, "") != state.variables.get(name, ""):
            state.assign(name, None)
    state.wild |= trial.wild
    if trial.positional != state.positional:
        state.positional = None
    if trial.cwd != state.cwd:
        state.cwd = None


def _ends_with_input(statement: Loop) -> bool:
    """Tell whether a loop is ``while read …``, which ends when its input does."""
    condition = statement.condition
    if len(condition) != 1 or not isinstance(condition[0], Simple) or not condition[0].words:
        return False
    return statement.keyword == "while" and condition[0].words[0].literal == "read"
