"""Status codes in a handler's text, and what its names stand for."""

from __future__ import annotations

import ast
import http
import re

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Class, Const, Function, Instance, Module, Scope, Value, name_of
from imagespec.analyzers.routes.reached import outcomes

_NUMBERED = re.compile(r"HTTP_?([1-5][0-9]{2})(?:_[A-Z_]+)?\Z")
_TEXT = re.compile(r"([1-5][0-9]{2})(?: |\Z)")
_DEPTH = 8

Codes = frozenset[int | None]
"""The codes that an expression may stand for; None for any that is not known."""
UNKNOWN_CODES: Codes = frozenset({None})


def codes_of(node: ast.expr, function: Function, depth: int = _DEPTH) -> Codes:
    """Return the status codes that an expression of a handler may stand for."""
    if depth == 0:
        return UNKNOWN_CODES
    match node:
        case ast.Constant(value=int() as code) if not isinstance(code, bool):
            return frozenset({code})
        case ast.Constant(value=str() as text) if found := _TEXT.match(text):
            return frozenset({int(found[1])})
        case ast.IfExp():
            parts = outcomes(node, function)
            return frozenset().union(*(codes_of(part, function, depth - 1) for part in parts))
        case ast.Attribute(attr="value" | "phrase"):
            return codes_of(node.value, function, depth - 1)
        case ast.Attribute(value=ast.Name(id="HTTPStatus") | ast.Attribute(attr="HTTPStatus")):
            status = http.HTTPStatus.__members__.get(node.attr)
            return UNKNOWN_CODES if status is None else frozenset({int(status)})
        case ast.Attribute(attr=name) if found := _NUMBERED.match(name):  # rest_framework.status, falcon
            return frozenset({int(found[1])})
        case ast.Name(id=name):
            return _named(name, function, depth - 1)
    return UNKNOWN_CODES


def _named(name: str, function: Function, depth: int) -> Codes:
    """Return the codes of a variable: of all its assignments in the function, or of the one outside it."""
    stores = [
        node
        for node in own_nodes(function.node)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ]
    values = [
        node.value
        for node in own_nodes(function.node)
        if isinstance(node, ast.Assign) and [target for target in node.targets if target in stores]
    ]
    if stores:
        if len(values) < len(stores) or len(values) > 20:
            return UNKNOWN_CODES
        return frozenset().union(*(codes_of(value, function, depth) for value in values))
    found = _NUMBERED.match(name)
    if found:
        return frozenset({int(found[1])})
    value = named(name, function)
    if isinstance(value, Const) and type(value.value) is int:
        return frozenset({value.value})
    return UNKNOWN_CODES


def route_status(value: Value | None) -> int | None:
    """Return the status that a route is registered with: 200 without one; None where it is not known."""
    if value is None or value == Const(None):
        return 200
    if isinstance(value, Const):
        return value.value if isinstance(value.value, int) else None
    name = name_of(value).rpartition(".")[2]
    found = _NUMBERED.match(name)
    status = http.HTTPStatus.__members__.get(name)
    return int(found[1]) if found else None if status is None else int(status)


def is_success(code: int | None) -> bool:
    """Tell whether a code is known to be one of success."""
    return code is not None and 200 <= code < 300


def named(name: str, function: Function) -> Value | None:
    """Return what a name outside a function stands for; None where nothing binds it."""
    scope: Scope | None = function.scope
    while scope is not None:
        if name in scope.names:
            return scope.names[name]
        scope = scope.parent
    return None


def called(node: ast.expr, function: Function, owner: Class | None) -> Function | None:
    """Return the program's own function that a handler calls by a name, by a module's name, or on ``self``."""
    value: Value | None = None
    if isinstance(node, ast.Name):
        value = named(node.id, function)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = named(node.value.id, function)
        if isinstance(holder, Module):
            value = holder.scope.names.get(node.attr)
        elif node.value.id in {"self", "cls"}:
            holder = function.self_value or owner
            cls = holder.cls if isinstance(holder, Instance) else getattr(holder, "subclass", holder)
            value = cls.find(node.attr) if isinstance(cls, Class) else None
    return value if isinstance(value, Function) else None
