"""
Routes of Flask applications (Flask 2.0 to 3.1, Werkzeug 2 and 3), and of Quart's, which are made the same way.

Werkzeug redirects a path without its last slash to a rule that has one (308), and answers 404 the other way round.
"""

from __future__ import annotations

import attrs

from imagespec.analyzers.python.appconfig import configuration
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Const, Function, Table, Value, name_of, text_of
from imagespec.analyzers.routes import flaskrestful
from imagespec.analyzers.routes.classviews import Kind, Verbs, verbs_of
from imagespec.analyzers.routes.errorhandlers import always_fails, hears_of_missing_routes
from imagespec.analyzers.routes.handlers import Calling, Given, handler_caveats
from imagespec.analyzers.routes.hooks import lets_requests_through
from imagespec.analyzers.routes.mounts import DISPATCHER, own_dispatcher
from imagespec.analyzers.routes.reading import Reading, methods_from
from imagespec.analyzers.routes.routing import VERBS, RouteTable
from imagespec.analyzers.routes.werkzeugrules import implied, joined, names_of, parse_rule

_BLUEPRINTS = {"flask.Blueprint", "quart.Blueprint"}
_GET = frozenset({"GET"})
_HOOKS = (
    ".before_request",
    ".before_app_request",
    ".url_value_preprocessor",
    ".app_url_value_preprocessor",
    ".teardown",
)
_AFTER = (".after_request", ".after_app_request")
_HANDLERS = (".errorhandler", ".app_errorhandler", ".register_error_handler")
_HARMLESS = (
    ".run", ".config", ".logger", ".test_client", ".test_request_context", ".app_context", ".request_context", ".cli",
    ".jinja", ".template", ".app_template", ".context_processor", ".app_context_processor", ".shell_",
    ".json", ".extensions", ".debug=", ".secret_key=", ".after_serving",
    ".name", ".import_name", ".root_path", ".url_build_error", ".register_shell", ".open_resource", ".instance_path",
    ".endpoint", ".permanent_session_lifetime=", ".testing=", ".record", ".url_defaults", ".app_url_defaults",
    ".static_folder", ".do_teardown", ".got_first_request", ".session_",
)  # fmt: skip
"""Members of an application or blueprint that neither register routes nor refuse requests."""
_REPLACING = tuple(
    f".{name}="
    for name in (
        "aborter", "dispatch_request", "finalize_request", "full_dispatch_request", "handle_exception", "handle_http_exception",
        "handle_user_exception", "json", "json_encoder", "json_provider_class", "make_response", "preprocess_request",
        "process_response", "request_class", "response_class", "session_interface", "url_map", "url_map.host_matching",
        "url_rule_class", "create_url_adapter", "test_client_class", "subdomain_matching", "before_request_funcs",
        "after_request_funcs", "view_functions", "url_value_preprocessors", "error_handler_spec", "config", "register_error_handler",
    )
)  # fmt: skip
"""Assignments that change how each request is answered (app.py and sansio/app.py, 2.2 to 3.1)."""
_USERS = (
    "flask_cors.", "flask.Flask().wsgi_app=", "flask.Flask().register_blueprint", "flask.Blueprint().register_blueprint", "flask.Flask().run",
    "quart.", "quart_cors.", DISPATCHER, *flaskrestful.APIS,
)  # fmt: skip
"""What may be given an application without adding routes to it, or whose routes are followed."""
_HOST_SETTINGS = {"SERVER_NAME", "TRUSTED_HOSTS"}
_SYNC = Calling(positional=0, takes="values", tuples=True, needs="asgiref")
_ASYNC = Calling(positional=0, takes="values", tuples=True)
_AFTER_CALLING = Calling(positional=1, takes="responses")


def flask_routes(app: Call, program: Program) -> RouteTable:
    """Return the routing table of a Flask application."""
    reader = _Reader(program, calling=_ASYNC if app.name.startswith("quart.") else _SYNC)
    reader.read(app, "", None, 0, certain=app.certain)
    reader.add_static(app)
    if app.subclass is not None or app.spread:
        reader.gap(app.place, "the application's class or arguments are not followed")
    reader.weigh_configuration(app)
    if "subdomain_matching" in app.keywords or "host_matching" in app.keywords:
        reader.filter(app.place, "the application chooses routes by host name")
    reader.look_elsewhere(app, _USERS)
    return reader.table(app.place, "the Flask application")


@attrs.define
class _Reader(Reading):
    calling: Calling = attrs.field(kw_only=True)
    strict: bool | None = attrs.field(default=True, kw_only=True)
    """Whether rules that are added from now on tell a path from the same with a last slash; None when unknown."""

    def read(self, owner: Call, prefix: str | None, until: Call | None, depth: int, *, certain: bool) -> None:
        """Add what an application or blueprint registers; what comes after the call ``until`` is not certain."""
        if self.too_deep(depth, owner.place):
            return
        for call, base, late in self.calls_of(owner, until):
            self._member(call, base, prefix, depth, certain=certain and call.certain and not late)
        before = len(self.routes)
        flaskrestful.add_apis(self, owner, prefix, until, certain=certain)
        if self.strict is not True:  # which of them were added before that was set is not looked at
            more = self.routes[before:]
            self.routes[before:] = [attrs.evolve(one, certain=False, either_slash=True) for one in more]

    def _member(self, call: Call, base: str, prefix: str | None, depth: int, *, certain: bool) -> None:
        if base == ".route()" or base in {f".{verb}()" for verb in VERBS}:
            self._decorated(call, base, prefix, certain=certain)
        elif base == ".route" or base in {f".{verb}" for verb in VERBS}:
            pass  # a decorator registers when it is applied
        elif base == ".add_url_rule":
            self._rule(call, prefix, call.argument(2, "view_func"), None, certain=certain)
        elif base == ".register_blueprint":
            self._blueprint(call, prefix, depth, certain=certain)
        else:
            self._other(call, base)

    def _other(self, call: Call, base: str) -> None:
        """Look at what registers no rule, and may change what is answered."""
        if base.startswith(_HOOKS):
            self._hook(call)
        elif base.startswith(_AFTER):
            self._after(call)
        elif base in {".before_serving", ".before_first_request", ".while_serving"}:
            self.starts(call.args[0] if call.args else None, call.place)
        elif base.startswith(_HANDLERS):
            self._handler(call, base)
        elif base in {".url_map.strict_slashes=", ".config[]=", ".config.update"} or base.startswith(
            ".config.from_"
        ):
            self._setting(call, base)
        elif base == ".wsgi_app=":
            self._wrapped(call)
        elif base.startswith(_REPLACING):
            self.both(call.place, f"{call.name.removesuffix('=')} of the application is replaced")
        elif base == ".view_functions[]=":
            self.filter(call.place, "another function is put in the place of a view")
        elif not base.startswith(_HARMLESS):
            self.gap(call.place, f"{call.name} is not followed")

    def _decorated(self, call: Call, base: str, prefix: str | None, *, certain: bool) -> None:
        made = call.receiver
        if isinstance(made, Call):
            verb = base[1:-2].upper()
            view = call.args[0] if call.args else None
            self._rule(made, prefix, view, None if verb == "ROUTE" else verb, certain=certain)

    def _rule(
        self, call: Call, prefix: str | None, view: Value | None, verb: str | None, *, certain: bool
    ) -> None:
        """Add a rule; ``verb`` is that of ``@app.get`` and its like."""
        rule = text_of(call.argument(0, "rule"))
        pattern = None if rule is None or prefix is None else joined(prefix, rule)
        odd = {"subdomain", "host", "redirect_to", "defaults"} & call.keywords.keys() or call.spread
        own = call.argument(None, "strict_slashes")
        strict = self.strict if own is None or own == Const(None) else _truth(own)
        given = Given(names_of(pattern or ""))
        verbs = self._verbs(view, given) if isinstance(view, Call) and not view.decorator else None
        methods = frozenset({verb}) if verb else _methods(call, view, verbs)
        caveats = () if verbs else handler_caveats(view, call.place, self.program, self.calling, given)
        self.add(
            pattern,
            None if pattern is None else parse_rule(pattern),
            None if methods is None else implied(methods),
            call.place,
            certain=certain and not odd and strict is not None,
            either_slash=not strict,
            caveats=caveats,
            method_caveats=verbs.caveats if verbs else {},
        )

    def _verbs(self, view: Call, given: Given) -> Verbs | None:
        """Return the verbs of ``SomeView.as_view("name")`` (flask.views, quart.views); None where it is none."""
        cls = view.receiver
        if not isinstance(cls, Class) or not view.name.endswith("as_view"):
            return None
        kind = Kind(
            bases=frozenset({"flask.views.MethodView", "quart.views.MethodView"}),
            calling=self.calling,
            hooks=("methods", "dispatch_request", "decorators", "as_view"),
        )
        return verbs_of(cls, kind, self.program, given)

    def _blueprint(self, call: Call, prefix: str | None, depth: int, *, certain: bool) -> None:
        blueprint = call.argument(0, "blueprint")
        if (
            not isinstance(blueprint, Call)
            or blueprint.name not in _BLUEPRINTS
            or blueprint.subclass is not None
        ):
            self.gap(call.place, "a blueprint that is not followed is registered")
            return
        own = call.argument(None, "url_prefix")
        if own is None or own == Const(None):
            own = blueprint.keywords.get("url_prefix", Const(None))
        text = "" if own == Const(None) else text_of(own)
        inner = None if text is None or prefix is None else joined(prefix, text) if text else prefix
        if blueprint.spread or {"subdomain", "host"} & (blueprint.keywords.keys() | call.keywords.keys()):
            certain = False
        self.read(blueprint, inner, call, depth + 1, certain=certain)
        if "static_folder" in blueprint.keywords:
            self.gap(blueprint.place, "the blueprint serves static files")

    def _hook(self, call: Call) -> None:
        function = call.args[0] if call.args else None
        given = 2 * ("url_value_preprocessor" in call.name) + ("teardown" in call.name)
        if not (isinstance(function, Function) and lets_requests_through(function, self.program, given)):
            self.filter(call.place, "what runs around each request may answer it")

    def _after(self, call: Call) -> None:
        function = call.args[0] if call.args else None
        if handler_caveats(function, call.place, self.program, _AFTER_CALLING):
            self.filter(call.place, "what runs after each request may change its status")

    def _handler(self, call: Call, base: str) -> None:
        """Look at error handlers: one that answers 404 with something else serves every path."""
        if base in {".errorhandler", ".app_errorhandler"}:
            return
        made = call.receiver if base.endswith("()") else call
        code = made.args[0] if isinstance(made, Call) and made.args else None
        view = call.args[-1] if call.args else None
        if hears_of_missing_routes(code) and not always_fails(view):
            self.gap(call.place, "an error handler may answer requests that have no route")

    def _setting(self, call: Call, base: str) -> None:
        key = text_of(call.args[0]) if base == ".config[]=" and call.args else None
        if base in {".config.update", ".config.from_mapping"}:
            table = call.args[0] if call.args else None
            given = {str(name) for name in table.entries} if isinstance(table, Table) else set()
            key = min({*call.keywords, *given} & _HOST_SETTINGS, default=None)
        if base == ".url_map.strict_slashes=":
            self.strict = _truth(call.args[0]) if call.args and call.certain else None
        elif key in _HOST_SETTINGS:
            self.filter(call.place, f"{key} may make routes depend on the host name")

    def weigh_configuration(self, app: Call) -> None:
        """Look at what the configuration says of host names."""
        entries = configuration(self.program, app).entries
        for key in ("SERVER_NAME", "TRUSTED_HOSTS"):
            if entries.get(key, Const(None)) not in {Const(None), Const("")}:
                self.filter(app.place, f"{key} may make routes depend on the host name")

    def _wrapped(self, call: Call) -> None:
        value = call.args[0] if call.args else None
        dispatcher = own_dispatcher(call.receiver, self.program) if isinstance(call.receiver, Call) else None
        if name_of(value) != "werkzeug.middleware.proxy_fix.ProxyFix()" and dispatcher is None:
            self.both(call.place, "the application is wrapped in middleware that is not followed")

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
        tokens = None if pattern is None else parse_rule(pattern)
        self.add(pattern, tokens, implied(_GET), app.place, what="static files", served=None)


def _truth(value: Value) -> bool | None:
    return bool(value.value) if isinstance(value, Const) else None


def _methods(call: Call, view: Value | None, verbs: Verbs | None) -> frozenset[str] | None:
    """Return the methods of a rule that names them, or whose view tells them."""
    given = call.argument(None, "methods")
    if given is not None and given != Const(None):
        named = methods_from(given, _GET)
        if verbs is None or named is None:
            return named
        return None if verbs.methods is None else named & verbs.methods
    if verbs is not None:
        return verbs.methods
    return _GET if isinstance(view, Function) or (isinstance(view, Call) and view.decorator) else None
