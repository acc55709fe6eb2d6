"""
Routes of FastAPI and Starlette applications (FastAPI 0.95 to 0.165, Starlette 0.27 to 1.10).

The first route that fits decides; a path that fits only with or without its last slash is redirected (307).
FastAPI's own routes answer GET but not HEAD; Starlette's answer both.
"""

from __future__ import annotations

import re
from typing import Any

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Items, Value, text_of
from imagespec.analyzers.routes.classviews import verbs_of
from imagespec.analyzers.routes.handlers import NOTHING, Calling, Given, handler_caveats, handler_of
from imagespec.analyzers.routes.parameters import request_caveats
from imagespec.analyzers.routes.reading import DEPTH, Reading
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, Caveat, RouteTable
from imagespec.analyzers.routes.starlettehooks import (
    add_exception_handler,
    add_hook,
    add_middleware,
    add_options,
)
from imagespec.analyzers.routes.starlettepaths import ENDPOINT, methods_of, parse_path
from imagespec.analyzers.routes.tokens import Token

_APPS = ("fastapi.FastAPI", "starlette.applications.Starlette")
_HARMLESS = (
    ".openapi", ".state", ".dependency_overrides", ".title", ".version", ".websocket",
    ".description", ".debug", ".routes", ".url_path_for", ".extra", ".user_middleware", ".build_middleware_stack",
    ".add_websocket_route", ".add_api_websocket_route", ".lifespan_context", ".tags",
)  # fmt: skip
"""Members that neither register HTTP routes nor refuse requests; ``routes`` is only read."""
_TAMPERING = (
    ".routes.", ".routes[]=", ".router.routes.", ".user_middleware.", ".dependency_overrides[]=", ".dependency_overrides.update",
    ".dependencies.", ".on_startup.",
)  # fmt: skip
"""Members through which routes, middleware and dependencies are changed behind the application's back."""
_REPLACING = {
    f".{name}="
    for name in (
        "routes",
        "build_middleware_stack",
        "middleware_stack",
        "lifespan_context",
        "router",
        "user_middleware",
    )
}
_USERS = ("fastapi.FastAPI().include_router", "fastapi.APIRouter().include_router")
_HOOKS = ("middleware", "exception_handler", "on_event")
_DECORATORS = (*VERBS, "api_route", "route", *_HOOKS)
_PARAMETER = re.compile(r"\{(\w{1,100})[:}]")
_FASTAPI = Calling()
_STARLETTE = Calling(positional=1, takes="responses")


def fastapi_routes(app: Call, program: Program, root_path: str | None) -> RouteTable:
    """Return the routing table of a FastAPI or Starlette application."""
    reader = _Reader(program)
    reader.add_application(app, "", 0, certain=app.certain)
    reader.look_elsewhere(app, _USERS)
    own = app.argument(None, "root_path") if app.name == "fastapi.FastAPI" else None
    prefix = root_path
    if own is not None and own != Const("") and root_path == "":
        prefix = text_of(own)
    return reader.table(
        app.place,
        f"the {app.name.rpartition('.')[2]} application",
        ordered=True,
        toggles_slash=app.argument(None, "redirect_slashes") in {None, Const(value=True)},
        root_path=None if prefix is None else prefix.rstrip("/"),
        strips_root_path=root_path == "" and _strips(program),
    )


def _strips(program: Program) -> bool:
    """Tell whether Starlette takes root_path off a path: since 0.33 (_utils.get_route_path and before)."""
    for directory in program.sources.libraries:
        for entry in program.sources.rootfs.list(directory):
            found = re.search(r"/starlette-([0-9]{1,3})\.([0-9]{1,3})\.[0-9.]{1,9}dist-info\Z", entry.path)
            if found:
                return (int(found[1]), int(found[2])) >= (0, 35)
    return False


class _Reader(Reading):
    def add_application(self, app: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        """Add an application's own routes: its documentation, its ``routes=``, then what it registers."""
        if app.subclass is not None or app.spread:
            self.gap(app.place, "the application's class or arguments are not followed")
        if app.name == "fastapi.FastAPI":
            self._documentation(app, prefix, certain=certain)
        add_options(self, app)
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

    def read(self, owner: Call, prefix: str | None, until: Call | None, depth: int, *, certain: bool) -> None:
        """Add what an application or router registers; what comes after the call ``until`` is not certain."""
        if self.too_deep(depth, owner.place):
            return
        for call, base, late in self.calls_of(owner, until):
            sure = certain and call.certain and not late
            self._member(call, base.removeprefix(".router"), prefix, depth, certain=sure)

    def _member(self, call: Call, base: str, prefix: str | None, depth: int, *, certain: bool) -> None:
        if base.removeprefix(".") in _DECORATORS:
            return  # a decorator works when it is applied
        made = call.receiver
        kind = base.removeprefix(".").removesuffix("()")
        if base.endswith("()") and kind in _HOOKS and isinstance(made, Call):
            add_hook(self, call, made, kind)
        elif base.endswith("()") and kind in _DECORATORS and isinstance(made, Call):
            view = call.args[0] if call.args else None
            methods = frozenset({kind.upper()}) if kind in VERBS else None
            self._route(made, kind, view, methods, prefix, certain=certain)
        elif base in {".add_api_route", ".add_route"}:
            view = call.argument(1, "endpoint" if base == ".add_api_route" else "route")
            self._route(call, kind.removeprefix("add_"), view, None, prefix, certain=certain)
        elif base == ".include_router":
            self._include(call, prefix, depth, certain=certain)
        elif base == ".mount":
            path, app = call.argument(0, "path"), call.argument(1, "app")
            self._mount(call, path, app, prefix, depth, certain=certain)
        else:
            self._other(call, base)

    def _other(self, call: Call, base: str) -> None:
        """Look at what registers no route, and may change what is answered."""
        if base == ".add_middleware":
            add_middleware(self, call, call.argument(0, "middleware_class"))
        elif base == ".add_exception_handler":
            add_exception_handler(self, call, call)
        elif base == ".add_event_handler":
            if call.argument(0, "event_type") != Const("shutdown"):
                self.starts(call.argument(1, "func"), call.place)
        elif base.startswith(_TAMPERING) or base in _REPLACING:
            self.both(call.place, f"{call.name} changes what is answered, and is not followed")
        elif not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _route(
        self,
        call: Call,
        kind: str,
        view: Value | None,
        methods: frozenset[str] | None,
        prefix: str | None,
        *,
        certain: bool,
    ) -> None:
        """Add a route of ``kind``: ``route`` is Starlette's own, which looks at no parameters."""
        path = call.argument(0, "path")
        shown = (prefix or "") + (text_of(path) or "")
        plain = kind == "route" or call.name.startswith("starlette.")
        verbs = verbs_of(view, ENDPOINT, self.program) if plain and isinstance(view, Class) else None
        if verbs is not None:
            methods = None if verbs.methods is None else _with_head(verbs.methods)
        elif methods is None:
            methods = methods_of(call, view, head=plain)
        caveats = () if verbs else self._caveats(view, call, shown, plain=plain)
        more = () if plain else request_caveats(call, handler_of(view), shown, methods, self.program)
        self._add(
            prefix,
            path,
            methods,
            call,
            certain=certain,
            caveats=(*more, *caveats),
            method_caveats=verbs.caveats if verbs else {},
        )

    def _caveats(self, view: Value | None, call: Call, shown: str, *, plain: bool) -> tuple[Caveat, ...]:
        given = NOTHING if plain else Given(frozenset(_PARAMETER.findall(shown)))
        return handler_caveats(view, call.place, self.program, _STARLETTE if plain else _FASTAPI, given)

    def _add(
        self,
        prefix: str | None,
        path: Value | None,
        methods: frozenset[str] | None,
        call: Call,
        **other: Any,
    ) -> None:
        text = text_of(path)
        pattern = None if text is None or prefix is None else prefix + text
        tokens = None if pattern is None else parse_path(pattern)
        self.add(pattern, tokens, methods, call.place, **other)

    def _include(self, call: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        router = call.argument(0, "router")
        if not isinstance(router, Call) or router.name != "fastapi.APIRouter" or router.subclass is not None:
            self.gap(call.place, "a router that is not followed is included")
            return
        parts = [call.argument(None, "prefix") or Const(""), router.argument(None, "prefix") or Const("")]
        texts = [text for text in map(text_of, parts) if text is not None]
        inner = None if prefix is None or len(texts) < 2 else prefix + "".join(texts)
        for owner in (call, router):
            if owner.argument(None, "dependencies") not in {None, Const(None)}:
                self.filter(owner.place, "a router's dependencies may refuse requests")
        if "routes" in router.keywords or call.spread or router.spread:
            self.gap(router.place, "the router's routes= or unknown arguments are not followed")
        self.read(router, inner, call, depth + 1, certain=certain)

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
        known = isinstance(app, Call) and app.name in _APPS and depth < DEPTH
        if isinstance(app, Call) and known:
            self.add_application(app, inner, depth + 1, certain=certain)
        tokens = parse_path(inner + "/") if inner is not None else None
        self.add(
            f"{inner}/…" if inner is not None else None,
            (*tokens, Token("rest")) if tokens is not None else None,
            ALL_METHODS,
            call.place,
            what="everything below goes to a mounted application:",
            certain=certain,
            served=False if known else None,
        )

    def _listed(self, value: Value, prefix: str | None, app: Call, depth: int, *, certain: bool) -> None:
        """Add a list of ``Route``, ``Mount`` and ``WebSocketRoute``."""
        items = value.items if isinstance(value, Items) else []
        if not isinstance(value, Items) or value.open:
            self.gap(app.place, "a list of routes is not wholly known")
        for item in items if not self.too_deep(depth, app.place) else ():
            name = item.name if isinstance(item, Call) else "?"
            if isinstance(item, Call) and name == "starlette.routing.Route":
                self._route(item, "route", item.argument(1, "endpoint"), None, prefix, certain=certain)
            elif isinstance(item, Call) and name == "starlette.routing.Mount":
                self._listed_mount(item, prefix, depth, certain=certain)
            elif name != "starlette.routing.WebSocketRoute":
                self.gap(app.place, "a route in a list is not followed")

    def _listed_mount(self, item: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        listed = item.argument(None, "routes")
        path = item.argument(0, "path")
        if listed is None:
            self._mount(item, path, item.argument(1, "app"), prefix, depth, certain=certain)
            return
        text = text_of(path)
        inner = None if text is None or prefix is None else prefix + text.rstrip("/")
        self._listed(listed, inner, item, depth + 1, certain=certain)


def _with_head(methods: frozenset[str]) -> frozenset[str]:
    return methods | {"HEAD"} if "GET" in methods else methods
