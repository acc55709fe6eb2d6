"""Paths and methods of Starlette and FastAPI routes."""

from __future__ import annotations

import re

from imagespec.analyzers.python.values import Call, Const, Function, Items, Value, text_of
from imagespec.analyzers.routes.classviews import Kind
from imagespec.analyzers.routes.handlers import Calling
from imagespec.analyzers.routes.tokens import Token, Tokens

_PARAMETER = re.compile(r"\{[a-zA-Z_][a-zA-Z0-9_]*(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")
ENDPOINT = Kind(
    bases=frozenset({"starlette.endpoints.HTTPEndpoint"}),
    calling=Calling(positional=1, takes="responses"),
    hooks=("dispatch", "__await__", "__init__"),
)
"""Classes with a method for each verb; HEAD falls back to GET."""
_KINDS = {"str": "segment", "int": "digits", "path": "rest"}


def methods_of(
    call: Call, view: Value | None, *, head: bool, position: int | None = None
) -> frozenset[str] | None:
    """Return the methods of a route; None when unknown."""
    value = call.argument(position, "methods")
    if value is None or value == Const(None):
        decorated = isinstance(view, Call) and view.decorator
        found = frozenset({"GET"}) if isinstance(view, Function) or decorated or not head else None
    elif isinstance(value, Items) and not value.open:
        texts = [text for text in map(text_of, value.items) if text]
        found = frozenset(text.upper() for text in texts) if len(texts) == len(value.items) else None
    else:
        found = None
    return found | {"HEAD"} if found is not None and head and "GET" in found else found


def parse_path(pattern: str) -> Tokens | None:
    """Return the tokens of a Starlette path (routing.py, compile_path); None for convertors not understood."""
    tokens, end = [], 0
    if not pattern.startswith("/"):
        return None
    for found in _PARAMETER.finditer(pattern):
        kind = _KINDS.get(found[1] or "str")
        if kind is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    return (*tokens, Token("literal", pattern[end:]))
