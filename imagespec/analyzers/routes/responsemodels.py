"""Whether what a FastAPI handler returns fits what its route declares: FastAPI answers 500 where it does not."""

from __future__ import annotations

import ast
import re

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Function, Instance, Value, name_of
from imagespec.analyzers.routes.handlertext import named
from imagespec.analyzers.routes.proofkinds import NONE, TEXT, Kind
from imagespec.analyzers.routes.proofs import returned_kinds

_DEPTH = 6
_PLAIN = {
    "str": {"text"},
    "int": {"number", "bool"},
    "float": {"number", "bool"},
    "bool": {"bool"},
    "bytes": {"bytes", "text"},
}
_LISTS = {"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set"}
_DICTS = {"dict", "Dict", "Mapping"}
_TEXTS = ("PlainTextResponse", "HTMLResponse")
_ENCODERS = {"ORJSONResponse": "orjson", "UJSONResponse": "ujson"}


def misfits(call: Call, view: Function, program: Program) -> list[str]:
    """Return why an answer may not fit what its route declares, one reason at most of each kind."""
    kinds = returned_kinds(view, program)
    found = []
    model, returns = call.argument(None, "response_model"), getattr(view.node, "returns", None)
    if isinstance(model, Class):
        wrong = [kind for kind in kinds if not _fits_class(kind, model, _DEPTH)]
    elif model is None and returns is not None:
        wrong = [kind for kind in kinds if not _fits(kind, returns, view, _DEPTH)]
    else:
        wrong = []
    if wrong:
        found.append("what the handler returns may not fit what its route declares: 500")
    return found + _by_class(call, kinds, program)


def _by_class(call: Call, kinds: list[Kind], program: Program) -> list[str]:
    """Look at the class that makes the response of what a handler returns."""
    name = name_of(call.argument(None, "response_class")).rpartition(".")[2]
    made = call.receiver if isinstance(call.receiver, Call) else None
    owner = made
    while owner is not None and isinstance(owner.receiver, Call):
        owner = owner.receiver
    if name in {"", "?"} and owner is not None:
        name = name_of(owner.argument(None, "default_response_class")).rpartition(".")[2]
    if name == "FileResponse":
        return ["the handler answers with a file, which is not looked at"]
    package = _ENCODERS.get(name)
    if package is not None and program.sources.find(package).kind == "missing":
        return [f"the route's {name} needs {package}, which is not in the image: 500"]
    if name in _TEXTS and any(kind.name not in {"text", "bytes", "answer", "foreign"} for kind in kinds):
        return [f"the route's {name} is given something else than a text: 500"]
    return []


def _fits(kind: Kind, node: ast.expr, view: Function, depth: int) -> bool:
    if kind.name == "answer" or depth == 0:
        return True
    if isinstance(node, ast.Constant):
        if (
            isinstance(node.value, str)
            and len(node.value) < 200
            and re.fullmatch(r"[\w. ,\[\]|]+", node.value)
        ):
            return _fits(kind, ast.parse(node.value, mode="eval").body, view, depth - 1)
        return node.value is not None or kind == NONE
    if isinstance(node, ast.BinOp):
        return _fits(kind, node.left, view, depth - 1) or _fits(kind, node.right, view, depth - 1)
    inner: list[ast.expr] = []
    if isinstance(node, ast.Subscript):
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if name in {"Optional", "Union"}:
        both = any(_fits(kind, item, view, depth - 1) for item in inner)
        return both or (name == "Optional" and kind == NONE)
    if name in _PLAIN:
        return kind.name in _PLAIN[name] | {"foreign"}
    if name in _LISTS or name in _DICTS:
        return _fits_container(kind, name, inner, view, depth)
    value = named(name, view) if isinstance(node, ast.Name) else None
    return not isinstance(value, Class) or _fits_class(kind, value, depth - 1)


def _fits_container(kind: Kind, name: str, inner: list[ast.expr], view: Function, depth: int) -> bool:
    if kind.name == "foreign":
        return True
    if name in _DICTS:
        parts = list(kind.entries.values())
        return kind.name == "dict" and all(
            _fits(part, item, view, depth - 1) for item in inner[1:2] for part in parts
        )
    fits = kind.name in {"list", "tuple", "set", "lines"}
    return fits and all(_fits(part, item, view, depth - 1) for item in inner[:1] for part in kind.parts)


def _fits_class(kind: Kind, model: Class, depth: int) -> bool:
    """Tell whether something is an object of a class of the program, or a dict with all of its fields."""
    if kind.name == "own" and isinstance(kind.value, Instance):
        return kind.value.cls is not None and model in kind.value.cls.lineage()
    if kind.name == "own" and isinstance(kind.value, Call):
        return True
    if kind.name != "dict" or depth == 0:
        return kind.name in {"foreign", "answer"} or (kind == TEXT and _is_enum(model))
    fields = {
        node.target.id: node
        for cls in model.lineage()
        for node in cls.node.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    view = Function(
        ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(0)),
        model.module,
        model.scope,
        {},
    )
    for name, node in fields.items():
        if name not in kind.entries:
            if node.value is None and kind.whole:
                return False
        elif not _fits(kind.entries[name], node.annotation, view, depth - 1):
            return False
    return kind.whole


def _is_enum(model: Value) -> bool:
    return isinstance(model, Class) and any("Enum" in name_of(base) for base in model.foreign_bases())
