"""
Routes of Sanic applications (21 to 25): with or without a last slash is the same to them, unless they are strict.

A path without parameters comes before those with. Two routes of one name end the start (since 23.3).
"""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Function, Table, Value, text_of
from imagespec.analyzers.routes.classviews import Kind, Verbs, verbs_of
from imagespec.analyzers.routes.handlers import Calling, Given, handler_caveats
from imagespec.analyzers.routes.hooks import lets_requests_through
from imagespec.analyzers.routes.patterns import ANGLE, SEGMENT, SIGNED, names_in, parse_places
from imagespec.analyzers.routes.reading import Reading, methods_from
from imagespec.analyzers.routes.routing import VERBS, RouteTable
from imagespec.analyzers.routes.tokens import Token

_GET = frozenset({"GET"})
_KINDS = {"": SEGMENT, "str": SEGMENT, "string": SEGMENT, "int": SIGNED, "path": (Token("rest"),)}
_HARMLESS = (
    ".run", ".config", ".ctx", ".after_server_stop", ".before_server_stop", ".main_process_stop", ".main_process_ready",
    ".update_config", ".name", ".prepare", ".reload_process", ".extend",
)  # fmt: skip
_STARTING = (".listener", ".before_server_start", ".after_server_start", ".main_process_start", ".register_listener", ".add_task")  # fmt: skip
_MIDDLEWARE = (".middleware", ".on_request", ".on_response", ".register_middleware")
_STRICT = {None, Const(None), Const(value=False), Const(value=True)}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*\Z")
_SMALL_BYTES = 1_000_000
_CALLING = Calling(positional=1, takes="responses")
_VIEW = Kind(
    bases=frozenset({"sanic.views.HTTPMethodView"}),
    calling=_CALLING,
    hooks=("dispatch_request", "decorators", "as_view", "__init__"),
)


def sanic_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Sanic application."""
    reader = _Reader(program)
    reader.read(_Scope(owner=app, prefix="", strict=app.argument(None, "strict_slashes"), certain=True))
    if app.subclass is not None or app.spread or {"router", "error_handler"} & app.keywords.keys():
        reader.both(app.place, "the application's class or arguments are not followed")
    if not _NAME.match(text_of(app.argument(0, "name")) or ""):
        reader.doubt(app.place, "Sanic may refuse the application's name")
    reader.look_elsewhere(app, ("sanic.Sanic", "sanic_cors.", "sanic_ext."))
    return reader.table(app.place, "the Sanic application")


@attrs.frozen(kw_only=True)
class _Scope:
    """What the routes of an application or blueprint have in common."""

    owner: Call
    prefix: str | None
    strict: Value | None
    certain: bool
    depth: int = 0


class _Reader(Reading):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._names: set[tuple[object, str]] = set()

    def read(self, scope: _Scope) -> None:
        """Add what an application or blueprint registers."""
        if self.too_deep(scope.depth, scope.owner.place):
            return
        for call, base, _ in self.calls_of(scope.owner):
            verb = base.removeprefix(".").removesuffix("()")
            made = call.receiver
            here = attrs.evolve(scope, certain=scope.certain and call.certain)
            if base.endswith("()") and (verb == "route" or verb in VERBS) and isinstance(made, Call):
                methods = methods_from(made.argument(1, "methods"), _GET)
                methods = methods if verb == "route" else frozenset({verb.upper()})
                view = call.args[0] if call.args else None
                self._route(made, made.argument(0, "uri"), view, methods, here)
            elif base == ".add_route":
                methods = methods_from(call.argument(2, "methods"), _GET)
                self._route(call, call.argument(1, "uri"), call.argument(0, "handler"), methods, here)
            elif base == ".blueprint":
                self._blueprint(call, here)
            elif verb not in {"route", *VERBS}:
                self._member(call, base)

    def _member(self, call: Call, base: str) -> None:
        """Look at what runs around requests, or when the server starts."""
        applied = base.endswith("()") or bool(call.args and isinstance(call.args[0], Function))
        if base.startswith(_MIDDLEWARE):
            view = call.args[0] if call.args else None
            made = call.receiver if base.endswith("()") else call
            attached = (
                made.argument(1 if made is call else 0, "attach_to") if isinstance(made, Call) else None
            )
            given = 1 + (attached == Const("response") or "on_response" in base)
            if applied and not (
                isinstance(view, Function) and lets_requests_through(view, self.program, given)
            ):
                self.both(call.place, "middleware may answer requests itself")
        elif base.startswith(_STARTING):
            if applied or base in {".add_task", ".register_listener"}:
                self.starts(call.args[0] if call.args else None, call.place)
        elif _bounds_bodies(call, base):
            self.filter(call.place, "REQUEST_MAX_SIZE refuses larger requests")
        elif not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _route(
        self, call: Call, uri: Value | None, view: Value | None, methods: frozenset[str] | None, scope: _Scope
    ) -> None:
        text = text_of(uri)
        pattern = None
        if text is not None and scope.prefix is not None:
            pattern = scope.prefix + "/" + text.lstrip("/") if text else scope.prefix
        own = call.argument(None, "strict_slashes")
        strict = scope.strict if own is None or own == Const(None) else own
        moved = bool({"version", "version_prefix"} & call.keywords.keys()) or call.spread
        odd = bool({"host", "ctx", "unquote"} & call.keywords.keys()) or strict not in _STRICT
        given = Given(names_in(pattern or "", ANGLE))
        verbs = self._verbs(view, given)
        name = text_of(call.argument(None, "name")) or (view.name if isinstance(view, Function) else "")
        self._once(call, id(scope.owner), name)
        for method in methods or ():
            self._once(call, method, pattern or "")
        self.add(
            pattern,
            None if pattern is None or moved else parse_places(pattern, ANGLE, _KINDS, "<>:"),
            verbs.methods if verbs else methods,
            call.place,
            certain=scope.certain and not odd,
            either_slash=strict != Const(value=True),
            caveats=() if verbs else handler_caveats(view, call.place, self.program, _CALLING, given),
            method_caveats=verbs.caveats if verbs else {},
        )

    def _verbs(self, view: Value | None, given: Given) -> Verbs | None:
        """Return the verbs of ``SomeView.as_view()``; None where it is none."""
        made = isinstance(view, Call) and not view.decorator and view.name.endswith("as_view")
        if not (made and isinstance(view, Call) and isinstance(view.receiver, Class)):
            return None
        return verbs_of(view.receiver, _VIEW, self.program, given)

    def _once(self, call: Call, kind: object, name: str) -> None:
        """Look at what only one route may have: its name, and its path for one method."""
        if name and (kind, name) in self._names:
            self.doubt(
                call.place, f"two routes have the same name or path, {name[:100]}: Sanic may stop there"
            )
        self._names.add((kind, name))

    def _blueprint(self, call: Call, scope: _Scope) -> None:
        made = call.argument(0, "blueprint")
        if not isinstance(made, Call) or made.name != "sanic.Blueprint" or made.spread or made.subclass:
            self.gap(call.place, "a blueprint that is not followed is registered")
            return
        prefix = scope.prefix
        if (call.keywords.keys() - {"blueprint", "url_prefix"}) or len(call.args) > 1:
            prefix = None
        if {"version", "host", "version_prefix"} & made.keywords.keys():
            prefix = None
        own = call.argument(None, "url_prefix") or made.argument(1, "url_prefix")
        text = "" if own is None or own == Const(None) else text_of(own)
        inner = None
        if text is not None and prefix is not None:
            inner = prefix + ("/" + text.strip("/") if text.strip("/") else "")
        strict = made.argument(None, "strict_slashes")
        strict = scope.strict if strict is None or strict == Const(None) else strict
        self.read(attrs.evolve(scope, owner=made, prefix=inner, strict=strict, depth=scope.depth + 1))


def _bounds_bodies(call: Call, base: str) -> bool:
    """Tell whether a setting bounds what a request may hold to less than a megabyte, or to what is not known."""
    value: Value | None = None
    if base == ".config.REQUEST_MAX_SIZE=" and call.args:
        value = call.args[0]
    elif base == ".config[]=" and text_of(call.args[0]) == "REQUEST_MAX_SIZE":
        value = call.args[-1]
    elif base in {".config.update", ".update_config", ".config.update_config"}:
        table = call.args[0] if call.args else None
        known = isinstance(table, Table) and not table.open
        value = table.entries.get("REQUEST_MAX_SIZE") if isinstance(table, Table) and known else None
    if value is None:
        return False
    size = value.value if isinstance(value, Const) else None
    return not isinstance(size, int) or size < _SMALL_BYTES
