"""
Resources of Flask-RESTful (0.3) and Flask-RESTX (0.5 to 1.3): classes whose methods are named after verbs.

Both build their rules as the prefix of the blueprint, the ``prefix`` of the Api, the path of the namespace (RESTX: the
name of one that ``api.namespace`` makes, ``/`` for the default one), and the resource's own URL.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagespec.analyzers.python.values import Call, Class, Const, Value, text_of
from imagespec.analyzers.routes.classviews import Kind, undecorated, verbs_of
from imagespec.analyzers.routes.handlers import Calling, Given
from imagespec.analyzers.routes.reading import Reading
from imagespec.analyzers.routes.routing import Caveat
from imagespec.analyzers.routes.werkzeugrules import implied, names_of, parse_rule

APIS = ("flask_restful.Api", "flask_restx.Api", "flask_restplus.Api")
_NAMESPACES = {"flask_restx.Namespace", "flask_restplus.Namespace", "flask_restx.Api().namespace", "flask_restplus.Api().namespace"}  # fmt: skip
_RESOURCES = frozenset({"flask_restful.Resource", "flask_restx.Resource", "flask_restplus.Resource"})
_CHANGING = {"decorators", "catch_all_404s", "errors", "format_checker", "serve_challenge_on_401", "url_part_order", "authorizations", "security"}  # fmt: skip
_DOCUMENTING = ("doc", "response", "param", "produces", "hide", "deprecated", "marshal_with", "marshal_list_with", "header", "vendor")  # fmt: skip
_CALLED = frozenset(
    f"{start}.{name}{end}"
    for start in (
        "flask_restful",
        "flask_restx",
        "flask_restx.Api()",
        *sorted(name + "()" for name in _NAMESPACES),
    )
    for name in _DOCUMENTING
    for end in ("", "()")
)
"""Decorators that document a resource or shape what it returns: they call it and refuse nothing."""
_KIND = Kind(
    bases=_RESOURCES,
    calling=Calling(positional=0, takes="anything", tuples=True, coroutine=False),
    hooks=("methods", "dispatch_request", "decorators", "method_decorators", "as_view"),
)
_HARMLESS = (
    ".model", ".parser", ".schema_model", ".inherit", ".clone", ".representation", ".models", ".add_model", ".logger",
    ".init_app", ".errorhandler", ".authorizations", ".abort", ".payload", ".as_list", *("." + name for name in _DOCUMENTING),
    ".expect", ".title", ".description", ".version",
)  # fmt: skip


def add_apis(reader: Reading, owner: Call, prefix: str | None, until: Call | None, *, certain: bool) -> None:
    """Add the resources of the Apis that are made for, or given, an application or blueprint."""
    for api in list(_apis_of(reader, owner)):
        own = api.argument(1, "prefix") if api.name == "flask_restful.Api" else api.argument(None, "prefix")
        text = "" if own is None or own == Const(None) else text_of(own)
        inner = None if text is None or prefix is None else prefix.rstrip("/") + text
        if api.subclass is not None or api.spread or api.keywords.keys() & _CHANGING - {"authorizations"}:
            reader.both(api.place, "the Api's class or arguments are not followed")
        if api.name != "flask_restful.Api":
            _documentation(reader, api, inner)
        _Api(reader, until).read(api, inner, certain=certain and api.certain)


def _apis_of(reader: Reading, owner: Call) -> Iterator[Call]:
    for call in reader.program.calls:
        if call.name in APIS and call.argument(0, "app") is owner:
            yield call
        made = call.receiver
        inits = call.name in {api + "().init_app" for api in APIS}
        if inits and isinstance(made, Call) and call.argument(0, "app") is owner:
            yield made


def _documentation(reader: Reading, api: Call, prefix: str | None) -> None:
    """Add the pages that RESTX makes: its documentation at the root, swagger.json and the files beside it."""
    for path in ("/", "/swagger.json", "/swaggerui/<path:filename>"):
        pattern = None if prefix is None else prefix + path
        tokens = None if pattern is None else parse_rule(pattern)
        reader.add(
            pattern,
            tokens,
            frozenset({"GET", "HEAD", "OPTIONS"}),
            api.place,
            what="RESTX's page",
            served=None,
        )
    if not {api.argument(None, "doc")} <= {None, Const(value=False)}:
        reader.gap(api.place, "the documentation's own path is not followed")


class _Api:
    def __init__(self, reader: Reading, until: Call | None) -> None:
        self._reader = reader
        self._until = until

    def read(self, owner: Call, prefix: str | None, *, certain: bool, depth: int = 0) -> None:
        """Add what an Api or a namespace registers."""
        if self._reader.too_deep(depth, owner.place):
            return
        for call, base, late in self._reader.calls_of(owner, self._until):
            sure = certain and call.certain and not late
            made = call.receiver
            if base == ".add_resource":
                self._resource(call, call.argument(0, "resource"), 1, prefix, certain=sure)
            elif base in {".route()", ".resource()"} and isinstance(made, Call):
                self._resource(made, call.args[0] if call.args else None, 0, prefix, certain=sure)
            elif base in {".add_namespace", ".namespace"} and depth == 0:
                self._namespace(call, base, prefix, certain=sure)
            elif _in_namespace(call) and depth == 0:
                pass  # the members of a namespace that `Api.namespace` made are read with it
            elif base not in {".route", ".resource"} and not base.startswith(_HARMLESS):
                self._reader.gap(call.place, f"{call.name} is not followed")
            if base.startswith(".errorhandler()") or base == ".errorhandler":
                self._reader.gap(call.place, "an error handler may answer requests that have no route")

    def _namespace(self, call: Call, base: str, prefix: str | None, *, certain: bool) -> None:
        namespace: Value | None = call if base == ".namespace" else call.argument(0, "ns")
        if (
            not isinstance(namespace, Call)
            or namespace.name not in _NAMESPACES
            or namespace.subclass is not None
        ):
            self._reader.gap(call.place, "a namespace that is not followed is added")
            return
        path = call.argument(1, "path") if base == ".add_namespace" else None
        if path is None or path == Const(None):
            path = namespace.argument(2 if base == ".add_namespace" else None, "path")
        if path is None or path == Const(None):
            name = text_of(namespace.argument(0, "name"))
            path = None if name is None else Const("/" + name)
        text = text_of(path)
        inner = None if text is None or prefix is None else prefix + text.rstrip("/")
        if not {namespace.argument(None, "decorators")} <= {None, Const(None)}:
            self._reader.filter(namespace.place, "the namespace's decorators may refuse requests")
        self.read(namespace, inner, certain=certain and namespace.certain, depth=1)

    def _resource(
        self, call: Call, view: Value | None, first: int, prefix: str | None, *, certain: bool
    ) -> None:
        reader = self._reader
        urls = call.args[first:]
        if call.spread or not urls:
            reader.gap(call.place, "the URLs of a resource are not known")
        for url in urls:
            text = text_of(url)
            pattern = None if text is None or prefix is None else (prefix + text or "/")
            given = Given(names_of(pattern or ""))
            cls = undecorated(view, _CALLED)
            verbs = verbs_of(cls, _KIND, reader.program, given, _CALLED)
            reader.add(
                pattern,
                None if pattern is None else parse_rule(pattern),
                None if verbs.methods is None else implied(verbs.methods),
                call.place,
                certain=certain and not {"subdomain", "host", "methods", "defaults"} & call.keywords.keys(),
                caveats=_making(cls, call),
                method_caveats=verbs.caveats,
            )


def _in_namespace(call: Call) -> bool:
    """Tell whether a call is of a member of a namespace that ``Api.namespace`` made."""
    value: Value | None = call.receiver
    for _ in range(20):
        if not isinstance(value, Call):
            return False
        if value.name in _NAMESPACES:
            return True
        value = value.receiver
    return False


def _making(cls: Value | None, call: Call) -> tuple[Caveat, ...]:
    if not isinstance(cls, Class) or cls.find("__init__") is None:
        return ()
    return (Caveat(call.place.evidence("the resource has an __init__ of its own, which is not followed")),)
