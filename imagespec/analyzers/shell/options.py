"""``set`` and ``shift``: options and arguments of the shell (POSIX 2018 XCU 2.14)."""

from __future__ import annotations

import re
from typing import Protocol

from imagespec.analyzers.packagedb import dpkg
from imagespec.analyzers.packagedb.package import upstream
from imagespec.analyzers.reading import read_whole
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.startup.walk import Walk

Fields = tuple[str | None, ...]
_LETTERS = {"e": "errexit", "a": "allexport", "f": "noglob", "u": "nounset", "C": "noclobber", "m": "monitor"}
LONG_NAMES = frozenset(_LETTERS.values())
"""Names of options that are kept under the same name in the state."""
_DASH_NAMES = frozenset(
    "allexport debug emacs errexit ignoreeof interactive monitor noclobber noexec noglob nolog notify nounset "  # noqa: SIM905 - one word a line is no better
    "privileged stdin verbose vi xtrace".split()
)
"""Names of options in dash 0.5.12."""
_DASH_WITH_PIPEFAIL = (0, 5, 13)
_DONE = Outcome(Status.ZERO)


class Runner(Protocol):
    """What ``set`` needs of the shell that runs it."""

    walk: Walk

    def external(self, fields: Fields, state: State) -> Outcome:
        """Run a program and wait for it."""


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
        for letter, option in _LETTERS.items():
            if letter in word[1:] or name == option:
                setattr(state, option, on)
        ended = set_named(name, runner.walk, state, on=on) if name else None
        if ended is not None:
            return ended
        if on and ("n" in word[1:] or name == "noexec"):
            return Outcome(Status.ZERO, Flow.EXIT)  # what follows is read only
    return _DONE


def set_named(name: str | None, walk: Walk, state: State, *, on: bool) -> Outcome | None:
    """Set an option of bash by its long name; return what ends a shell that does not know it."""
    if name == "pipefail":
        state.pipefail = on
    if name == "posix":
        state.posix = on
    if name is None or state.dialect not in {"dash", "sh"} or name.rstrip("\r") in _DASH_NAMES:
        return None
    message = f"this shell does not know 'set -o {name[:40]}', and ends"
    version = _dash_version(walk) if name == "pipefail" else (0,)
    if version is None or version >= _DASH_WITH_PIPEFAIL or not state.certain:
        walk.gap(state, message + " (dash knows pipefail since 0.5.13)", name)
        state.doubts.add(Doubt.EXIT)
        return None
    walk.fail_if_last(state.here(message, name)[-1])
    return Outcome(Status.NONZERO, Flow.EXIT)


def _dash_version(walk: Walk) -> tuple[int, ...] | None:
    """Return the version of the package dash; None where it is not known."""
    entry = walk.rootfs.resolve(dpkg.STATUS)
    text = read_whole(walk.rootfs, entry) if entry is not None else None
    version = upstream(dpkg.find_version(text, "dash") or "") if text is not None else ""
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(int(part[:9]) for part in numbers[0].split(".")) if numbers else None


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


def shopt(runner: Runner, fields: Fields, state: State) -> Outcome:
    """Run bash's ``shopt``; with ``-o`` it sets what ``set -o`` does."""
    if state.dialect == "dash":
        return runner.external(fields, state)
    letters = "".join(word for word in fields[1:] if word is not None and word.startswith("-"))
    names = [word for word in fields[1:] if word is None or not word.startswith("-")]
    on = "s" in letters
    for name in names if on or "u" in letters else ():
        if name is None or name in _UNFOLLOWED:
            runner.walk.gap(state, "an option of bash that is not followed", name)
            state.doubts.add(Doubt.BRANCH)
        elif "o" in letters and name in LONG_NAMES:
            setattr(state, name, on)
        elif "o" in letters:
            set_named(name, runner.walk, state, on=on)
        elif name in _BASH_OPTIONS:
            setattr(state, _BASH_OPTIONS[name], on)
    state.plain_globs &= not any(word is None or "glob" in word for word in names)
    return Outcome()


_BASH_OPTIONS = {"nocasematch": "nocasematch", "inherit_errexit": "inherits_errexit"}
_UNFOLLOWED = frozenset(
    {"lastpipe", "execfail", "extdebug", "noexec", "posix", "sourcepath", "cdable_vars", "autocd"}
)
