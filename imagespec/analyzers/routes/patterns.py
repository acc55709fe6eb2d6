"""Paths with parameters in brackets: ``/models/<name:int>`` and ``/models/{name:int}``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagespec.analyzers.routes.tokens import Token, Tokens

ANGLE = re.compile(r"<([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z]+))?>")
SIGNED = (Token("maybe", "-"), Token("digits"))
SEGMENT = (Token("segment"),)

Kinds = Mapping[str, Tokens]


def parse_places(pattern: str, places: re.Pattern[str], kinds: Kinds, marks: str) -> Tokens | None:
    """
    Return the tokens of a path; None where it is not understood.

    ``places`` finds a parameter, with its name and its kind; ``marks`` are characters that nothing else may have.
    """
    tokens: list[Token] = []
    end = 0
    for found in places.finditer(pattern):
        kind = kinds.get(found[2] or "")
        if kind is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), *kind]
        end = found.end()
    tokens.append(Token("literal", pattern[end:]))
    if any(mark in token.text for token in tokens if token.kind == "literal" for mark in marks):
        return None
    return tuple(tokens)


def names_in(pattern: str, places: re.Pattern[str]) -> frozenset[str]:
    """Return the names of a path's parameters."""
    return frozenset(found[1] for found in places.finditer(pattern))
