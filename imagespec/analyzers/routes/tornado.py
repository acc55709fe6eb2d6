"""
Routes of Tornado applications (6.0 to 6.5, web.py and routing.py).

Patterns are regular expressions for the whole path; the first that fits decides, and a handler answers 405 to verbs
that it has no method for.
"""

from __future__ import annotations

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Class,
    Const,
    Function,
    Items,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.routes.classviews import Kind, class_place, verbs_of
from imagespec.analyzers.routes.handlers import Calling, Given, handler_caveats
from imagespec.analyzers.routes.hooks import lets_requests_through
from imagespec.analyzers.routes.reading import Reading, is_empty
from imagespec.analyzers.routes.regexpaths import groups_of, parse_regex
from imagespec.analyzers.routes.routing import Caveat, RouteTable

_HANDLER = Kind(
    bases=frozenset({"tornado.web.RequestHandler"}),
    calling=Calling(positional=0, takes="nothing"),
    hooks=("SUPPORTED_METHODS", "_execute", "__init__", "finish", "write", "set_status"),
)
_COROUTINES = frozenset({"tornado.gen.coroutine", "asyncio.coroutine"})
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SPECS = {"tornado.web.url", "tornado.web.URLSpec", "tornado.routing.Rule"}
_ANY_HOST = {".*", ".*$", "^.*$", ""}
_USERS = ("tornado.httpserver.HTTPServer", "tornado.web.Application")


def tornado_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Tornado application."""
    reader = _Reader(program)
    made = _base_call(app, program)
    for call, base, _ in reader.calls_of(app):
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
    checks_xsrf: bool = False

    def application(self, made: Call) -> None:
        """Add what the arguments of ``Application`` say."""
        settings = made.keywords
        xsrf = settings.get("xsrf_cookies", Const(value=False))
        self.checks_xsrf = xsrf == Const(value=True)
        if not isinstance(xsrf, Const):
            self.filter(made.place, "xsrf_cookies may refuse requests without a token")
        shift = made.name == "tornado.web.Application.__init__"
        if "static_path" in settings:  # web.py, Application: before the application's own
            prefix = text_of(settings.get("static_url_prefix", Const("/static/")))
            for path in (None if prefix is None else prefix, "/favicon.ico", "/robots.txt"):
                tokens = parse_regex(f"{path}.*" if path == prefix else path or "")
                self.add(path, tokens, None, made.place, served=None)
        value = made.argument(int(shift), "handlers")
        if not is_empty(value):
            self.listed(value, made.place, certain=True)
        if made.spread or "default_handler_class" in settings:
            self.gap(made.place, "settings of the application are not followed")

    def listed(self, value: Value | None, place: Place, *, certain: bool) -> None:
        """Add a list of handlers."""
        if not isinstance(value, Items) or value.open:
            self.gap(place, "a list of handlers is not wholly known")
        for item in value.items if isinstance(value, Items) else ():
            if isinstance(item, Items) and len(item.items) >= 2 and not item.open:
                pattern, handler, *more = item.items
            elif isinstance(item, Call) and item.name in _SPECS:
                pattern, handler = (
                    item.argument(0, "pattern") or UNKNOWN,
                    item.argument(1, "handler") or UNKNOWN,
                )
                more = [item.argument(2, "kwargs") or Const(None)]
            else:
                self.gap(place, "a handler in a list is not followed")
                continue
            arguments = more[0] if more and more[0] != Const(None) else None
            self._handler(text_of(pattern), handler, arguments, place, certain=certain)

    def _handler(
        self,
        pattern: str | None,
        handler: Value | None,
        arguments: Value | None,
        place: Place,
        *,
        certain: bool,
    ) -> None:
        count, names = groups_of(pattern or "")
        given = Given(names, 0 if names else count)  # web.py: named groups only, where there are any
        verbs = verbs_of(handler, _HANDLER, self.program, given, _COROUTINES)
        known = verbs.methods is not None
        guarded = known and isinstance(handler, Class) and handler.find("check_xsrf_cookie") is None
        self.add(
            pattern,
            None if pattern is None else parse_regex(pattern),
            verbs.methods,
            place,
            certain=certain,
            served=True if known else None,
            caveats=self._caveats(handler, arguments) if isinstance(handler, Class) else (),
            method_caveats=verbs.caveats,
            refused=_UNSAFE if self.checks_xsrf and guarded else frozenset(),
            refusal="xsrf_cookies is set, and a request without its token is answered 403",
        )
        if isinstance(handler, Class) and _changes_status(handler):
            message = "the handler's own write_error() may answer errors with another status"
            self.gap(class_place(handler), message)

    def _caveats(self, handler: Class, arguments: Value | None) -> tuple[Caveat, ...]:
        """Return what speaks against all requests to a handler: its ``initialize`` and ``prepare``."""
        found: list[Caveat] = []
        place = class_place(handler)
        prepare, initialize = handler.find("prepare"), handler.find("initialize")
        if prepare is not None and not (
            isinstance(prepare, Function) and lets_requests_through(prepare, self.program, 0, handler)
        ):
            found.append(Caveat(place.evidence("the handler's prepare() may refuse requests")))
        headers = handler.find("set_default_headers")
        if headers is not None:
            found += handler_caveats(headers, place, self.program, Calling(positional=0), owner=handler)
        table = arguments if isinstance(arguments, Table) else Table({})
        given = Given(frozenset(str(key) for key in table.entries))
        known = arguments is None or (isinstance(arguments, Table) and not arguments.open)
        if initialize is not None:
            calling = Calling(positional=0) if known else Calling()
            found += handler_caveats(initialize, place, self.program, calling, given, handler)
        elif given.names or not known:
            message = "the route gives arguments to a handler without initialize()"
            found.append(Caveat(place.evidence(message)))
        return tuple(found)


def _changes_status(handler: Class) -> bool:
    """Tell whether a class has error pages of its own that may set another status."""
    for name in ("write_error", "send_error"):
        method = handler.find(name)
        if method is not None and not isinstance(method, Function):
            return True
        nodes = own_nodes(method.node) if isinstance(method, Function) else []
        if any(
            getattr(node, "attr", "") in {"set_status", "clear", "redirect", "_status_code"} for node in nodes
        ):
            return True
    return False
