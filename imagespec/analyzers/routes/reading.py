"""What the readers of frameworks share: routes, gaps and filters while they are gathered from recorded calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Items,
    Place,
    Value,
    contains,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.flask import may_register
from imagespec.analyzers.routes.routing import VERBS, Route, RouteTable, Token, Tokens
from imagespec.verdict import Evidence

LIMIT_ROUTES = 5_000
_USERS = ("builtins.", "logging.", "threading.Thread", "multiprocessing.Process", "asyncio.")


@attrs.define
class Reading:
    """The routes of one application while they are read."""

    program: Program
    routes: list[Route] = attrs.field(factory=list)
    gaps: list[Evidence] = attrs.field(factory=list)
    filters: list[Evidence] = attrs.field(factory=list)

    def add(
        self,
        pattern: str | None,
        tokens: Tokens | None,
        methods: frozenset[str] | None,
        place: Place,
        **other: Any,
    ) -> None:
        """Add a route; ``other`` are fields of `Route`."""
        shown = pattern if pattern is not None else "of unknown path"
        if len(self.routes) >= LIMIT_ROUTES:
            self.gap(place, "more routes than are followed")
            return
        evidence = place.evidence(f"route {shown}", seen=shown)
        self.routes.append(
            Route(
                pattern=shown,
                tokens=None if pattern is None else tokens,
                methods=methods,
                evidence=evidence,
                **other,
            )
        )

    def gap(self, place: Place, message: str) -> None:
        """Record what may add routes."""
        self.gaps.append(place.evidence(message))

    def filter(self, place: Place, message: str) -> None:
        """Record what may answer requests before they come to their route."""
        self.filters.append(place.evidence(message))

    def calls_of(self, owner: Call) -> Iterator[tuple[Call, str]]:
        """Yield the calls of an object's members, each with its name behind the object's own."""
        start = owner.name + "()"
        for call in self.program.calls:
            if root_of(call.receiver) is owner and call.name.startswith(start):
                yield call, call.name[len(start) :]

    def look_elsewhere(self, app: Call, users: tuple[str, ...]) -> None:
        """Find what else is given the application, or calls something unknown that may be it."""
        for call in self.program.calls:
            if root_of(call.receiver) is app:
                continue
            given = any(contains(value, app) for value in (*call.args, *call.keywords.values()))
            if given and not call.name.startswith((*_USERS, *users)):
                self.gap(call.place, f"{call.name} is given the application, and may add routes")
            elif may_register(call):
                self.gap(call.place, "routes are registered on something that is not followed")

    def table(self, place: Place, what: str, **other: Any) -> RouteTable:
        """Return the routing table; ``other`` are fields of `RouteTable`."""
        return RouteTable(
            routes=tuple(self.routes),
            gaps=(*self.program.gaps, *self.gaps),
            filters=tuple(self.filters),
            source=(place.evidence(f"{what} is made here"),),
            **other,
        )


def is_empty(value: Value | None) -> bool:
    """Tell whether an argument is not given, None, or an empty list."""
    return (
        value is None
        or value == Const(None)
        or (isinstance(value, Items) and not value.items and not value.open)
    )


def methods_from(value: Value | None, default: frozenset[str]) -> frozenset[str] | None:
    """Return methods given as one text or a list of texts; None when unknown."""
    if value is None or value == Const(None):
        return default
    text = text_of(value)
    if text is not None:
        return frozenset({text.upper()})
    if not isinstance(value, Items) or value.open:
        return None
    texts = [text_of(item) for item in value.items]
    return frozenset(text.upper() for text in texts if text) if all(texts) else None


def class_methods(cls: Class, base: str, form: str = "{}") -> frozenset[str] | None:
    """Return the verbs for which a class has a method; None when it has other bases than ``base`` (or none)."""
    bases = [name_of(item) for item in cls.foreign_bases() if name_of(item) != "builtins.object"]
    if bases != ([base] if base else []):
        return None
    return frozenset(verb.upper() for verb in VERBS if cls.find(form.format(verb)) is not None)


def wrapped(view: Value | None) -> tuple[Evidence, ...]:
    """Return evidence when a library's decorator stands between a route and its handler."""
    if isinstance(view, Function | Class) or view is None:
        return ()
    if isinstance(view, Call) and view.decorator:
        return (view.place.evidence(f"the handler is wrapped by {view.name}, which may refuse requests"),)
    return ()


def literal(text: str) -> Tokens:
    """Return the tokens of a path without parameters."""
    return (Token("literal", text),)
