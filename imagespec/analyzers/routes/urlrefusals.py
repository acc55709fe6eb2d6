"""
Handlers that answer some values in their URL as if there were no such URL: ``if name not in MODELS: abort(404)``.

Whether the URL that is asked for is one of these values is not followed, so such a route does not prove that it is served.
"""

from __future__ import annotations

import ast

from imagespec.analyzers.python.values import Function
from imagespec.analyzers.routes.handlertext import last_name, nodes_of
from imagespec.analyzers.routes.statuses import STATUS_NAMES, codes_of

_ROUNDS = 4
_NOT_THERE = {
    "get_object_or_404",
    "NotFound",
    "HTTPNotFound",
    "Http404",
    "HttpResponseNotFound",
    "MethodNotAllowed",
}


def refuses_some(function: Function, names: frozenset[str]) -> bool:
    """Tell whether a handler may answer 404 or its like because of one of the path's own arguments."""
    nodes = nodes_of(function) if names else []
    named = set(names)
    for _ in range(_ROUNDS):  # what is made of them, and of that
        named |= {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign) and _mentions(node.value, named)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
    for node in nodes:
        match node:
            case ast.If() if _mentions(node.test, named):
                parts = [*node.body, *node.orelse]
            case ast.Try() if any(_mentions(part, named) for part in node.body):
                parts = [part for handler in node.handlers for part in handler.body]
            case ast.Call(func=func) if last_name(func) == "get_object_or_404":
                return True
            case _:
                continue
        if any(_is_refusal(inner, function) for part in parts for inner in ast.walk(part)):
            return True
    return False


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in names for inner in ast.walk(node))


def _is_refusal(node: ast.AST, function: Function) -> bool:
    """Tell whether a node answers 404, 405, 501 or a redirection."""
    match node:
        case ast.Call(func=func) if last_name(func) in _NOT_THERE:
            return True
        case ast.Call(func=func, args=args, keywords=keywords):
            given = [item.value for item in keywords if item.arg in STATUS_NAMES]
            parts = [*args[:2], *given] if last_name(func) not in {"print", "info", "get"} else given
        case ast.Return(value=ast.Tuple(elts=[_, second, *_])):
            parts = [second]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _NOT_THERE
        case _:
            return False
    return any(_refuses(code) for part in parts for code in codes_of(part, function))


def _refuses(code: int | None) -> bool:
    return code in {404, 405, 501} or (code is not None and 300 <= code < 400)
