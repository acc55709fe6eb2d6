"""Tokens of the patterns of routes, and whether a path fits them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs


@attrs.frozen
class Token:
    """A part of a pattern: literal text, or a converter that takes one or more characters."""

    kind: str
    """
    ``literal``, ``segment`` (no slash), ``digits``, ``decimal``, ``path``, ``rest`` (also nothing); ``one``, ``some``
    and ``any``: one, one or more, or any number of characters of the class ``text``; ``maybe``: ``text`` or nothing;
    ``either``: one of the texts that ``|`` parts in ``text``.
    """
    text: str = ""


Tokens = tuple[Token, ...]


def matches(tokens: Iterable[Token], path: str) -> bool:
    """Match without backtracking: the set of places that the pattern can have come to, token by token."""
    places = {0}
    for token in tokens:
        places = _step(token, path, places)
        if not places:
            return False
    return len(path) in places


_RUNS = {
    "segment": re.compile(r"[^/]+"),
    "digits": re.compile(r"[0-9]+"),
    "decimal": re.compile(r"[0-9]+\.?[0-9]*"),
}


def _step(token: Token, path: str, places: set[int]) -> set[int]:
    match token.kind:
        case "literal":
            return {place + len(token.text) for place in places if path.startswith(token.text, place)}
        case "maybe" | "either":
            texts = ("", token.text) if token.kind == "maybe" else tuple(token.text.split("|"))
            return {place + len(text) for text in texts for place in places if path.startswith(text, place)}
        case "path" | "rest":
            return set(range(min(places) + (token.kind == "path"), len(path) + 1))
    return _run(token, path, places)


def _run(token: Token, path: str, places: set[int]) -> set[int]:
    """Return the ends of a run of characters of one class."""
    run_of = _RUNS[token.kind] if token.kind in _RUNS else re.compile(token.text + "*")
    ends: set[int] = set(places) if token.kind == "any" else set()
    done = 0
    for place in sorted(places):
        run = run_of.match(path, place)
        if not run or run.end() == place:
            continue
        if token.kind == "one":
            ends.add(place + 1)
            continue
        ends.update(range(max(place + 1, done), run.end() + 1))
        done = max(done, run.end())
    return ends
