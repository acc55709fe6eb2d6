"""What a WSGI application answers that is a plain function: by comparisons of PATH_INFO with constants (PEP 3333)."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Function
from imagespec.analyzers.routes.errorsigns import signs_of
from imagespec.analyzers.routes.handlertext import Handler
from imagespec.analyzers.routes.pathbranches import Follower, add_followed
from imagespec.analyzers.routes.reading import Reading
from imagespec.analyzers.routes.routing import ALL_METHODS, RouteTable
from imagespec.analyzers.routes.statuses import codes_of


def wsgi_function_routes(function: Function, program: Program) -> RouteTable:
    """Return what a function answers; nothing of it is known where it takes other arguments than a server gives."""
    reader = Reading(program)
    place = Place(function.module.path, function.node.lineno, function.module.layer)
    names = [item.arg for item in function.node.args.args]
    if not isinstance(function.node, ast.FunctionDef) or len(names) != 2 or function.self_value is not None:
        reader.both(place, "the application is a function that is not followed")
        return reader.table(place, "the application")
    follower = _Follower(function.node, None, Handler(function, program, statuses=False))
    add_followed(reader, follower, ALL_METHODS, place)
    return reader.table(place, "the application", ordered=True)


class _Follower(Follower):
    def __init__(self, node: ast.FunctionDef, cls: None, handler: Handler) -> None:
        environ, self.voice = (item.arg for item in node.args.args)
        read = (f"{environ}['PATH_INFO']", f"{environ}.get('PATH_INFO')")
        given = (f"{environ}.get('PATH_INFO', '{default}')" for default in ("", "/"))
        self.paths = frozenset((*read, *given))
        super().__init__(node, cls, handler)

    def sets_path(self) -> bool:
        """Tell whether the function, or one that it gives the environment to, may set the path."""
        environ = self.handler.function.node.args.args[0].arg
        given = (item for node in own_nodes(self.node) if isinstance(node, ast.Call) for item in node.args)
        return super().sets_path() or any(isinstance(item, ast.Name) and item.id == environ for item in given)

    def whole_signs(self) -> list[str]:
        """Return what the whole function says of errors: also an answer that may be no list of bytes."""
        found = signs_of([], self.handler, [self.handler.function])
        for node in own_nodes(self.node):
            if isinstance(node, ast.Return) and not self._is_bytes(node.value):
                shown = "nothing" if node.value is None else ast.unparse(node.value)[:60]
                found.append(f"the application returns {shown}, which is not known to be a list of bytes")
        return found

    def sent(self, statement: ast.stmt) -> tuple[int | None, bool]:
        """Return the status that a statement gives to ``start_response``."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == self.voice:
                codes = list(codes_of(node.args[0], self.handler.function)) if node.args else []
                return (codes[0] if len(codes) == 1 else None), True
            if isinstance(node, ast.Name) and node.id == self.voice:
                return None, True
        return None, False

    def _is_bytes(self, value: ast.expr | None) -> bool:
        match value:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return all(self._is_encoded(item) for item in items)
        return False

    def _is_encoded(self, item: ast.expr) -> bool:
        match item:
            case ast.Constant(value=bytes()) | ast.Call(func=ast.Attribute(attr="encode")):
                return True
            case ast.Name(id=name):
                values = [
                    node.value
                    for node in own_nodes(self.node)
                    if isinstance(node, ast.Assign)
                    and any(getattr(to, "id", "") == name for to in node.targets)
                ]
                return bool(values) and all(
                    self._is_encoded(one) for one in values if not isinstance(one, ast.Name)
                )
        return False
