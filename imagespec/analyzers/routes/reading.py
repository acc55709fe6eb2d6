"""What the readers of frameworks share: routes, gaps and filters while they are gathered from recorded calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Const,
    Function,
    Instance,
    Items,
    Member,
    Table,
    Value,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.errorsigns import error_signs
from imagespec.analyzers.routes.extensions import adds_nothing, only_adds
from imagespec.analyzers.routes.handlertext import Handler
from imagespec.analyzers.routes.routing import VERBS, Route, RouteTable
from imagespec.analyzers.routes.tokens import Token, Tokens
from imagespec.verdict import Evidence

LIMIT_ROUTES = 5_000
DEPTH = 8
"""Routers inside routers that are followed."""
_OWNERS = 500
_CHAIN = 40
_USERS = (
    "gunicorn.app.",
    "builtins.", "logging.", "os.", "sys.", "json.", "threading.Thread", "multiprocessing.Process", "asyncio.",
    "werkzeug.middleware.proxy_fix.ProxyFix", "werkzeug.serving.run_simple", "waitress.",
    "uvicorn.", "wsgiref.simple_server.make_server", "asgiref.wsgi.WsgiToAsgi", "a2wsgi.WSGIMiddleware",
    "hypercorn.asyncio.serve", "gevent.pywsgi.WSGIServer", "gunicorn.app.base.BaseApplication",
)  # fmt: skip
"""What may be given an application of any framework without adding routes to it."""
_REGISTERING = (
    ".route",
    ".add_url_rule",
    ".register_blueprint",
    ".include_router",
    ".add_api_route",
    ".mount",
)
_ADDING = {
    "include_router", "add_api_route", "add_route", "add_routes", "mount", "api_route", "route", "add_url_rule",
    "register_blueprint", "blueprint", "add_get", "add_post", "add_subapp", "add_handlers", "add_resource",
    "add_middleware", "append",
}  # fmt: skip


@attrs.define
class Reading:
    """The routes of one application while they are read."""

    program: Program
    routes: list[Route] = attrs.field(factory=list)
    gaps: list[Evidence] = attrs.field(factory=list)
    filters: list[Evidence] = attrs.field(factory=list)
    unsure: list[Evidence] = attrs.field(factory=list)
    _read: int = 0
    """Applications and routers that were read, each as often as it is part of another."""

    def add(
        self,
        pattern: str | None,
        tokens: Tokens | None,
        methods: frozenset[str] | None,
        place: Place,
        *,
        what: str = "route",
        **other: Any,
    ) -> None:
        """Add a route; ``other`` are fields of `Route`."""
        shown = pattern if pattern is not None else "of unknown path"
        if len(self.routes) >= LIMIT_ROUTES:
            self.gap(place, "more routes than are followed")
            return
        evidence = place.evidence(f"{what} {shown}", seen=shown)
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

    def doubt(self, place: Place, message: str) -> None:
        """Record what may keep the application from being served."""
        self.unsure.append(place.evidence(message))

    def both(self, place: Place, message: str) -> None:
        """Record what may add routes and may answer requests itself."""
        self.gap(place, message)
        self.filter(place, message)

    def too_deep(self, depth: int, place: Place) -> bool:
        """Tell whether routers are nested more deeply than is followed, which is a gap then."""
        self._read += 1
        if depth <= DEPTH and self._read < _OWNERS and len(self.routes) < LIMIT_ROUTES:
            return False
        self.both(place, "routers are nested more deeply than is followed")
        return True

    def calls_of(self, owner: Call, until: Call | None = None) -> Iterator[tuple[Call, str, bool]]:
        """Yield the calls of an object's members: each, its name behind the object's, whether it is behind ``until``."""
        start = owner.name + "()"
        late = False
        for call in self.program.calls:
            late = late or call is until
            if _hangs_on(call.receiver, owner):
                yield call, call.name.removeprefix(start), late

    def starts(self, function: Value | None, place: Place) -> None:
        """Look at a function that runs when the server starts: it may register routes, or end the server."""
        if not isinstance(function, Function):
            self.both(place, "what runs when the server starts is not followed")
            return
        if any(getattr(node, "attr", "") in _ADDING for node in own_nodes(function.node)):
            self.both(place, "routes may be registered when the server starts")
        if error_signs(Handler(function, self.program)):
            self.doubt(place, "what runs when the server starts may fail, and end it")

    def look_elsewhere(self, app: Call, users: tuple[str, ...]) -> None:
        """Find what else is given the application, or calls something unknown that may be it."""
        for call in self.program.calls:
            if root_of(call.receiver) is app:
                continue
            given = any(_contains(value, app) for value in (*call.args, *call.keywords.values()))
            if given and not call.name.startswith((*_USERS, *users)):
                self._given(call)
            elif _may_register(call):
                self.gap(call.place, "routes are registered on something that is not followed")

    def _given(self, call: Call) -> None:
        """Look at what is given the application, and is not read further."""
        if adds_nothing(call.name):
            return
        message = f"{call.name} is given the application, and may add routes"
        if only_adds(call.name):
            self.gap(call.place, message)
        else:
            self.both(call.place, message + " or refuse requests")

    def table(self, place: Place, what: str, **other: Any) -> RouteTable:
        """Return the routing table; ``other`` are fields of `RouteTable`."""
        return RouteTable(
            routes=tuple(self.routes),
            gaps=(*self.program.gaps, *self.gaps),
            filters=tuple(self.filters),
            unsure=tuple(self.unsure),
            source=(place.evidence(f"{what} is made here"),),
            **other,
        )


def _hangs_on(value: Value | None, owner: Call) -> bool:
    """Tell whether a chain of attributes and method calls comes from ``owner``."""
    for _ in range(_CHAIN):
        if value is owner:
            return True
        if isinstance(value, Member):
            value = value.owner
        elif isinstance(value, Call):
            value = value.receiver
        else:
            return False
    return False


def _may_register(call: Call) -> bool:
    """Tell whether a call on something unknown may register routes."""
    if not call.name.startswith(("?", "builtins.")):
        return False
    name = call.name.removesuffix("()")
    return name.endswith(_REGISTERING) or (
        call.decorator and name.endswith(tuple("." + verb for verb in VERBS))
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


def literal(text: str) -> Tokens:
    """Return the tokens of a path without parameters."""
    return (Token("literal", text),)


def _contains(value: Value, wanted: Value, depth: int = 3) -> bool:
    """Tell whether ``value`` is, or holds, or hangs on ``wanted``."""
    if value is wanted or root_of(value) is wanted:
        return True
    if not depth:
        return False
    inner: list[Value] = []
    match value:
        case Items():
            inner = value.items[:200]
        case Table():
            inner = list(value.entries.values())[:200]
        case Instance():
            inner = list(value.names.values())[:200]
        case Call():
            inner = [*value.args, *value.keywords.values()][:50]
        case Function() if value.self_value is not None:
            inner = [value.self_value]
    return any(_contains(item, wanted, depth - 1) for item in inner)
