"""Declaring commands: ``export``, ``readonly``, ``local``, ``declare`` and ``unset`` (POSIX 2018 XCU 2.14; bash 5.2)."""

from __future__ import annotations

import re
from typing import Protocol

from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Assignment, Declare

_Fields = tuple[str | None, ...]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DONE = Outcome(Status.ZERO)


class Runner(Protocol):
    """What declarations need of the shell that runs them."""

    expander: Expander

    def assign(self, item: Assignment, state: State, *, export: bool = False) -> None:
        """Assign to a variable or an array."""


_SPECIAL = frozenset({"export", "readonly", "unset"})
"""Those with which dash ends where an option is not known (POSIX 2018 XCU 2.8.1)."""
_LOCAL = frozenset({"local", "declare", "typeset"})


def declare(runner: Runner, statement: Declare, state: State) -> Outcome:
    """Run ``export``, ``declare``, ``local``, ``readonly``, ``typeset`` or ``unset``."""
    if statement.keyword == "local" and not state.calls:
        state.doubts |= {Doubt.EXIT} if state.dialect != "bash" else set()
        return Outcome(Status.NONZERO)
    exports = statement.keyword == "export"
    fixes = statement.keyword == "readonly"
    if statement.keyword in _LOCAL and state.calls:
        words = [word.literal or "" for word in statement.words]
        state.local.update(name for name in (*words, *(item.name for item in statement.assignments)))
    for item in statement.assignments:
        runner.assign(item, state, export=exports)
    fields = runner.expander.fields(statement.words, state)
    unknown = [word for word in fields if word and word[0] == "-" and word not in {"-p", "--", "-f", "-v"}]
    unknown += ["-f"] if statement.keyword != "unset" and "-f" in fields else []
    if state.dialect == "dash" and unknown and statement.keyword in _SPECIAL:
        return Outcome(Status.NONZERO, Flow.EXIT)
    exports = _declare_words(statement.keyword, fields, state)
    fixes |= any("r" in word for word in fields if word and word[0] == "-" and statement.keyword != "export")
    names = {item.name for item in statement.assignments}
    for name in names if exports else ():
        state.export(name)
    state.fixed |= names if fixes else set()
    return _DONE


def _declare_words(keyword: str, fields: _Fields, state: State) -> bool:
    """Run a declaring command on expanded words; tell whether it exports."""
    exports = keyword == "export"
    for text in fields:
        if text is None:  # names that are not known, as in `export $(cat .env)`
            state.forget_variables()
        elif text.startswith("-"):
            exports |= "x" in text and keyword in {"declare", "typeset"}
        elif keyword == "unset":
            state.remove(text)
            state.functions.pop(text, None)
        elif "=" in text:
            name, _, value_text = text.partition("=")
            state.assign(name, value_text, export=exports)
        elif exports and _NAME.match(text):
            state.export(text)
        if keyword == "readonly" and text is not None:
            state.fixed.add(text.partition("=")[0])
    return exports


def declare_fields(runner: object, fields: _Fields, state: State) -> Outcome:  # noqa: ARG001
    """Run a declaring command that the grammar takes for a plain one, as behind ``!`` and ``command``."""
    _declare_words(fields[0] or "", fields[1:], state)
    return _DONE
