"""How `try` is followed: what a handler catches, and what the program does after it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from imagespec.analyzers.python.flow import Flow, Stop
from imagespec.analyzers.python.values import (
    UNKNOWN,
    External,
    join,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program


def try_statement(run: Program, node: ast.Try | ast.TryStar) -> Flow:
    """Follow ``try`` with its handlers, ``else`` and ``finally``."""
    flow = _try_body(run, node)
    if flow is Flow.NEXT:
        flow = run.block(node.orelse)
    final = run.block(node.finalbody)
    return flow if final is Flow.NEXT else final


def _try_body(run: Program, node: ast.Try | ast.TryStar) -> Flow:
    going_on = [handler for handler in node.handlers if not _leaves(handler.body) and not _is_end(handler)]
    depth, thread, trying = len(run.frames), run.thread, run.trying
    caught_before = len(run.caught)
    scope, before = run.frame.scope, dict(run.frame.scope.names)
    try:
        run.trying += bool(going_on)
        run.caught += [_names(handler) for handler in going_on]
        flow = _guarded_body(run, node.body, uncertain=bool(going_on))
        run.trying = trying
        del run.caught[caught_before:]
    except Stop as stop:
        run.trying = trying
        del run.frames[depth:]
        del run.caught[caught_before:]
        run.thread = thread
        caught = _CAUGHT.get(stop.reason, set())
        if not caught or not (handler := _import_handler(node.handlers, caught)):
            raise
        return _handle(run, handler)
    if _imports_own(run, node.body):
        going_on = [handler for handler in going_on if not _is_for_imports(handler)]
    if not going_on:  # a handler that ends the program adds nothing to the exception itself
        return flow
    for name, value in before.items():  # the exception may come before or after a name is bound anew
        if scope.names.get(name) is not value:
            scope.names[name] = join(value, scope.names.get(name))
    ended = run.fork([*(_lazily(run, handler) for handler in going_on), lambda: flow])
    return flow if flow is not Flow.NEXT else ended


def _guarded_body(run: Program, body: list[ast.stmt], *, uncertain: bool) -> Flow:
    """Follow a try block; where a handler goes on, only its first call is certain and imports that succeed are."""
    imports = 0
    while imports < len(body) and isinstance(body[imports], ast.Import | ast.ImportFrom):
        imports += 1
    flow = run.block(body[: imports + 1])
    if flow is not Flow.NEXT or len(body) <= imports + 1:
        return flow
    if not uncertain:
        return run.block(body[imports + 1 :])
    run.branches += 1
    try:
        return run.block(body[imports + 1 :])
    finally:
        run.branches -= 1


def _imports_own(run: Program, body: list[ast.stmt]) -> bool:
    """Tell whether a block that was followed only imports what the program's own modules have."""
    for statement in body:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            return False
        names = [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
        bound = [run.frame.scope.names.get(name) for name in names]
        if any(value is None or value is UNKNOWN or isinstance(value, External) for value in bound):
            return False
    return True


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)] if handler.type else []
    return bool(names) and set(names) <= {"ImportError", "ModuleNotFoundError"}


def _names(handler: ast.ExceptHandler) -> frozenset[str]:
    """Return the names of what a handler catches; one of a dotted name may be anything."""
    if handler.type is None:
        return frozenset({"BaseException"})
    if any(isinstance(node, ast.Attribute | ast.Call) for node in ast.walk(handler.type)):
        return frozenset({"Exception"})
    return frozenset(node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name))


def _is_end(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler is only for the end of the program, such as by Ctrl-C."""
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if handler.type
        else {"any"}
    )
    return bool(names) and names <= {"KeyboardInterrupt", "SystemExit", "GeneratorExit"}


def _lazily(run: Program, handler: ast.ExceptHandler) -> Callable[[], Flow]:
    return lambda: _handle(run, handler)


def _handle(run: Program, handler: ast.ExceptHandler) -> Flow:
    if handler.name:
        run.frame.scope.names[handler.name] = UNKNOWN
    flow = run.block(handler.body)
    if handler.name:
        run.frame.scope.names.pop(handler.name, None)
    return flow


def _leaves(body: list[ast.stmt]) -> bool:
    """Tell whether a handler ends with ``raise`` or an exit."""
    last = body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return ast.unparse(last.value.func) in {"sys.exit", "exit", "quit", "os._exit"}
    return isinstance(last, ast.Raise)


_CAUGHT = {
    "import": {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"},
    "syntax": {"SyntaxError", "Exception", "BaseException"},
    "file": {"FileNotFoundError", "OSError", "IOError", "EnvironmentError", "Exception", "BaseException"},
}
"""Why a program stops, and what catches it."""


def _import_handler(handlers: list[ast.ExceptHandler], caught: set[str]) -> ast.ExceptHandler | None:
    for handler in handlers:
        names = (
            {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
            if handler.type
            else set()
        )
        if handler.type is None or names & caught:
            return handler
    return None
