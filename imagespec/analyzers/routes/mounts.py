"""WSGI applications under prefixes: ``werkzeug.middleware.dispatcher.DispatcherMiddleware`` (Werkzeug 0.15 to 3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Member, Table, Value
from imagespec.analyzers.routes.routing import Answer, RouteTable
from imagespec.verdict import Evidence

DISPATCHER = "werkzeug.middleware.dispatcher.DispatcherMiddleware"


@attrs.frozen(kw_only=True)
class MountedTable(RouteTable):
    """Applications by their prefix; the longest that ends before a slash, or with the path, takes a request."""

    mounts: Mapping[str, RouteTable]
    rest: RouteTable

    def answer(self, method: str, path: str) -> Answer:
        """Answer as the application does that takes the request, for the path behind its prefix."""
        path = re.split(r"[?#]", path, maxsplit=1)[0]
        path = path if path.startswith("/") else "/" + path
        prefix = path
        while prefix not in self.mounts and "/" in prefix:
            prefix = prefix.rpartition("/")[0]
        table, inner = (
            (self.mounts[prefix], path[len(prefix) :]) if prefix in self.mounts else (self.rest, path)
        )
        if not inner:
            message = (
                f"{path} is the prefix of an application; what that answers to an empty path is not followed"
            )
            return Answer(served=None, message=message, evidence=self.source)
        return attrs.evolve(table, unsure=(*table.unsure, *self.unsure)).answer(method, inner)


def own_dispatcher(app: Call, program: Program) -> Call | None:
    """Return the dispatcher that certainly stands in the place of an application's ``wsgi_app``; None for others."""
    found = [
        call for call in program.calls if call.receiver is app and call.name == app.name + "().wsgi_app="
    ]
    value = found[0].args[0] if len(found) == 1 and found[0].certain and found[0].args else None
    return value if isinstance(value, Call) and value.name == DISPATCHER else None


def is_inner(value: Value | None, app: Call) -> bool:
    """Tell whether a value is the ``wsgi_app`` of an application."""
    return isinstance(value, Member) and value.owner is app and value.attribute == "wsgi_app"


def is_not_found(value: Value | None) -> bool:
    """Tell whether a value is a response of Werkzeug or Flask that says 404, which serves as an application."""
    made = isinstance(value, Call) and value.name in {
        "werkzeug.wrappers.Response",
        "werkzeug.Response",
        "flask.Response",
    }
    status = value.argument(1, "status") if made and isinstance(value, Call) else None
    return isinstance(status, Const) and str(status.value)[:3] == "404"


def mounted_table(dispatcher: Call, table_of: Callable[[Value | None], RouteTable]) -> RouteTable:
    """Return what a dispatcher answers; ``table_of`` gives the routes of an application that it holds."""
    mounts = dispatcher.argument(1, "mounts")
    source = dispatcher.place.evidence("applications are mounted here")
    prefixes = mounts.entries if isinstance(mounts, Table) and not mounts.open else None
    if mounts is None:
        prefixes = {}
    if prefixes is None or dispatcher.spread or not all(isinstance(key, str) for key in prefixes):
        return RouteTable(gaps=(source,), filters=(source,), source=(source,))
    return MountedTable(
        mounts={str(prefix): table_of(value) for prefix, value in prefixes.items()},
        rest=table_of(dispatcher.argument(0, "app")),
        gaps=(Evidence(message="the applications under prefixes are not told apart here"),),
        source=(source,),
    )
