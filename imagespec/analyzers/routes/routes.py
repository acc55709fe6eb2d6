"""
Which routes the application that is really served has.

A further framework is one function and one entry of `_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Function, Member, Value
from imagespec.analyzers.routes.aiohttp import aiohttp_routes
from imagespec.analyzers.routes.bottle import bottle_routes
from imagespec.analyzers.routes.django import django_routes
from imagespec.analyzers.routes.falcon import falcon_routes
from imagespec.analyzers.routes.fastapi import fastapi_routes
from imagespec.analyzers.routes.fixed import fixed_routes
from imagespec.analyzers.routes.flask import flask_routes
from imagespec.analyzers.routes.mounts import (
    DISPATCHER,
    is_inner,
    is_not_found,
    mounted_table,
    own_dispatcher,
)
from imagespec.analyzers.routes.nginx import SiteAnswers
from imagespec.analyzers.routes.requesthandlers import request_handler_routes
from imagespec.analyzers.routes.routing import Answer, Route, RouteTable
from imagespec.analyzers.routes.sanic import sanic_routes
from imagespec.analyzers.routes.spring import spring_routes
from imagespec.analyzers.routes.tornado import tornado_routes
from imagespec.analyzers.routes.wsgifunctions import wsgi_function_routes
from imagespec.analyzers.servers.listening import AppRef, Listener, Listening
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

__all__ = ["Answer", "Answers", "Route", "RouteTable", "find_routes"]


@attrs.frozen
class _Reader:
    interface: str
    """``wsgi`` or ``asgi``: what the framework speaks; its own name where it has a server of its own only."""
    read: Callable[[Call, Program, str | None], RouteTable]


def _flask(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Read a Flask application, which may stand behind a dispatcher that holds it."""
    table = flask_routes(app, program)
    dispatcher = own_dispatcher(app, program)
    if dispatcher is None:
        return table
    return mounted_table(
        dispatcher, lambda value: table if is_inner(value, app) else _wsgi_table(value, program, app)
    )


def _wsgi_table(value: Value | None, program: Program, around: Call | None = None) -> RouteTable:
    """Return the routes of an application under a prefix; ``around`` is the one whose dispatcher holds it."""
    if isinstance(value, Member) and value.attribute == "wsgi_app":
        value = value.owner
    reader = _READERS.get(value.name) if isinstance(value, Call) and value is not around else None
    followed = reader is not None and reader.interface == "wsgi"
    if isinstance(value, Call) and reader and followed and own_dispatcher(value, program) is None:
        return reader.read(value, program, None)  # not one with a dispatcher: two may hold one another
    if isinstance(value, Function):
        return wsgi_function_routes(value, program)
    if is_not_found(value):
        return RouteTable()
    return RouteTable(gaps=(Evidence(message="an application under a prefix is not followed"),))


_READERS: Mapping[str, _Reader] = {
    "flask.Flask": _Reader("wsgi", _flask),
    "fastapi.FastAPI": _Reader("asgi", fastapi_routes),
    "starlette.applications.Starlette": _Reader("asgi", fastapi_routes),
    "tornado.web.Application": _Reader("tornado", tornado_routes),
    "aiohttp.web.Application": _Reader("aiohttp", aiohttp_routes),
    "bottle.Bottle": _Reader("wsgi", bottle_routes),
    "bottle.run": _Reader("wsgi", bottle_routes),
    "bottle.default_app": _Reader("wsgi", bottle_routes),
    "sanic.Sanic": _Reader("asgi", sanic_routes),
    "falcon.App": _Reader("wsgi", falcon_routes),
    "falcon.API": _Reader("wsgi", falcon_routes),
    "falcon.asgi.App": _Reader("asgi", falcon_routes),
    "quart.Quart": _Reader("asgi", _flask),
    "django.core.wsgi.get_wsgi_application": _Reader("wsgi", django_routes),
    "django.core.asgi.get_asgi_application": _Reader("asgi", django_routes),
    "django.core.management.execute_from_command_line": _Reader("wsgi", django_routes),
}

_WRAPPERS = {
    "asgiref.wsgi.WsgiToAsgi": ("asgi", "wsgi_application"),
    "a2wsgi.WSGIMiddleware": ("asgi", "app"),
    "a2wsgi.wsgi.WSGIMiddleware": ("asgi", "app"),
    "uvicorn.middleware.wsgi.WSGIMiddleware": ("asgi", "app"),
    "starlette.middleware.wsgi.WSGIMiddleware": ("asgi", "app"),
    "werkzeug.middleware.proxy_fix.ProxyFix": ("wsgi", "app"),
}
"""Wrappers that pass every request on: what they speak outwards, and the name of their first argument."""


Answers = RouteTable | SiteAnswers
"""What answers requests: a routing table, or an nginx before other servers."""


def find_routes(
    apps: Iterable[Listener | AppRef | None], listening: Listening | None = None, rootfs: RootFs | None = None
) -> Answers:
    """
    Return the routes of what is served, taken together.

    A listener without an application that is understood is a gap. ``listening`` and ``rootfs`` are what a listener that
    hands on to others is followed in.
    """
    items = _distinct(list(apps))
    if len(items) == 1 and isinstance(items[0], Listener) and items[0].site and listening and rootfs:
        return _answers(items[0], listening, rootfs, 0)
    tables = [
        _with_doubt(_table(item.app if isinstance(item, Listener) else item, item), item) for item in items
    ]
    if len(tables) == 1:
        return tables[0]
    if not tables:
        return RouteTable(gaps=(Evidence(message="no application was found"),))
    gaps = tuple(gap for table in tables for gap in table.gaps)
    several = Evidence(message="several applications are served; which one gets a request is not followed")
    routes = tuple(attrs.evolve(route, certain=False) for table in tables for route in table.routes)
    return RouteTable(routes=routes, gaps=(several, *gaps))


def _distinct(items: list[Listener | AppRef | None]) -> list[Listener | AppRef | None]:
    """
    Return one of several listeners that serve the same, as nginx with ``listen 8080`` beside ``listen [::]:8080``.

    It is one of those that are not certain, if there is any.
    """
    sockets = [item for item in items if isinstance(item, Listener)]
    if len(sockets) < len(items) or len(sockets) < 2:
        return items
    first = sockets[0]
    if all(item.site == first.site and item.app is first.app for item in sockets) and (
        first.site or first.app
    ):
        return [min(sockets, key=lambda item: item.certain)]
    return items


def _answers(listener: Listener, listening: Listening, rootfs: RootFs, hands: int) -> Answers:
    if listener.site is None:
        return _with_doubt(_table(listener.app, listener), listener)
    return SiteAnswers(
        site=listener.site,
        listening=listening,
        rootfs=rootfs,
        behind=lambda other, count: _answers(other, listening, rootfs, count),
        unsure=() if listener.certain else listener.evidence[-1:],
        hands=hands,
    )


def _with_doubt(table: RouteTable, item: Listener | AppRef | None) -> RouteTable:
    if isinstance(item, Listener) and not item.certain:
        return attrs.evolve(
            table, unsure=item.evidence[-1:] or (Evidence(message="the server may not listen"),)
        )
    return table


_WITH_ROOT_PATH = {"fastapi.FastAPI", "starlette.applications.Starlette"}


def _table(app: AppRef | None, item: Listener | AppRef | None) -> RouteTable:
    if isinstance(item, Listener) and item.api is not None:
        return fixed_routes(item)
    if isinstance(item, Listener) and item.spring is not None:
        return spring_routes(item)
    if app is None:
        evidence = item.evidence if isinstance(item, Listener) else ()
        return RouteTable(gaps=(*evidence[-1:], Evidence(message="what this server answers is not followed")))
    value, interface = _unwrapped(app.application, app.interface)
    table = _app_table(app, value, interface)
    if app.root_path == "" or (isinstance(value, Call) and value.name in _WITH_ROOT_PATH):
        return table
    return attrs.evolve(table, root_path=None)  # what others make of it differs with the server (Quart, WSGI)


def _app_table(app: AppRef, value: Value, interface: str | None) -> RouteTable:
    if isinstance(value, Function) and interface == "wsgi":
        return wsgi_function_routes(value, app.program)
    if isinstance(value, Class):
        return request_handler_routes(value, app.program)
    if isinstance(value, Call) and value.name == DISPATCHER and interface in {None, "wsgi"}:
        return mounted_table(value, lambda inner: _wsgi_table(inner, app.program))
    reader = _READERS.get(value.name) if isinstance(value, Call) else None
    if reader is None or not isinstance(value, Call):
        place = Evidence(message=f"{app.variable or 'the application'} is of no framework that is understood")
        return RouteTable(gaps=(attrs.evolve(place, path=app.module_path or None),))
    if interface is not None and interface != reader.interface:
        return _mismatch(value, reader.interface, interface)
    return reader.read(value, app.program, app.root_path)


def _unwrapped(value: Value, interface: str | None) -> tuple[Value, str | None]:
    for _ in range(4):
        if not isinstance(value, Call) or value.name not in _WRAPPERS:
            break
        outward, keyword = _WRAPPERS[value.name]
        if interface not in {None, outward}:
            break
        inner = value.argument(0, keyword)
        if inner is None:
            break
        value, interface = inner, "wsgi"
    return value, interface


def _mismatch(app: Call, wanted: str, spoken: str) -> RouteTable:
    """Return an empty table: each request raises a TypeError in the server, and is answered 500."""
    message = f"{app.name} is an {wanted.upper()} application and its server speaks {spoken.upper()}: all requests fail"
    return RouteTable(source=(app.place.evidence(message),))
