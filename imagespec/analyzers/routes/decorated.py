"""Routes of frameworks whose application is filled by decorators: Bottle (0.12, 0.13) and Sanic (21 to 24)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Function, Value, text_of
from imagespec.analyzers.routes.handlers import lets_requests_through
from imagespec.analyzers.routes.reading import Reading, methods_from, wrapped
from imagespec.analyzers.routes.routing import ALL_METHODS, VERBS, RouteTable, Token, Tokens

_GET = frozenset({"GET"})
_PLACE = re.compile(r"<([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z]+))?>")
_BOTTLE_KINDS = {"": "segment", "int": "digits", "path": "path"}
_SANIC_KINDS = {"": "segment", "str": "segment", "string": "segment", "int": "digits", "path": "path"}
_BOTTLE_HARMLESS = (
    ".run",
    ".config",
    ".error",
    ".catchall",
    ".default_error_handler",
    ".get_url",
    ".close",
    ".reset",
)
_SANIC_HARMLESS = (
    ".run", ".config", ".ctx", ".listener", ".before_server", ".after_server", ".main_process", ".on_response", ".add_task",
    ".register_listener", ".update_config", ".name", ".prepare", ".reload_process", ".error_handler", ".extend",
)  # fmt: skip


def bottle_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Bottle application, or of the default one that ``bottle.route`` fills."""
    reader = _Bottle(program)
    members = reader.calls_of(app) if app.name == "bottle.Bottle" else _module_calls(program)
    for call, base in members:
        reader.member(call, base)
    if app.subclass is not None:
        reader.gap(app.place, "the application's class is not followed")
    if app.name == "bottle.Bottle":
        reader.look_elsewhere(app, ("bottle.run", "bottle.Bottle"))
    return reader.table(app.place, "the Bottle application")


def _module_calls(program: Program) -> Iterator[tuple[Call, str]]:
    """Yield what is called on the module, which works on the default application."""
    for call in program.calls:
        base = call.name.removeprefix("bottle")
        known = base.startswith((".route", ".hook", ".install", ".mount", *("." + verb for verb in VERBS)))
        if call.name.startswith("bottle.") and known and base.removesuffix("()").count(".") == 1:
            yield call, base
        elif call.name.startswith(("bottle.default_app()", "bottle.app()")):
            yield call, base.partition("()")[2]


class _Bottle(Reading):
    def member(self, call: Call, base: str) -> None:
        """Add what one call registers."""
        verb = base.removeprefix(".").removesuffix("()")
        if verb == "route" or verb in VERBS:
            made = call.receiver if base.endswith("()") else call
            view = call.args[0] if base.endswith("()") and call.args else call.argument(2, "callback")
            if isinstance(made, Call) and (base.endswith("()") or view is not None):
                self._route(made, verb, view, certain=call.certain)
        elif base == ".hook()":
            name = (
                text_of(call.receiver.args[0])
                if isinstance(call.receiver, Call) and call.receiver.args
                else None
            )
            view = call.args[0] if call.args else None
            if name != "after_request" and not _lets_through(view):
                self.filter(call.place, "a hook runs before each request and may answer it")
        elif base in {".hook", ".error", ".error()"}:
            pass
        elif not base.startswith(_BOTTLE_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _route(self, made: Call, verb: str, view: Value | None, *, certain: bool) -> None:
        text = text_of(made.argument(0, "path"))
        given = made.argument(1, "method") if verb == "route" else Const(verb.upper())
        methods = methods_from(given, _GET)
        if methods is not None and "ANY" in methods:
            methods = ALL_METHODS
        if methods is not None and "GET" in methods:  # bottle.py, Router.match: HEAD falls back to GET
            methods |= {"HEAD"}
        tokens = None if text is None else _parse(text, _BOTTLE_KINDS)
        odd = made.spread or bool({"apply", "skip"} & made.keywords.keys())
        self.add(text, tokens, methods, made.place, certain=certain and not odd, caveats=wrapped(view))


def _lets_through(view: Value | None) -> bool:
    """Tell whether a hook is a function that never answers a request."""
    return isinstance(view, Function) and lets_requests_through(view)


def sanic_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Sanic application: with or without a last slash is the same to it."""
    reader = _Sanic(program)
    strict = app.argument(None, "strict_slashes")
    reader.read(app, "", 0, free=strict in {None, Const(None), Const(value=False)}, certain=True)
    if app.subclass is not None or app.spread or "router" in app.keywords:
        reader.gap(app.place, "the application's class or arguments are not followed")
    reader.look_elsewhere(app, ("sanic.Sanic", "sanic_cors.", "sanic_ext."))
    return reader.table(app.place, "the Sanic application")


class _Sanic(Reading):
    def read(self, owner: Call, prefix: str | None, depth: int, *, free: bool, certain: bool) -> None:
        """Add what an application or blueprint registers."""
        for call, base in self.calls_of(owner):
            verb = base.removeprefix(".").removesuffix("()")
            sure = certain and call.certain
            if base.endswith("()") and (verb == "route" or verb in VERBS) and isinstance(call.receiver, Call):
                view = call.args[0] if call.args else None
                methods = methods_from(call.receiver.argument(1, "methods"), _GET)
                methods = methods if verb == "route" else frozenset({verb.upper()})
                self._route(
                    call.receiver,
                    call.receiver.argument(0, "uri"),
                    methods,
                    view,
                    prefix,
                    free=free,
                    certain=sure,
                )
            elif base == ".add_route":
                methods = methods_from(call.argument(2, "methods"), _GET)
                self._route(
                    call,
                    call.argument(1, "uri"),
                    methods,
                    call.argument(0, "handler"),
                    prefix,
                    free=free,
                    certain=sure,
                )
            elif base == ".blueprint" and depth < 8:
                self._blueprint(call, prefix, depth, free=free, certain=sure)
            elif base in {".middleware()", ".on_request()", ".on_request", ".register_middleware"}:
                self.filter(call.place, "middleware may answer requests itself")
            elif not base.startswith(
                (*_SANIC_HARMLESS, ".middleware", ".route", *("." + verb for verb in VERBS))
            ):
                self.gap(call.place, f"{call.name} is not followed")

    def _route(
        self,
        call: Call,
        uri: Value | None,
        methods: frozenset[str] | None,
        view: Value | None,
        prefix: str | None,
        *,
        free: bool,
        certain: bool,
    ) -> None:
        text = text_of(uri)
        pattern = None if text is None or prefix is None else prefix + text
        odd = (
            bool({"version", "host", "strict_slashes", "ctx", "version_prefix"} & call.keywords.keys())
            or call.spread
        )
        tokens = None if pattern is None else _parse(pattern, _SANIC_KINDS)
        self.add(
            pattern,
            tokens,
            methods,
            call.place,
            certain=certain and not odd,
            either_slash=free,
            caveats=wrapped(view),
        )

    def _blueprint(self, call: Call, prefix: str | None, depth: int, *, free: bool, certain: bool) -> None:
        made = call.argument(0, "blueprint")
        if (
            not isinstance(made, Call)
            or made.name != "sanic.Blueprint"
            or made.spread
            or len(call.keywords) > 0
        ):
            self.gap(call.place, "a blueprint that is not followed is registered")
            return
        if {"version", "host", "strict_slashes"} & made.keywords.keys():
            certain = False
        own = made.argument(1, "url_prefix")
        text = "" if own is None or own == Const(None) else text_of(own)
        inner = (
            None
            if text is None or prefix is None
            else prefix + ("/" + text.strip("/") if text.strip("/") else "")
        )
        self.read(made, inner, depth + 1, free=free, certain=certain)


def _parse(pattern: str, kinds: dict[str, str]) -> Tokens | None:
    """Return the tokens of a path with ``<name>`` and ``<name:kind>``; None where it is not understood."""
    tokens: list[Token] = []
    end = 0
    for found in _PLACE.finditer(pattern):
        kind = kinds.get(found[2] or "")
        if kind is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    rest = pattern[end:]
    if any(mark in token.text for token in (*tokens, Token("literal", rest)) for mark in "<>:"):
        return None
    return (*tokens, Token("literal", rest)) if pattern.startswith("/") else None
