"""The kinds of a request handler's expressions, and which of them may raise; see `proofs`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python.evaluator import OPEN_NAMES
from imagespec.analyzers.python.values import Const, External, Function, Instance, Scope
from imagespec.analyzers.routes import proofcalls, proofnames, proofoperators
from imagespec.analyzers.routes.proofkinds import (
    ANY,
    TEXT,
    Kind,
    boxed,
    constant_kind,
    kind_of,
    text_in,
)

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_BUILTINS = frozenset(dir(builtins))


def kind(prover: Prover, node: ast.expr) -> Kind:
    """Return what an expression is; what may raise in it is said."""
    prover.nested += 1
    found = _EXPRESSIONS.get(type(node), _other)(prover, node) if prover.spend(node) else ANY
    prover.nested -= 1
    return found


def truth(prover: Prover, node: ast.expr) -> None:
    """Look at an expression that is taken as true or false."""
    found = kind(prover, node)
    value = found.value
    if found.name == "own" and isinstance(value, Instance) and value.cls is not None:
        for name in ("__bool__", "__len__"):
            method = value.cls.find(name)
            if isinstance(method, Function):
                proofcalls.follow(prover, node, method, (), value)
    if found.source.startswith(("numpy.", "pandas.")):
        prover.say(node, "the handler takes an array for true or false")


def _constant(_prover: Prover, node: ast.Constant) -> Kind:
    return constant_kind(Const(node.value))


def _name(prover: Prover, node: ast.Name) -> Kind:
    frame = prover.frame
    if node.id in frame.kinds:
        return frame.kinds[node.id]
    if node.id in frame.local:
        prover.say(node, f"the handler reads {node.id[:60]}, which may not be set there")
        return ANY
    closure = prover.closures.get(id(frame.function.node), {})
    if node.id in closure:
        return closure[node.id]
    return _outer(prover, node)


def _outer(prover: Prover, node: ast.Name) -> Kind:
    """Return the kind of a name from outside the function: its module's, as it is when the program serves."""
    scope: Scope | None = prover.frame.function.scope
    module = prover.frame.function.module
    while scope is not None:
        if node.id in scope.names:
            changed = node.id in prover.program.running().globals_.get(module.path, ())
            found = kind_of(scope.names[node.id])
            if changed or node.id in scope.doubtful:
                return found if found.name not in {"none", "list", "dict", "own"} else ANY
            return found
        scope = scope.parent
    if node.id in _BUILTINS:
        return Kind("foreign", External("builtins." + node.id))
    if node.id not in {"__name__", "__file__", "__doc__"} and OPEN_NAMES not in module.scope.names:
        declared = prover.program.running().globals_.get(module.path, ())
        message = f"the handler uses {node.id[:60]}, which may not be set when it is called"
        prover.say(
            node,
            message
            if node.id in declared
            else f"the handler uses the name {node.id[:100]}, which nothing defines",
        )
    return ANY


def _joined(prover: Prover, node: ast.JoinedStr) -> Kind:
    for part in node.values:
        kind(prover, part)
    return TEXT


def _formatted(prover: Prover, node: ast.FormattedValue) -> Kind:
    found = kind(prover, node.value)
    proofcalls.as_text(prover, node, found)
    if node.format_spec is not None and found.name not in {"number", "foreign", "text"}:
        prover.say(node, f"the handler formats {ast.unparse(node.value)[:60]}, which may not be possible")
    return TEXT


def _dict(prover: Prover, node: ast.Dict) -> Kind:
    entries: dict[str, Kind] = {}
    whole, names = True, set()
    for key, item in zip(node.keys, node.values, strict=True):
        value = kind(prover, item)
        name = kind(prover, key) if key is not None else None
        if name is None:
            whole = whole and value.whole
            entries |= dict(value.entries)
            if value.name not in {"dict", "foreign"}:
                prover.say(node, f"the handler spreads {ast.unparse(item)[:60]}, which may be no dict")
            continue
        names.add(name.name)
        text = text_in(name)
        entries[text if text is not None else f"\0{len(entries)}"] = value
        whole = whole and text is not None
    if names & {"list", "dict", "set"}:
        prover.say(node, "the handler has a dict with a key that cannot be one")
    if len(names & {"text", "number", "tuple", "none", "bool"}) > 1 or "tuple" in names:
        entries["\0keys"] = Kind("keys")
    return boxed("dict", (), entries, whole=whole)


def _sequence(prover: Prover, node: ast.List | ast.Tuple | ast.Set) -> Kind:
    parts: list[Kind] = []
    whole = True
    for item in node.elts:
        if isinstance(item, ast.Starred):
            inner = kind(prover, item.value)
            proofnames.element(prover, item.value, inner)
            whole = whole and inner.whole
            parts += inner.parts
        else:
            parts.append(kind(prover, item))
    name = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}[type(node)]
    return boxed(name, tuple(parts), whole=whole)


def _lambda(prover: Prover, node: ast.Lambda) -> Kind:
    outer = prover.frame.function
    prover.closures[id(node)] = prover.frame.kinds
    return Kind("own", Function(node, outer.module, outer.scope, {}))


def _await(prover: Prover, node: ast.Await) -> Kind:
    found = kind(prover, node.value)
    if found.name == "coroutine":
        return found.parts[0] if found.parts else ANY
    if found.name != "foreign":
        prover.say(
            node, f"the handler awaits {ast.unparse(node.value)[:60]}, which may be nothing to wait for"
        )
    return found if found.name == "foreign" else ANY


def _comprehension(
    prover: Prover, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Kind:
    frame = prover.frame
    before, local = dict(frame.kinds), frame.local
    for generator in node.generators:
        item = proofnames.element(prover, generator.iter, kind(prover, generator.iter))
        names = {inner.id for inner in ast.walk(generator.target) if isinstance(inner, ast.Name)}
        frame.local |= names
        prover.assign(generator.target, item)
        for test in generator.ifs:
            truth(prover, test)
    if isinstance(node, ast.DictComp):
        kind(prover, node.key)
        found = Kind("dict", None, (), {"\0": kind(prover, node.value)})
    else:
        name = {ast.ListComp: "list", ast.SetComp: "set"}.get(type(node), "lines")
        found = Kind(name, None, (kind(prover, node.elt),))
    frame.kinds, frame.local = before, local
    return found


def _call(prover: Prover, node: ast.Call) -> Kind:
    return proofcalls.call(prover, node)


def _attribute(prover: Prover, node: ast.Attribute) -> Kind:
    return proofnames.attribute(prover, node, kind(prover, node.value), node.attr)


def _subscript(prover: Prover, node: ast.Subscript) -> Kind:
    return proofnames.subscript(prover, node)


def _yield(prover: Prover, node: ast.Yield | ast.YieldFrom) -> Kind:
    if node.value is not None:
        kind(prover, node.value)
    return ANY


def _walrus(prover: Prover, node: ast.NamedExpr) -> Kind:
    found = kind(prover, node.value)
    prover.frame.kinds[node.target.id] = found
    return found


def _other(prover: Prover, node: ast.expr) -> Kind:
    prover.say(node, f"the handler has an expression that is not followed ({type(node).__name__.lower()})")
    return ANY


_EXPRESSIONS: dict[type[ast.expr], Callable[[Any, Any], Kind]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.BinOp: proofoperators.binary,
    ast.UnaryOp: proofoperators.unary,
    ast.BoolOp: proofoperators.boolean,
    ast.IfExp: proofoperators.choice,
    ast.Compare: proofoperators.compare,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.Dict: _dict,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Lambda: _lambda,
    ast.Await: _await,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.NamedExpr: _walrus,
    ast.Call: _call,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
