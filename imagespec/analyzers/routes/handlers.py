"""What can be told of request handlers and hooks from their text alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Call, Function, Place, Value
from imagespec.analyzers.routes.reached import reached_nodes
from imagespec.verdict import Evidence

_REFUSING = {"abort", "redirect", "HTTPException"}


def statuses(function: Function) -> set[int | None]:
    """Return the status codes that a Flask view gives as constants; None for each return that is not that clear."""
    function = function.wrapped or function
    if isinstance(function.node, ast.Lambda):
        return {None}
    found: set[int | None] = set()
    for node in own_nodes(function.node):
        if isinstance(node, ast.Return):
            found.add(_status(node.value))
    return found or {None}


def _status(value: ast.expr | None) -> int | None:
    if isinstance(value, ast.Tuple) and len(value.elts) >= 2:
        second = value.elts[1]
        if isinstance(second, ast.Constant) and type(second.value) is int:
            return second.value
    return None


def answers_with_errors_only(view: Value | None, place: Place) -> tuple[Evidence, ...]:
    """Return evidence when a view always answers with a constant status that is no success; else nothing."""
    codes = statuses(view) if isinstance(view, Function) else {None}
    if any(code is None or 200 <= code < 300 for code in codes):
        return ()
    shown = ", ".join(str(code) for code in sorted(code for code in codes if code is not None))
    return (place.evidence(f"the handler always answers {shown}"),)


def may_answer_with_errors(view: Value | None, place: Place) -> tuple[Evidence, ...]:
    """Return evidence when a view itself says that it may raise, or answer with a status that is no success."""
    if not isinstance(view, Function) or isinstance(view.node, ast.Lambda):
        return ()
    nodes = list(reached_nodes(view))
    for node in nodes:
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node.func) == "abort"):
            return (place.evidence("the handler may raise"),)
    codes = sorted(code for node in nodes for code in _error_codes(node))
    if codes:
        return (place.evidence(f"the handler may answer {codes[0]}"),)
    return may_answer_with_errors(view.wrapped, place)


_STATUS_WORDS = {"status", "status_code", "code"}
_RESPONSES = {"make_response", "Response", "HttpResponse"}


def _error_codes(node: ast.AST) -> Iterator[int]:
    """Yield the status codes from 300 on that a node names where a handler gives its answer's status."""
    given: list[ast.expr | None] = []
    match node:
        case ast.Return(value=ast.Tuple(elts=[_, status, *_])):
            given = [status]
        case ast.IfExp():
            given = [node.body, node.orelse]
        case ast.Assign() | ast.AnnAssign():
            given = [node.value]
        case ast.Call():
            given = [item.value for item in node.keywords if item.arg in _STATUS_WORDS]
            given += node.args[1:2] if _called(node.func) in _RESPONSES else []
    for item in given:
        code = _code(item)
        if code is not None and 300 <= code < 600:
            yield code


def _code(node: ast.expr | None) -> int | None:
    """Return a status code that is written as a number, or by the name that http or Starlette gives it."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if not isinstance(node, ast.Attribute):
        return None
    if node.attr in HTTPStatus.__members__:
        return HTTPStatus[node.attr].value
    named = re.match(r"HTTP_([1-5][0-9][0-9])_", node.attr)
    return int(named[1]) if named else None


def undecorated(view: Value | None, owners: tuple[str, ...]) -> Value | None:
    """Return the handler behind further decorators of ``owners`` that register it, and return it as it is."""
    for _ in range(20):
        if not (isinstance(view, Call) and view.decorator and view.name.startswith(owners) and view.args):
            break
        view = view.args[0]
    return view


def lets_requests_through(function: Function) -> bool:
    """Tell whether a hook before requests never answers or refuses one: it returns nothing, raises nothing."""
    if isinstance(function.node, ast.Lambda):
        return False
    for node in own_nodes(function.node):
        if isinstance(node, ast.Raise | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Return) and not (
            node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        ):
            return False
        if isinstance(node, ast.Call) and _called(node.func) not in _LOGGING:
            return False
    return True


_LOGGING = {
    "print", "debug", "info", "warning", "error", "time", "perf_counter", "uuid4", "str", "get", "getLogger", "now",
    "len", "monotonic", "hex", "items", "dict", "format", "join",
}  # fmt: skip
"""Calls in a hook that cannot refuse a request."""


def passes_on(function: Function) -> bool:
    """Tell whether a Starlette HTTP middleware function always returns what ``call_next`` gave it."""
    if isinstance(function.node, ast.Lambda):
        return False
    nodes = own_nodes(function.node)
    awaited = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_call_next(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    others = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and not _is_call_next(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returns = [node.value for node in nodes if isinstance(node, ast.Return)]
    plain = all(
        (isinstance(value, ast.Name) and value.id in awaited - others)
        or (value is not None and _is_call_next(value))
        for value in returns
    )
    return bool(returns) and plain and not any(isinstance(node, ast.Raise | ast.Try) for node in nodes)


def _is_call_next(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and _called(node.value.func) == "call_next"
    )


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
