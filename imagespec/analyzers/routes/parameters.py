"""What a FastAPI handler's parameters demand of a request, beyond its path."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.values import Call, Const, Function, Value
from imagespec.analyzers.routes.routing import Caveat

_SIMPLE = {"str", "int", "float", "bool"}


def request_caveats(call: Call, view: Value | None, pattern: str) -> tuple[Caveat, ...]:
    """Return why a request without parameters may be refused (422, 401 …) by this route."""
    found = []
    if call.argument(None, "dependencies") not in {None, Const(None)}:
        found.append("the route's dependencies may refuse requests")
    code = call.argument(None, "status_code")
    if isinstance(code, Const) and isinstance(code.value, int) and not 200 <= code.value < 300:
        found.append(f"the route answers {code.value}")
    if isinstance(view, Function) and not call.name.startswith("starlette."):
        found += _parameters(view, pattern)
    return tuple(Caveat(call.place.evidence(message)) for message in found)


def _parameters(view: Function, pattern: str) -> list[str]:
    spec = view.node.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults)) + list(spec.defaults)
    found = []
    for argument, default in (
        *zip(positional, defaults, strict=True),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ):
        if "{" + argument.arg in pattern:
            continue
        message = _needed(argument, default)
        if message:
            found.append(message)
    return found


def _needed(argument: ast.arg, default: ast.expr | None) -> str | None:
    marks = [node for node in (default, argument.annotation) if node is not None]
    calls = [node for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Call)]
    for call in calls[:20]:
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in {"Depends", "Security"}:
            return f"the handler depends on {ast.unparse(call)[:80]}, which may refuse requests"
        required = not call.args or (isinstance(call.args[0], ast.Constant) and call.args[0].value is ...)
        if (
            name in {"Query", "Header", "Cookie"}
            and required
            and not {"default", "default_factory"} & _keywords(call)
        ):
            return f"the handler needs {name.lower()} parameter {argument.arg}: 422 without it"
    simple = argument.annotation is None or (
        isinstance(argument.annotation, ast.Name) and argument.annotation.id in _SIMPLE
    )
    if default is None and simple:
        return f"the handler needs query parameter {argument.arg}: 422 without it"
    return None


def _keywords(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg}
