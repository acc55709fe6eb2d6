"""Jobs of a shell: what waits for them, what lets go of them, what ends them (POSIX 2018 XCU 2.9.3; bash 5.2, 7.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

import attrs

from imagespec.analyzers.shell.state import Doubt, Job, Outcome, State, Status
from imagespec.analyzers.shell.tree import Parameter, Simple, Statement, Word
from imagespec.analyzers.startup.walk import Walk

Fields = tuple[str | None, ...]
_NO_END = frozenset(
    "0 l L s CHLD CONT USR1 USR2 HUP WINCH URG SIGCHLD SIGCONT SIGUSR1 SIGUSR2 SIGHUP STOP".split()  # noqa: SIM905
)


_END_OTHERS = frozenset({"pkill", "killall", "killall5", "fuser"})


class Runner(Protocol):
    """What jobs need of the shell that has them."""

    walk: Walk


def run_wait(runner: Runner, statement: Simple, fields: Fields, state: State) -> Outcome:
    """Run ``wait``: for all jobs, for those that are named, or for the first of any that ends."""
    options = [word for word in fields[1:] if word is not None and word.startswith("-")]
    if options and state.dialect == "dash":
        return Outcome(Status.NONZERO)  # which has none, and does not wait then
    if "-n" in options:
        return _wait_for_one(runner, state)
    named = statement.words[1 + len(options) :]
    jobs = [_job(word, state) for word in named] if named else list(state.jobs or ())
    if state.jobs is not None and len(state.jobs) == 1 and jobs == [None] and _is_array(named[0], state):
        jobs = list(state.jobs)  # whose number is the only one that the array can hold
    if state.jobs is None or None in jobs:
        state.doubts.add(Doubt.HANG)
        return Outcome()
    if any(job.goes_on for job in jobs if job is not None):
        interrupted = state.child_trap and len(state.jobs) > 1
        _hold(runner, (job for job in jobs if job is not None and not interrupted), state)
        state.doubts.add(Doubt.HANG)
    return Outcome()


def hold_while_alive(runner: Runner, condition: tuple[Statement, ...], state: State) -> None:
    """Note the job for which a loop waits that goes on while ``kill -0`` finds it."""
    asked = condition[0] if len(condition) == 1 else None
    if isinstance(asked, Simple) and [word.literal for word in asked.words[:2]] == ["kill", "-0"]:
        job = _job(asked.words[2], state) if len(asked.words) == 3 else None
        _hold(runner, (job,) if job is not None else (), state)


def run_foreground(runner: Runner, statement: Simple, state: State) -> Outcome:
    """Run ``fg``, which fails without job control."""
    if not state.monitor or not state.jobs:
        return Outcome(Status.NONZERO if not state.monitor else Status.UNKNOWN)
    named = statement.words[1:]
    job = _job(named[0], state) if named else state.jobs[-1]
    if job is not None and job.goes_on:
        _hold(runner, (job,), state)
    state.doubts.add(Doubt.HANG)
    return Outcome()


def disown(statement: Simple, state: State) -> Outcome:
    """Run ``disown``: ``wait`` does not wait for such a job any more."""
    words = [word.literal for word in statement.words[1:]]
    if "-h" in words:
        return Outcome(Status.ZERO)
    jobs = state.jobs or ()
    kept = jobs[:-1] if not words else ()
    state.jobs = (*kept, *(attrs.evolve(job, goes_on=False) for job in jobs[len(kept) :]))
    return Outcome(Status.ZERO if jobs else Status.UNKNOWN)


def run_kill(runner: Runner, statement: Simple, fields: Fields, state: State) -> Outcome:
    """Run ``kill``: a job that it ends listens no more."""
    first = fields[1] if len(fields) > 1 else ""
    if first is not None and first.startswith("-") and first[1:] in _NO_END:
        return Outcome()
    jobs = [_job(word, state) for word in statement.words[1:] if not (word.literal or "").startswith("-")]
    ended = (state.jobs or ()) if None in jobs or not jobs else [job for job in jobs if job is not None]
    end_steps(runner.walk, {number for job in ended for number in job.steps}, state)
    state.jobs = tuple(
        attrs.evolve(job, goes_on=job.goes_on and job not in ended) for job in state.jobs or ()
    )
    return Outcome()


def end_named(walk: Walk, name: str, words: Fields, state: State) -> None:
    """Note which programs in the background ``pkill`` and its like may end, by what their command lines say."""
    if name not in _END_OTHERS:
        return
    patterns = [word for word in words[1:] if word is not None and not word.startswith("-")]
    plain = re.compile(r"[\w./ :-]{1,200}")  # of which the dot alone is more than itself
    numbers = []
    for number, step in enumerate(walk.steps[:-1]):
        text = " ".join(word or "" for word in step.argv)
        if not patterns or any(not plain.fullmatch(one) or re.search(one, text) for one in patterns):
            numbers.append(number)
    end_steps(walk, numbers, state)


def end_steps(walk: Walk, numbers: Iterable[int], state: State) -> None:
    """Note that programs in the background may be ended here."""
    found = [number for number in numbers if number < len(walk.steps) and walk.steps[number].background]
    for number in found:
        walk.steps[number] = attrs.evolve(walk.steps[number], certain=False)
    if found:
        walk.doubt(state, "this may end a program that was started in the background")


def _wait_for_one(runner: Runner, state: State) -> Outcome:
    """Follow bash's ``wait -n``: it returns when the first job ends, whichever that is."""
    if state.jobs is not None and len(state.jobs) == 1:
        _hold(runner, state.jobs, state)
    else:
        runner.walk.gap(state, "wait -n returns when the first of the programs in the background ends")
    state.doubts.add(Doubt.HANG)
    return Outcome()


def _hold(runner: Runner, jobs: Iterable[Job], state: State) -> None:
    if state.reached and not state.background:
        runner.walk.held.update(number for job in jobs if job.goes_on for number in job.steps)


def _is_array(word: Word, state: State) -> bool:
    part = word.parts[0] if len(word.parts) == 1 else None
    elements = (
        state.arrays.get(part.name[:-3])
        if isinstance(part, Parameter) and part.name.endswith("[@]")
        else None
    )
    return elements is not None and len(elements) == 1


def _job(word: Word, state: State) -> Job | None:
    """Return the job that a word names: ``$!``, a variable that was set to it, or ``%1``."""
    jobs, part = state.jobs or (), word.parts[0] if len(word.parts) == 1 else None
    if isinstance(part, Parameter) and not part.operator:
        number = len(jobs) - 1 if part.name == "!" else state.job_names.get(part.name, -1)
        return jobs[number] if 0 <= number < len(jobs) else None
    text = word.literal or ""
    if text in {"%", "%%", "%+"}:
        return jobs[-1] if jobs else None
    number = int(text[1:]) - 1 if text.startswith("%") and text[1:].isdecimal() and len(text) < 5 else -1
    return jobs[number] if 0 <= number < len(jobs) else None
