"""Path patterns of Spring's request mappings (``PathPattern`` of Spring 5.3 and 6)."""

from __future__ import annotations

import re

from imagespec.analyzers.routes.tokens import Token, Tokens

_PART = re.compile(r"\{\w{1,100}\}")
_REST = re.compile(r"\*\*|\{\*\w{1,100}\}")


def join(prefix: str, path: str) -> str:
    """Return a class's path and a method's together."""
    if not path:
        return _slashed(prefix)
    if not prefix:
        return _slashed(path)
    return _slashed(prefix.rstrip("/") + "/" + path.lstrip("/"))


def _slashed(path: str) -> str:
    return path if path.startswith("/") or not path else "/" + path


def tokens_of(pattern: str) -> list[Tokens | None]:
    """Return what a pattern matches, as alternatives; None among them where it is not understood."""
    tokens: list[Token] = []
    parts = pattern.split("/")[1:]
    for number, part in enumerate(parts):
        if _REST.fullmatch(part) and number == len(parts) - 1:
            return [tuple(tokens), (*tokens, Token("literal", "/"), Token("rest"))]
        if part == "*" or _PART.fullmatch(part):
            tokens += [Token("literal", "/"), Token("segment")]
        elif set("{}*?") & set(part):
            return [None]
        else:
            tokens.append(Token("literal", "/" + part))
    return [tuple(tokens)]
