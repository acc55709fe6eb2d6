"""
What a ``http.server`` request handler answers (CPython 3.8 to 3.13): the paths that its ``do_GET`` and its like tell apart.

A method that the class lacks is answered 501. Inside a method only comparisons of ``self.path`` with constants decide.
"""

from __future__ import annotations

import ast

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Class, Function, name_of
from imagespec.analyzers.routes.classviews import class_place
from imagespec.analyzers.routes.handlertext import Handler
from imagespec.analyzers.routes.pathbranches import Follower, add_followed
from imagespec.analyzers.routes.reading import Reading
from imagespec.analyzers.routes.routing import VERBS, RouteTable
from imagespec.analyzers.routes.tokens import Token

_BASE = "http.server.BaseHTTPRequestHandler"
_FILES = {"http.server.SimpleHTTPRequestHandler", "http.server.CGIHTTPRequestHandler"}
_OWN = ("handle", "handle_one_request", "parse_request", "send_response", "send_error", "setup")


def request_handler_routes(handler: Class, program: Program) -> RouteTable:
    """Return what a class of request handlers answers."""
    reader = Reading(program)
    place = class_place(handler)
    bases = {name_of(base) for base in handler.foreign_bases()}
    if bases - {_BASE} - _FILES or any(handler.find(name) is not None for name in _OWN):
        reader.gap(place, "the handler's class is not followed")
        reader.filter(place, "the handler's class may answer requests otherwise")
    for verb in VERBS:
        method = handler.find(f"do_{verb.upper()}")
        if isinstance(method, Function):
            _add_method(reader, handler, method, verb.upper())
        elif method is not None or (bases & _FILES and verb in {"get", "head"}):
            reader.add("/…", (Token("rest"),), frozenset({verb.upper()}), place, served=None)
    return reader.table(place, "the request handler", ordered=True)


def _add_method(reader: Reading, handler: Class, method: Function, verb: str) -> None:
    node = method.node
    place = attrs.evolve(class_place(handler), line=node.lineno)
    methods = frozenset({verb})
    if not isinstance(node, ast.FunctionDef):  # nothing awaits a coroutine
        reader.add("/…", (Token("rest"),), methods, place, served=None)
        return
    follower = Follower(node, handler, Handler(method, reader.program, handler, statuses=False))
    add_followed(reader, follower, methods, place)
