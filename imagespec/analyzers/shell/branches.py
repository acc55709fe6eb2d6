"""Branches and loops: ways that a run may take, decided where their conditions are known."""

from __future__ import annotations

from typing import Protocol

from imagespec.analyzers.shell.expand import Expander, pattern_of
from imagespec.analyzers.shell.joining import Branches, settle
from imagespec.analyzers.shell.patterns import matches_pattern
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Case, CaseItem, If, Loop, Simple, Statement, Word
from imagespec.analyzers.shell.waiting import hold_while_alive
from imagespec.analyzers.startup.walk import Walk

_LIMIT_ROUNDS = 30  # rounds of a loop that are followed one by one


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
    tested, state.tested = state.tested, True
    outcome = runner.run_all(condition, state)
    state.tested = tested
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
    outcome = branches.close()
    if not plain:
        runner.walk.gap(state, "a case whose items lead to the next one is not followed")
        state.forget()
        return Outcome()
    return outcome


def _fits(runner: Runner, item: CaseItem, text: str | None, state: State) -> bool | None:
    answers = [_fits_one(runner, pattern, text, state) for pattern in item.patterns]
    if True in answers:
        return True
    return None if None in answers or not answers else False


def _fits_one(runner: Runner, word: Word, text: str | None, state: State) -> bool | None:
    if word.literal == "*" and not any(getattr(part, "quoted", True) for part in word.parts):
        return True
    pattern = pattern_of(word, state, runner.expander) if not state.nocasematch else None
    return None if pattern is None or text is None else matches_pattern(pattern, text)


def run_loop(runner: Runner, statement: Loop, state: State) -> Outcome:
    """Run a loop round by round while its values or conditions are known, then once for all rounds that may follow."""
    before = state.fork()
    loops, state.loops = state.loops, (state.loops or 0) + 1
    run = _run_while if statement.condition else _run_for
    outcome = run(runner, statement, state)
    state.loops = loops
    return settle(state, before, Doubt.BREAK, outcome)


def _run_for(runner: Runner, statement: Loop, state: State) -> Outcome:
    values = runner.expander.fields(statement.values, state)
    known = statement.keyword == "for" and bool(statement.variable) and None not in values
    if not known or len(values) > _LIMIT_ROUNDS:
        return _some_rounds(runner, statement, state)
    outcome = Outcome(Status.ZERO)
    for number, value in enumerate(values):
        state.assign(statement.variable, value)
        outcome = _round(runner, statement, state)
        if outcome.flow in _LEFT:
            return _behind(outcome)
        if outcome.status is Status.UNKNOWN and Doubt.BREAK in state.doubts and number + 1 < len(values):
            return _some_rounds(runner, statement, state)
    return _behind(outcome)


_LEFT = {Flow.BREAK, Flow.RETURN, Flow.EXIT}


def _behind(outcome: Outcome) -> Outcome:
    """Return what a loop comes to whose last round came to ``outcome``."""
    if outcome.flow is Flow.BREAK:
        return Outcome(Status.ZERO)
    return Outcome(outcome.status) if outcome.flow is Flow.CONTINUE else outcome


def _round(runner: Runner, statement: Loop, state: State) -> Outcome:
    """Run the body; what may have left it makes its status unknown."""
    outcome = runner.run_all(statement.body, state)
    doubtful = Doubt.BREAK in state.doubts and outcome.flow in {Flow.NEXT, Flow.CONTINUE}
    return Outcome(Status.UNKNOWN, outcome.flow) if doubtful else outcome


def _run_while(runner: Runner, statement: Loop, state: State) -> Outcome:
    goes, stops = (Status.ZERO, Status.NONZERO)[:: 1 if statement.keyword == "while" else -1]
    last = Outcome(Status.ZERO)
    if statement.keyword == "while":
        hold_while_alive(runner, statement.condition, state)
    for _ in range(_LIMIT_ROUNDS):
        before = _changeable(state)
        condition = _condition(runner, statement.condition, state)
        if condition.flow is not Flow.NEXT:
            return _behind(condition)
        if condition.status is stops:
            return last
        if condition.status is not goes or Doubt.BREAK in state.doubts:
            break
        outcome = _round(runner, statement, state)
        if outcome.flow in _LEFT:
            return _behind(outcome)
        left = Doubt.BREAK in state.doubts
        if _changeable(state) == before and not left:
            runner.walk.holds |= state.reached and not state.background
            state.doubts.add(Doubt.HANG)
            return Outcome(Status.UNKNOWN, Flow.NEXT if Doubt.RETURN in state.doubts else Flow.EXIT)
        last = Outcome(outcome.status)
    outcome = _some_rounds(runner, statement, state)
    if not _ends_with_input(statement):
        state.doubts.add(Doubt.HANG)
    return outcome


def _changeable(state: State) -> object:
    return (
        dict(state.variables),
        dict(state.arrays),
        set(state.unset),
        state.positional,
        state.cwd,
        dict(state.functions),
    )


def _some_rounds(runner: Runner, statement: Loop, state: State) -> Outcome:
    """Run what any number of rounds may do."""
    for name in statement.counts if statement.keyword == "for" and not statement.variable else ():
        state.assign(name, None)
    changed = _forget_changes(runner, statement, state)
    if statement.condition == () and statement.variable:
        values = runner.expander.fields(statement.values, state)
        state.assign(statement.variable, values[0] if len(values) == 1 else None)
    again = statement.condition if changed else ()
    outcome = run_maybe(runner, (*statement.body, *again), state)
    return Outcome(
        Status.UNKNOWN, outcome.flow if outcome.flow not in {Flow.BREAK, Flow.CONTINUE} else Flow.NEXT
    )


def _forget_changes(runner: Runner, statement: Loop, state: State) -> bool:
    """Give up what the loop changes, because which round comes is not known; tell whether it changes anything."""
    before = _changeable(state)
    trial = state.fork()
    trial.doubts.add(Doubt.BRANCH)
    runner.walk.mute(+1)
    runner.run_all((*statement.condition, *statement.body), trial)
    runner.walk.mute(-1)
    for name in {*trial.variables, *state.variables}:
        if trial.variables.get(name, "") != state.variables.get(name, ""):
            state.assign(name, None)
    state.wild |= trial.wild
    for name in {*trial.arrays, *state.arrays}:
        if trial.arrays.get(name, ()) != state.arrays.get(name, ()):
            state.assign(name, None)
            state.arrays[name] = None
    if trial.positional != state.positional:
        state.positional = None
    if trial.cwd != state.cwd:
        state.cwd = None
    return _changeable(state) != before


def _ends_with_input(statement: Loop) -> bool:
    """Tell whether a loop is ``while read …``, which ends when its input does."""
    condition = statement.condition
    if len(condition) != 1 or not isinstance(condition[0], Simple) or not condition[0].words:
        return False
    return statement.keyword == "while" and condition[0].words[0].literal == "read"
