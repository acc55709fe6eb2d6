"""How each kind of Python expression is evaluated; see `pyeval`."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python.values import (
    UNKNOWN,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Member,
    Module,
    Scope,
    Table,
    Value,
    text_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.evaluator import Evaluator

_TEXT_CHARACTERS = 64 * 1024
_ITEMS = 2_000


def _constant(_run: Evaluator, node: ast.Constant) -> Value:
    return Const(node.value)


def _name(run: Evaluator, node: ast.Name) -> Value:
    return run.lookup(node.id)


def _attribute(run: Evaluator, node: ast.Attribute) -> Value:
    return run.attribute(run.eval(node.value), node.attr)


def _call(run: Evaluator, node: ast.Call) -> Value:
    callee = run.eval(node.func)
    arguments = run.arguments(node)
    run.line = node.lineno
    return run.call(callee, arguments)


def _sequence(run: Evaluator, node: ast.List | ast.Tuple | ast.Set) -> Value:
    kind = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}[type(node)]
    items, is_open = [], False
    for child in node.elts:
        if isinstance(child, ast.Starred):
            value = run.eval(child.value)
            items += value.items if isinstance(value, Items) else []
            is_open = is_open or not isinstance(value, Items) or value.open
        else:
            items.append(run.eval(child))
    return Items(items, kind, is_open)


def _dict(run: Evaluator, node: ast.Dict) -> Value:
    table = Table({})
    for key, item in zip(node.keys, node.values, strict=True):
        value = run.eval(item)
        name = run.eval(key) if key is not None else None
        if isinstance(name, Const):
            table.entries[name.value] = value
        elif name is None and isinstance(value, Table):
            table.entries.update(value.entries)
            table.open = table.open or value.open
        else:
            table.open = True
    return table


def _joined(run: Evaluator, node: ast.JoinedStr) -> Value:
    parts = [run.eval(part) for part in node.values]
    texts = [str(part.value) for part in parts if isinstance(part, Const)]
    if len(texts) < len(parts) or sum(map(len, texts)) > _TEXT_CHARACTERS:
        return UNKNOWN
    return Const("".join(texts))


def _formatted(run: Evaluator, node: ast.FormattedValue) -> Value:
    value = run.eval(node.value)
    plain = node.conversion in {-1, 115} and node.format_spec is None
    return value if plain and isinstance(value, Const) and isinstance(value.value, str | int) else UNKNOWN


_OPERATORS: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _binary(run: Evaluator, node: ast.BinOp) -> Value:
    first, second = run.eval(node.left), run.eval(node.right)
    adding = isinstance(node.op, ast.Add)
    if isinstance(first, Items) and isinstance(second, Items) and adding:
        items = (first.items + second.items)[:_ITEMS]
        return Items(items, first.kind, first.open or second.open or len(items) == _ITEMS)
    known = first if isinstance(first, Items) else second
    if adding and isinstance(known, Items):  # what is known of a sum stays known: it may have more
        return Items(list(known.items), known.kind, open=True)
    text = text_of(first)
    if isinstance(node.op, ast.Div) and isinstance(first, Const) and isinstance(first.value, PurePosixPath):
        part = text_of(second)
        return UNKNOWN if part is None or len(part) > 4096 else Const(first.value / part)
    if text is not None and isinstance(node.op, ast.Mod):
        return _percent(text, second)
    if isinstance(first, Const) and isinstance(second, Const) and type(node.op) in _OPERATORS:
        return _compute(_OPERATORS[type(node.op)], first.value, second.value, adding=adding)
    return UNKNOWN


def _percent(text: str, given: Value) -> Value:
    """Return ``text % given`` where the text has only ``%s`` and ``%d``."""
    values = given.items if isinstance(given, Items) and given.kind == "tuple" and not given.open else [given]
    plain = [value.value for value in values if isinstance(value, Const)]
    pieces = re.split(r"%[sd]", text)
    if (
        "%" in "".join(pieces)
        or len(pieces) != len(values) + 1
        or len(plain) < len(values)
        or not all(isinstance(item, str | int) and len(str(item)) < _TEXT_CHARACTERS for item in plain)
        or len(text) > _TEXT_CHARACTERS
        or len(plain) > 20
    ):
        return UNKNOWN
    return Const("".join(piece + str(item) for piece, item in zip(pieces, [*plain, ""], strict=True)))


def _compute(
    work: Callable[[object, object], object], first: object, second: object, *, adding: bool
) -> Value:
    numbers = all(isinstance(item, int) and abs(item) < 1 << 31 for item in (first, second))
    texts = adding and all(
        isinstance(item, str) and len(item) < _TEXT_CHARACTERS // 2 for item in (first, second)
    )
    if not numbers and not texts:
        return UNKNOWN
    try:
        return Const(work(first, second))
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN


def _unary(run: Evaluator, node: ast.UnaryOp) -> Value:
    value = run.eval(node.operand)
    if isinstance(node.op, ast.Not):
        truth = run.truth(value)
        return UNKNOWN if truth is None else Const(not truth)
    if isinstance(node.op, ast.USub) and isinstance(value, Const) and isinstance(value.value, int | float):
        return Const(-value.value)
    return UNKNOWN


def _boolean(run: Evaluator, node: ast.BoolOp) -> Value:
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


def _choice(run: Evaluator, node: ast.IfExp) -> Value:
    truth = run.truth(run.eval(node.test))
    if truth is not None:
        return run.eval(node.body if truth else node.orelse)
    run.branches += 1
    try:
        first, second = run.eval(node.body), run.eval(node.orelse)
    finally:
        run.branches -= 1
    return first if isinstance(first, Const) and first == second else UNKNOWN


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _compare(run: Evaluator, node: ast.Compare) -> Value:
    first, *others = [run.eval(child) for child in (node.left, *node.comparators)]
    if len(others) != 1:
        return UNKNOWN
    second, kind = others[0], type(node.ops[0])
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


def _subscript(run: Evaluator, node: ast.Subscript) -> Value:
    owner = run.eval(node.value)
    if isinstance(node.slice, ast.Slice):
        return _slice(run, owner, node.slice)
    key = run.eval(node.slice)
    if isinstance(owner, External) and owner.name == "os.environ":
        return run.call_with(External("os.environ[]"), key)
    if not isinstance(key, Const) or not isinstance(owner, Items | Table):
        return UNKNOWN if isinstance(owner, Const | Items | Table) else Member(owner, "[]")
    if isinstance(owner, Table):
        return owner.entries.get(key.value, UNKNOWN)
    if not isinstance(key.value, int) or owner.open or not -len(owner.items) <= key.value < len(owner.items):
        return UNKNOWN
    return owner.items[key.value]


def _slice(run: Evaluator, owner: Value, node: ast.Slice) -> Value:
    bounds: list[Any] = []
    for part in (node.lower, node.upper, node.step):
        value = run.eval(part) if part is not None else Const(None)
        bounds.append(value.value if isinstance(value, Const) else UNKNOWN)
    if (
        not isinstance(owner, Items)
        or owner.open
        or not all(item is None or type(item) is int for item in bounds)
    ):
        return UNKNOWN
    try:
        return Items(owner.items[slice(*bounds)], owner.kind)
    except ValueError:
        return UNKNOWN


def _lambda(run: Evaluator, node: ast.Lambda) -> Value:
    return Function(node, run.frame.module, run.frame.scope, {})


def _await(run: Evaluator, node: ast.Await | ast.YieldFrom | ast.Starred) -> Value:
    return run.eval(node.value)


def _walrus(run: Evaluator, node: ast.NamedExpr) -> Value:
    value = run.eval(node.value)
    run.frame.scope.names[node.target.id] = value if run.certain else UNKNOWN
    return value


def _comprehension(
    run: Evaluator, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Value:
    before = run.frame.scope
    run.frame.scope = Scope({}, before)
    run.branches += 1
    try:
        for generator in node.generators:
            run.eval(generator.iter)
            for target in ast.walk(generator.target):
                if isinstance(target, ast.Name):
                    run.frame.scope.names[target.id] = UNKNOWN
        for child in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            run.eval(child)
    finally:
        run.branches -= 1
        run.frame.scope = before
    return Table({}, open=True) if isinstance(node, ast.DictComp) else Items([], "list", open=True)


EXPRESSIONS: Mapping[type[ast.expr], Callable[[Evaluator, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
    ast.Compare: _compare,
    ast.Subscript: _subscript,
    ast.Lambda: _lambda,
    ast.Await: _await,
    ast.YieldFrom: _await,
    ast.Starred: _await,
    ast.NamedExpr: _walrus,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
}
