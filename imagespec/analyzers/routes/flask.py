"""
Routes of Flask applications (Flask 2.0 to 3.1, Werkzeug 2 and 3), and of Quart's, which are made the same way.

Werkzeug redirects a path without its last slash to a rule that has one (308), and answers 404 the other way round.
"""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Items,
    Value,
    contains,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.handlers import (
    answers_with_errors_only,
    lets_requests_through,
    may_answer_with_errors,
    undecorated,
)
from imagespec.analyzers.routes.routing import VERBS, Route, RouteTable, Token, Tokens
from imagespec.verdict import Evidence

_DEPTH = 8
_OWNERS = ("flask.Flask()", "flask.Blueprint()", "quart.Quart()", "quart.Blueprint()")
_HOOKS = (".before_request", ".before_app_request", ".url_value_preprocessor", ".app_url_value_preprocessor")
_HANDLERS = (".errorhandler", ".app_errorhandler", ".register_error_handler")
_HARMLESS = (
    ".run", ".config", ".logger", ".test_client", ".test_request_context", ".app_context", ".request_context", ".cli",
    ".jinja", ".template", ".app_template", ".context_processor", ".app_context_processor", ".teardown", ".shell_",
    ".after_request", ".after_app_request", ".before_first_request", ".json", ".extensions", ".debug=", ".secret_key=",
    ".name", ".import_name", ".root_path", ".url_build_error", ".register_shell", ".open_resource", ".instance_path",
    ".endpoint", ".permanent_session_lifetime=", ".testing=", ".record", ".url_defaults", ".app_url_defaults",
    ".static_folder", ".do_teardown", ".got_first_request", ".view_functions", ".session_",
)  # fmt: skip
"""Members of an application or blueprint that neither register routes nor refuse requests."""
_USERS = (
    "builtins.", "logging.", "os.", "sys.", "json.", "flask_cors.", "werkzeug.middleware.proxy_fix.ProxyFix",
    "werkzeug.serving.run_simple", "waitress.serve", "uvicorn.run", "uvicorn.Config", "wsgiref.simple_server.make_server",
    "asgiref.wsgi.WsgiToAsgi", "a2wsgi.WSGIMiddleware", "flask.Flask().register_blueprint",
    "flask.Blueprint().register_blueprint", "flask.Flask().run", "quart.", "hypercorn.asyncio.serve", "gevent.pywsgi.WSGIServer", "threading.Thread", "multiprocessing.Process",
)  # fmt: skip
"""What may be given an application without adding routes to it."""


def flask_routes(app: Call, program: Program) -> RouteTable:
    """Return the routing table of a Flask application."""
    reader = _Reader(program)
    reader.read(app, "", len(program.calls), 0, certain=app.certain)
    reader.add_static(app)
    if app.subclass is not None or app.spread:
        reader.gaps.append(app.place.evidence("the application's class or arguments are not followed"))
    if "subdomain_matching" in app.keywords or "host_matching" in app.keywords:
        reader.filters.append(app.place.evidence("the application chooses routes by host name"))
    reader.look_elsewhere(app)
    return RouteTable(
        routes=tuple(reader.routes),
        gaps=(*program.gaps, *reader.gaps),
        filters=tuple(reader.filters),
        source=(app.place.evidence("the Flask application is made here"),),
    )


@attrs.define
class _Reader:
    program: Program
    routes: list[Route] = attrs.field(factory=list)
    gaps: list[Evidence] = attrs.field(factory=list)
    filters: list[Evidence] = attrs.field(factory=list)

    def read(self, owner: Call, prefix: str | None, until: int, depth: int, *, certain: bool) -> None:
        """Add what an application or blueprint registers; what comes after place ``until`` is not certain."""
        if depth > _DEPTH or len(self.routes) > 5_000:
            self.gaps.append(owner.place.evidence("blueprints are nested more deeply than is followed"))
            return
        for position, call in enumerate(self.program.calls):
            if root_of(call.receiver) is not owner:
                continue
            base = call.name
            for start in _OWNERS:
                base = base.removeprefix(start)
            self._member(call, base, prefix, depth, certain=certain and call.certain and position < until)

    def _member(self, call: Call, base: str, prefix: str | None, depth: int, *, certain: bool) -> None:
        if base == ".route()" or base in {f".{verb}()" for verb in VERBS}:
            self._decorated(call, base, prefix, certain=certain)
        elif base == ".route" or base in {f".{verb}" for verb in VERBS}:
            pass  # a decorator registers when it is applied
        elif base == ".add_url_rule":
            view = call.argument(2, "view_func")
            self._rule(call, prefix, _view_methods(call, view), view, certain=certain)
        elif base == ".register_blueprint":
            self._blueprint(call, prefix, depth, certain=certain)
        elif base.startswith(_HOOKS):
            self._hook(call)
        elif base.startswith(_HANDLERS):
            self._handler(call, base)
        elif base in {".url_map.strict_slashes=", ".config[]="} or base.startswith(".config.from_"):
            self._setting(call, base)
        elif base == ".wsgi_app=":
            self._wrapped(call)
        elif not base.startswith(_HARMLESS):
            self.gaps.append(call.place.evidence(f"{call.name} is not followed"))

    def _decorated(self, call: Call, base: str, prefix: str | None, *, certain: bool) -> None:
        made = call.receiver
        if not isinstance(made, Call):
            return
        verb = base[1:-2].upper()
        methods = _methods(made.keywords.get("methods")) if verb == "ROUTE" else frozenset({verb})
        if verb == "ROUTE" and "methods" not in made.keywords and made.spread:
            methods = None
        self._rule(made, prefix, methods, call.args[0] if call.args else None, certain=certain)

    def _rule(
        self,
        call: Call,
        prefix: str | None,
        methods: frozenset[str] | None,
        view: Value | None,
        *,
        certain: bool,
    ) -> None:
        view = undecorated(view, ("flask.Flask().", "flask.Blueprint()."))
        rule = text_of(call.argument(0, "rule"))
        pattern = None if rule is None or prefix is None else _joined(prefix, rule)
        slashes = call.keywords.get("strict_slashes", Const(value=True))
        odd = {"subdomain", "host", "redirect_to", "defaults"} & call.keywords.keys() or call.spread
        shown = pattern if pattern is not None else "of unknown path"
        self.routes.append(
            Route(
                pattern=shown,
                tokens=None if pattern is None else parse_rule(pattern),
                methods=None if methods is None else _implied(methods),
                evidence=call.place.evidence(f"route {shown}", seen=shown),
                certain=certain and not odd,
                either_slash=slashes == Const(value=False),
                caveats=answers_with_errors_only(view, call.place)
                or _wrapped_view(view)
                or may_answer_with_errors(view, call.place),
            )
        )

    def _blueprint(self, call: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        blueprint = call.argument(0, "blueprint")
        if (
            not isinstance(blueprint, Call)
            or blueprint.name not in {"flask.Blueprint", "quart.Blueprint"}
            or blueprint.subclass is not None
        ):
            self.gaps.append(call.place.evidence("a blueprint that is not followed is registered"))
            return
        own = call.argument(None, "url_prefix")
        if own is None or own == Const(None):
            own = blueprint.keywords.get("url_prefix", Const(None))
        text = "" if own == Const(None) else text_of(own)
        inner = None if text is None or prefix is None else _joined(prefix, text) if text else prefix
        if blueprint.spread or {"subdomain", "host"} & (blueprint.keywords.keys() | call.keywords.keys()):
            certain = False
        self.read(blueprint, inner, self.program.calls.index(call), depth + 1, certain=certain)
        if {"static_folder"} & blueprint.keywords.keys():
            self.gaps.append(blueprint.place.evidence("the blueprint serves static files"))

    def _hook(self, call: Call) -> None:
        function = call.args[0] if call.args else None
        if not (isinstance(function, Function) and lets_requests_through(function)):
            self.filters.append(call.place.evidence("what runs before each request may answer it"))

    def _handler(self, call: Call, base: str) -> None:
        """Look at error handlers: one that answers 404 with something else serves every path."""
        if base in {".errorhandler", ".app_errorhandler"}:
            return
        made = call.receiver if base.endswith("()") else call
        code = made.args[0] if isinstance(made, Call) and made.args else None
        view = call.args[-1] if call.args else None
        wide = not isinstance(code, Const) or code.value in {404, 405}
        if wide and not answers_with_errors_only(view, call.place):
            self.gaps.append(call.place.evidence("an error handler may answer requests that have no route"))

    def _setting(self, call: Call, base: str) -> None:
        key = text_of(call.args[0]) if base == ".config[]=" and call.args else None
        if base == ".url_map.strict_slashes=":
            free = bool(call.args) and call.args[0] == Const(value=False)
            self.routes = [attrs.evolve(route, certain=route.certain and not free) for route in self.routes]
            self.gaps.append(call.place.evidence("strict_slashes is set for the whole application"))
        elif key in {"SERVER_NAME", "APPLICATION_ROOT", "TRUSTED_HOSTS"}:
            self.filters.append(call.place.evidence(f"{key} may make routes depend on the host name"))

    def _wrapped(self, call: Call) -> None:
        value = call.args[0] if call.args else None
        if name_of(value) != "werkzeug.middleware.proxy_fix.ProxyFix()":
            self.gaps.append(
                call.place.evidence("the application is wrapped in middleware that is not followed")
            )
            self.filters.append(self.gaps[-1])

    def add_static(self, app: Call) -> None:
        """Add the rule for static files (app.py: ``<static_url_path>/<path:filename>``)."""
        folder = app.argument(None, "static_folder") or Const("static")
        if folder == Const(None):
            return
        url = app.argument(None, "static_url_path")
        if url is None or url == Const(None):
            name = text_of(folder)
            url = Const(None) if name is None else Const("/" + name.rstrip("/").rpartition("/")[2])
        text = text_of(url)
        pattern = None if text is None else text.rstrip("/") + "/<path:filename>"
        self.routes.append(
            Route(
                pattern=pattern or "static files",
                tokens=None if pattern is None else parse_rule(pattern),
                methods=_implied(frozenset({"GET"})),
                evidence=app.place.evidence("static files"),
                served=None,
            )
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


def _wrapped_view(view: Value | None) -> tuple[Evidence, ...]:
    """Return evidence when a library's decorator stands between the route and its handler."""
    if not isinstance(view, Call) or not view.decorator:
        return ()
    return (view.place.evidence(f"the handler is wrapped by {view.name}, which may refuse requests"),)


_REGISTERING = (
    ".route",
    ".add_url_rule",
    ".register_blueprint",
    ".include_router",
    ".add_api_route",
    ".mount",
)


def may_register(call: Call) -> bool:
    """Tell whether a call on something unknown may register routes."""
    if not call.name.startswith(("?", "builtins.")):
        return False
    name = call.name.removesuffix("()")
    return name.endswith(_REGISTERING) or (
        call.decorator and name.endswith(tuple("." + verb for verb in VERBS))
    )


def _joined(prefix: str, rule: str) -> str:
    """Join as Flask's BlueprintSetupState does (sansio/blueprints.py)."""
    if not prefix:
        return rule
    return prefix.rstrip("/") + "/" + rule.lstrip("/") if rule else prefix


def _methods(value: Value | None) -> frozenset[str] | None:
    if value is None or value == Const(None):
        return frozenset({"GET"})
    if not isinstance(value, Items) or value.open:
        return None
    texts = [text_of(item) for item in value.items]
    return frozenset(text.upper() for text in texts if text) if all(texts) else None


def _implied(methods: frozenset[str]) -> frozenset[str]:
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def _view_methods(call: Call, view: Value | None) -> frozenset[str] | None:
    if "methods" in call.keywords or call.spread:
        return _methods(call.keywords.get("methods")) if "methods" in call.keywords else None
    if isinstance(view, Function):
        return frozenset({"GET"})
    made = view.receiver if isinstance(view, Call) else None
    if isinstance(view, Call) and isinstance(made, Class) and isinstance(view.args, tuple):
        return _class_methods(made)
    return None


def _class_methods(cls: Class) -> frozenset[str] | None:
    """Return the verbs of a ``flask.views.MethodView`` subclass."""
    if [name_of(base) for base in cls.foreign_bases()] != ["flask.views.MethodView"] or cls.find("methods"):
        return None
    return frozenset(verb.upper() for verb in VERBS if cls.find(verb) is not None)


_CONVERTER = re.compile(r"<(?:([a-zA-Z_][a-zA-Z0-9_]*)(?:\([^<>]*\))?:)?[a-zA-Z_][a-zA-Z0-9_]*>")
_KINDS = {"string": "segment", "default": "segment", "int": "digits", "float": "decimal", "path": "path"}


def parse_rule(pattern: str) -> Tokens | None:
    """Return the tokens of a Werkzeug rule; None for converters that are not understood."""
    tokens, end = [], 0
    if not pattern.startswith("/") or "|" in pattern:
        return None
    for found in _CONVERTER.finditer(pattern):
        kind = _KINDS.get(found[1] or "string")
        if kind is None or "(" in found[0] or kind == "decimal":
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    rest = pattern[end:]
    if any(mark in token.text for token in (*tokens, Token("literal", rest)) for mark in "<>"):
        return None
    return (*tokens, Token("literal", rest))
