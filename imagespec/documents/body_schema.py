"""
The schema of a request's or response's body inside a model configuration: JSON Schema with one type more.

ModelArts adds the type ``file`` for uploads, and its samples write ``items`` as an array with one element, as JSON
Schema did until draft 7. Nothing that a body schema refers to is ever fetched.
"""

from __future__ import annotations

import copy
import difflib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string", "file")
_MOST_ERRORS = 20
_LIKE = {
    "list": "array",
    "dict": "object",
    "map": "object",
    "str": "string",
    "text": "string",
    "int": "integer",
}
_LIKE |= {"long": "integer", "float": "number", "double": "number", "bool": "boolean"}
_ONE, _LIST, _BY_NAME = "one", "list", "by name"
_PLACES = {
    **dict.fromkeys(
        ("additionalItems", "additionalProperties", "contains", "not", "if", "then", "else"), _ONE
    ),
    "propertyNames": _ONE,
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "items"), _LIST),
    **dict.fromkeys(("properties", "patternProperties", "definitions", "$defs"), _BY_NAME),
}
"""Keywords that hold schemas in their turn (JSON Schema draft 7, "Applying subschemas")."""

Path = Sequence[str | int]


class Remark(Protocol):
    """Takes one remark."""

    def __call__(self, path: Path, message: str, seen: Any = None, wanted: str | None = None) -> None:
        """Take it."""


def check_body_schema(schema: dict[str, Any], path: Path, remark: Remark) -> None:
    """Check a body's schema; what is off is a remark, because the platform only shows it."""
    for at, part in _parts(schema, path):
        kinds = part.get("type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if isinstance(kind, str) and kind not in _TYPES:
                near = _LIKE.get(kind.casefold()) or _near(kind, _TYPES)
                hint = f"; did you mean {near!r}?" if near else ""
                remark([*at, "type"], f"{kind[:40]!r} is no type of JSON Schema{hint}", kind, near)
        for key in part:
            near = "items" if key == "item" else _near(key, ("items", "properties", "required", "type"))
            if near and key != near and near not in part:
                remark([*at, key], f"the keyword {key!r} is not read; did you mean {near!r}?", key, near)
    _check_rest(schema, path, remark)


def _parts(schema: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every schema inside ``schema``, itself first."""
    stack: list[tuple[Path, Any]] = [(path, schema)]
    while stack:
        at, part = stack.pop()
        if not isinstance(part, dict):
            continue
        yield at, part
        for key, value in part.items():
            place = _PLACES.get(key)
            if place is _BY_NAME and isinstance(value, dict):
                stack.extend(([*at, key, name], item) for name, item in value.items())
            elif place is _LIST and isinstance(value, list):
                stack.extend(([*at, key, number], item) for number, item in enumerate(value))
            elif place is not None:
                stack.append(([*at, key], value))


def _check_rest(schema: dict[str, Any], path: Path, remark: Remark) -> None:
    """Check the other keywords by the meta-schema of draft 7, the last that has ``items`` as an array."""
    from jsonschema import Draft7Validator  # noqa: PLC0415 - 70 ms that only user documents should cost
    from referencing import Registry  # noqa: PLC0415

    meta = copy.deepcopy(dict(Draft7Validator.META_SCHEMA))
    # Types were looked at above, with better words.
    meta["properties"]["type"] = {"type": ["string", "array"]}
    # The meta-schema refers to itself as "#" only; a `$ref` in the schema is a value here and is not followed.
    errors = Draft7Validator(meta, registry=Registry()).iter_errors(schema)
    for error in itertools.islice(errors, _MOST_ERRORS):
        while error.context:  # of alternatives, the one that fits furthest
            error = max(error.context, key=lambda item: len(item.absolute_path))
        at = [*path, *error.absolute_path]
        value = error.instance if isinstance(error.instance, str | int | float) else None
        remark(at, f"this is no valid JSON Schema ({error.validator})", value)


def _near(word: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, 1, 0.8)), None) if len(word) <= 64 else None
