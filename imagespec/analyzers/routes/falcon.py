"""Routes of Falcon applications (2 to 4, app.py): resources with ``on_get`` and its like; OPTIONS is answered for each."""

from __future__ import annotations

import re

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Instance, text_of
from imagespec.analyzers.routes.reading import Reading, class_methods, is_empty
from imagespec.analyzers.routes.routing import RouteTable, Token, Tokens

_PLACE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-z]+))?\}")
_KINDS = {"": "segment", "int": "digits"}
_HARMLESS = (
    ".add_error_handler", ".set_error_serializer", ".req_options", ".resp_options", ".add_middleware_", ".ws_options",
)  # fmt: skip


def falcon_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of a Falcon application."""
    reader = _Reader(program)
    for name in ("middleware", "router", "request_type"):
        if not is_empty(app.argument(None, name)):
            reader.filter(app.place, f"{name} of the application is not followed")
    if app.subclass is not None or app.spread:
        reader.gap(app.place, "the application's class or arguments are not followed")
    for call, base in reader.calls_of(app):
        if base == ".add_route":
            reader.route(call)
        elif base == ".add_middleware":
            reader.filter(call.place, "middleware may answer requests itself")
        elif "strip_url_path_trailing_slash" in base or not base.startswith(_HARMLESS):
            reader.gap(call.place, f"{call.name} is not followed")
    reader.look_elsewhere(
        app, ("waitress.serve", "wsgiref.", "uvicorn.", "gevent.pywsgi.", "werkzeug.serving.")
    )
    return reader.table(app.place, "the Falcon application", ordered=True, path_decides=True)


class _Reader(Reading):
    def route(self, call: Call) -> None:
        """Add one resource."""
        text, resource = text_of(call.argument(0, "uri_template")), call.argument(1, "resource")
        suffix = call.argument(None, "suffix")
        name = "" if suffix is None or suffix == Const(None) else text_of(suffix)
        methods = None
        if isinstance(resource, Instance) and resource.cls is not None and name is not None:
            form = "on_{}" + (f"_{name}" if name else "")
            methods = class_methods(resource.cls, "", form)
        if methods is not None:
            methods |= {"OPTIONS"}
        tokens = None if text is None else _parse(text)
        hooked = (
            isinstance(resource, Instance) and resource.cls is not None and resource.cls.node.decorator_list
        )
        self.add(text, tokens, methods, call.place, certain=call.certain and not hooked)


def _parse(pattern: str) -> Tokens | None:
    tokens: list[Token] = []
    end = 0
    for found in _PLACE.finditer(pattern):
        kind = _KINDS.get(found[2] or "")
        if kind is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    rest = Token("literal", pattern[end:])
    if any(mark in token.text for token in (*tokens, rest) for mark in "{}"):
        return None
    return (*tokens, rest) if pattern.startswith("/") else None
