"""How blocks of a followed Python program end."""

from __future__ import annotations

import ast
import enum

from imagespec.analyzers.python.values import Function
from imagespec.verdict import Evidence


class Flow(enum.Enum):
    """How a block of statements ends."""

    NEXT = enum.auto()
    RETURN = enum.auto()
    BREAK = enum.auto()
    CONTINUE = enum.auto()
    STOP = enum.auto()


class Stop(Exception):  # noqa: N818 - control flow, not an error
    """The program does not get beyond this point: it ends, raises, or serves for ever."""

    def __init__(self, reason: str, evidence: Evidence, *, certain: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        """``exit``, ``raise``, ``import``, or ``serves``."""
        self.evidence = evidence
        self.certain = certain


_HARMLESS = {
    "print", "debug", "info", "warning", "error", "exception", "time", "perf_counter", "monotonic", "uuid4", "str",
    "get", "getLogger", "now", "len", "hex", "items", "dict", "format", "join", "round", "observe", "inc", "labels",
}  # fmt: skip
"""Calls that log or measure."""


def hands_on(outer: Function, inner: Function) -> bool:
    """
    Tell whether a decorator's function ``outer`` only calls ``inner`` with all its arguments and returns the result.

    It may log and measure besides.
    """
    if isinstance(outer.node, ast.Lambda):
        return False
    nodes = [node for statement in outer.node.body for node in (statement, *own_nodes(statement))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if any(isinstance(node, _UNCLEAR) for node in nodes) or not all(
        _passes_all(call, outer, inner) or _last_name(call.func) in _HARMLESS for call in calls
    ):
        return False
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    results = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _passes_all(node.value, outer, inner)
        for target in node.targets
        if isinstance(target, ast.Name) and stored.count(target.id) == 1
    }
    returned = [node.value for node in nodes if isinstance(node, ast.Return)]
    return isinstance(outer.node.body[-1], ast.Return | ast.With) and all(
        _passes_all(value, outer, inner) or (isinstance(value, ast.Name) and value.id in results)
        for value in returned
    )


_UNCLEAR = (ast.Raise, ast.Try, ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal, ast.While)


def _passes_all(node: ast.expr | None, outer: Function, inner: Function) -> bool:
    call = node.value if isinstance(node, ast.Await) else node
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and outer.scope.names.get(call.func.id) is inner
        and [type(item) for item in call.args] == [ast.Starred]
        and [item.arg for item in call.keywords] == [None]
    )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def own_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the nodes of a function without those of functions inside it, within a bound."""
    found: list[ast.AST] = []
    pending = list(ast.iter_child_nodes(node))
    while pending and len(found) < 20_000:
        item = pending.pop()
        found.append(item)
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(item))
    return found
