"""
Functions of Python and its standard library without effects, which are done on known values to see what they refuse.

What is known of a program's values is short and shallow (`refusals.stand_in`), and none of these takes long on that.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import ipaddress
import logging
import uuid
from collections.abc import Callable, Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.refusals import computed
from imagespec.analyzers.python.values import UNKNOWN, Const, Items, Member, Table, Value


def _done(work: Callable[..., object]) -> Model:
    def model(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
        if not given.keywords and not given.spread:
            computed(run, callee.name, work, given.args)
        return None

    return model


def _level(level: object = None) -> None:
    if isinstance(level, str) and level not in logging.getLevelNamesMapping():
        raise ValueError(level)


def _set_level(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "level")
    if value is not None:
        computed(run, "setLevel", _level, [value])
    return None


_BASIC = {
    "filename",
    "filemode",
    "format",
    "datefmt",
    "style",
    "level",
    "stream",
    "handlers",
    "force",
    "encoding",
    "errors",
}


def check_basic_config(run: Evaluator, given: Arguments) -> None:
    """Refuse what ``logging.basicConfig`` refuses (logging/__init__.py)."""
    level = given.keywords.get("level")
    if level is not None:
        computed(run, "basicConfig", _level, [level])
    unknown = given.keywords.keys() - _BASIC
    if unknown:
        run.refuse("ValueError", f"basicConfig knows no {min(unknown)[:60]}")
    sinks = [given.keywords[name] for name in ("stream", "handlers", "filename") if name in given.keywords]
    if len(sinks) > 1 and Const(None) not in sinks:
        run.refuse("ValueError", "basicConfig is given several of stream, filename and handlers")


def _next(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.args[0] if given.args else UNKNOWN
    if isinstance(value, Items) and not value.open and not value.items and len(given.args) == 1:
        run.refuse("StopIteration", "next() finds nothing")
    return None


def _text_method(name: str) -> Model:
    def model(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
        owner = callee.owner if isinstance(callee, Member) else UNKNOWN
        value = owner.value if isinstance(owner, Const) else None
        if (
            isinstance(value, str | bytes)
            and hasattr(value, name)
            and not given.keywords
            and not given.spread
        ):
            computed(run, name, getattr(value, name), given.args)
        return UNKNOWN

    return model


def list_refuses(run: Evaluator, callee: Callee, given: Arguments) -> None:
    """Refuse what a list that is wholly known does not have."""
    owner = callee.owner if isinstance(callee, Member) else None
    if not isinstance(owner, Items) or owner.open or callee.name.endswith("?"):
        return
    if callee.name.endswith(".pop") and not owner.items:
        run.refuse("IndexError", "pop() finds nothing")
    value = given.args[0] if given.args else None
    plain = all(isinstance(item, Const) for item in owner.items)
    if (
        callee.name.endswith((".remove", ".index"))
        and plain
        and isinstance(value, Const)
        and value not in owner.items
    ):
        run.refuse("ValueError", "a list does not have what is asked for")


def dict_refuses(run: Evaluator, callee: Callee, given: Arguments) -> None:
    """Refuse a key that a dict that is wholly known does not have."""
    owner = callee.owner if isinstance(callee, Member) else None
    key = given.args[0] if given.args else None
    alone = len(given.args) == 1 and not given.keywords
    known = isinstance(owner, Table) and not owner.open and isinstance(key, Const)
    if (
        alone
        and known
        and isinstance(owner, Table)
        and isinstance(key, Const)
        and key.value not in owner.entries
    ):
        run.refuse("KeyError", "pop() has no such key")


def text_only(run: Evaluator, callee: Callee, given: Arguments) -> None:
    """Refuse None and numbers where a path is wanted."""
    for value in given.args:
        if isinstance(value, Const) and (value.value is None or isinstance(value.value, int | float)):
            run.refuse("TypeError", f"{callee.name} is given {value.value!r} for a path")


def _round(number: float, digits: int | None = None) -> float | int:
    """Round as Python does, but to places that are near: it computes the power of ten that they are."""
    return round(number) if digits is None else round(number, max(-20, min(digits, 20)))


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "builtins.float": float,
    "builtins.ord": ord,
    "builtins.chr": chr,
    "builtins.abs": abs,
    "builtins.round": _round,
    "builtins.max": max,
    "builtins.min": min,
    "builtins.sum": sum,
    "builtins.sorted": sorted,
    "builtins.frozenset": frozenset,
    "builtins.isinstance": isinstance,
    "builtins.bytes.fromhex": bytes.fromhex,
    "base64.b64decode": base64.b64decode,
    "datetime.date": dt.date,
    "datetime.datetime": dt.datetime,
    "datetime.datetime.fromisoformat": dt.datetime.fromisoformat,
    "decimal.Decimal": decimal.Decimal,
    "ipaddress.ip_address": ipaddress.ip_address,
    "ipaddress.ip_network": ipaddress.ip_network,
    "uuid.UUID": uuid.UUID,
}

PURE: Mapping[str, Model] = {
    **{name: _done(work) for name, work in _FUNCTIONS.items()},
    **{f"const.{name}": _text_method(name) for name in ("index", "rindex", "encode", "decode")},
    "builtins.next": _next,
    "logging.getLogger().setLevel": _set_level,
    "logging.StreamHandler().setLevel": _set_level,
}
