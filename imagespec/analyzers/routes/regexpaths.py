"""
Regular expressions of routes (Python's `re` and PCRE agree on these) as tokens, so that no foreign pattern is ever run.

Understood: literal text, ``.``, character classes, ``* + ?`` behind them, groups of one run or of plain alternatives,
and anchors. Everything else is not: then the route's pattern is unknown.
"""

from __future__ import annotations

import re

from imagespec.analyzers.routes.tokens import Token, Tokens

_LIMIT = 500
_CLASSES = {"d": "[0-9]", "w": r"[\w]", "s": r"[\s]", "D": "[^0-9]", "W": r"[^\w]", "S": r"[^\s]"}
_BRACKET = re.compile(r"\[\^?(?:\]|\\.|[^\]\[\\])(?:\\[wdsWDS./_+@:\-]|[^\]\[\\])*\]")
_GROUP = re.compile(r"\((?:\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?:)?")
_OPENED = re.compile(r"\\.|\[\^?\]?[^\]]*\]|\(\?P<([A-Za-z_][A-Za-z0-9_]*)>|\(\?|\(")
_PLAIN = re.compile(r"[A-Za-z0-9_/-]+(?:\|[A-Za-z0-9_/-]+)*\Z")
_SPECIAL = set("\\^$.|?*+()[]{}")


def parse_regex(pattern: str, *, from_start: bool = True, to_end: bool = True) -> Tokens | None:
    """
    Return the tokens of a pattern that is matched from a path's start, or anywhere, and to its end, or not.

    None where something in it is not understood.
    """
    anchored = pattern.startswith("^")
    text = pattern[1:] if anchored else pattern
    ended = text.endswith(("$", r"\Z", r"\z")) and not text.endswith("\\$")
    text = (text[:-1] if text.endswith("$") else text[:-2]) if ended else text
    tokens = _Reader(text).read() if len(text) <= _LIMIT else None
    if tokens is None:
        return None
    before = () if from_start or anchored else (Token("rest"),)
    behind = () if to_end or ended else (Token("rest"),)
    return (*before, *tokens, *behind)


def groups_of(pattern: str) -> tuple[int, frozenset[str]]:
    """Return how many groups without a name a pattern has, and the names of the others."""
    found = [match for match in _OPENED.finditer(pattern[:_LIMIT]) if match[0].startswith("(")]
    names = frozenset(match[1] for match in found if match[1])
    return sum(match[0] == "(" for match in found), names


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tokens: list[Token] = []

    def read(self) -> Tokens | None:
        """Return the tokens; None where the text is not understood."""
        while self._at < len(self._text):
            token = self._group() if self._text[self._at] == "(" else self._atom()
            if token is None:
                return None
            self._tokens.append(token)
        return tuple(self._tokens)

    def _group(self) -> Token | None:
        opened = _GROUP.match(self._text, self._at)
        close = self._text.find(")", self._at)
        inner = self._text[opened.end() : close] if opened and close >= 0 else ""
        if not inner or "(" in inner or inner.startswith("?"):
            return None
        if _PLAIN.match(inner):
            self._at = close + 1
            if self._takes("?"):
                return Token("maybe", inner) if "|" not in inner else None
            return None if self._quantified() else Token("either", inner)
        reader = _Reader(inner)
        tokens = reader.read()
        if tokens is None or len(tokens) != 1:
            return None
        self._at = close + 1
        if self._takes("?"):
            return Token("any", tokens[0].text) if tokens[0].kind in {"some", "any"} else None
        return None if self._quantified() else tokens[0]

    def _atom(self) -> Token | None:
        char = self._text[self._at]
        self._at += 1
        if char == "\\":
            if self._at >= len(self._text):
                return None
            char = self._text[self._at]
            self._at += 1
            if char in _CLASSES:
                return self._run_of(_CLASSES[char])
            return None if char.isalnum() else self._literal(char)
        if char == ".":
            return self._run_of("[^\\n]")
        if char == "[":
            found = _BRACKET.match(self._text, self._at - 1)
            if found is None:
                return None
            self._at = found.end()
            return self._run_of(found[0])
        return None if char in _SPECIAL else self._literal(char)

    def _run_of(self, characters: str) -> Token | None:
        if any(mark * 2 in characters for mark in "-&|~"):  # set operations of a later Python
            return None
        try:
            re.compile(characters)
        except re.error:
            return None
        kind = "some" if self._takes("+") else "any" if self._takes("*") else "one"
        if self._takes("?") and kind == "one":
            return None
        return None if self._quantified() else Token(kind, characters)

    def _literal(self, char: str) -> Token | None:
        if self._takes("?"):
            return None if self._quantified() else Token("maybe", char)
        return None if self._quantified() else Token("literal", char)

    def _takes(self, char: str) -> bool:
        taken = self._text[self._at : self._at + 1] == char
        self._at += taken
        return taken

    def _quantified(self) -> bool:
        return self._text[self._at : self._at + 1] in {"*", "+", "?", "{"} and self._at < len(self._text)
