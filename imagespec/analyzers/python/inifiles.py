"""What ``configparser`` reads from files of the image (library reference, configparser)."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from imagespec.analyzers.python.datafiles import read_text
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.values import UNKNOWN, Const, Member, Table, Value, text_of

_REFERENCE = re.compile(r"%\((\w{1,100})\)s")
_CHARACTERS = 4_096


@attrs.define(eq=False)
class Sections(Table):
    """What a ``ConfigParser`` has read: a table of tables of texts."""

    plain: bool = False
    """Whether ``%`` stands for itself."""


def _sections(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    interpolation = given.keywords.get("interpolation")
    if given.args or given.keywords.keys() - {"interpolation"} or interpolation not in {None, Const(None)}:
        return None
    return Sections({}, plain=interpolation is not None or callee.name.endswith("RawConfigParser"))


def _read_sections(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    table = callee.owner if isinstance(callee, Member) else None
    if not isinstance(table, Sections):
        return UNKNOWN
    text = read_text(run, given.get(0, "filenames"))
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text or "")
        rows = {name: dict(parser.items(name)) for name in parser.sections()}
    except (configparser.Error, ValueError):
        rows, text = {}, None
    table.open = table.open or text is None or not run.certain
    made: dict[object, Value] = {name: _section(row, plain=table.plain) for name, row in rows.items()}
    table.entries = {} if table.open else {**table.entries, **made}
    return UNKNOWN


def _section(row: dict[str, str], *, plain: bool) -> Value:
    return Table({key: Const(text) if plain else _interpolated(text, row) for key, text in row.items()})


def _interpolated(text: str, row: dict[str, str]) -> Value:
    """Return a text with the values that it refers to; unknown where these refer to others."""
    parts = _REFERENCE.split(text)
    for at in range(1, len(parts), 2):
        parts[at] = row.get(parts[at].lower(), "%")
    known = not any("%" in part for part in parts) and sum(map(len, parts)) <= _CHARACTERS
    return Const("".join(parts)) if known else UNKNOWN


def _option(convert: Callable[[str], Any]) -> Model:
    def model(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
        owner = callee.owner if isinstance(callee, Member) else None
        names = [text_of(value) for value in given.args[:2]]
        if isinstance(owner, Sections) and len(names) == 2:
            owner = owner.entries.get(names[0])
            names = names[1:]
        if not isinstance(owner, Table) or not names or owner.open or given.spread:
            return UNKNOWN
        key = (names[0] or "").lower()
        if key not in owner.entries and names[0] is not None:
            return given.keywords.get("fallback", UNKNOWN)
        text = text_of(owner.entries.get(key))
        try:
            return UNKNOWN if text is None or len(text) > 100 else Const(convert(text))
        except ValueError:
            return UNKNOWN

    return model


INI_FILES: Mapping[str, Model] = {
    **dict.fromkeys(("configparser.ConfigParser", "configparser.RawConfigParser"), _sections),
    "config.read": _read_sections,
    "config.get": _option(str),
    "config.getint": _option(int),
    "dict.getint": _option(int),
}
