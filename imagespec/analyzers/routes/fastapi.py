"""
Routes of FastAPI and Starlette applications (FastAPI 0.95 to 0.165, Starlette 0.27 to 1.10).

The first route that fits decides; a path that fits only with or without its last slash is redirected (307).
FastAPI's own routes answer GET but not HEAD; Starlette's answer both.
"""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    External,
    Function,
    Items,
    Value,
    contains,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.flask import may_register
from imagespec.analyzers.routes.handlers import may_answer_with_errors, passes_on, undecorated
from imagespec.analyzers.routes.parameters import request_caveats
from imagespec.analyzers.routes.reading import wrapped
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, Route, RouteTable, Token
from imagespec.analyzers.routes.starlettepaths import methods_of, parse_path
from imagespec.verdict import Evidence

_DEPTH = 8
_APPS = ("fastapi.FastAPI", "starlette.applications.Starlette")
_OWNERS = (*(app + "()" for app in _APPS), "fastapi.APIRouter()", "starlette.routing.Router()")
_HARMLESS = (
    ".openapi", ".state", ".add_event_handler", ".dependency_overrides", ".title", ".version", ".websocket",
    ".description", ".debug", ".routes", ".url_path_for", ".extra", ".user_middleware", ".build_middleware_stack",
    ".add_websocket_route", ".add_api_websocket_route", ".lifespan_context", ".tags",
)  # fmt: skip
"""Members that neither register HTTP routes nor refuse requests; ``routes`` is only read."""
_MIDDLEWARE = {
    "starlette.middleware.cors.CORSMiddleware",
    "starlette.middleware.gzip.GZipMiddleware",
    "starlette.middleware.sessions.SessionMiddleware",
    "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware",
}
_USERS = (
    "builtins.", "logging.", "uvicorn.run", "uvicorn.Config", "fastapi.FastAPI().include_router",
    "fastapi.APIRouter().include_router", "threading.Thread", "multiprocessing.Process", "asyncio.",
)  # fmt: skip
_REGISTERING = {"include_router", "add_api_route", "add_route", "mount", "api_route", "route"}


def fastapi_routes(app: Call, program: Program, root_path: str | None) -> RouteTable:
    """Return the routing table of a FastAPI or Starlette application."""
    reader = _Reader(program)
    reader.add_application(app, "", 0, certain=app.certain)
    reader.look_elsewhere(app)
    own = app.argument(None, "root_path") if app.name == "fastapi.FastAPI" else None
    prefix = root_path
    if own is not None and own != Const("") and root_path == "":
        prefix = text_of(own)
    return RouteTable(
        routes=tuple(reader.routes),
        gaps=(*program.gaps, *reader.gaps),
        filters=tuple(reader.filters),
        ordered=True,
        toggles_slash=app.argument(None, "redirect_slashes") in {None, Const(value=True)},
        root_path=None if prefix is None else prefix.rstrip("/"),
        strips_root_path=root_path == "" and _strips(program),
        source=(app.place.evidence(f"the {app.name.rpartition('.')[2]} application is made here"),),
    )


def _strips(program: Program) -> bool:
    """Tell whether Starlette takes root_path off a path: since 0.33 (_utils.get_route_path and before)."""
    for directory in program.sources.libraries:
        for entry in program.sources.rootfs.list(directory):
            found = re.search(r"/starlette-([0-9]{1,3})\.([0-9]{1,3})\.[0-9.]{1,9}dist-info\Z", entry.path)
            if found:
                return (int(found[1]), int(found[2])) >= (0, 35)
    return False


@attrs.define
class _Reader:
    program: Program
    routes: list[Route] = attrs.field(factory=list)
    gaps: list[Evidence] = attrs.field(factory=list)
    filters: list[Evidence] = attrs.field(factory=list)

    def add_application(self, app: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        """Add an application's own routes: its documentation, its ``routes=``, then what it registers."""
        if app.subclass is not None or app.spread:
            self.gaps.append(app.place.evidence("the application's class or arguments are not followed"))
        if app.name == "fastapi.FastAPI":
            self._documentation(app, prefix, certain=certain)
        for name in ("middleware", "dependencies", "exception_handlers", "lifespan", "on_startup"):
            self._option(app, name)
        listed = app.argument(1 if app.name.endswith("Starlette") else None, "routes")
        if listed is not None and listed != Const(None):
            self._listed(listed, prefix, app, depth, certain=certain)
        self.read(app, prefix, None, depth, certain=certain)

    def _documentation(self, app: Call, prefix: str | None, *, certain: bool) -> None:
        """Add what applications.py, FastAPI.setup, adds first."""
        openapi = app.argument(None, "openapi_url") or Const("/openapi.json")
        names = {
            "docs_url": "/docs",
            "swagger_ui_oauth2_redirect_url": "/docs/oauth2-redirect",
            "redoc_url": "/redoc",
        }
        values = [openapi] + [app.argument(None, name) or Const(default) for name, default in names.items()]
        if openapi == Const(None) or openapi == Const(""):
            return
        for value in values:
            if value not in {Const(None), Const("")}:
                get = frozenset({"GET", "HEAD"})
                self._add(prefix, value, get, app, certain=certain, what="FastAPI's own page")

    def _option(self, app: Call, name: str) -> None:
        value = app.argument(None, name)
        empty = (
            value is None
            or value == Const(None)
            or (isinstance(value, Items) and not value.items and not value.open)
        )
        if empty:
            return
        evidence = app.place.evidence(f"the application is made with {name}, which is not followed")
        if name in {"middleware", "dependencies"}:
            self.filters.append(evidence)
        if name in {"middleware", "exception_handlers"} or _registers(value):
            self.gaps.append(evidence)

    def read(self, owner: Call, prefix: str | None, until: int | None, depth: int, *, certain: bool) -> None:
        """Add what an application or router registers; what comes after place ``until`` is not certain."""
        if depth > _DEPTH or len(self.routes) > 5_000:
            self.gaps.append(owner.place.evidence("routers are nested more deeply than is followed"))
            return
        for position, call in enumerate(self.program.calls):
            if root_of(call.receiver) is not owner:
                continue
            base = call.name
            for start in _OWNERS:
                base = base.removeprefix(start)
            sure = certain and call.certain and (until is None or position < until)
            self._member(call, base.removeprefix(".router"), prefix, depth, certain=sure)

    def _member(self, call: Call, base: str, prefix: str | None, depth: int, *, certain: bool) -> None:
        plain = {f".{verb}" for verb in VERBS} | {
            ".api_route",
            ".route",
            ".middleware",
            ".exception_handler",
            ".on_event",
        }
        if base in plain:
            return  # a decorator works when it is applied
        if base.endswith("()") and base[:-2] in plain and isinstance(call.receiver, Call):
            self._decorated(call, call.receiver, base[1:-2], prefix, certain=certain)
        elif base in {".add_api_route", ".add_route"}:
            view = call.argument(1, "endpoint" if base == ".add_api_route" else "route")
            methods = methods_of(call, view, head=base == ".add_route")
            self._add(prefix, call.argument(0, "path"), methods, call, certain=certain, view=view)
        elif base == ".include_router":
            self._include(call, prefix, depth, certain=certain)
        elif base == ".mount":
            self._mount(
                call, call.argument(0, "path"), call.argument(1, "app"), prefix, depth, certain=certain
            )
        elif base == ".add_middleware":
            self._middleware(call, call.argument(0, "middleware_class"))
        elif base == ".add_exception_handler":
            self._handler(call, call)
        elif not base.startswith(_HARMLESS):
            self.gaps.append(call.place.evidence(f"{call.name} is not followed"))

    def _decorated(self, call: Call, made: Call, kind: str, prefix: str | None, *, certain: bool) -> None:
        view = call.args[0] if call.args else None
        if kind == "middleware":
            if not (isinstance(view, Function) and passes_on(view)):
                self.filters.append(call.place.evidence("middleware may answer requests itself"))
        elif kind == "exception_handler":
            self._handler(call, made)
        elif kind == "on_event":
            if _registers(view):
                self.gaps.append(call.place.evidence("routes may be registered when the application starts"))
        else:
            methods = (
                frozenset({kind.upper()}) if kind in VERBS else methods_of(made, view, head=kind == "route")
            )
            self._add(prefix, made.argument(0, "path"), methods, made, certain=certain, view=view)

    def _add(
        self,
        prefix: str | None,
        path: Value | None,
        methods: frozenset[str] | None,
        call: Call,
        *,
        certain: bool,
        view: Value | None = None,
        what: str = "route",
    ) -> None:
        text = text_of(path)
        pattern = None if text is None or prefix is None else prefix + text
        shown = pattern if pattern is not None else "of unknown path"
        view = undecorated(view, _OWNERS)
        caveats = request_caveats(call, view, shown) + may_answer_with_errors(view, call.place)
        self.routes.append(
            Route(
                pattern=shown,
                tokens=None if pattern is None else parse_path(pattern),
                methods=methods,
                evidence=call.place.evidence(f"{what} {shown}", seen=shown),
                certain=certain,
                caveats=caveats + wrapped(view),
            )
        )

    def _include(self, call: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        router = call.argument(0, "router")
        if not isinstance(router, Call) or router.name != "fastapi.APIRouter" or router.subclass is not None:
            self.gaps.append(call.place.evidence("a router that is not followed is included"))
            return
        parts = [call.argument(None, "prefix") or Const(""), router.argument(None, "prefix") or Const("")]
        texts = [text for text in map(text_of, parts) if text is not None]
        inner = None if prefix is None or len(texts) < 2 else prefix + "".join(texts)
        for owner in (call, router):
            if owner.argument(None, "dependencies") not in {None, Const(None)}:
                self.filters.append(owner.place.evidence("a router's dependencies may refuse requests"))
        if "routes" in router.keywords or call.spread or router.spread:
            self.gaps.append(
                router.place.evidence("the router's routes= or unknown arguments are not followed")
            )
        self.read(router, inner, self.program.calls.index(call), depth + 1, certain=certain)

    def _mount(
        self,
        call: Call,
        path: Value | None,
        app: Value | None,
        prefix: str | None,
        depth: int,
        *,
        certain: bool,
    ) -> None:
        text = text_of(path)
        inner = None if text is None or prefix is None else prefix + text.rstrip("/")
        known = isinstance(app, Call) and app.name in _APPS and depth < _DEPTH
        if isinstance(app, Call) and known:
            self.add_application(app, inner, depth + 1, certain=certain)
        tokens = parse_path(inner + "/") if inner is not None else None
        shown = f"{inner}/…" if inner is not None else "mount of unknown path"
        self.routes.append(
            Route(
                pattern=shown,
                tokens=(*tokens, Token("rest")) if tokens is not None else None,
                methods=ALL_METHODS,
                evidence=call.place.evidence(
                    f"everything below {shown} goes to a mounted application", seen=shown
                ),
                certain=certain,
                served=False if known else None,
            )
        )

    def _listed(self, value: Value, prefix: str | None, app: Call, depth: int, *, certain: bool) -> None:
        """Add a list of ``Route``, ``Mount`` and ``WebSocketRoute``."""
        items = value.items if isinstance(value, Items) else []
        if not isinstance(value, Items) or value.open or depth > _DEPTH:
            self.gaps.append(app.place.evidence("a list of routes is not wholly known"))
        for item in items[:1_000]:
            name = item.name if isinstance(item, Call) else "?"
            if isinstance(item, Call) and name == "starlette.routing.Route":
                view = item.argument(1, "endpoint")
                methods = methods_of(item, view, head=True, position=None)
                self._add(prefix, item.argument(0, "path"), methods, item, certain=certain, view=view)
            elif isinstance(item, Call) and name == "starlette.routing.Mount":
                self._listed_mount(item, prefix, depth, certain=certain)
            elif name != "starlette.routing.WebSocketRoute":
                self.gaps.append(app.place.evidence("a route in a list is not followed"))

    def _listed_mount(self, item: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        listed = item.argument(None, "routes")
        path = item.argument(0, "path")
        if listed is None:
            self._mount(item, path, item.argument(1, "app"), prefix, depth, certain=certain)
            return
        text = text_of(path)
        inner = None if text is None or prefix is None else prefix + text.rstrip("/")
        self._listed(listed, inner, item, depth + 1, certain=certain)

    def _middleware(self, call: Call, value: Value | None) -> None:
        if isinstance(value, External) and value.name in _MIDDLEWARE:
            return
        if isinstance(value, Class):
            bases = [name_of(base) for base in value.foreign_bases()]
            dispatch = value.find("dispatch")
            plain = (
                bases == ["starlette.middleware.base.BaseHTTPMiddleware"] and value.find("__call__") is None
            )
            if plain and isinstance(dispatch, Function) and passes_on(dispatch):
                return
        self.filters.append(call.place.evidence("middleware that is not followed may answer requests itself"))

    def _handler(self, call: Call, made: Call) -> None:
        code = made.args[0] if made.args else None
        own = isinstance(code, Const) and code.value not in {404, 405}
        named = name_of(code).rpartition(".")[2]
        if (
            not own
            and not isinstance(code, Class)
            and named not in {"RequestValidationError", "ValidationError"}
        ):
            self.gaps.append(
                call.place.evidence("an exception handler may answer requests that have no route")
            )

    def look_elsewhere(self, app: Call) -> None:
        """Find what else is given the application, or calls something unknown that may be it."""
        for call in self.program.calls:
            if root_of(call.receiver) is app:
                continue
            given = any(contains(value, app) for value in (*call.args, *call.keywords.values()))
            if given and not call.name.startswith(_USERS):
                self.gaps.append(
                    call.place.evidence(f"{call.name} is given the application, and may add routes")
                )
            elif may_register(call):
                self.gaps.append(
                    call.place.evidence("routes are registered on something that is not followed")
                )


def _registers(value: Value | None) -> bool:
    """Tell whether a function that runs when the application starts may register routes."""
    if not isinstance(value, Function):
        return True
    return any(getattr(node, "attr", "") in _REGISTERING for node in own_nodes(value.node))
