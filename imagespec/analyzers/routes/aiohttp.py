"""Routes of aiohttp applications (3.7 to 3.12, web_urldispatcher.py); paths are taken as they are, without redirects."""

from __future__ import annotations

import re

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Items, Value, text_of
from imagespec.analyzers.routes.reading import Reading, class_methods, is_empty, wrapped
from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, RouteTable, Token, Tokens

_DEPTH = 8
_HARMLESS = (
    ".on_startup", ".on_cleanup", ".on_shutdown", ".on_response_prepare", ".cleanup_ctx", "[]=", ".router.routes",
    ".router.resources", ".freeze", ".logger", ".get", ".router.named_resources",
)  # fmt: skip
_USERS = ("aiohttp.web.run_app", "aiohttp.web.AppRunner", "aiohttp.web.Application().add_subapp")
_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([^{}]{1,200}))?\}")


def aiohttp_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of an aiohttp application."""
    reader = _Reader(program)
    reader.read(app, "", 0, certain=True)
    reader.look_elsewhere(app, _USERS)
    return reader.table(app.place, "the aiohttp application", ordered=True)


class _Reader(Reading):
    def read(self, app: Call, prefix: str, depth: int, *, certain: bool) -> None:
        """Add what an application registers."""
        if depth > _DEPTH or app.subclass is not None or app.spread:
            self.gap(app.place, "the application's class or arguments are not followed")
            return
        if not is_empty(app.argument(None, "middlewares")):
            self.filter(app.place, "middlewares may answer requests themselves")
        for call, base in self.calls_of(app):
            self._member(call, base, prefix, depth, certain=certain and call.certain)

    def _member(self, call: Call, base: str, prefix: str, depth: int, *, certain: bool) -> None:
        verb = base.removeprefix(".router.add_")
        if base in {".add_routes", ".router.add_routes"}:
            self._listed(call, call.argument(0, "routes"), prefix, certain=certain)
        elif base == ".router.add_route":
            path, handler = call.argument(1, "path"), call.argument(2, "handler")
            self._route(call, text_of(call.argument(0, "method")), path, handler, prefix, certain=certain)
        elif base.startswith(".router.add_") and (verb in VERBS or verb == "view"):
            path, handler = call.argument(0, "path"), call.argument(1, "handler")
            self._route(call, verb, path, handler, prefix, certain=certain)
        elif base == ".add_subapp":
            self._subapp(call, prefix, depth, certain=certain)
        elif base.startswith((".router.add_static", ".middlewares")):
            self.gap(call.place, f"{call.name} is not followed")
            self.filters.extend(self.gaps[-1:] if ".middlewares" in base else ())
        elif not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _listed(self, call: Call, value: Value | None, prefix: str, *, certain: bool) -> None:
        if isinstance(value, Call) and value.name == "aiohttp.web.RouteTableDef":
            self._definitions(value, prefix, certain=certain)
            return
        if not isinstance(value, Items) or value.open:
            self.gap(call.place, "a list of routes is not wholly known")
        for item in value.items[:1_000] if isinstance(value, Items) else ():
            verb = item.name.removeprefix("aiohttp.web.") if isinstance(item, Call) else ""
            if not isinstance(item, Call) or verb not in {*VERBS, "view", "route"}:
                self.gap(call.place, "a route in a list is not followed")
                continue
            shift = int(verb == "route")
            method = text_of(item.argument(0, "method")) if shift else verb
            path, handler = item.argument(shift, "path"), item.argument(shift + 1, "handler")
            self._route(item, method, path, handler, prefix, certain=certain)

    def _definitions(self, table: Call, prefix: str, *, certain: bool) -> None:
        for call, base in self.calls_of(table):
            verb = base.removeprefix(".").removesuffix("()")
            if not base.endswith("()") and verb in {*VERBS, "view", "route"}:
                continue  # a decorator registers when it is applied
            made = call.receiver
            if verb not in {*VERBS, "view", "route"} or not isinstance(made, Call):
                self.gap(call.place, f"{call.name} is not followed")
                continue
            shift = int(verb == "route")
            method = text_of(made.argument(0, "method")) if shift else verb
            handler = call.args[0] if call.args else None
            path = made.argument(shift, "path")
            self._route(made, method, path, handler, prefix, certain=certain and call.certain)

    def _route(
        self,
        call: Call,
        method: str | None,
        path: Value | None,
        handler: Value | None,
        prefix: str,
        *,
        certain: bool,
    ) -> None:
        text = text_of(path)
        pattern = None if text is None else prefix + text
        tokens = None if pattern is None else parse_path(pattern)
        name = (method or "").upper()
        methods: frozenset[str] | None = None if method is None else frozenset({name})
        if isinstance(handler, Class) or name == "VIEW":
            methods = class_methods(handler, "aiohttp.web.View") if isinstance(handler, Class) else None
        elif name == "*":
            methods = ALL_METHODS
        elif name == "GET" and call.argument(None, "allow_head") in {None, Const(value=True)}:
            methods = frozenset({"GET", "HEAD"})
        self.add(pattern, tokens, methods, call.place, certain=certain, caveats=wrapped(handler))

    def _subapp(self, call: Call, prefix: str, depth: int, *, certain: bool) -> None:
        text, inner = text_of(call.argument(0, "prefix")), call.argument(1, "subapp")
        if text is None or not isinstance(inner, Call) or inner.name != "aiohttp.web.Application":
            self.gap(call.place, "an application that is not followed is mounted")
            return
        self.read(inner, prefix + text.rstrip("/"), depth + 1, certain=certain)


def parse_path(pattern: str) -> Tokens | None:
    """Return the tokens of a path with ``{name}`` and ``{name:regex}``; None where it is not understood."""
    tokens: list[Token] = []
    end = 0
    for found in _PARAMETER.finditer(pattern):
        inner = parse_regex(found[2]) if found[2] else (Token("segment"),)
        if inner is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), *inner]
        end = found.end()
    rest = pattern[end:]
    if any(
        mark in token.text
        for token in (*tokens, Token("literal", rest))
        for mark in "{}"
        if token.kind == "literal"
    ):
        return None
    return (*tokens, Token("literal", rest)) if pattern.startswith("/") else None
