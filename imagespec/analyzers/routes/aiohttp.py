"""
Routes of aiohttp applications (3.7 to 3.14, web_urldispatcher.py); paths are taken as they are, without redirects.

Which of several resources that fit is asked first depends on the version: by order before 3.9, by their prefix since.
"""

from __future__ import annotations

import ast
import re

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Function, Items, Value, text_of
from imagespec.analyzers.routes.classviews import Kind, verbs_of
from imagespec.analyzers.routes.handlers import Calling, handler_caveats
from imagespec.analyzers.routes.hooks import passes_on
from imagespec.analyzers.routes.reading import Reading, is_empty
from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, Caveat, RouteTable
from imagespec.analyzers.routes.tokens import Token, Tokens

_HARMLESS = (
    ".on_cleanup", ".on_shutdown", "[]=", "[]", ".router.routes", ".router.resources", ".freeze", ".logger", ".get",
    ".router.named_resources", ".router.lookup",
)  # fmt: skip
_KINDS = {*VERBS, "view", "route"}
_USERS = ("aiohttp.web.run_app", "aiohttp.web.AppRunner", "aiohttp.web.Application().add_subapp")
_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([^{}]{1,200}))?\}")
_CALLING = Calling(positional=1, takes="responses")
_VIEW = Kind(
    bases=frozenset({"aiohttp.web.View"}),
    calling=Calling(positional=0, takes="responses"),
    hooks=("__await__", "_iter", "__init__"),
)


def aiohttp_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of an aiohttp application."""
    reader = _Reader(program)
    reader.read(app, "", None, 0, certain=True)
    reader.look_elsewhere(app, _USERS)
    return reader.table(app.place, "the aiohttp application", statics_first=False)


class _Reader(Reading):
    def read(self, app: Call, prefix: str, until: Call | None, depth: int, *, certain: bool) -> None:
        """Add what an application registers; one that is part of another takes no more routes then."""
        if self.too_deep(depth, app.place):
            return
        if app.subclass is not None or app.spread:
            self.gap(app.place, "the application's class or arguments are not followed")
        if not is_empty(app.argument(None, "middlewares")):
            self._middlewares(app.argument(None, "middlewares"), app.place)
        for call, base, late in self.calls_of(app, until):
            self._member(call, base, prefix, depth, certain=certain and call.certain and not late)

    def _middlewares(self, listed: Value | None, place: Place) -> None:
        """Look at functions around handlers: ``@web.middleware`` only marks them."""
        known = isinstance(listed, Items) and not listed.open
        for item in listed.items if isinstance(listed, Items) and known else ():
            if isinstance(item, Call) and item.name == "aiohttp.web.middleware" and item.args:
                item = item.args[0]
                known = known and isinstance(item, Function) and passes_on(item, self.program)
                if isinstance(item, Function) and any(
                    isinstance(node, ast.Try) for node in own_nodes(item.node)
                ):
                    self.gap(place, "a middleware may answer for what has no route")
            else:
                known = False
        if not known:
            self.both(place, "middlewares may answer requests themselves")

    def _member(self, call: Call, base: str, prefix: str, depth: int, *, certain: bool) -> None:
        verb = base.removeprefix(".router.add_")
        if base in {".add_routes", ".router.add_routes"}:
            self._listed(call, call.argument(0, "routes"), prefix, certain=certain)
        elif base.startswith(".router.add_") and verb in _KINDS:
            self._registered(call, verb, None, prefix, certain=certain)
        elif base == ".add_subapp":
            self._subapp(call, prefix, depth, certain=certain)
        elif base.startswith((".on_startup", ".cleanup_ctx")):
            for value in call.args or (None,):
                self.starts(value, call.place)
        elif base == ".middlewares.append" and len(call.args) == 1:
            self._middlewares(Items(list(call.args)), call.place)
        elif base.startswith((".middlewares", ".on_response_prepare")):
            self.both(call.place, f"{call.name} is not followed")
        elif not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _registered(
        self, call: Call, kind: str, handler: Value | None, prefix: str, *, certain: bool
    ) -> None:
        """Add what one call of ``add_get`` and its like, ``web.get`` or ``@routes.get`` (with ``handler``) says."""
        shift = int(kind == "route")
        method = text_of(call.argument(0, "method")) if shift else kind
        handler = handler or call.argument(shift + 1, "handler")
        heads = kind == "get" and call.argument(None, "allow_head") in {None, Const(value=True)}
        self._route(call, method, call.argument(shift, "path"), handler, prefix, heads=heads, certain=certain)

    def _listed(self, call: Call, value: Value | None, prefix: str, *, certain: bool) -> None:
        if isinstance(value, Call) and value.name == "aiohttp.web.RouteTableDef":
            self._definitions(value, call, prefix, certain=certain)
            return
        if not isinstance(value, Items) or value.open:
            self.gap(call.place, "a list of routes is not wholly known")
        for item in value.items if isinstance(value, Items) else ():
            kind = item.name.removeprefix("aiohttp.web.") if isinstance(item, Call) else ""
            if isinstance(item, Call) and kind in _KINDS:
                self._registered(item, kind, None, prefix, certain=certain)
            else:
                self.gap(call.place, "a route in a list is not followed")

    def _definitions(self, table: Call, until: Call, prefix: str, *, certain: bool) -> None:
        """Add what a ``RouteTableDef`` holds by the time that it is added."""
        for call, base, late in self.calls_of(table, until):
            kind = base.removeprefix(".").removesuffix("()")
            made = call.receiver
            if late or (not base.endswith("()") and kind in _KINDS):
                continue  # a decorator registers when it is applied
            if kind not in _KINDS or not isinstance(made, Call):
                self.gap(call.place, f"{call.name} is not followed")
                continue
            handler = call.args[0] if call.args else None
            while (
                isinstance(handler, Call) and handler.decorator and handler.name.startswith(table.name + "()")
            ):
                handler = (
                    handler.args[0] if handler.args else None
                )  # decorators of tables give what they are given
            self._registered(made, kind, handler, prefix, certain=certain and call.certain)

    def _route(
        self,
        call: Call,
        method: str | None,
        path: Value | None,
        handler: Value | None,
        prefix: str,
        *,
        heads: bool,
        certain: bool,
    ) -> None:
        text = text_of(path)
        pattern = None if text is None else prefix + text
        methods = None if method is None else _methods(method.upper(), heads=heads)
        verbs = verbs_of(handler, _VIEW, self.program) if isinstance(handler, Class) else None
        if verbs is not None:
            methods = None if methods is None or verbs.methods is None else methods & verbs.methods
        if self.routes and self.routes[-1].pattern == pattern and self.routes[-1].methods == methods:
            self.doubt(call.place, "the same route is added twice, at which the program may stop")
        self.add(
            pattern,
            None if pattern is None else parse_path(pattern),
            methods,
            call.place,
            certain=certain,
            caveats=() if verbs else self._caveats(handler, call, pattern or ""),
            method_caveats=verbs.caveats if verbs else {},
        )

    def _caveats(self, handler: Value | None, call: Call, pattern: str) -> tuple[Caveat, ...]:
        found = handler_caveats(handler, call.place, self.program, _CALLING)
        names = {match[1] for match in _PARAMETER.finditer(pattern)}
        for node in own_nodes(handler.node) if isinstance(handler, Function) else ():
            match node:
                case ast.Subscript(value=ast.Attribute(attr="match_info"), slice=ast.Constant(value=name)):
                    if name not in names:
                        message = f"the handler takes {str(name)[:100]} of the path, which has none"
                        found += (Caveat(call.place.evidence(message)),)
        return found

    def _subapp(self, call: Call, prefix: str, depth: int, *, certain: bool) -> None:
        text, inner = text_of(call.argument(0, "prefix")), call.argument(1, "subapp")
        if text is None or not isinstance(inner, Call) or inner.name != "aiohttp.web.Application":
            self.gap(call.place, "an application that is not followed is mounted")
            return
        self.read(inner, prefix + text.rstrip("/"), call, depth + 1, certain=certain)


def _methods(name: str, *, heads: bool) -> frozenset[str]:
    if name in {"*", "VIEW"}:
        return ALL_METHODS
    return frozenset({"GET", "HEAD"}) if heads else frozenset({name})


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
