"""Operators of a followed Python program: arithmetic on constants, comparisons, and the truth of conditions."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python import refusals
from imagespec.analyzers.python.partly import GAP, Partly, joined, piece_of
from imagespec.analyzers.python.values import (
    MOST_CHARACTERS,
    MOST_ITEMS,
    UNKNOWN,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Module,
    Table,
    Value,
    text_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.evaluator import Evaluator


_OPERATORS: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def binary(run: Evaluator, node: ast.BinOp) -> Value:
    """Return the result of an arithmetic operator, or of one on texts, lists and paths."""
    return combined(run, node, run.eval(node.left), run.eval(node.right))


def combined(run: Evaluator, node: ast.BinOp, first: Value, second: Value) -> Value:
    """Return the result of an operator on values."""
    refusals.check_binary(run, node, first, second)
    adding = isinstance(node.op, ast.Add)
    if isinstance(first, Items) and isinstance(second, Items) and adding:
        items = (first.items + second.items)[:MOST_ITEMS]
        return Items(items, first.kind, first.open or second.open or len(items) == MOST_ITEMS)
    known = first if isinstance(first, Items) else second
    if adding and isinstance(known, Items):  # what is known of a sum stays known: it may have more
        return Items(list(known.items), known.kind, open=True)
    text = text_of(first)
    if isinstance(first, Partly) or isinstance(second, Partly) or _is_clock(first) or _is_clock(second):
        return _partly(node.op, first, second)
    if isinstance(node.op, ast.Div) and isinstance(first, Const) and isinstance(first.value, PurePosixPath):
        part = text_of(second)
        return UNKNOWN if part is None or len(part) > 4096 else Const(first.value / part)
    if text is not None and isinstance(node.op, ast.Mod):
        return _percent(text, second)
    if isinstance(first, Const) and isinstance(second, Const) and type(node.op) in _OPERATORS:
        return _compute(_OPERATORS[type(node.op)], first.value, second.value, adding=adding)
    return UNKNOWN


def _is_path(value: Value) -> bool:
    return isinstance(value, Partly) or (isinstance(value, Const) and isinstance(value.value, PurePosixPath))


def _is_clock(value: Value) -> bool:
    return piece_of(value) == GAP


def _partly(operation: ast.operator, first: Value, second: Value) -> Value:
    """Return the result of an operator on a text of which not all is known."""
    one, other = piece_of(first), piece_of(second)
    texts = [isinstance(value, Partly) or text_of(value) is not None for value in (first, second)]
    match operation:
        case ast.Add() if any(texts):
            return joined([one, other])
        case ast.Div() if _is_path(first) and one is not None and other is not None and other[:1] != "/":
            return joined([one.rstrip("/"), "/", other])
        case ast.Mod() if isinstance(first, Const):
            return _percent(str(first.value), second)
    return UNKNOWN


def _percent(text: str, given: Value) -> Value:
    """Return ``text % given`` where the text has only ``%s`` and ``%d``."""
    values = given.items if isinstance(given, Items) and given.kind == "tuple" and not given.open else [given]
    plain = [value.value for value in values if isinstance(value, Const)]
    pieces = re.split(r"%[sd]", text)
    if len(plain) < len(values) < 20 and len(pieces) == len(values) + 1 and "%" not in "".join(pieces):
        filled = [item for pair in zip(pieces, map(piece_of, values), strict=False) for item in pair]
        return joined([*filled, pieces[-1]])
    if (
        "%" in "".join(pieces)
        or len(pieces) != len(values) + 1
        or len(plain) < len(values)
        or not all(isinstance(item, str | int) and len(str(item)) < MOST_CHARACTERS for item in plain)
        or len(text) > MOST_CHARACTERS
        or len(plain) > 20
    ):
        return UNKNOWN
    return Const("".join(piece + str(item) for piece, item in zip(pieces, [*plain, ""], strict=True)))


def _compute(
    work: Callable[[object, object], object], first: object, second: object, *, adding: bool
) -> Value:
    numbers = all(isinstance(item, int) and abs(item) < 1 << 31 for item in (first, second))
    texts = adding and all(
        isinstance(item, str) and len(item) < MOST_CHARACTERS // 2 for item in (first, second)
    )
    if not numbers and not texts:
        return UNKNOWN
    try:
        return Const(work(first, second))
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN


def unary(run: Evaluator, node: ast.UnaryOp) -> Value:
    """Return the result of ``not`` or a sign."""
    value = run.eval(node.operand)
    refusals.check_unary(run, node, value)
    if isinstance(node.op, ast.Not):
        truth = run.truth(value)
        return UNKNOWN if truth is None else Const(not truth)
    if isinstance(node.op, ast.USub) and isinstance(value, Const) and isinstance(value.value, int | float):
        return Const(-value.value)
    return UNKNOWN


def boolean(run: Evaluator, node: ast.BoolOp) -> Value:
    """Return the result of ``and`` or ``or``; operands that may not be evaluated are followed as a branch."""
    stops = isinstance(node.op, ast.Or)
    value: Value = UNKNOWN
    for position, child in enumerate(node.values):
        value = run.eval(child)
        truth = run.truth(value)
        if truth is stops or position == len(node.values) - 1:
            return value
        if truth is None:  # the rest may run
            run.branches += 1
            try:
                for other in node.values[position + 1 :]:
                    run.eval(other)
            finally:
                run.branches -= 1
            return UNKNOWN
    return value


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compare(run: Evaluator, node: ast.Compare) -> Value:
    """Return the result of one comparison; of a chain of them nothing is known."""
    first, *others = [run.eval(child) for child in (node.left, *node.comparators)]
    if len(others) != 1:
        return UNKNOWN
    second, kind = others[0], type(node.ops[0])
    refusals.check_compare(run, node, first, second)
    if kind in {ast.In, ast.NotIn}:
        found = _holds(run, second, first)
        return UNKNOWN if found is None else Const(found is (kind is ast.In))
    if not isinstance(first, Const) or not isinstance(second, Const):
        return _compare_to_none(first, second, kind)
    if kind in {ast.Eq, ast.NotEq}:
        return Const((first.value == second.value) is (kind is ast.Eq))
    if kind in {ast.Is, ast.IsNot}:
        same = first.value is second.value
        plain = first.value in {None, True, False} and second.value in {None, True, False}
        return (
            Const(same is (kind is ast.Is))
            if plain or first.value is None or second.value is None
            else UNKNOWN
        )
    try:
        return Const(bool(_COMPARISONS[kind](first.value, second.value)))
    except TypeError:
        return UNKNOWN


def _compare_to_none(first: Value, second: Value, kind: type[ast.cmpop]) -> Value:
    other = second if isinstance(first, Const) and first.value is None else first
    none = first if other is second else second
    known = isinstance(other, Items | Table | Function | Class | Module | Instance)
    if kind in {ast.Is, ast.IsNot} and isinstance(none, Const) and none.value is None and known:
        return Const(kind is ast.IsNot)
    return UNKNOWN


def _holds(run: Evaluator, box: Value, item: Value) -> bool | None:
    if not isinstance(item, Const):
        return None
    if isinstance(box, External) and box.name == "os.environ":
        return run.environment_has(item.value)
    text, part = text_of(box), text_of(item)
    if text is not None and part is not None:
        return part in text
    if isinstance(box, Table) and not box.open:
        return item.value in box.entries
    if isinstance(box, Items) and not box.open and all(isinstance(one, Const) for one in box.items):
        return item in box.items
    return None
