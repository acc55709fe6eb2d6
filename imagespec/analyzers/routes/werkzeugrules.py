"""Rules of Werkzeug (2 and 3): their converters and methods, and how a blueprint's prefix is joined."""

from __future__ import annotations

import re

from imagespec.analyzers.routes.tokens import Token, Tokens

_CONVERTER = re.compile(r"<(?:([a-zA-Z_][a-zA-Z0-9_]*)(?:\([^<>]*\))?:)?([a-zA-Z_][a-zA-Z0-9_]*)>")
_KINDS = {"string": "segment", "default": "segment", "int": "digits", "path": "path"}


def parse_rule(pattern: str) -> Tokens | None:
    """Return the tokens of a rule; None for converters that are not understood."""
    tokens, end = [], 0
    if not pattern.startswith("/") or "|" in pattern:
        return None
    for found in _CONVERTER.finditer(pattern):
        kind = _KINDS.get(found[1] or "string")
        if kind is None or "(" in found[0]:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    rest = pattern[end:]
    if any(mark in token.text for token in (*tokens, Token("literal", rest)) for mark in "<>"):
        return None
    return (*tokens, Token("literal", rest))


def names_of(pattern: str) -> frozenset[str]:
    """Return the names of a rule's parameters, which the view is given by name."""
    return frozenset(found[2] for found in _CONVERTER.finditer(pattern))


def joined(prefix: str, rule: str) -> str:
    """Join as Flask's BlueprintSetupState does (sansio/blueprints.py)."""
    if not prefix:
        return rule
    return prefix.rstrip("/") + "/" + rule.lstrip("/") if rule else prefix


def implied(methods: frozenset[str]) -> frozenset[str]:
    """Add the methods that Flask and Werkzeug answer by themselves."""
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
