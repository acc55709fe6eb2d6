"""What can be told from their text alone of functions that run before, around or beside request handlers."""

from __future__ import annotations

import ast
import copy

import attrs

from imagespec.analyzers.python.flow import NODES, own_nodes
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Class, Function
from imagespec.analyzers.routes.errorsigns import signs_of
from imagespec.analyzers.routes.handlertext import Handler, last_name
from imagespec.analyzers.routes.proofs import unproven


def lets_requests_through(
    function: Function, program: Program, given: int = 0, owner: Class | None = None
) -> bool:
    """
    Tell whether a hook around requests never answers or refuses one: it returns nothing, raises nothing.

    ``given`` is the number of arguments that it is called with.
    """
    nodes = own_nodes(function.node)
    if isinstance(function.node, ast.Lambda) or len(nodes) >= NODES:
        return False
    spec = function.node.args
    count = len(spec.posonlyargs) + len(spec.args) - (owner is not None or function.self_value is not None)
    if (count < given and not spec.vararg) or count - len(spec.defaults) > given or any(spec.kwonlyargs):
        return False
    for node in nodes:
        if isinstance(node, ast.Raise | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Return) and not (
            node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        ):
            return False
        if isinstance(node, ast.Call) and last_name(node.func) not in _LOGGING:
            return False
        if isinstance(node, ast.Attribute | ast.Subscript) and _stores(node):
            return False
    return not unproven(function, owner, program, "nothing", given)


def _stores(node: ast.Attribute | ast.Subscript) -> bool:
    """Tell whether what is assigned to may be the path or the status of what is being answered."""
    if not isinstance(node.ctx, ast.Store):
        return False
    text = ast.unparse(node)[:500].lower()
    return any(word in text for word in ("environ", "path", "status", "method", "url"))


_LOGGING = {
    "print", "debug", "info", "warning", "error", "time", "perf_counter", "uuid4", "str", "get", "getLogger", "now",
    "len", "monotonic", "hex", "items", "dict", "format", "join", "set", "reset", "uuid1", "isoformat", "labels", "observe", "inc", "round",
}  # fmt: skip
"""Calls in a hook that cannot refuse a request."""


def passes_on(function: Function, program: Program) -> bool:
    """
    Tell whether a middleware function always returns what the next one gave it: that is its last argument, called.

    What it does where the next one raised is not looked at: that is an error already.
    """
    if isinstance(function.node, ast.Lambda) or not function.node.args.args:
        return False
    following = function.node.args.args[-1].arg
    nodes = _without_handlers(function)
    if nodes is None or signs_of(nodes, Handler(function, program), [function]):
        return False
    if any(isinstance(node, ast.Attribute | ast.Subscript) and _stores(node) for node in nodes):
        return False
    awaited: set[str] = set()
    others: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            (awaited if _is_next(node.value, following) else others).update(names)
    returns = [node.value for node in nodes if isinstance(node, ast.Return)]
    plain = all(
        (isinstance(value, ast.Name) and value.id in awaited - others)
        or (value is not None and _is_next(value, following))
        for value in returns
    )
    if not returns or not plain or any(isinstance(node, ast.Raise) for node in nodes):
        return False
    owner = function.self_value if isinstance(function.self_value, Class) else None
    return not unproven(_bare(function), owner, program, "nothing", 1)


def _bare(function: Function) -> Function:
    """Return a function without its exception handlers."""
    node = copy.deepcopy(function.node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Try):
            inner.handlers = []
    return attrs.evolve(function, node=node)


def _without_handlers(function: Function) -> list[ast.AST] | None:
    """Return a function's nodes but those of exception handlers; None where these may be for more than the next one."""
    nodes = own_nodes(function.node)
    left_out: set[int] = set()
    following = function.node.args.args[-1].arg
    for node in nodes:
        if isinstance(node, ast.Try) and node.handlers:
            calls = [inner for part in node.body for inner in ast.walk(part) if isinstance(inner, ast.Call)]
            if any(last_name(call.func) not in {following, *_LOGGING} for call in calls):
                return None
            left_out |= {id(inner) for handler in node.handlers for inner in ast.walk(handler)}
    return [node for node in nodes if id(node) not in left_out]


def _is_next(node: ast.expr, following: str) -> bool:
    return (
        isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == following
    )
