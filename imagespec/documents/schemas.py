"""JSON Schema validation, offline: a schema can refer to nothing outside itself."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any


@functools.cache
def load_schema(package: str, name: str) -> dict[str, Any]:
    """Return a schema that the package ships."""
    schema: dict[str, Any] = json.loads((resources.files(package) / name).read_bytes())
    return schema


def first_error(value: object, schema: dict[str, Any]) -> str | None:
    """Return the most telling breach of ``schema`` with its JSON pointer, None when there is none."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 70 ms that only user documents should cost
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    # An empty registry without a retriever: a `$ref` to anywhere else is an error, never a download.
    error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    if error is None:
        return None
    pointer = "".join(f"/{part}" for part in error.absolute_path)
    return f"#{pointer or '/'}: {error.message}"
