"""What can be told of request handlers and hooks from their text alone."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Function, Place, Value
from imagespec.verdict import Evidence

_REFUSING = {"abort", "redirect", "HTTPException"}


def statuses(function: Function) -> set[int | None]:
    """Return the status codes that a Flask view gives as constants; None for each return that is not that clear."""
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
    for node in own_nodes(view.node):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node.func) == "abort"):
            return (place.evidence("the handler may raise"),)
    codes = sorted(code for code in statuses(view) if code is not None and not 200 <= code < 300)
    return (place.evidence(f"the handler may answer {codes[0]}"),) if codes else ()


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
