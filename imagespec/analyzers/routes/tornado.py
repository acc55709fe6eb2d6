"""
Routes of Tornado applications (6.0 to 6.5, web.py and routing.py).

Patterns are regular expressions for the whole path; the first that fits decides, and a handler answers 405 to verbs
that it has no method for.
"""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Function, Items, Place, Value, text_of
from imagespec.analyzers.routes.handlers import lets_requests_through
from imagespec.analyzers.routes.reading import Reading, class_methods, is_empty, wrapped
from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import RouteTable
from imagespec.verdict import Evidence

_BASE = "tornado.web.RequestHandler"
_SPECS = {"tornado.web.url", "tornado.web.URLSpec", "tornado.routing.Rule"}
_ANY_HOST = {".*", ".*$", "^.*$", ""}
_USERS = ("tornado.httpserver.HTTPServer", "tornado.web.Application")


def tornado_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Tornado application."""
    reader = _Reader(program)
    made = _base_call(app, program)
    for call, base in reader.calls_of(app):
        if (
            base == ".add_handlers"
        ):  # rules for hosts come before the application's own (web.py, add_handlers)
            if text_of(call.argument(0, "host_pattern")) in _ANY_HOST:
                reader.listed(call.argument(1, "host_handlers"), call.place, certain=call.certain)
            else:
                reader.gap(call.place, "handlers are chosen by host name")
        elif not base.startswith((".listen", ".settings", ".log", ".ui_", ".__init__")):
            reader.gap(call.place, f"{call.name} is not followed")
    if made is None:
        reader.gap(app.place, "the application's class is not followed")
    else:
        reader.application(made)
    reader.look_elsewhere(app, _USERS)
    return reader.table(app.place, "the Tornado application", ordered=True, path_decides=True)


def _base_call(app: Call, program: Program) -> Call | None:
    """Return the call that has the arguments of ``Application``: of a subclass, that inside its ``__init__``."""
    if app.subclass is None:
        return app
    first, last = app.subclass.node.lineno, app.subclass.node.end_lineno or 0
    names = {"builtins.super().__init__", "tornado.web.Application.__init__"}
    found = [
        call
        for call in program.calls
        if call.name in names
        and call.place.path == app.subclass.module.path
        and first <= (call.place.line or 0) <= last
    ]
    return found[0] if len(found) == 1 and found[0].certain else None


class _Reader(Reading):
    def application(self, made: Call) -> None:
        """Add what the arguments of ``Application`` say."""
        shift = made.name == "tornado.web.Application.__init__"
        value = made.argument(int(shift), "handlers")
        if not is_empty(value):
            self.listed(value, made.place, certain=True)
        settings = made.keywords
        if made.spread or "default_handler_class" in settings:
            self.gap(made.place, "settings of the application are not followed")
        if "static_path" in settings:
            prefix = text_of(settings.get("static_url_prefix", Const("/static/")))
            for path in (None if prefix is None else prefix, "/favicon.ico", "/robots.txt"):
                tokens = parse_regex(f"{path}.*" if path == prefix else path or "")
                self.add(path, tokens, None, made.place, served=None)
        if settings.get("xsrf_cookies", Const(value=False)) != Const(value=False):
            self.filter(made.place, "xsrf_cookies refuses requests without a token")

    def listed(self, value: Value | None, place: Place, *, certain: bool) -> None:
        """Add a list of handlers."""
        if not isinstance(value, Items) or value.open:
            self.gap(place, "a list of handlers is not wholly known")
        for item in value.items[:1_000] if isinstance(value, Items) else ():
            if isinstance(item, Items) and len(item.items) >= 2 and not item.open:
                pattern, handler = item.items[0], item.items[1]
            elif isinstance(item, Call) and item.name in _SPECS:
                pattern, handler = item.argument(0, "pattern"), item.argument(1, "handler")  # type: ignore[assignment]
            else:
                self.gap(place, "a handler in a list is not followed")
                continue
            self._handler(text_of(pattern), handler, place, certain=certain)

    def _handler(self, pattern: str | None, handler: Value | None, place: Place, *, certain: bool) -> None:
        tokens = None if pattern is None else parse_regex(pattern)
        methods = class_methods(handler, _BASE) if isinstance(handler, Class) else None
        known = isinstance(handler, Class) and methods is not None
        caveats = _caveats(handler) if isinstance(handler, Class) else ()
        if methods is not None:  # HEAD and OPTIONS are verbs like others: 405 without a method
            methods = frozenset(methods)
        self.add(
            pattern,
            tokens,
            methods,
            place,
            certain=certain,
            served=True if known else None,
            caveats=caveats,
        )


def _caveats(handler: Class) -> tuple[Evidence, ...]:
    place = Place(handler.module.path, handler.node.lineno, handler.module.layer)
    found: list[Evidence] = []
    prepare = handler.find("prepare")
    if prepare is not None and not (isinstance(prepare, Function) and lets_requests_through(prepare)):
        found.append(place.evidence("the handler's prepare() may refuse requests"))
    for verb in ("get", "post", "put"):
        method = handler.find(verb)
        found.extend(wrapped(method) if not _is_coroutine(method) else ())
        if isinstance(method, Function) and _needs_argument(method):
            found.append(place.evidence(f"{verb}() needs an argument of the request: 400 without it"))
    return tuple(found)


def _is_coroutine(view: Value | None) -> bool:
    return isinstance(view, Call) and view.name in {"tornado.gen.coroutine", "asyncio.coroutine"}


def _needs_argument(function: Function) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"get_argument", "get_query_argument", "get_body_argument"}
        and len(node.args) + len(node.keywords) == 1
        for node in own_nodes(function.node)
    )
