"""The statements of a request handler, one after the other; see `proofs`."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from imagespec.analyzers.python.values import Function
from imagespec.analyzers.routes import proofexpressions as expressions
from imagespec.analyzers.routes import proofnames
from imagespec.analyzers.routes.proofkinds import ANY, FOREIGN, NONE, Kind, join_kinds
from imagespec.analyzers.routes.reached import decided

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_BROAD = {"Exception", "BaseException"}


def merged(ends: list[dict[str, Kind]]) -> dict[str, Kind]:
    """Return the kinds of the names that are bound at all of these ends."""
    found = dict(ends[0])
    for other in ends[1:]:
        found = {name: join_kinds(kind, other[name]) for name, kind in found.items() if name in other}
    return found


def assign(prover: Prover, target: ast.expr, kind: Kind) -> None:
    """Bind a target."""
    match target:
        case ast.Name(id=name):
            if name in prover.frame.local:
                prover.frame.kinds[name] = kind
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            known = kind.name in {"list", "tuple"} and kind.whole and len(kind.parts) == len(targets)
            if not known and kind.name != "foreign":
                prover.say(target, f"the handler takes apart {ast.unparse(target)[:60]}, which may not fit")
            for position, inner in enumerate(targets):
                assign(
                    prover,
                    inner,
                    kind.parts[position] if known else FOREIGN if kind.name == "foreign" else ANY,
                )
        case ast.Starred(value=inner):
            assign(prover, inner, ANY)
        case ast.Attribute():
            proofnames.store_attribute(prover, target, kind)
        case ast.Subscript():
            proofnames.store_item(prover, target, kind)


def _assign(prover: Prover, node: ast.Assign) -> bool:
    kind = expressions.kind(prover, node.value)
    for target in node.targets:
        assign(prover, target, kind)
    return True


def _annotated(prover: Prover, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        assign(prover, node.target, expressions.kind(prover, node.value))
    return True


def _augmented(prover: Prover, node: ast.AugAssign) -> bool:
    target = node.target
    first: ast.expr = target
    if isinstance(target, ast.Name):
        first = ast.copy_location(ast.Name(target.id, ast.Load()), target)
    elif isinstance(target, ast.Attribute):
        first = ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
    elif isinstance(target, ast.Subscript):
        first = ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
    both = ast.copy_location(ast.BinOp(first, node.op, node.value), node)
    assign(prover, target, expressions.kind(prover, both))
    return True


def _if(prover: Prover, node: ast.If) -> bool:
    blocks: list[list[ast.stmt]] = []
    while prover.spend(node):
        expressions.truth(prover, node.test)
        left = decided(node, prover.frame.function)
        if isinstance(left, ast.If) and left is not node:  # one branch is not taken
            blocks.append(left.body)
            break
        blocks.append(node.body)
        if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
            blocks.append(node.orelse)
            break
        node = node.orelse[0]
    return prover.either(*(functools.partial(prover.block, block) for block in blocks))


def _for(prover: Prover, node: ast.For | ast.AsyncFor) -> bool:
    item = proofnames.element(prover, node.iter, expressions.kind(prover, node.iter))

    def once() -> bool:
        assign(prover, node.target, item)
        prover.block(node.body)
        return True

    _twice(prover, once)
    return prover.either(lambda: prover.block(node.orelse), lambda: True)


def _twice(prover: Prover, once: Callable[[], bool]) -> None:
    """Go through a loop's body as in its first round and as in a later one."""
    prover.either(once, lambda: True)
    prover.either(once, lambda: True)


def _while(prover: Prover, node: ast.While) -> bool:
    expressions.truth(prover, node.test)
    prover.say(node, "the handler has a loop that may not end")
    _twice(prover, lambda: prover.block(node.body))
    return True


def _with(prover: Prover, node: ast.With | ast.AsyncWith) -> bool:
    swallows = False
    for item in node.items:
        text = ast.unparse(item.context_expr.func) if isinstance(item.context_expr, ast.Call) else ""
        swallows = swallows or text.rpartition(".")[2] == "suppress"
        kind = proofnames.entered(prover, item.context_expr)
        if item.optional_vars is not None:
            assign(prover, item.optional_vars, kind)
    if swallows:
        return prover.either(lambda: prover.block(node.body), lambda: True)
    return prover.block(node.body)


def _try(prover: Prover, node: ast.Try | ast.TryStar) -> bool:
    broad = any(_catches_all(handler) for handler in node.handlers)
    before = dict(prover.frame.kinds)
    prover.quiet += broad
    goes_on = prover.block(node.body)
    prover.quiet -= broad
    if goes_on:
        goes_on = prover.block(node.orelse)
    ends = [dict(prover.frame.kinds)] if goes_on else []
    for handler in node.handlers:
        prover.frame.kinds = merged([before, prover.frame.kinds])
        if handler.name:
            prover.frame.kinds[handler.name] = Kind("own")
        if prover.block(handler.body):
            prover.frame.kinds.pop(handler.name or "", None)
            ends.append(prover.frame.kinds)
    prover.frame.kinds = merged(ends) if ends else merged([before, prover.frame.kinds])
    return prover.block(node.finalbody) and bool(ends)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)] if handler.type else []
    return handler.type is None or bool(_BROAD & set(names))


def _return(prover: Prover, node: ast.Return) -> bool:
    kind = NONE if node.value is None else expressions.kind(prover, node.value)
    prover.frame.returned.append((kind, node))
    return False


def _leaves(prover: Prover, node: ast.Raise) -> bool:
    prover.say(node, "the handler may raise")
    return False


def _assert(prover: Prover, node: ast.Assert) -> bool:
    prover.say(node, "the handler may raise")
    return True


def _expression(prover: Prover, node: ast.Expr) -> bool:
    kind = expressions.kind(prover, node.value)
    del kind  # a coroutine that is not awaited does nothing
    return True


def _import(prover: Prover, node: ast.Import | ast.ImportFrom) -> bool:
    for alias in node.names:
        value = proofnames.imported(prover, node, alias)
        name = alias.asname or alias.name.partition(".")[0]
        if name in prover.frame.local:
            prover.frame.kinds[name] = value
    return True


def _definition(prover: Prover, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    outer = prover.frame.function
    if node.decorator_list or node.args.defaults or any(node.args.kw_defaults):
        prover.say(node, f"the handler's inner function {node.name[:60]} is not followed")
    prover.closures[id(node)] = prover.frame.kinds
    prover.frame.kinds[node.name] = Kind("own", Function(node, outer.module, outer.scope, {}))
    return True


def _delete(prover: Prover, node: ast.Delete) -> bool:
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id in prover.frame.kinds:
            del prover.frame.kinds[target.id]
        else:
            prover.say(node, f"the handler deletes {ast.unparse(target)[:60]}, which may not be there")
    return True


def _other(prover: Prover, node: ast.stmt) -> bool:
    if isinstance(node, ast.Break | ast.Continue):
        return False
    if not isinstance(node, ast.Pass | ast.Global | ast.Nonlocal):
        prover.say(node, f"the handler has a statement that is not followed ({type(node).__name__.lower()})")
    return True


_STATEMENTS: dict[type[ast.stmt], Callable[..., bool]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Return: _return,
    ast.Raise: _leaves,
    ast.Assert: _assert,
    ast.Expr: _expression,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _definition,
    ast.AsyncFunctionDef: _definition,
    ast.Delete: _delete,
}


def statement(prover: Prover, node: ast.stmt) -> bool:
    """Go through one statement; tell whether what comes after it may run."""
    return _STATEMENTS.get(type(node), _other)(prover, node)
