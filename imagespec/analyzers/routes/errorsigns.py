"""
What in a handler's text says that it may answer with an error.

It raises, gives another status than success, needs something of the request, reads a file or a name that is not there.
These are signs, not a proof of the opposite: what a library that the handler calls may raise is not looked at.
"""

from __future__ import annotations

import ast

import attrs

from imagespec.analyzers.python.flow import NODES, own_nodes
from imagespec.analyzers.python.names import undefined_name
from imagespec.analyzers.python.values import (
    Function,
)
from imagespec.analyzers.routes import needs
from imagespec.analyzers.routes.handlertext import Handler, called, last_name, nodes_of, tried
from imagespec.analyzers.routes.jsonanswers import refused_by_json, refused_by_write
from imagespec.analyzers.routes.statuses import STATUS_NAMES, called_sign, codes_of, returned_sign, sign_of

_FUNCTIONS = 100
"""The program's own functions that are looked into for one handler."""
_RAISING = {
    "abort",
    "send_error",
    "exit",
    "quit",
    "_exit",
    "HTTPException",
    "abort_with",
    "get_object_or_404",
}
_REDIRECTING = {"redirect", "RedirectResponse", "HttpResponseRedirect", "HttpResponsePermanentRedirect"}
_FILES = {
    "send_file", "send_static_file", "send_from_directory", "static_file", "FileResponse", "render_template", "TemplateResponse", "render",
}  # fmt: skip


def error_signs(handler: Handler) -> list[str]:
    """Return why a handler may answer with an error, as far as its own text and its helpers' say; one of each kind."""
    return signs_of(nodes_of(handler.function), handler, [handler.function])


def signs_of(nodes: list[ast.AST], handler: Handler, functions: list[Function]) -> list[str]:
    """Return what nodes of a handler, these functions, and all that they call of the program's own say."""
    found: dict[str, None] = {}
    seen: list[ast.AST] = []
    pending = list(functions)
    _look(nodes, handler, found, pending)
    while pending and len(seen) < _FUNCTIONS:
        function = pending.pop()
        if any(function.node is node for node in seen):
            continue
        seen.append(function.node)
        if len(own_nodes(function.node)) >= NODES:
            found.setdefault("the handler is longer than is followed")
        if function is not handler.function:
            _look(nodes_of(function), attrs.evolve(handler, function=function), found, pending)
        name = undefined_name(function, handler.program)
        if name:
            found.setdefault(f"the handler uses the name {name[:100]}, which nothing defines")
    if pending:
        found.setdefault("the handler calls more functions than are followed")
    return list(found)


def certain_sign(handler: Handler) -> str | None:
    """Return the sign that every request comes to: one that no branch stands before; None where there is none."""
    node = handler.function.node
    body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
    stores = {
        item.id for item in own_nodes(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    }
    for statement in body:
        match statement:
            case ast.Raise():
                return _sign(statement, handler)
            case ast.Return(value=value):
                told = value is not None and not _varies(value, stores)
                return (_sign(statement, handler) or _first_call(value, handler)) if told else None
            case ast.Expr(value=ast.Call(func=func)) if last_name(func) in _RAISING | _REDIRECTING:
                return _sign(statement.value, handler)
            case ast.If() | ast.For() | ast.While() | ast.Try() | ast.Match() | ast.With() | ast.AsyncWith():
                if any(isinstance(item, ast.Return | ast.Raise | ast.Call) for item in ast.walk(statement)):
                    return None
    return None


def _varies(value: ast.expr, stores: set[str]) -> bool:
    """Tell whether a status in what is returned may differ from request to request."""
    parts: list[ast.expr] = value.elts[1:] if isinstance(value, ast.Tuple) else [value]
    if isinstance(value, ast.Call):
        parts = [*value.args[1:], *(keyword.value for keyword in value.keywords)]
    return any(
        isinstance(node, ast.IfExp) or (isinstance(node, ast.Name) and node.id in stores)
        for part in parts
        for node in ast.walk(part)
    )


def _first_call(value: ast.expr | None, handler: Handler) -> str | None:
    """Return the sign of a call whose result is returned at once."""
    while isinstance(value, ast.Await):
        value = value.value
    sign = _call(value, handler) if isinstance(value, ast.Call) else None
    return sign if sign and "may" in sign else None


def _look(nodes: list[ast.AST], handler: Handler, found: dict[str, None], pending: list[Function]) -> None:
    """Add the signs of nodes, and the functions that they call."""
    caught = tried(nodes)
    for node in nodes:
        sign = _sign(node, handler)
        if sign is None and isinstance(node, ast.Call) and id(node) not in caught:
            sign = needs.another_server(node.func, handler.function)
        if sign:
            found.setdefault(sign)
        if isinstance(node, ast.Call) and (inner := called(node.func, handler.function, handler.owner)):
            pending.append(inner)


def _sign(node: ast.AST, handler: Handler) -> str | None:
    match node:
        case ast.Raise() | ast.Assert():
            return "the handler may raise"
        case ast.Call():
            return _call(node, handler)
        case ast.Import(names=[ast.alias(name=name)]):
            return needs.imported(name, handler.program)
        case ast.ImportFrom(level=0, module=str() as name):
            return needs.imported(name, handler.program)
        case ast.Return(value=ast.expr() as value) if handler.statuses:
            return returned_sign(value, handler)
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if name in STATUS_NAMES:
            return sign_of(codes_of(value, handler.function), handler)
        case ast.Attribute(ctx=ast.Load()) | ast.Subscript(ctx=ast.Load()):
            return needs.item_read(node, handler)
    return None


def _call(node: ast.Call, handler: Handler) -> str | None:
    name = last_name(node.func)
    if name in _RAISING:
        return "the handler may raise"
    if name in _REDIRECTING:
        return "the handler may redirect"
    if name in _FILES:
        return f"the handler answers with {name}, whose file is not looked at"
    refused = refused_by_json(node, name)
    if refused:
        return refused
    needed = needs.argument(node, name)
    if needed:
        return needed
    if name in {"write", "finish"} and node.args and isinstance(node.func, ast.Attribute):
        return refused_by_write(node.func.value, node.args[0])
    return (called_sign(node, name, handler) if handler.statuses else None) or needs.opened(
        node, name, handler
    )
