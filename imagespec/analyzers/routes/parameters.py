"""What a FastAPI handler's parameters demand of a request, beyond its path."""

from __future__ import annotations

import ast
import re

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Function, Value
from imagespec.analyzers.routes.errorsigns import error_signs
from imagespec.analyzers.routes.handlertext import Handler, last_name, named
from imagespec.analyzers.routes.responsemodels import misfits
from imagespec.analyzers.routes.routing import Caveat
from imagespec.analyzers.routes.statuses import OK, route_status

_SIMPLE = {"str", "int", "float", "bool", "Optional", "Union", "typing"}
_GIVEN = {"Request", "Response", "BackgroundTasks", "WebSocket", "HTTPConnection", "SecurityScopes"}
_CACHES = {"functools.lru_cache", "functools.lru_cache()", "functools.cache"}
_DEPTH = 8


def request_caveats(
    call: Call, view: Value | None, pattern: str, methods: frozenset[str] | None, program: Program
) -> tuple[Caveat, ...]:
    """Return why a request without parameters may be refused (422, 401 …) by this route."""
    found = []
    if call.argument(None, "dependencies") not in {None, Const(None)}:
        found.append("the route's dependencies may refuse requests")
    code = call.argument(None, "status_code")
    number = route_status(code)
    if number != OK:
        found.append(f"the route answers {'a status that is not known' if number is None else number}")
    if isinstance(view, Function) and not call.name.startswith("starlette."):
        bodies = methods is None or not methods <= {"GET", "HEAD"}
        found += _parameters(view, pattern, program, bodies=bodies)
        found += _lacking(call, view)
    known = tuple(Caveat(call.place.evidence(message)) for message in found)
    if known or not isinstance(view, Function) or call.name.startswith("starlette."):
        return known
    return tuple(
        Caveat(call.place.evidence(message), methods=frozenset({"GET", "HEAD"}))
        for message in misfits(call, view, program)
    )


def _parameters(view: Function, pattern: str, program: Program, *, bodies: bool) -> list[str]:
    view = _unwrapped(view)
    spec = view.node.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults)) + list(spec.defaults)
    pairs = list(zip(positional, defaults, strict=True))[int(view.self_value is not None) :]
    found = ["the handler's *args and **kwargs are query parameters: 422 without them"] * bool(
        spec.vararg or spec.kwarg
    )
    for argument, default in (*pairs, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)):
        inside = re.search(r"\{" + re.escape(argument.arg) + r"[:}]", pattern)
        if not inside and _depends_safely(argument, default, view, program):
            continue
        message = _converted(argument) if inside else _needed(argument, default, bodies=bodies)
        if message:
            found.append(message)
    return found


def _lacking(call: Call, view: Function) -> list[str]:
    """Tell of a dict without a field that the response's model needs: FastAPI answers 500."""
    model = call.argument(None, "response_model")
    returns = getattr(view.node, "returns", None)
    if model is None and isinstance(returns, ast.Name):
        model = named(returns.id, view)
    needed = _fields(model) if isinstance(model, Class) else set()
    for node in own_nodes(view.node) if needed else ():
        value = node.value if isinstance(node, ast.Return) else None
        if isinstance(value, ast.Dict) and None not in value.keys:
            keys = {key.value for key in value.keys if isinstance(key, ast.Constant)}
            if len(keys) == len(value.keys) and needed - keys:
                return [f"the response lacks {min(needed - keys)}, which its model needs: 500"]
    return []


def _fields(model: Class) -> set[str]:
    """Return the fields of a pydantic model that have no default."""
    return {
        node.target.id
        for cls in model.lineage()
        for node in cls.node.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is None
    } - {name for cls in model.lineage() for name in cls.scope.names}


def _unwrapped(view: Function) -> Function:
    """Return the function whose signature FastAPI sees: that which ``functools.wraps`` names."""
    for _ in range(_DEPTH):
        names = [
            item.args[0].id
            for item in getattr(view.node, "decorator_list", ())
            if isinstance(item, ast.Call)
            and last_name(item.func) == "wraps"
            and item.args
            and isinstance(item.args[0], ast.Name)
        ]
        inner = named(names[0], view) if names else None
        if not isinstance(inner, Function):
            break
        view = inner
    return view


def _converted(argument: ast.arg) -> str | None:
    """Tell of a path parameter that is not taken as text: other values are answered 422."""
    kind = argument.annotation
    if kind is None or (isinstance(kind, ast.Name) and kind.id == "str"):
        return None
    return f"the path's {argument.arg} must be a valid {ast.unparse(kind)[:60]}: 422 otherwise"


def _depends_safely(argument: ast.arg, default: ast.expr | None, view: Function, program: Program) -> bool:
    """Tell whether a parameter is what a function of the program gives that asks for nothing and says of no error."""
    marks = [node for node in (default, argument.annotation) if node is not None]
    calls = [node for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Call)]
    if (
        len(calls) != 1
        or last_name(calls[0].func) != "Depends"
        or calls[0].keywords
        or len(calls[0].args) != 1
    ):
        return False
    asked = calls[0].args[0]
    value = named(asked.id, view) if isinstance(asked, ast.Name) else None
    if isinstance(value, Call) and value.decorator and value.name in _CACHES and value.args:
        value = value.args[0]
    if not isinstance(value, Function) or ast.unparse(value.node.args) or value.self_value is not None:
        return False
    return _gives(value.node) and not error_signs(Handler(value, program))


def _gives(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Tell whether a function is no generator, or one that certainly yields."""
    nodes = own_nodes(node)
    if isinstance(node, ast.Lambda) or not any(isinstance(item, ast.Yield | ast.YieldFrom) for item in nodes):
        return True
    blocks = [
        node.body,
        *(item.body for item in node.body if isinstance(item, ast.Try | ast.With | ast.AsyncWith)),
    ]
    plain = any(isinstance(getattr(item, "value", None), ast.Yield) for block in blocks for item in block)
    return plain and not any(isinstance(item, ast.Return) for item in nodes)


def _needed(argument: ast.arg, default: ast.expr | None, *, bodies: bool) -> str | None:
    marks = [node for node in (default, argument.annotation) if node is not None]
    calls = [node for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Call)]
    for call in calls[:20]:
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in {"Depends", "Security"}:
            return f"the handler depends on {ast.unparse(call)[:80]}, which may refuse requests"
        required = not call.args or (isinstance(call.args[0], ast.Constant) and call.args[0].value is ...)
        if not required or {"default", "default_factory"} & _keywords(call):
            continue
        if name in {"Query", "Header", "Cookie"}:
            return f"the handler needs {name.lower()} parameter {argument.arg}: 422 without it"
        if name in {"Body", "Form", "File"} and not bodies:
            return f"the handler needs {argument.arg} in a body: 422 without it"
    if default is not None or calls or _is_given(argument.annotation):
        outside = any(last_name(call.func) == "Path" for call in calls)
        return f"the handler needs {argument.arg} of the path, which has none: 422" if outside else None
    if argument.annotation is None or _words(argument.annotation) <= _SIMPLE:
        return f"the handler needs query parameter {argument.arg}: 422 without it"
    return None if bodies else f"the handler needs {argument.arg} in the query or a body: 422 without it"


def _is_given(annotation: ast.expr | None) -> bool:
    """Tell whether FastAPI itself gives such a parameter, which is not of the request's data."""
    return annotation is not None and bool(_words(annotation) & _GIVEN)


def _words(annotation: ast.expr) -> set[str]:
    nodes = list(ast.walk(annotation))[:200]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _keywords(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg}
