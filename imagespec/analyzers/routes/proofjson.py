"""Whether what a handler answers can be encoded by its framework, from the kinds of its parts."""

from __future__ import annotations

import ast
import re

from imagespec.analyzers.python.values import Class, Const, Instance, name_of
from imagespec.analyzers.routes.proofkinds import Kind, is_finite

_PARTS = 500
_PLAIN = {"text", "bool", "none", "optional", "any"}
_ARRAYS = (
    "numpy.",
    "pandas.",
    "torch.",
    "tensorflow.",
    "jax.",
    "cv2.",
    "scipy.",
    "sklearn.",
    "xgboost.",
    "lightgbm.",
)
_NUMBERS_OF_PYTHON = re.compile(
    r"[.](?:tolist|item|is_available|device_count|get_device_name|__version__|to_dict|current_device|to_json|is_built"
    r"|memory_allocated|memory_reserved|list_physical_devices|float64|version[.].*)(?:[(][)])?\Z"
)
_OWN_THINGS = re.compile(r"[.](?:request|headers|config|environ|app|g|session)\Z|\Abuiltins[.]|\A[a-z]+\Z")
"""Modules, functions, and objects of frameworks that no encoder takes."""
_RECORDS = {"pydantic.BaseModel", "pydantic.main.BaseModel"}


def unencodable(kind: Kind, encoder: str) -> str | None:
    """
    Return what an answer holds that is not known to be encoded; None where all of it is.

    ``encoder`` is ``plain`` (Python's json), ``finite`` (Starlette's responses, which take no NaN), ``flask`` (which takes
    dates and dataclasses), or ``fastapi`` (what its handlers return).
    """
    pending = [kind]
    for _ in range(_PARTS):
        if not pending:
            return None
        item = pending.pop()
        pending += [*item.parts, *item.entries.values()]
        if not _is_encoded(item, encoder):
            return _shown(item)
    return "more than is followed"


def _is_encoded(item: Kind, encoder: str) -> bool:
    match item.name:
        case "number":
            return encoder not in {"finite", "fastapi"} or is_finite(item)
        case "list" | "tuple" | "dict":
            return True
        case "time":
            return encoder in {"flask", "fastapi"}
        case "set" | "lines":
            return encoder == "fastapi"
        case "foreign":
            name = item.source
            if _OWN_THINGS.search(name):
                return False
            return not name.startswith(_ARRAYS) or _NUMBERS_OF_PYTHON.search(name) is not None
        case "bytes":
            return (
                encoder == "fastapi"
                and isinstance(item.value, Const)
                and str(item.value.value).isascii()
                and "\\x" not in str(item.value.value)
            )
        case "own":
            return _is_record(item, encoder)
    return item.name in _PLAIN


def _is_record(item: Kind, encoder: str) -> bool:
    value = item.value
    cls = value.cls if isinstance(value, Instance) else None
    if not isinstance(cls, Class):
        return False
    names = {name_of(base) for base in cls.foreign_bases()}
    is_dataclass = any("dataclass" in name for name in map(_decorator, cls.node.decorator_list))
    return (encoder == "fastapi" and bool(names & _RECORDS)) or (
        encoder in {"fastapi", "flask"} and is_dataclass
    )


def _decorator(node: object) -> str:
    return ast.unparse(node)[:60] if isinstance(node, ast.expr) else ""


def _shown(item: Kind) -> str:
    if item.name == "foreign":
        return f"what {item.source[:60]} gives" if item.source else "what a library gives"
    words = {
        "number": "a number that is none (NaN)",
        "time": "a date or time",
        "lines": "an iterator",
        "own": "an object",
    }
    return words.get(item.name, f"a value of the kind {item.name}")
