"""
Routes of Bottle applications (0.12 and 0.13), and of the default one that ``bottle.route`` fills.

A path without parameters comes before those with, and replaces an earlier one of its method; then their order decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Function, Items, Value, text_of
from imagespec.analyzers.routes.errorsigns import error_signs
from imagespec.analyzers.routes.handlers import Calling, Given, handler_caveats
from imagespec.analyzers.routes.handlertext import Handler, words_of
from imagespec.analyzers.routes.hooks import lets_requests_through
from imagespec.analyzers.routes.patterns import ANGLE, SEGMENT, SIGNED, names_in, parse_places
from imagespec.analyzers.routes.reading import Reading, methods_from
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, RouteTable
from imagespec.analyzers.routes.tokens import Token

_GET = frozenset({"GET"})
_KINDS = {"": SEGMENT, "int": SIGNED, "path": (Token("path"),)}
_HARMLESS = (".run", ".config", ".catchall", ".get_url", ".close", ".reset", ".resources")
_MODULE = (".route", ".hook", ".install", ".mount", ".error", *("." + verb for verb in VERBS))
_CALLING = Calling(positional=0, takes="text", coroutine=False)


def bottle_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Bottle application, or of the default one that ``bottle.route`` fills."""
    reader = _Reader(program)
    members: Iterator[tuple[Call, str]] = _module_calls(program)
    if app.name == "bottle.Bottle":
        members = ((call, base) for call, base, _ in reader.calls_of(app))
        reader.look_elsewhere(app, ("bottle.run", "bottle.Bottle"))
    for call, base in members:
        reader.member(call, base)
    if app.subclass is not None or (app.name == "bottle.Bottle" and (app.args or app.keywords or app.spread)):
        reader.both(app.place, "the application's class or arguments are not followed")
    return reader.table(app.place, "the Bottle application")


def _module_calls(program: Program) -> Iterator[tuple[Call, str]]:
    """Yield what is called on the module, which works on the default application."""
    for call in program.calls:
        base = call.name.removeprefix("bottle")
        plain = base.startswith(_MODULE) and base.removesuffix("()").count(".") == 1
        if call.name.startswith("bottle.") and plain:
            yield call, base
        elif call.name.startswith(("bottle.default_app()", "bottle.app()")):
            yield call, base.partition("()")[2]


class _Reader(Reading):
    def member(self, call: Call, base: str) -> None:
        """Add what one call registers."""
        verb = base.removeprefix(".").removesuffix("()")
        if verb == "route" or verb in VERBS:
            made = call.receiver if base.endswith("()") else call
            view = call.args[0] if base.endswith("()") and call.args else call.argument(2, "callback")
            if isinstance(made, Call) and (base.endswith("()") or view is not None):
                self._routes(made, verb, view, certain=call.certain)
        elif base in {".hook()", ".add_hook"}:
            view = call.args[-1] if call.args else None
            if not (isinstance(view, Function) and lets_requests_through(view, self.program)):
                self.both(call.place, "a hook runs around each request and may answer it")
        elif base == ".error()":
            self._error(call, call.args[0] if call.args else None)
        elif base.startswith((".install", ".default_error_handler")):
            self.both(call.place, f"{call.name} is not followed")
        elif base not in {".hook", ".error"} and not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _error(self, call: Call, view: Value | None) -> None:
        """Look at an error page: it may set another status, or answer with a response of its own."""
        words = {"status", "HTTPResponse", "copy"}
        if (
            not isinstance(view, Function)
            or words & words_of(view)
            or error_signs(Handler(view, self.program))
        ):
            self.gap(call.place, "an error handler may answer requests that have no route")

    def _routes(self, made: Call, verb: str, view: Value | None, *, certain: bool) -> None:
        paths = made.argument(0, "path")
        several = paths.items if isinstance(paths, Items) and not paths.open else [paths]
        for path in several:
            self._route(made, text_of(path), verb, view, certain=certain)

    def _route(self, made: Call, text: str | None, verb: str, view: Value | None, *, certain: bool) -> None:
        given = made.argument(1, "method") if verb == "route" else Const(verb.upper())
        methods = methods_from(given, _GET)
        if methods is not None and "ANY" in methods:
            methods = ALL_METHODS
        if methods is not None and "GET" in methods:  # bottle.py, Router.match: HEAD falls back to GET
            methods |= {"HEAD"}
        known = text is not None and text.startswith("/")
        odd = made.spread or bool({"apply", "skip"} & made.keywords.keys())
        names = Given(names_in(text or "", ANGLE))
        self.add(
            text,
            parse_places(text, ANGLE, _KINDS, "<>:") if text is not None and known else None,
            methods,
            made.place,
            certain=certain and not odd,
            caveats=handler_caveats(view, made.place, self.program, _CALLING, names),
        )
