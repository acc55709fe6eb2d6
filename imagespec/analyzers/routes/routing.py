"""Routes of a web application, and what they answer for a method and a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from imagespec.analyzers.routes.tokens import Tokens, matches
from imagespec.verdict import Evidence

_PATH_CHARACTERS = 2_000
ALL_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})
VERBS = ("get", "post", "put", "delete", "patch", "options", "head", "trace")


@attrs.frozen
class Caveat:
    """Why a request that comes to a route may still be refused there."""

    evidence: Evidence
    always: bool = False
    """Whether every request is: then the route proves nothing."""
    of_url: bool = False
    """Whether it depends on values in the URL, and the answer may be the one of a URL that is not served."""
    methods: frozenset[str] | None = None
    """The methods that it is told of; None for all."""


@attrs.frozen(kw_only=True)
class Route:
    """One rule of an application's routing table."""

    pattern: str
    """As the framework sees it, with all prefixes."""
    tokens: Tokens | None
    """None when the pattern is not understood."""
    methods: frozenset[str] | None
    """With those that the framework adds; None when unknown."""
    evidence: Evidence
    certain: bool = True
    """Whether it is certainly registered."""
    served: bool | None = True
    """Whether a request that comes here is served: None for mounted files and foreign applications."""
    either_slash: bool = False
    """Whether the path with and without its last slash are the same to it."""
    caveats: tuple[Caveat, ...] = ()
    """Why a request may still be refused here, such as a needed query parameter."""
    method_caveats: Mapping[str, tuple[Caveat, ...]] = {}
    """Those of one method only."""
    refused: frozenset[str] = frozenset()
    """Those of its methods that are certainly refused."""
    refusal: str = ""
    """Why they are."""


@attrs.frozen(kw_only=True)
class Answer:
    """What is known about one method and path."""

    served: bool | None
    """True: proven; False: provably not; None: unknown."""
    message: str
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[Evidence, ...] = ()


@attrs.frozen(kw_only=True)
class RouteTable:
    """
    The routes of one application.

    Absence is proven only without ``gaps`` (what may register more routes), presence only without ``filters`` (what
    may refuse or redirect requests before they come to their route).
    """

    routes: tuple[Route, ...] = ()
    gaps: tuple[Evidence, ...] = ()
    filters: tuple[Evidence, ...] = ()
    unsure: tuple[Evidence, ...] = ()
    """Why it is not certain that the application is served at all: then presence is not proven either."""
    ordered: bool = False
    """Whether the first route that fits decides (Starlette), instead of the best (Werkzeug)."""
    statics_first: bool = True
    """Where routes are not ordered: whether one without parameters certainly comes before those with."""
    path_decides: bool = False
    """Whether the route whose path fits, first or best, decides for all methods (Tornado, Falcon)."""
    toggles_slash: bool = False
    """Whether a path that fits with or without its last slash is redirected there (Starlette)."""
    root_path: str | None = ""
    """Prefix that is also served (ASGI ``root_path``); None when unknown."""
    strips_root_path: bool = False
    """Whether the framework certainly takes that prefix off."""
    source: tuple[Evidence, ...] = ()
    """Where the application is made."""

    def answer(self, method: str, path: str) -> Answer:
        """Tell whether a request is served; ``path`` may have a query, which is ignored."""
        path = re.split(r"[?#]", path, maxsplit=1)[0] or "/"
        method = method.upper()
        if not path.startswith("/"):
            path = "/" + path
        if "//" in path or "%" in path or len(path) > _PATH_CHARACTERS:
            return Answer(served=None, message=f"how {path[:200]} is normalised is not followed")
        if self.root_path is None:
            return Answer(served=None, message="the application's root_path is unknown", evidence=self.source)
        inner = path
        if self.root_path and (path + "/").startswith(self.root_path + "/"):
            if not self.strips_root_path:
                message = f"{path} begins with the root_path {self.root_path}, and whether that is taken off is unknown"
                return Answer(served=None, message=message, evidence=self.source)
            inner = path[len(self.root_path) :]
        fitting = [route for route in self.routes if fits(route, inner) is not False]
        if self.path_decides and not self.ordered:
            fitting = _best_paths(fitting)
        return self._judge(method, inner, fitting)

    def _judge(self, method: str, path: str, fitting: list[Route]) -> Answer:
        doubts: list[Route] = []
        clear: list[Route] = []
        refused: Route | None = None
        for route in self._asked(method, path, fitting):
            if not _is_clear(route, path):
                doubts.append(route)
            elif self.ordered and any(doubt.served is None for doubt in doubts):
                break
            elif route.served and method not in route.refused:
                clear.append(route)
            elif not clear:
                doubts.clear()
                refused = route
            if refused is not None or (clear and self.ordered):
                break
        if clear:
            return self._yes(method, path, self._best(clear), doubts)
        if doubts:
            reasons = (*self.gaps, *self.filters, *self.unsure)
            evidence = (*(route.evidence for route in doubts[:3]), *reasons[:3])
            message = f"{method} {path} may be served, which is not proven: {_doubt(doubts[0], path)}"
            return Answer(served=None, message=message, evidence=tuple(dict.fromkeys(evidence)))
        return self._no(method, path, fitting, refused)

    def _asked(self, method: str, path: str, fitting: list[Route]) -> Iterator[Route]:
        """Yield the routes that may take the method, up to one that decides without it."""
        for route in fitting:
            if route.methods is None or method in route.methods:
                yield route
            elif self.path_decides and route.certain and fits(route, path) is True:
                return

    def _best(self, clear: list[Route]) -> list[Route]:
        plain = [route for route in clear if _is_static(route)] if self.statics_first else []
        return plain or clear

    def _yes(self, method: str, path: str, routes: list[Route], doubts: list[Route]) -> Answer:
        """Answer by one of several routes; where it is not known by which, each one's caveats count."""
        route = routes[0]
        if self.filters or self.unsure:
            reason = (
                "what runs before it may refuse the request"
                if self.filters
                else "it is not certain to be served"
            )
            message = f"{method} {path} has a route, and {reason}"
            return Answer(
                served=None, message=message, evidence=(route.evidence, *(self.filters + self.unsure)[:3])
            )
        caveats = [
            caveat
            for one in (*routes, *doubts)
            for caveat in (*one.caveats, *one.method_caveats.get(method, ()))
            if caveat.methods is None or method in caveat.methods
        ]
        shown = tuple(dict.fromkeys(caveat.evidence for caveat in caveats))
        if any(caveat.always for caveat in caveats):
            message = f"{method} {path} has a route, whose handler answers every request with an error"
            return Answer(served=None, message=message, evidence=(route.evidence, *shown[:3]))
        if any(caveat.of_url for caveat in caveats):
            message = f"{method} {path} has a route, whose handler answers some values in the URL with 404 or its like"
            return Answer(served=None, message=message, evidence=(route.evidence, *shown[:3]))
        message = f"{method} {path} is served by the route {route.pattern}"
        return Answer(served=True, message=message, evidence=(route.evidence,), caveats=shown)

    def _no(self, method: str, path: str, fitting: list[Route], refused: Route | None) -> Answer:
        others = [route for route in fitting if route.methods is not None and route.served]
        if self.gaps or self.filters:
            evidence = tuple(route.evidence for route in others[:3]) + (self.gaps + self.filters)[:3]
            message = f"no route for {method} {path} was found, and not all of the routing could be followed"
            return Answer(served=None, message=message, evidence=evidence)
        if refused is not None and method in refused.refused:
            message = f"{method} {path} is refused: {refused.refusal}"
            return Answer(served=False, message=message, evidence=(refused.evidence,))
        if others:
            methods = sorted(set().union(*(route.methods or () for route in others)))
            message = f"{path} is served for {', '.join(methods)} only, not for {method} (405)"
            return Answer(
                served=False, message=message, evidence=tuple(route.evidence for route in others[:3])
            )
        redirect = self._redirected(path)
        if redirect is not None:
            message = f"{path} is answered by a redirect to {redirect.pattern}, which is not 200"
            return Answer(served=False, message=message, evidence=(redirect.evidence,))
        known = ", ".join(sorted({route.pattern for route in self.routes})[:12]) or "none"
        message = f"no route serves {path} (404); the routes are: {known}"
        return Answer(served=False, message=message, evidence=self.source)

    def _redirected(self, path: str) -> Route | None:
        toggled = path + "/"
        if self.toggles_slash and path.endswith("/") and path != "/":
            toggled = path.rstrip("/")
        return next((route for route in self.routes if fits(route, toggled) and route.served), None)


def _is_clear(route: Route, path: str) -> bool:
    """Tell whether a request certainly comes to a route, and what becomes of it there."""
    known = route.certain and route.served is not None and route.methods is not None
    return known and fits(route, path) is True


def _doubt(route: Route, path: str) -> str:
    """Say what is not clear about a route."""
    if fits(route, path) is None:
        return "the route's pattern is not understood"
    if route.methods is None:
        return "the route's methods are not known"
    if route.served is None:
        return "what answers behind the route is not followed"
    return "the route may not be registered, or another one may come first"


def _is_static(route: Route) -> bool:
    return route.tokens is not None and all(token.kind == "literal" for token in route.tokens)


def _best_paths(fitting: list[Route]) -> list[Route]:
    """Return the routes of the best path: one without parameters; which of several with them is not known."""
    if any(_is_static(route) and route.certain for route in fitting):
        return [route for route in fitting if _is_static(route) or not route.certain or route.tokens is None]
    if len(fitting) > 1:
        return [attrs.evolve(route, certain=False) for route in fitting]
    return fitting


def fits(route: Route, path: str) -> bool | None:
    """Tell whether a route's pattern fits a path; None when the pattern is not understood."""
    if route.tokens is None:
        return None
    if matches(route.tokens, path):
        return True
    if not route.either_slash:
        return False
    return matches(route.tokens, path[:-1] if path.endswith("/") else path + "/")
