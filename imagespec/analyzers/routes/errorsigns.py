"""
What in a handler's text says that it may answer with an error.

It raises, gives another status than success, needs something of the request, reads a file or a name that is not there.
These are signs, not a proof of the opposite: what a library that the handler calls may raise is not looked at.
"""

from __future__ import annotations

import ast
import re

import attrs

from imagespec.analyzers.python.attributes import lacks
from imagespec.analyzers.python.flow import NODES, own_nodes
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.names import undefined_name
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Function,
    Instance,
    Value,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.jsonanswers import refused_by_json, refused_by_write, refused_when_returned
from imagespec.analyzers.routes.reached import reached_nodes
from imagespec.analyzers.routes.statuses import Codes, called, codes_of, is_success, named

OK = 200
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
_DATA = {
    "jsonify", "dict", "update", "format", "debug", "info", "warning", "error", "exception", "log", "print", "dumps",
}  # fmt: skip
"""Calls whose ``status`` is no status code."""
_ERROR_ANSWER = re.compile(
    r"HTTP(?!Response|Ok|Status|Created|Accepted|NoContent)[A-Z][A-Za-z]+\Z"  # aiohttp.web, bottle
    r"|HttpResponse(?:NotFound|BadRequest|ServerError|Forbidden|NotAllowed|Gone|NotModified)\Z"
)
_STATUS_NAMES = {"status", "status_code", "status_int"}
_OF_REQUEST = {"args", "form", "query", "headers", "cookies", "json", "GET", "POST", "META", "files", "params", "forms", "data", "media"}  # fmt: skip
_LISTING = {"get_arguments", "get_query_arguments", "get_body_arguments", "getlist", "getall"}
_ASKING = {"get_argument", "get_query_argument", "get_body_argument", "get_param", "get_json"}


@attrs.frozen
class Handler:
    """A function that answers requests; ``owner`` is the class that it is a method of."""

    function: Function
    program: Program
    owner: Class | None = None
    tuples: bool = False
    """Whether a status is the second item of what it returns (Flask)."""
    statuses: bool = True
    """Whether the statuses that it gives are looked at."""
    exact: bool = False
    """Whether only 200 will do, and no other status of success."""


def error_signs(handler: Handler) -> list[str]:
    """Return why a handler may answer with an error, as far as its own text and its helpers' say; one of each kind."""
    return signs_of(_nodes(handler.function), handler, [handler.function])


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
            _look(_nodes(function), attrs.evolve(handler, function=function), found, pending)
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
    tried = _tried(nodes)
    for node in nodes:
        sign = _sign(node, handler)
        if sign is None and isinstance(node, ast.Call) and id(node) not in tried:
            sign = _asks(node.func, handler.function)
        if sign:
            found.setdefault(sign)
        if isinstance(node, ast.Call) and (inner := called(node.func, handler.function, handler.owner)):
            pending.append(inner)


_CLIENTS = (
    "requests.",
    "httpx.",
    "urllib.request.",
    "urllib3.",
    "redis.",
    "pymongo.",
    "psycopg2.",
    "pymysql.",
    "grpc.",
    "tritonclient.",
)
_ASKED = {
    "get",
    "post",
    "put",
    "request",
    "head",
    "send",
    "stream",
    "urlopen",
    "ping",
    "execute",
    "cursor",
    "connect",
}


def _asks(node: ast.expr, function: Function) -> str | None:
    """Tell of a call that asks another server and raises where that does not answer."""
    first = node
    while isinstance(first, ast.Attribute | ast.Call):
        first = first.value if isinstance(first, ast.Attribute) else first.func
    value = named(first.id, function) if isinstance(first, ast.Name) else None
    root = root_of(value)
    name = root.name if isinstance(root, Call) else name_of(root)
    if f"{name}.".startswith(_CLIENTS) and last_name(node) in _ASKED:
        return "the handler asks another server, and fails where that does not answer"
    return None


def _tried(nodes: list[ast.AST]) -> set[int]:
    """Return the identities of nodes whose exceptions a handler catches and goes on."""
    return {
        id(inner)
        for node in nodes
        if isinstance(node, ast.Try) and node.handlers
        for part in node.body
        for inner in ast.walk(part)
    }


def _nodes(function: Function) -> list[ast.AST]:
    """Return a function's nodes; a lambda's expression is what it returns."""
    if isinstance(function.node, ast.Lambda):
        return [ast.Return(function.node.body), *own_nodes(function.node)]
    return reached_nodes(function)


def _sign(node: ast.AST, handler: Handler) -> str | None:
    match node:
        case ast.Raise() | ast.Assert():
            return "the handler may raise"
        case ast.Call():
            return _call(node, handler)
        case ast.Import(names=[ast.alias(name=name)]):
            return _imported(name, handler.program)
        case ast.ImportFrom(level=0, module=str() as name):
            return _imported(name, handler.program)
        case ast.Return(value=ast.expr() as value) if handler.statuses:
            return _returned(value, handler)
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if name in _STATUS_NAMES:
            return _told(codes_of(value, handler.function), handler)
        case ast.Attribute(ctx=ast.Load()) | ast.Subscript(ctx=ast.Load()):
            return _access(node, handler)
    return None


def _access(node: ast.Attribute | ast.Subscript, handler: Handler) -> str | None:
    """Tell of something that is read and may not be there."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return _lacking(named(name, handler.function), attribute)
        case ast.Subscript(value=ast.Attribute(attr=name)) if name in _OF_REQUEST:
            return _from_request(node.value, name)
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr=name))) if name in _LISTING:
            return f"the handler takes an item of {name}(), which may be empty"
        case ast.Attribute(value=ast.Attribute(attr="state" | "ctx", value=owner), attr=name):
            return _unset(owner, name, handler.program)
    return None


def _lacking(owner: Value | None, name: str) -> str | None:
    if isinstance(owner, Instance) and owner.cls is not None and lacks(owner, name):
        return f"the handler asks for {name[:100]}, which no object of {owner.cls.name[:100]} has"
    return None


def _imported(name: str, program: Program) -> str | None:
    missing = program.sources.find(name.partition(".")[0]).kind == "missing"
    return f"the handler imports {name[:100]}, which is not in the image" if missing else None


def _unset(owner: ast.expr, name: str, program: Program) -> str | None:
    """Tell of an item of ``app.state`` (Starlette) or ``app.ctx`` (Sanic) that nothing sets."""
    running = program.running()
    if last_name(owner) != "app" or running.by_name or name in running.attributes or name.startswith("_"):
        return None
    return f"the handler uses {name[:100]} of the application's state, which nothing sets"


def _from_request(node: ast.expr, name: str) -> str | None:
    """Tell of an item of the request that is taken without a default."""
    text = ast.unparse(node)[:200]
    return f"the handler needs something of the request's {name}" if "req" in text else None


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
    if name == "parse_args" and not isinstance(node.func, ast.Name):
        return "the handler parses arguments of the request, and refuses one without them"
    if name in _ASKING and _is_needed(node, name):
        return f"the handler needs an argument of the request ({name}): 400 without it"
    if name in {"write", "finish"} and node.args and isinstance(node.func, ast.Attribute):
        return refused_by_write(node.func.value, node.args[0])
    return (_status(node, name, handler) if handler.statuses else None) or _missing(node, name, handler)


def _status(node: ast.Call, name: str, handler: Handler) -> str | None:
    if name in {"set_status", "send_response"} and node.args:
        return _told(codes_of(node.args[0], handler.function), handler)
    if name == "make_response" and len(node.args) > 1 and not isinstance(node.args[1], ast.Dict):
        return _told(codes_of(node.args[1], handler.function), handler)
    for keyword in node.keywords:
        if keyword.arg in _STATUS_NAMES and name not in _DATA and not _is_default(keyword.value):
            return _told(codes_of(keyword.value, handler.function), handler)
    return None


def _is_needed(node: ast.Call, name: str) -> bool:
    """Tell whether a call that asks for an argument of the request fails without it."""
    required = [word.value for word in node.keywords if word.arg == "required"]
    if name == "get_param":  # Falcon: None unless it is required
        return bool(required)
    return name != "get_json" and len(node.args) + len(node.keywords) == 1


def _is_default(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _missing(node: ast.Call, name: str, handler: Handler) -> str | None:
    """Tell of a file that is opened by a constant path and is not in the image."""
    if name != "open" or not node.args:
        return None
    path, mode = (_text(item, handler.function) for item in (*node.args[:2], ast.Constant("r"))[:2])
    found = missing_file(handler.program, path, mode or "r") if path is not None else None
    return f"the handler reads {found[:200]}, which is not in the image" if found else None


def _text(node: ast.expr, function: Function) -> str | None:
    if isinstance(node, ast.Name):
        return text_of(named(node.id, function))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _returned(value: ast.expr, handler: Handler) -> str | None:
    while isinstance(value, ast.Await):
        value = value.value
    refused = refused_when_returned(value, strict=handler.tuples)
    if refused:
        return refused
    if isinstance(value, ast.IfExp):
        return _returned(value.body, handler) or _returned(value.orelse, handler)
    if handler.tuples and isinstance(value, ast.Tuple) and len(value.elts) > 1:
        second = value.elts[1]
        return (
            None
            if isinstance(second, ast.Dict | ast.List)
            else _told(codes_of(second, handler.function), handler)
        )
    if not isinstance(value, ast.Call):
        return None
    name = last_name(value.func)
    if _ERROR_ANSWER.match(name):
        return f"the handler may answer {name}"
    for argument in value.args[1:] if name not in _DATA else ():
        codes = codes_of(argument, handler.function)
        if any(code is not None and 200 < code < 600 for code in codes):
            return _told(codes, handler)
    return None


def _told(codes: Codes, handler: Handler) -> str | None:
    errors = sorted(
        code for code in codes if code is not None and (code != OK if handler.exact else not is_success(code))
    )
    if errors:
        return f"the handler may answer {errors[0]}"
    return "the handler answers with a status that is not known" if None in codes else None


def last_name(node: ast.expr) -> str:
    """Return the last part of the name of what is called; empty where it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def words_of(function: Function) -> set[str]:
    """Return the names and attributes that a function's text has."""
    nodes = own_nodes(function.node)
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Name)
    }
