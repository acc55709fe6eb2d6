"""Handlers of errors: whether one that is asked about a missing route always answers with an error as well."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import leaves, own_nodes
from imagespec.analyzers.python.values import Class, Const, External, Function, Value
from imagespec.analyzers.routes.handlertext import last_name
from imagespec.analyzers.routes.statuses import STATUS_NAMES, UNKNOWN_CODES, Codes, codes_of, is_success

_CODES = frozenset({404, 405})
_WIDE = {
    "HTTPException",
    "StarletteHTTPException",
    "NotFound",
    "MethodNotAllowed",
    "Exception",
    "BaseException",
    "object",
}
"""The exceptions that werkzeug's and Starlette's answers to a missing route are."""
_FIRST_STATUS = {"make_response": 1, "Response": 1, "JSONResponse": 1, "HTMLResponse": 1, "PlainTextResponse": 1, "ORJSONResponse": 1}  # fmt: skip
"""Calls that make an answer, and which argument its status is."""
_OWN_CODES = {"code", "status_code"}
_ERROR: Codes = frozenset({500})


def hears_of_missing_routes(error: Value | None) -> bool:
    """Tell whether a handler for this error, a status or a class, may be asked about a path without a route."""
    match error:
        case Const(value=int() as code):
            return code in _CODES
        case Class():  # the program's own, which no framework raises
            return False
        case External(name=name):
            return name.rpartition(".")[2] in _WIDE
    return True


def always_fails(view: Value | None) -> bool:
    """Tell whether a view or a handler of errors always answers with a status that is no success."""
    if not isinstance(view, Function) or isinstance(view.node, ast.Lambda) or not leaves(view.node.body):
        return False
    codes = [_answered(node.value, view) for node in own_nodes(view.node) if isinstance(node, ast.Return)]
    return bool(codes) and not any(None in some or any(map(is_success, some)) for some in codes)


def _answered(value: ast.expr | None, view: Function) -> Codes:
    """Return the statuses of what a handler returns."""
    match value:
        case ast.Tuple(elts=[_, second, *_]):
            return _status(second, view)
        case ast.Name(id=name):
            return _ERROR if name in _parameters(view) else _of_variable(name, view)
        case ast.Call(func=func, args=args, keywords=keywords):
            named = [word.value for word in keywords if word.arg in STATUS_NAMES]
            at = _FIRST_STATUS.get(last_name(func))
            given = named or (args[at : at + 1] if at is not None else [])
            return _status(given[0], view) if given else UNKNOWN_CODES
    return UNKNOWN_CODES


def _status(node: ast.expr, view: Function) -> Codes:
    """Return what a status may be; that of the error itself is one of an error."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if attribute in _OWN_CODES:
            return _ERROR if name in _parameters(view) else UNKNOWN_CODES
    return codes_of(node, view)


def _parameters(view: Function) -> set[str]:
    """Return the names of a handler's parameters that it does not bind anew: the request and the error."""
    nodes = own_nodes(view.node)
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {item.arg for item in view.node.args.args} - bound


def _of_variable(name: str, view: Function) -> Codes:
    """Return the statuses of an answer that is made, and whose status may be set, before it is returned."""
    nodes = own_nodes(view.node)
    made = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign) and any(_is_name(target, name) for target in node.targets)
    ]
    stores = [
        node
        for node in nodes
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ]
    told = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr in STATUS_NAMES and _is_name(target.value, name)
    ]
    if len(made) != 1 or len(stores) != 1 or len(told) > 1:
        return UNKNOWN_CODES
    if not told:
        return _answered(made[0], view)
    body: list[ast.stmt] = [] if isinstance(view.node, ast.Lambda) else view.node.body
    plain = any(isinstance(item, ast.Assign) and item.value is told[0] for item in body)
    return _status(told[0], view) if plain else UNKNOWN_CODES


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
