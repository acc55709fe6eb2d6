"""
JSON read so that no other reader can see something else in it.

Go's encoding/json, which the engines use, matches keys case-insensitively and takes the last of several; Python takes
exact keys and accepts NaN and byte order marks. What the two would read differently is refused here. OCI asks for
I-JSON (RFC 7493), which forbids the same.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from imagespec.errors import DocumentError, LimitError
from imagespec.limits import Limits

# Members that Go reads into maps, whose keys keep their case, and the named parts of a JSON Schema.
_MAPS = frozenset(
    (
        "Labels",
        "annotations",
        "ExposedPorts",
        "Volumes",
        "LayerSources",
        "properties",
        "$defs",
        "definitions",
        "xattrs",
    )
)
_STRINGS_AND_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def load_json(raw: bytes, document: str, limits: Limits) -> Any:
    """
    Return the value of the JSON text ``raw``; ``document`` is its name in errors.

    Raises DocumentError (with line and column) and LimitError.
    """
    if len(raw) > limits.document_bytes:
        raise LimitError("document_bytes", limits.document_bytes, len(raw), document)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(document, f"not UTF-8 at byte {error.start}") from error
    if text.startswith("\ufeff"):
        raise DocumentError(
            document, "begins with a byte order mark, which JSON forbids; save it without one"
        )
    _check_depth(text, document, limits)
    variants: dict[int, str] = {}
    try:
        value = json.loads(text, **_hooks(document, variants))
    except json.JSONDecodeError as error:
        raise DocumentError(
            document,
            f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}{_hint(text, error.pos)}",
        ) from error
    except ValueError as error:  # an integer of thousands of digits
        raise DocumentError(document, f"a number that is too long ({error})") from error
    if variants:
        _refuse_variants(value, variants, document)
    return value


def _hooks(document: str, variants: dict[int, str]) -> dict[str, Any]:
    """Return what `json.loads` calls for objects, constants such as NaN, and numbers with a fraction or exponent."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) < len(items):
            seen: set[str] = set()
            twice = next(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise DocumentError(document, f"the key {twice!r} is there twice; keep one")
        folded = {key.casefold(): key for key in value}
        if len(folded) < len(value):
            other = next(key for key in value if folded[key.casefold()] != key)
            variants[id(value)] = (
                f"the key {folded[other.casefold()]!r} is there also as {other!r}, "
                "which some readers take for the same; keep one"
            )
        return value

    def constant(name: str) -> NoReturn:
        raise DocumentError(document, f"holds {name}, which is no JSON value")

    def number(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            raise DocumentError(document, f"holds the number {digits[:40]}, which is too large")
        return value

    return {"object_pairs_hook": pairs, "parse_constant": constant, "parse_float": number}


def _refuse_variants(top: Any, variants: dict[int, str], document: str) -> None:
    """Raise for keys that differ in case only, wherever a reader could take one for the other."""
    stack: list[tuple[Any, bool]] = [(top, False)]
    while stack:
        value, is_map = stack.pop()
        if isinstance(value, list):
            stack.extend((item, False) for item in value)
        elif isinstance(value, dict):
            if id(value) in variants and not is_map:
                raise DocumentError(document, variants[id(value)])
            stack.extend((item, key in _MAPS) for key, item in value.items())


def _check_depth(text: str, document: str, limits: Limits) -> None:
    # The parser recurses, so the depth is counted before it runs; brackets inside strings do not count.
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        char = text[match.start()]
        if char in "[{":
            depth += 1
            if depth > limits.document_depth:
                raise LimitError("document_depth", limits.document_depth, depth, document)
        elif char in "]}":
            depth -= 1


def _hint(text: str, position: int) -> str:
    rest = text[position : position + 2]
    if rest in {"//", "/*"} or rest.startswith("#"):
        comment = text[position : position + 40].partition("\n")[0].strip()
        return f" (JSON has no comments; remove {comment!r} and all others)"
    before, after = text[:position].rstrip(), text[position:].lstrip(", \t\r\n")
    # Python 3.13 points at the comma itself, the others at what follows it.
    if after[:1] in {"]", "}"} and (before.endswith(",") or rest.startswith(",")):
        return f" (remove the comma before {after[0]!r})"
    if rest.startswith("'"):
        return " (JSON strings stand in double quotes)"
    return ""
