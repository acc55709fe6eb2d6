"""Calls of a followed Python program: parameters, and who calls functions that are handed over."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.state import Frame
from imagespec.analyzers.python.values import UNKNOWN, Function, Items, Module, Scope, Table, Value, name_of
from imagespec.analyzers.startup.steps import Step

STARTERS = {
    "threading.Thread().start": 1,
    "multiprocessing.Process().start": 1,
    "threading.Timer().start": 1,
}
CALLERS = (
    "threading.", "multiprocessing.", "concurrent.", "asyncio.", "click.", "typer.", "fire.", "absl.", "hydra.",
    "torch.multiprocessing.", "anyio.", "trio.", "uvloop.", "sched.", "timeit.", "tornado.ioloop.",
)  # fmt: skip
"""What calls the functions that it is given."""


_COROUTINES = {
    "uvicorn.Server().serve", "hypercorn.asyncio.serve", "aiohttp.web.TCPSite().start", "aiohttp.web.AppRunner().setup",
}  # fmt: skip


def is_coroutine(callee: Value) -> bool:
    """Tell whether calling something only makes a coroutine, which runs when it is awaited."""
    if isinstance(callee, Function):
        return isinstance(callee.node, ast.AsyncFunctionDef)
    return name_of(callee) in _COROUTINES


def outermost(step: Step) -> Frame:
    """Return a frame for what a server does before any source of the program runs."""
    path = step.program.path if step.program else "?"
    layer = step.program.layer if step.program else None
    return Frame(Module("", path, layer, Scope({}), ""), Scope({}), certain=True)


def bound(function: Function, arguments: Arguments) -> dict[str, Value]:
    """Return the parameters' values."""
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    given = ((function.self_value,) if function.self_value is not None else ()) + arguments.args
    fallback: Value | None = UNKNOWN if arguments.spread else None
    bound: dict[str, Value] = dict(zip(names, given, strict=False))
    for name in (*names, *(item.arg for item in spec.kwonlyargs)):
        if name in arguments.keywords:
            bound[name] = arguments.keywords[name]
        elif name not in bound:
            bound[name] = fallback or function.defaults.get(name, UNKNOWN)
    if spec.vararg:
        bound[spec.vararg.arg] = Items(list(given[len(names) :]), "tuple", arguments.spread)
    if spec.kwarg:
        rest: dict[object, Value] = {
            key: value for key, value in arguments.keywords.items() if key not in bound
        }
        bound[spec.kwarg.arg] = Table(rest, arguments.spread)
    return bound
