"""How what is known joins again behind branches, loops and functions that may have been left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from imagespec.analyzers.shell.state import LOCAL_DOUBTS, Doubt, Flow, Outcome, State, Status

T = TypeVar("T")


def join(state: State, survivors: Iterable[State]) -> None:
    """Let ``state`` know what all ``survivors``, copies of it that ran apart, have in common."""
    others = list(survivors)
    if not others:
        return
    _join_variables(state, others)
    first = others[0]
    state.exported = set().union(*(other.exported for other in others))
    everywhere = first.exported.intersection(*(other.exported for other in others))
    halves = set().union(*(other.perhaps_exported for other in others))
    state.perhaps_exported = halves | (state.exported - everywhere)
    state.local = set().union(*(other.local for other in others))
    state.wild = any(other.wild for other in others)
    state.positional = _same([other.positional for other in others])
    state.cwd = _same([other.cwd for other in others])
    state.sinks = {
        fd: _same([other.sinks.get(fd) for other in others]) for other in others for fd in other.sinks
    }
    arrays = {name for other in others for name in other.arrays}
    state.arrays = {name: _same([other.arrays.get(name) for other in others]) for name in arrays}
    functions = {name for other in others for name in other.functions}
    state.functions = {name: _same([other.functions.get(name) for other in others]) for name in functions}
    state.errexit = any(other.errexit for other in others)
    state.pipefail = any(other.pipefail for other in others)
    state.noclobber = any(other.noclobber for other in others)
    state.nounset = any(other.nounset for other in others)
    state.plain_globs = all(other.plain_globs for other in others)
    state.noglob = any(other.noglob for other in others)
    state.allexport = _same([other.allexport for other in others])
    state.fixed = set().union(*(other.fixed for other in others))
    state.jobs = _same([other.jobs for other in others])
    jobs = set(first.job_names.items()).intersection(*(other.job_names.items() for other in others))
    state.job_names = dict(jobs)
    for name in ("monitor", "child_trap", "nocasematch", "inherits_errexit"):
        setattr(state, name, any(getattr(other, name) for other in others))


def _join_variables(state: State, others: list[State]) -> None:
    names = {name for other in others for name in (*other.variables, *other.unset)}
    for name in names:
        known = {
            (name in other.variables, other.variables.get(name), name in other.unset) for other in others
        }
        if len(known) == 1:
            present, value, gone = known.pop()
            state.variables.pop(name, None)
            state.unset.discard(name)
            if present:
                state.variables[name] = value
            elif gone:
                state.unset.add(name)
        else:
            state.variables[name] = None
            state.unset.discard(name)


def settle(state: State, before: State, doubt: Doubt, outcome: Outcome) -> Outcome:
    """
    Go on behind a loop or function that may have been left early, which is what ``doubt`` says.

    What it changed since ``before`` may have been changed or not, and where it ends the shell it may not have come there.
    """
    if doubt in before.doubts or doubt not in state.doubts:
        return outcome
    state.doubts.discard(doubt)
    join(state, [before, state.fork()])
    if outcome.flow in {Flow.RETURN, Flow.EXIT} and doubt is not LOCAL_DOUBTS[outcome.flow]:
        state.doubts.add(LOCAL_DOUBTS[outcome.flow])
    return Outcome(Status.UNKNOWN, Flow.NEXT)


def _same(values: list[T | None]) -> T | None:
    return values[0] if all(value == values[0] for value in values) else None


class Branches:
    """Ways that a run may take from ``state``, of which one will be taken."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ends: list[tuple[State, Outcome]] = []

    def add(self, child: State, outcome: Outcome) -> None:
        """Add one way with the state and outcome at its end."""
        self._ends.append((child, outcome))

    def close(self) -> Outcome:
        """Join the ways; what only some of them do becomes a doubt."""
        state = self._state
        before = set(state.doubts)
        flows = {outcome.flow for _, outcome in self._ends}
        for child, _ in self._ends:
            state.doubts |= child.doubts - {Doubt.BRANCH}
        flow = Flow.NEXT if Flow.NEXT in flows else next(flow for flow in LOCAL_DOUBTS if flow in flows)
        state.doubts |= {LOCAL_DOUBTS[other] for other in flows if other not in {flow, Flow.NEXT}}
        join(state, (child for child, outcome in self._ends if outcome.flow is flow))
        if Doubt.BRANCH in before:
            state.doubts.add(Doubt.BRANCH)
        return Outcome(Status.UNKNOWN, flow)
