"""
Operations that Python refuses, on values of a followed program that are known.

They are done here on stand-ins of the same type: what raises, ends the program unless it catches that. A variable of the
environment that is not set is None here, and may be given when the image runs; so nothing of this proves an end.
"""

from __future__ import annotations

import ast
import operator
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Instance,
    Items,
    Module,
    Table,
    Value,
    text_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.evaluator import Arguments, Evaluator

_TEXT = 1_000
_ITEMS = 200
_A_STEP = 16  # items of a list that are looked at
_LARGEST = 1 << 31
_ABSENT = object()
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda first, second: first in second,
    ast.NotIn: lambda first, second: first in second,
}


def stand_in(run: Evaluator, value: Value | None, depth: int = 3) -> object:
    """
    Return a Python value of the same type, with what is known of its content; `_ABSENT` where its type is not known.

    It counts as work of the program: lists that hold one list many times over are large for little text.
    """
    match value:
        case Const(value=int() | float() as number) if abs(number) < _LARGEST:
            return number
        case Const(value=str() | bytes() as text) if len(text) <= _TEXT:
            return text
        case Const(value=None):
            return None
        case Const(value=PurePosixPath() as path):
            return pathlib.PurePosixPath(path)
        case Items() if not value.open and len(value.items) <= _ITEMS and depth:
            run.spend(1 + len(value.items) // _A_STEP)
            parts = [stand_in(run, item, depth - 1) for item in value.items]
            if value.kind != "set":
                return tuple(parts) if value.kind == "tuple" else parts
    return _ABSENT


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is not _ABSENT


def check_binary(run: Evaluator, node: ast.BinOp, first: Value, second: Value) -> None:
    """Refuse an operator that its operands do not have."""
    left, right, work = stand_in(run, first), stand_in(run, second), _OPERATORS.get(type(node.op))
    if work is None or (isinstance(node.op, ast.BitOr) and None in (left, right)):
        return  # types may be joined with None
    none = (left is None or right is None) and not isinstance(node.op, ast.Mod | ast.BitOr)
    if none and _ABSENT in (left, right):
        other = second if left is None else first
        if not isinstance(other, Instance | Call | Class):
            run.refuse("TypeError", f"{ast.unparse(node)[:60]} adds to None")
        return
    large = isinstance(node.op, ast.Mult) and not all(isinstance(item, int | float) for item in (left, right))
    large = large or (isinstance(node.op, ast.Mod) and _has_width(left))
    if _is_plain(left) and _is_plain(right) and not large:
        _try(run, node, lambda: work(left, right))


def _has_width(text: object) -> bool:
    """Tell whether a format may say how many characters it makes, which may be any number."""
    written = text.decode("latin-1") if isinstance(text, bytes) else text
    return isinstance(written, str) and re.search("%[^a-zA-Z%]", written) is not None


def check_unary(run: Evaluator, node: ast.UnaryOp, value: Value) -> None:
    """Refuse a sign before what has none."""
    known = stand_in(run, value)
    if _is_plain(known) and not isinstance(node.op, ast.Not):
        work: Callable[[Any], Any] = operator.invert if isinstance(node.op, ast.Invert) else operator.neg
        _try(run, node, lambda: work(known))


def check_compare(run: Evaluator, node: ast.Compare, first: Value, second: Value) -> None:
    """Refuse a comparison that its sides do not have."""
    work = _COMPARISONS.get(type(node.ops[0]))
    left, right = stand_in(run, first), stand_in(run, second)
    if work is None:
        return
    inside = isinstance(node.ops[0], ast.In | ast.NotIn)
    if (right is None and inside) or (not inside and None in (left, right)):
        if not isinstance(first, Instance | Call) and not isinstance(second, Instance | Call):
            run.refuse("TypeError", f"{ast.unparse(node)[:60]} compares None")
    elif _is_plain(left) and _is_plain(right):
        _try(run, node, lambda: work(left, right))


def check_subscript(run: Evaluator, node: ast.Subscript, owner: Value, key: Value | None) -> None:
    """Refuse an item that is not there; ``key`` is None for a part between two places."""
    if isinstance(node.slice, ast.Slice):
        if isinstance(owner, Const) and not isinstance(owner.value, str | bytes):
            run.refuse("TypeError", f"{ast.unparse(node)[:60]} takes a part of what has none")
        return
    if isinstance(owner, Table) and type(owner) is Table:
        if (
            isinstance(key, Const)
            and not owner.open
            and key.value not in owner.entries
            and not _was_given(run, owner)
        ):
            run.refuse("KeyError", f"{ast.unparse(node)[:60]} has no such key")
        return
    known = stand_in(run, owner)
    if isinstance(owner, Items) and (owner.kind == "set" or _was_given(run, owner)):
        return
    if known is None or isinstance(known, int | float):
        run.refuse("TypeError", f"{ast.unparse(node)[:60]} takes an item of what has none")
    elif isinstance(key, Const) and isinstance(known, str | bytes | list | tuple):
        found: Any = key.value
        _try(run, node, lambda: known[found])


def _was_given(run: Evaluator, owner: Value) -> bool:
    """Tell whether something outside the program was given a list or dict, and may have changed it."""
    return any(
        owner is value
        for call in run.calls
        if not call.name.startswith(("builtins.", "logging."))
        for value in (*call.args, *call.keywords.values())
    )


def check_callable(run: Evaluator, callee: Value) -> None:
    """Refuse a call of what cannot be called."""
    plain = isinstance(callee, Const | Items | Table | Module)
    if isinstance(callee, Instance) and callee.cls is not None and not callee.open:
        plain = callee.cls.find("__call__") is None and not list(callee.cls.foreign_bases())
    if plain:
        run.refuse("TypeError", f"{shown(callee)} is called, which cannot be called")


def check_arguments(run: Evaluator, function: Function, given: Arguments) -> None:
    """Refuse arguments that a function of the program does not take."""
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    more = [item.arg for item in spec.kwonlyargs]
    count = len(given.args) + (function.self_value is not None)
    problem = None
    if count > len(names) and spec.vararg is None:
        problem = f"more than {len(names)} arguments"
    unknown = [name for name in given.keywords if name not in {*names, *more}]
    if unknown and spec.kwarg is None:
        problem = f"an argument {unknown[0][:60]}"
    missing = [
        name
        for name in (*names[count:], *more)
        if name not in given.keywords and name not in function.defaults
    ]
    if missing and not given.spread:
        problem = f"no argument {missing[0][:60]}"
    if problem:
        run.refuse("TypeError", f"{function.name[:60]} is called with {problem}")


def check_unpacked(run: Evaluator, targets: list[ast.expr], value: Value) -> None:
    """Refuse to take apart what has another number of parts."""
    starred = sum(isinstance(target, ast.Starred) for target in targets)
    known = stand_in(run, value)
    if known is None or isinstance(known, int | float):
        run.refuse("TypeError", "what has no parts is taken apart")
    elif isinstance(known, str | bytes | list | tuple):
        fits = len(known) >= len(targets) - 1 if starred else len(known) == len(targets)
        if not fits and not (isinstance(value, Items) and _was_given(run, value)):
            run.refuse("ValueError", f"{len(known)} values are taken apart into {len(targets)}")


def check_iterable(run: Evaluator, value: Value) -> None:
    """Refuse to go through what has no items."""
    known = stand_in(run, value)
    plain = known is None or isinstance(known, int | float) or isinstance(value, Function | Module)
    if isinstance(value, Instance) and value.cls is not None and not value.open:
        plain = not list(value.cls.foreign_bases()) and all(
            value.cls.find(name) is None for name in ("__iter__", "__getitem__", "__aiter__")
        )
    if plain:
        run.refuse("TypeError", f"{shown(value)} is gone through, which has no items")


def computed(run: Evaluator, name: str, work: Callable[..., object], given: Iterable[Value]) -> None:
    """Do a function without effects on known values, and refuse what it refuses."""
    known = [stand_in(run, value) for value in given]
    if all(map(_is_plain, known)):
        try:
            work(*known)
        except _REFUSED as error:
            run.refuse(type(error).__name__, f"{name} refuses {', '.join(map(repr, known))[:60]}")


_REFUSED = (
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    StopIteration,
)


def _try(run: Evaluator, node: ast.AST, work: Callable[[], object]) -> None:
    try:
        work()
    except ZeroDivisionError as error:  # of two numbers, which no stand-in gives
        run.refuse(type(error).__name__, f"{ast.unparse(node)[:60]} divides by zero", certain=True)
    except _REFUSED as error:
        run.refuse(type(error).__name__, f"{ast.unparse(node)[:60]} raises {type(error).__name__}")


def shown(value: Value) -> str:
    """Return how a value is told of."""
    match value:
        case Const(value=None):
            return "None"
        case Const():
            return f"{(text_of(value) or str(value.value))[:20]!r}"
        case Module():
            return f"the module {value.name[:60]}"
        case Instance(cls=Class() as cls):
            return f"an object of {cls.name[:60]}"
    return (
        f"a {value.kind}" if isinstance(value, Items) else "a dict" if isinstance(value, Table) else "a value"
    )
