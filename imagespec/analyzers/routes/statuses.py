"""Status codes in a handler's text, and which of them speak against a success."""

from __future__ import annotations

import ast
import http
import re

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Class, Const, Function, Value, name_of
from imagespec.analyzers.routes.handlertext import Handler, last_name, named
from imagespec.analyzers.routes.jsonanswers import refused_when_returned
from imagespec.analyzers.routes.reached import outcomes

_NUMBERED = re.compile(r"HTTP_?([1-5][0-9]{2})(?:_[A-Z_]+)?\Z")
_TEXT = re.compile(r"([1-5][0-9]{2})(?: |\Z)")
_DEPTH = 8
OK = 200
_DATA = {
    "jsonify", "dict", "update", "format", "debug", "info", "warning", "error", "exception", "log", "print", "dumps",
}  # fmt: skip
"""Calls whose ``status`` is no status code."""
_ERROR_ANSWER = re.compile(
    r"HTTP(?!Response|Ok|Status|Created|Accepted|NoContent)[A-Z][A-Za-z]+\Z"  # aiohttp.web, bottle
    r"|HttpResponse(?:NotFound|BadRequest|ServerError|Forbidden|NotAllowed|Gone|NotModified)\Z"
)
STATUS_NAMES = {"status", "status_code", "status_int"}

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


def called_sign(node: ast.Call, name: str, handler: Handler) -> str | None:
    """Tell of a status that a call gives to the answer."""
    if name in {"set_status", "send_response"} and node.args:
        return sign_of(codes_of(node.args[0], handler.function), handler)
    if name == "make_response" and len(node.args) > 1 and not isinstance(node.args[1], ast.Dict):
        return sign_of(codes_of(node.args[1], handler.function), handler)
    for keyword in node.keywords if not _makes_data(node, handler.function) else ():
        if keyword.arg in STATUS_NAMES and name not in _DATA and not _is_default(keyword.value):
            return sign_of(codes_of(keyword.value, handler.function), handler)
    return None


def _makes_data(node: ast.Call, function: Function) -> bool:
    """Tell whether a call makes an object of a class of the program that is no response: a ``status`` is a field there."""
    made = named(node.func.id, function) if isinstance(node.func, ast.Name) else None
    bases = [name_of(base) for base in made.foreign_bases()] if isinstance(made, Class) else ["?"]
    return isinstance(made, Class) and not any("Response" in base or base == "?" for base in bases)


def _is_default(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def returned_sign(value: ast.expr, handler: Handler) -> str | None:
    """Tell of an error in what is returned: its status, or what the framework cannot encode."""
    while isinstance(value, ast.Await):
        value = value.value
    refused = refused_when_returned(value, strict=handler.tuples)
    if refused:
        return refused
    if isinstance(value, ast.IfExp):
        return returned_sign(value.body, handler) or returned_sign(value.orelse, handler)
    if handler.tuples and isinstance(value, ast.Tuple) and len(value.elts) > 1:
        second = value.elts[1]
        return (
            None
            if isinstance(second, ast.Dict | ast.List)
            else sign_of(codes_of(second, handler.function), handler)
        )
    if not isinstance(value, ast.Call):
        return None
    name = last_name(value.func)
    if _ERROR_ANSWER.match(name):
        return f"the handler may answer {name}"
    for argument in value.args[1:] if name not in _DATA else ():
        codes = codes_of(argument, handler.function)
        if any(code is not None and 200 < code < 600 for code in codes):
            return sign_of(codes, handler)
    return None


def sign_of(codes: Codes, handler: Handler) -> str | None:
    """Tell of a status that is no success, or is not known."""
    errors = sorted(
        code for code in codes if code is not None and (code != OK if handler.exact else not is_success(code))
    )
    if errors:
        return f"the handler may answer {errors[0]}"
    return "the handler answers with a status that is not known" if None in codes else None
