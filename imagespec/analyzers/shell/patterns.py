"""Shell patterns (POSIX 2018 XCU 2.13): ``*``, ``?`` and plain bracket expressions, matched in bounded steps."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

_LIMIT_TEXT = 2_000
_LIMIT_PARTS = 200
_LIMIT_CUT = 300
"""Characters of a value from which a pattern is removed: each of its beginnings is tried."""


@attrs.frozen
class _Any:
    """One character: of ``among``, or not of it; None for any."""

    among: frozenset[str] | None = None
    inverted: bool = False

    def takes(self, char: str) -> bool:
        return self.among is None or (char in self.among) is not self.inverted


_STAR = None
Pattern = tuple[_Any | None, ...]
"""None stands for ``*``."""


def parse_pattern(pieces: Iterable[tuple[str, bool]]) -> Pattern | None:
    """Return a pattern from texts, each with whether it is quoted; None where it is not understood or too long."""
    found: list[_Any | None] = []
    for text, quoted in pieces:
        at = 0
        while at < len(text):
            char = text[at]
            at += 1
            if len(found) > _LIMIT_PARTS:
                return None
            if quoted or char not in "*?[()|":
                found.append(_Any(frozenset(char)))
            elif char == "*":
                found.append(_STAR)
            elif char == "?":
                found.append(_Any())
            elif char == "[" and (bracket := _bracket(text[at : at + 100])) is not None:
                found.append(bracket[0])
                at += bracket[1]
            else:
                return None  # an extended pattern of bash, or a bracket without end
    return tuple(found)


def _bracket(text: str) -> tuple[_Any, int] | None:
    """Return what stands behind ``[``, and its length; None for classes, ranges across alphabets and no end."""
    end = text.find("]", 2 if text[:1] in {"!", "^"} else 1)
    inner = text[:end]
    if end < 0 or "[" in inner or "\\" in inner:
        return None
    inverted = inner[:1] in {"!", "^"}
    chars = inner[1:] if inverted else inner
    among: set[str] = set()
    at = 0
    while at < len(chars):
        if chars[at + 1 : at + 2] == "-" and at + 2 < len(chars):
            first, last = chars[at], chars[at + 2]
            same = (
                (first.isdigit() and last.isdigit())
                or (first.islower() and last.islower())
                or (first.isupper() and last.isupper())
            )
            if not same or not (first + last).isascii():
                return None
            among.update(map(chr, range(ord(first), ord(last) + 1)))
            at += 3
        else:
            among.add(chars[at])
            at += 1
    return _Any(frozenset(among), inverted), end + 1


def matches_pattern(pattern: Pattern, text: str) -> bool | None:
    """Tell whether the whole text fits; None when it is too long to be tried. Steps: length times length."""
    if len(text) > _LIMIT_TEXT:
        return None
    at = place = 0
    star = back = -1
    while at < len(text):
        part = pattern[place] if place < len(pattern) else _NOTHING
        if part is _STAR:
            star, back = place, at
            place += 1
        elif part is not None and part.takes(text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            back += 1
            at, place = back, star + 1
        else:
            return False
    return all(part is _STAR for part in pattern[place:])


_NOTHING = _Any(frozenset())


def without(text: str, operator: str, pattern: Pattern) -> str | None:
    """Return ``${text#pattern}``, ``##``, ``%`` or ``%%``; None when the text is too long."""
    if len(text) > _LIMIT_CUT:
        return None
    lengths = range(len(text) + 1)
    for size in lengths if len(operator) == 1 else reversed(lengths):
        cut, rest = (
            (text[:size], text[size:])
            if operator[0] == "#"
            else (text[len(text) - size :], text[: len(text) - size])
        )
        if matches_pattern(pattern, cut):
            return rest
    return text
