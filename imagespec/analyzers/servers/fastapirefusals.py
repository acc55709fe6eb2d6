"""What FastAPI and pydantic refuse while an application is made and its routes are registered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    External,
    Function,
    Items,
    Value,
    name_of,
    text_of,
)

_FASTAPI = {"fastapi.FastAPI", "fastapi.APIRouter"}
_ROUTES = tuple(
    f"{owner}().{verb}"
    for owner in sorted(_FASTAPI)
    for verb in ("get", "post", "put", "delete", "patch", "head", "options", "api_route")
)
_ROUTE_WORDS = {
    "path", "response_model", "status_code", "tags", "dependencies", "summary", "description", "response_description", "responses",
    "deprecated", "methods", "operation_id", "response_model_include", "response_model_exclude", "response_model_by_alias",
    "response_model_exclude_unset", "response_model_exclude_defaults", "response_model_exclude_none", "include_in_schema",
    "response_class", "name", "callbacks", "openapi_extra", "generate_unique_id_function",
}  # fmt: skip
_ARRAYS = ("numpy.", "pandas.", "torch.", "PIL.", "tensorflow.", "cv2.", "polars.")
_NO_BODY = {204, 304}


def refused_by_fastapi(program: Program) -> Iterator[tuple[Call, str]]:
    """Yield the calls that FastAPI refuses when routes are registered (routing.py, 0.95 to 0.165), and why."""
    for call in program.calls:
        for owner in (call,):
            prefix = text_of(owner.argument(None, "prefix"))
            routing = call.name in _FASTAPI or call.name.endswith(".include_router")
            if routing and prefix and (not prefix.startswith("/") or prefix.endswith("/")):
                yield (
                    call,
                    f"the prefix {prefix[:60]} lacks a slash before it or has one behind it, which FastAPI refuses",
                )
        if call.name in _ROUTES:
            yield from _route(call)
        elif (
            call.name.endswith("()")
            and call.name.removesuffix("()") in _ROUTES
            and isinstance(call.receiver, Call)
        ):
            view = call.args[0] if call.args else None
            if isinstance(view, Function):
                yield from ((call, message) for message in _view(call.receiver, view))


def _route(call: Call) -> Iterator[tuple[Call, str]]:
    unknown = call.keywords.keys() - _ROUTE_WORDS
    if unknown:
        yield call, f"a route is given {min(unknown)[:60]}, which FastAPI does not know"


def _view(made: Call, view: Function) -> Iterator[str]:
    model = made.argument(None, "response_model")
    returns = getattr(view.node, "returns", None)
    kinds = [model] if model is not None else [_named(node, view) for node in _names(returns)]
    if any(_is_no_field(kind) for kind in kinds):
        yield "what a route returns is declared as something that is no field of pydantic's, which FastAPI refuses"
    joined = isinstance(returns, ast.BinOp) or (
        isinstance(returns, ast.Subscript) and ast.unparse(returns.value).endswith(("Union", "Optional"))
    )
    if model is None and joined and any(name_of(kind).endswith("Response") for kind in kinds):
        yield "what a route returns is declared as a response or something else, which FastAPI refuses"
    code = made.argument(None, "status_code")
    if (
        (
            isinstance(code, Const)
            and code.value in _NO_BODY
            and (model not in {None, Const(None)} or (returns is not None and model is None))
        )
        and not (isinstance(returns, ast.Constant) and returns.value is None)
        and not any(name_of(kind).endswith("Response") for kind in kinds)
    ):
        yield f"a route with status {code.value} declares a body, which FastAPI refuses"
    pattern = text_of(made.argument(0, "path")) or ""
    yield from _parameters(view, pattern)


def _parameters(view: Function, pattern: str) -> Iterator[str]:
    spec = view.node.args
    positional = [*spec.posonlyargs, *spec.args][int(view.self_value is not None) :]
    defaults = [None] * (len(positional) - len(spec.defaults)) + list(spec.defaults)
    for argument, default in (
        *zip(positional, defaults, strict=False),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ):
        text = ast.unparse(default) if default is not None else ""
        marked = text + (ast.unparse(argument.annotation) if argument.annotation is not None else "")
        inside = re.search(r"\{" + re.escape(argument.arg) + r"[:}]", pattern) is not None
        if inside and (
            re.match(r"(?:\w+\.)?(?:Query|Body|Header|Form|File)\(", text)
            or ast.unparse(argument.annotation or ast.Constant(0)) in {"dict", "list", "set"}
        ):
            yield f"the path's {argument.arg[:60]} is declared as what it cannot be, which FastAPI refuses"
        own = "Depends" not in marked and "Security" not in marked
        if own and any(_is_no_field(_named(node, view)) for node in _names(argument.annotation)):
            yield f"the parameter {argument.arg[:60]} is declared as something that is no field of pydantic's, which FastAPI refuses"


def _names(annotation: ast.expr | None) -> list[ast.Name | ast.Attribute]:
    nodes = list(ast.walk(annotation))[:60] if annotation is not None else []
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    return [node for node in nodes if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner]


def _named(node: ast.Name | ast.Attribute, view: Function) -> Value | None:
    if isinstance(node, ast.Attribute):
        owner = _named(node.value, view) if isinstance(node.value, ast.Name | ast.Attribute) else None
        return External(f"{owner.name}.{node.attr}") if isinstance(owner, External) else None
    scope = view.scope
    while scope is not None and node.id not in scope.names and scope.parent is not None:
        scope = scope.parent
    return scope.names.get(node.id)


def _is_no_field(value: Value | None) -> bool:
    """Tell whether pydantic has no schema for a type: arrays of libraries, and plain classes of the program."""
    if isinstance(value, External):
        return value.name.startswith(_ARRAYS)
    if not isinstance(value, Class):
        return False
    decorated = any(cls.node.decorator_list or cls.node.keywords for cls in value.lineage())
    hooks = ("__get_pydantic_core_schema__", "__get_validators__")
    return (
        not decorated and not list(value.foreign_bases()) and all(value.find(name) is None for name in hooks)
    )


def refused_by_pydantic(program: Program) -> Iterator[tuple[Class, str]]:
    """Yield the models whose fields pydantic refuses (2.x), and why."""
    for module in program.loaded:
        for value in list(module.scope.names.values()):
            if isinstance(value, Class) and value.module is module and _is_model(value):
                yield from ((value, message) for message in _fields(value))


def _is_model(cls: Class) -> bool:
    return any(
        name_of(base) in {"pydantic.BaseModel", "pydantic.main.BaseModel"} for base in cls.foreign_bases()
    )


def _fields(cls: Class) -> Iterator[str]:
    open_ = "arbitrary_types_allowed" in ast.unparse(cls.node)
    for node in cls.node.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            value = cls.scope.names.get(name)
            if not name.startswith("_") and name != "model_config" and isinstance(value, Const | Items):
                yield f"the model {cls.name[:60]} has {name[:60]} without a type, which pydantic refuses"
        elif isinstance(node, ast.AnnAssign) and not open_:
            view = Function(
                ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(0)),
                cls.module,
                cls.scope,
                {},
            )
            if "ClassVar" not in ast.unparse(node.annotation) and any(
                _is_no_field(_named(one, view)) for one in _names(node.annotation)
            ):
                yield f"the model {cls.name[:60]} has a field whose type pydantic does not know"
