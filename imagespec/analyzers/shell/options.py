"""``set`` and ``shift``: options and arguments of the shell (POSIX 2018 XCU 2.14)."""

from __future__ import annotations

from typing import Protocol

from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.startup.walk import Walk

Fields = tuple[str | None, ...]
_DONE = Outcome(Status.ZERO)


class Runner(Protocol):
    """What ``set`` needs of the shell that runs it."""

    walk: Walk


def set_options(runner: Runner, fields: Fields, state: State) -> Outcome:
    """Run ``set``."""
    at = 1
    while at < len(fields):
        word = fields[at]
        at += 1
        if word is None:
            state.positional = None
            return _DONE
        if word == "--":
            state.positional = fields[at:]
            return _DONE
        if word[:1] not in {"-", "+"} or len(word) < 2:
            state.positional = fields[at - 1 :]
            return _DONE
        if "\r" in word and state.dialect in {"dash", "ash", "sh"}:
            return _bad_option(runner, word, state)
        on = word[0] == "-"
        name = fields[at] if "o" in word and at < len(fields) else ""
        at += "o" in word
        if "e" in word[1:] or name == "errexit":
            state.errexit = on
        if "a" in word[1:] or name == "allexport":
            state.allexport = on
        if "f" in word[1:] or name == "noglob":
            state.noglob = on
        if "u" in word[1:] or name == "nounset":
            state.nounset = on
    return _DONE


def _bad_option(runner: Runner, word: str, state: State) -> Outcome:
    message = "the line ends with CR LF: 'set' refuses the option and the shell ends"
    if state.certain and state.dialect == "dash":
        runner.walk.fail_if_last(state.here(message, repr(word))[-1])
        return Outcome(Status.NONZERO, Flow.EXIT)
    runner.walk.gap(state, message, repr(word))
    state.doubts.add(Doubt.EXIT)
    return Outcome()


def shift(runner: object, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    """Run ``shift``: dash ends where there are too few arguments."""
    count = fields[1] if len(fields) > 1 else "1"
    if count is None or not count.isdecimal():
        state.positional = None
        return Outcome()
    number = int(count[:6])
    if state.positional is None or None in state.positional[:number]:
        state.positional = None
        return Outcome(Status.LIKELY)
    if number <= len(state.positional):
        state.positional = state.positional[number:]
        return _DONE
    if None in state.positional:
        state.positional = None
    if state.dialect == "dash":
        return Outcome(Status.NONZERO, Flow.EXIT)
    state.doubts |= set() if state.dialect == "bash" else {Doubt.EXIT}
    return Outcome(Status.NONZERO if state.dialect == "bash" else Status.UNKNOWN)
