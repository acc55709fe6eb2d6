"""Branches and loops: ways that a run may take, decided where their conditions are known."""

from __future__ import annotations

from typing import Protocol

from imagespec.analyzers.shell.expand import Expander, pattern_of
from imagespec.analyzers.shell.patterns import matches_pattern
from imagespec.analyzers.shell.state import Branches, Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Case, CaseItem, If, Loop, Simple, Statement, Word
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
    """Run ``if``: what is known of its conditions decides, everything else is ways that may be taken."""
    branches, here = Branches(state), state
    for condition, body in statement.arms:
        outcome = _condition(runner, condition, here)
        if outcome.flow is not Flow.NEXT:
            if here is state:
                return outcome
            branches.add(here, outcome)
            return branches.close()
        if outcome.status is Status.ZERO:
            return _last_way(runner, branches, body, here, state)
        if outcome.status is not Status.NONZERO:
            _way(runner, branches, body, here)
            here = here.fork()
            here.doubts.add(Doubt.BRANCH)
    return _last_way(runner, branches, statement.orelse or (), here, state)


def _condition(runner: Runner, condition: tuple[Statement, ...], state: State) -> Outcome:
    """Run a condition: it may fail under ``set -e``."""
    errexit, state.errexit = state.errexit, False
    outcome = runner.run_all(condition, state)
    state.errexit = errexit
    return outcome


def _last_way(
    runner: Runner, branches: Branches, body: tuple[Statement, ...], here: State, state: State
) -> Outcome:
    """Run the way that is taken when none before was; ``here`` is ``state`` when none before can have been."""
    outcome = runner.run_all(body, here)
    if here is state:
        return outcome if body else Outcome(Status.ZERO)
    branches.add(here, outcome)
    return branches.close()


def run_case(runner: Runner, statement: Case, state: State) -> Outcome:
    """Run ``case``: items that fit for certain or certainly not are told apart, others are ways that may be taken."""
    text = runner.expander.value(statement.value, state)
    plain = all(item.ends for item in statement.items)
    branches, here = Branches(state), state
    for item in statement.items:
        fits = _fits(runner, item, text, here) if plain else None
        if fits:
            return _last_way(runner, branches, item.body, here, state)
        if fits is None:
            _way(runner, branches, item.body, here)
            here = here.fork()
            here.doubts.add(Doubt.BRANCH)
    if here is state:
        return Outcome(Status.ZERO)
    if not statement.exhaustive:
        branches.add(here, Outcome())
    return branches.close()


def _fits(runner: Runner, item: CaseItem, text: str | None, state: State) -> bool | None:
    answers = [_fits_one(runner, pattern, text, state) for pattern in item.patterns]
    if True in answers:
        return True
    return None if None in answers or not answers else False


def _fits_one(runner: Runner, word: Word, text: str | None, state: State) -> bool | None:
    if word.literal == "*" and not any(getattr(part, "quoted", True) for part in word.parts):
        return True
    pattern = pattern_of(word, state, runner.expander)
    return None if pattern is None or text is None else matches_pattern(pattern, text)


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
        status = _condition(runner, statement.condition, state).status
        goes, stops = (Status.ZERO, Status.NONZERO)[:: 1 if statement.keyword == "while" else -1]
        if status is goes:
            return _endless(runner, body, state)
        if status is stops:
            return Outcome(Status.ZERO)
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
