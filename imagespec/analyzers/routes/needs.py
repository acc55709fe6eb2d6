"""What a handler needs and may not have: parts of the request, files, modules, attributes, other servers."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.attributes import lacks
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Function,
    Instance,
    Value,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.handlertext import Handler, last_name, named

_OF_REQUEST = {"args", "form", "query", "headers", "cookies", "json", "GET", "POST", "META", "files", "params", "forms", "data", "media"}  # fmt: skip
_LISTING = {"get_arguments", "get_query_arguments", "get_body_arguments", "getlist", "getall"}
_ASKING = {"get_argument", "get_query_argument", "get_body_argument", "get_param", "get_json"}
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
    "command",
    "find",
    "find_one",
    "aggregate",
    "count_documents",
    "distinct",
    "insert_one",
    "insert_many",
    "update_one",
    "delete_one",
    "set",
    "exists",
    "hget",
    "hgetall",
    "hset",
    "incr",
    "keys",
}


def another_server(node: ast.expr, function: Function) -> str | None:
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


def item_read(node: ast.Attribute | ast.Subscript, handler: Handler) -> str | None:
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


def imported(name: str, program: Program) -> str | None:
    """Tell of a module that is imported when a request comes, and is not in the image."""
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


def argument(node: ast.Call, name: str) -> str | None:
    """Tell of a call that asks for an argument of the request and refuses one without it."""
    if name == "parse_args" and not isinstance(node.func, ast.Name):
        return "the handler parses arguments of the request, and refuses one without them"
    if name in _ASKING and _is_needed(node, name):
        return f"the handler needs an argument of the request ({name}): 400 without it"
    return None


def _is_needed(node: ast.Call, name: str) -> bool:
    """Tell whether a call that asks for an argument of the request fails without it."""
    required = [word.value for word in node.keywords if word.arg == "required"]
    if name == "get_param":  # Falcon: None unless it is required
        return bool(required)
    return name != "get_json" and len(node.args) + len(node.keywords) == 1


def opened(node: ast.Call, name: str, handler: Handler) -> str | None:
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
