"""How each kind of Python expression is evaluated; see `evaluator`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python import operators, refusals
from imagespec.analyzers.python.partly import GAP, Partly, joined, piece_of
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    External,
    Function,
    Instance,
    Items,
    Member,
    Scope,
    Table,
    Value,
    is_namespace,
    text_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.evaluator import Evaluator


_ROUNDS = 64


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
        else:
            add_entries(table, as_table(run, value) if name is None else None)
    return table


def as_table(run: Evaluator, value: Value) -> Value:
    """Return the dict that something with keys makes: the environment, or the value itself."""
    return run.call_with(External("os.environ.copy")) if value == External("os.environ") else value


def add_entries(table: Table, value: Value | None) -> None:
    """Put the entries of another dict over those of a table, where what is not known may take the place of any."""
    if not isinstance(value, Table) or value.open:
        table.entries.update(dict.fromkeys(table.entries, UNKNOWN))
        table.open = True
    table.entries.update(value.entries if isinstance(value, Table) else {})


def _joined(run: Evaluator, node: ast.JoinedStr) -> Value:
    return joined([piece_of(run.eval(part)) for part in node.values])


def _formatted(run: Evaluator, node: ast.FormattedValue) -> Value:
    value = run.eval(node.value)
    piece = piece_of(value)
    if piece == GAP and node.format_spec is not None:  # `{now:%Y-%m-%d}`
        return UNKNOWN if "/" in ast.unparse(node.format_spec) else Partly(GAP)
    if node.conversion not in {-1, 115} or node.format_spec is not None or piece is None:
        return UNKNOWN
    return value if isinstance(value, Const) and isinstance(value.value, str | int) else joined([piece])


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


def _subscript(run: Evaluator, node: ast.Subscript) -> Value:
    owner = run.eval(node.value)
    if isinstance(node.slice, ast.Slice):
        refusals.check_subscript(run, node, owner, None)
        return _slice(run, owner, node.slice)
    key = run.eval(node.slice)
    refusals.check_subscript(run, node, owner, key)
    if isinstance(owner, Instance) and owner.cls is not None and owner.cls.find("__getitem__") is not None:
        return run.call_with(run.attribute(owner, "__getitem__"), key)
    if isinstance(owner, External) and owner.name == "os.environ":
        return run.call_with(External("os.environ[]"), key)
    if isinstance(owner, Member):
        name = text_of(key) if is_namespace(owner) else None
        return run.item(Member(owner, "[]"), key) if name is None else run.attribute(owner.owner, name)
    if not isinstance(key, Const) or not isinstance(owner, Items | Table):
        return UNKNOWN if isinstance(owner, Const | Items | Table) else Member(owner, "[]")
    if isinstance(owner, Table):
        if key.value not in owner.entries and not run.trying and not _may_have_more(run, owner):
            run.gap(run.here(f"there is no item {str(key.value)[:100]!r}; without it Python stops here"))
        return owner.entries.get(key.value, UNKNOWN)
    if not isinstance(key.value, int) or owner.open or not -len(owner.items) <= key.value < len(owner.items):
        return UNKNOWN
    return owner.items[key.value]


def _may_have_more(run: Evaluator, table: Table) -> bool:
    """Tell whether a table may have items that are not known; what is given it outside the program may add some."""
    return table.open or any(
        value is table for call in run.calls for value in (*call.args, *call.keywords.values())
    )


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
    run.bind(node.target.id, value if run.certain else UNKNOWN)
    return value


def _each(run: Evaluator, node: ast.ListComp | ast.SetComp, items: Items) -> Value:
    """Return a list of what an expression gives for each of some known items."""
    before = run.frame.scope
    found: list[Value] = []
    try:
        for item in list(items.items):
            run.frame.scope = Scope({}, before, is_comprehension=True)
            target = node.generators[0].target
            names = [inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name)]
            run.frame.scope.names.update(dict.fromkeys(names, UNKNOWN))
            if isinstance(target, ast.Name):
                run.frame.scope.names[target.id] = item
            found.append(run.eval(node.elt))
    finally:
        run.frame.scope = before
    return Items(found, "set" if isinstance(node, ast.SetComp) else "list")


def _comprehension(
    run: Evaluator, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Value:
    items = run.eval(node.generators[0].iter)
    alone = len(node.generators) == 1 and not node.generators[0].ifs
    known = isinstance(items, Items) and not items.open and len(items.items) <= _ROUNDS
    if isinstance(node, ast.ListComp | ast.SetComp) and alone and known and isinstance(items, Items):
        return _each(run, node, items)
    before = run.frame.scope
    run.frame.scope = Scope({}, before, is_comprehension=True)
    run.branches += 1
    try:
        for position, generator in enumerate(node.generators):
            if position:
                run.eval(generator.iter)
            for target in ast.walk(generator.target):
                if isinstance(target, ast.Name):
                    run.frame.scope.names[target.id] = UNKNOWN
            for condition in generator.ifs:
                run.eval(condition)
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
    ast.BinOp: operators.binary,
    ast.UnaryOp: operators.unary,
    ast.BoolOp: operators.boolean,
    ast.IfExp: _choice,
    ast.Compare: operators.compare,
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
