"""What Python's built-in functions, and some of its smallest modules' ones, return to a program that is followed without being run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath

import attrs

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.expressions import add_entries, as_table
from imagespec.analyzers.python.partly import GAP, Partly, joined, piece_of
from imagespec.analyzers.python.values import (
    MOST_CHARACTERS,
    UNKNOWN,
    Const,
    Function,
    Items,
    Member,
    Table,
    Value,
    text_of,
)


def _number(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "x")
    if piece_of(value) == GAP:
        return Partly(GAP)
    if not isinstance(value, Const) or not isinstance(value.value, str | int) or len(given.args) != 1:
        return UNKNOWN
    try:
        return Const(int(value.value)) if len(str(value.value)) < 20 else UNKNOWN
    except ValueError:
        if not run.trying:
            run.gap(run.here(f"int() refuses {str(value.value)[:40]!r}; Python stops here"))
        return UNKNOWN


def _text(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "object")
    if GAP in (piece_of(value) or ""):
        return joined([piece_of(value)])
    plain = isinstance(value, Const) and isinstance(value.value, str | int | bool | PurePosixPath | None)
    return Const(str(value.value)) if isinstance(value, Const) and plain else UNKNOWN


def _bool(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "x")
    truth = run.truth(value) if value is not None else False
    return UNKNOWN if truth is None else Const(truth)


def _length(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "obj")
    if isinstance(value, Items) and not value.open:
        return Const(len(value.items))
    text = text_of(value)
    return UNKNOWN if text is None else Const(len(text))


def _list(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    kind = callee.name.removeprefix("builtins.")
    value = given.get(0, "iterable")
    if value is None:
        return Items([], kind)
    return (
        Items(list(value.items), kind, value.open) if isinstance(value, Items) else Items([], kind, open=True)
    )


def _dict(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    table = Table({}, given.spread or len(given.args) > 1)
    for value in given.args[:1]:
        add_entries(table, as_table(run, value))
    table.entries.update(given.keywords)
    return table


def _split_words(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Follow ``shlex.split`` without options."""
    text = text_of(given.get(0, "s"))
    if text is None or len(text) > MOST_CHARACTERS or len(given.args) != 1 or given.keywords:
        return UNKNOWN
    try:
        return Items([Const(word) for word in shlex.split(text)])
    except ValueError:
        return UNKNOWN


def _range(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    numbers = [
        value.value for value in given.args if isinstance(value, Const) and isinstance(value.value, int)
    ]
    if len(numbers) != len(given.args) or not 1 <= len(numbers) <= 2:
        return UNKNOWN
    values = range(*numbers)
    return Items([Const(item) for item in values]) if len(values) <= 64 else UNKNOWN


def _getattr(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(1, "name"))
    if not given.args:
        return UNKNOWN
    return run.attribute(given.args[0], name) if name and len(given.args) == 2 else Member(given.args[0], "?")


def _same(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Return the function that a decorator is given: ``functools.wraps`` and caches call it and nothing else."""
    return given.args[0] if len(given.args) == 1 and isinstance(given.args[0], Function) else None


def _method(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "function")
    if not isinstance(value, Function) or len(given.args) != 1:
        return None
    kind = callee.name.removeprefix("builtins.").removeprefix("functools.")
    return attrs.evolve(
        value,
        is_static=kind == "staticmethod",
        is_of_class=kind == "classmethod",
        is_property=kind.endswith("property"),
    )


BUILTIN_FUNCTIONS: Mapping[str, Model] = {
    "builtins.int": _number,
    "builtins.str": _text,
    "builtins.bool": _bool,
    "builtins.len": _length,
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.set": _list,
    "builtins.dict": _dict,
    "builtins.range": _range,
    "builtins.getattr": _getattr,
    "shlex.split": _split_words,
    "builtins.classmethod": _method,
    "builtins.property": _method,
    "builtins.staticmethod": _method,
    "functools.cached_property": _method,
    **dict.fromkeys(
        ("functools.wraps()", "functools.lru_cache()", "functools.lru_cache", "functools.cache"), _same
    ),
}
