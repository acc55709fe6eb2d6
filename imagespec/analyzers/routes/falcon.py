"""Routes of Falcon applications (2 to 4, app.py): resources with ``on_get`` and its like; OPTIONS is answered for each."""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Instance, name_of, text_of
from imagespec.analyzers.routes.classviews import UNKNOWN_VERBS, Kind, verbs_of
from imagespec.analyzers.routes.handlers import Calling, Given
from imagespec.analyzers.routes.patterns import SEGMENT, names_in, parse_places
from imagespec.analyzers.routes.reading import Reading, is_empty
from imagespec.analyzers.routes.routing import RouteTable
from imagespec.analyzers.routes.tokens import Token

_PLACE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-z]+))?\}")
_KINDS = {"": SEGMENT, "int": (Token("either", "-|+|"), Token("digits"))}
_HARMLESS = (
    ".set_error_serializer", ".req_options", ".resp_options", ".add_middleware_", ".ws_options",
)  # fmt: skip


def _kind(*, is_async: bool) -> Kind:
    """Return what resources are: classes without a base of the library's."""
    return Kind(bases=frozenset(), calling=Calling(positional=2, coroutine=is_async))


def falcon_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Falcon application."""
    reader = _Reader(program)
    for name in ("middleware", "router", "request_type"):
        if not is_empty(app.argument(None, name)):
            reader.filter(app.place, f"{name} of the application is not followed")
    if app.subclass is not None or app.spread:
        reader.gap(app.place, "the application's class or arguments are not followed")
    kind = _kind(is_async=app.name.startswith("falcon.asgi."))
    for call, base, _ in reader.calls_of(app):
        if base == ".add_route":
            reader.route(call, kind)
        elif base == ".add_error_handler":
            reader.error_handler(call)
        elif base == ".add_middleware":
            reader.filter(call.place, "middleware may answer requests itself")
        elif "strip_url_path_trailing_slash" in base or not base.startswith(_HARMLESS):
            reader.gap(call.place, f"{call.name} is not followed")
    reader.look_elsewhere(app, ("wsgiref.", "falcon."))
    return reader.table(app.place, "the Falcon application", path_decides=True)


class _Reader(Reading):
    def route(self, call: Call, kind: Kind) -> None:
        """Add one resource; one for the same template replaces it."""
        text, resource = text_of(call.argument(0, "uri_template")), call.argument(1, "resource")
        suffix = call.argument(None, "suffix")
        name = "" if suffix is None or suffix == Const(None) else text_of(suffix)
        verbs = UNKNOWN_VERBS
        if isinstance(resource, Instance) and resource.cls is not None and name is not None:
            form = "on_{}" + (f"_{name}" if name else "")
            given = Given(names_in(text or "", _PLACE))
            verbs = verbs_of(resource.cls, attrs.evolve(kind, form=form), self.program, given)
        methods = None if verbs.methods is None else verbs.methods | {"OPTIONS"}
        hooked = isinstance(resource, Instance) and resource.cls and resource.cls.node.decorator_list
        if call.certain:
            self.routes = [route for route in self.routes if route.pattern != text]
        self.add(
            text,
            parse_places(text, _PLACE, _KINDS, "{}") if text is not None and text.startswith("/") else None,
            methods,
            call.place,
            certain=call.certain and not hooked,
            method_caveats=verbs.caveats,
        )

    def error_handler(self, call: Call) -> None:
        """Look at a handler of errors: one for those of routing may answer what has no route."""
        error = name_of(call.argument(0, "exception"))
        if error.startswith("falcon.HTTP") or error in {"builtins.Exception", "?"}:
            self.gap(call.place, "an error handler may answer requests that have no route")
