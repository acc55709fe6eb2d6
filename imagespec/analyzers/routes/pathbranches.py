"""
Functions that answer requests by comparing the path with constants: which status each path gets.

For each constant, and for all other paths, the function's statements are followed up to the first status that is sent.
"""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import NODES, leaves, own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.values import Class, Function
from imagespec.analyzers.routes.errorsigns import signs_of
from imagespec.analyzers.routes.handlertext import Handler, words_of
from imagespec.analyzers.routes.reading import Reading, literal
from imagespec.analyzers.routes.routing import Caveat
from imagespec.analyzers.routes.tokens import Token

_ELSE = "\0"
"""Stands for every path that no comparison names."""
_LIMIT = 100  # methods of the class that one method is said to call
_STEPS = 200_000
"""Nodes of one method that are looked at for all its paths together."""


def add_followed(reader: Reading, follower: Follower, methods: frozenset[str], place: Place) -> None:
    """Add a route for each path that a function tells apart, and one for all others."""
    # First, because steps are bounded and most paths end here.
    rest = follower.status(_ELSE), follower.signs()
    for path in (*follower.constants(), _ELSE):
        status, found = rest if path == _ELSE else (follower.status(path), follower.signs())
        signs = tuple(Caveat(place.evidence(message)) for message in found)
        tokens = (Token("rest"),) if path == _ELSE else literal(path)
        shown = "/…" if path == _ELSE else path
        reader.add(shown, tokens, methods, place, served=_served(status), caveats=signs)


def _served(status: int | None) -> bool | None:
    return None if status is None else 200 <= status < 300


_PATHS = {
    "self.path",
    "urlparse(self.path).path",
    "urllib.parse.urlparse(self.path).path",
    "parse.urlparse(self.path).path",
    "urlsplit(self.path).path",
    "self.path.split('?')[0]",
    "self.path.split('?', 1)[0]",
    "self.path.partition('?')[0]",
}


class Follower:
    """One method; `status` follows it for one path."""

    paths = frozenset(_PATHS)
    """Expressions for the path, as `ast.unparse` writes them."""
    voice = "self"
    """The name by which a status is sent."""

    def __init__(self, node: ast.FunctionDef, cls: Class | None, handler: Handler) -> None:
        self.node = node
        self._class = cls
        self.handler = handler
        self._passed: list[ast.AST] = []
        self._left = False
        self._asked: dict[ast.expr, bool] = {}
        self._says: dict[ast.stmt, bool] = {}
        self._names = self._path_names()
        self._moves = self.sets_path()
        self._signs_of_all = self.whole_signs()
        self._steps = 0 if len(own_nodes(node)) < NODES else _STEPS  # there may be more paths than are seen

    def _path_names(self) -> set[str]:
        """Return the variables that hold the path: ``urlparse(self.path).path`` and ``self.path.split("?")[0]``."""
        stores = [
            node
            for node in own_nodes(self.node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        names = set()
        for node in own_nodes(self.node):
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                name = node.targets[0].id
                if sum(store.id == name for store in stores) == 1 and ast.unparse(node.value) in self.paths:
                    names.add(name)
        return names

    def _is_path(self, node: ast.expr) -> bool:
        if node not in self._asked:  # asked again for each path
            own = isinstance(node, ast.Name) and node.id in self._names
            self._asked[node] = own or (ast.unparse(node) in self.paths and not self._moves)
        return self._asked[node]

    def sets_path(self) -> bool:
        """Tell whether the path is given another value than itself without its query."""
        for node in own_nodes(self.node):
            targets = getattr(node, "targets", [node.target] if isinstance(node, ast.AugAssign) else [])
            sets = any(ast.unparse(item) in self.paths for item in targets)
            if sets and ast.unparse(getattr(node, "value", node)) not in self.paths:
                return True
        return False

    def constants(self) -> list[str]:
        """Return the texts that the path is compared with."""
        found: dict[str, None] = {}
        for node in own_nodes(self.node):
            if isinstance(node, ast.Compare) and len(node.ops) == 1:
                for text in _texts(node.comparators[0]) or ():
                    if self._is_path(node.left) and text.startswith("/"):
                        found[text] = None
        return list(found)

    def status(self, path: str) -> int | None:
        """Return the first status that is sent for ``path``; None when it cannot be told."""
        self._passed.clear()
        self._left = False
        sent, _ = self._block(self.node.body, path)
        return sent

    def signs(self) -> list[str]:
        """Return what the statements that `status` came through say of errors."""
        return [*signs_of(self._passed, self.handler, []), *self._signs_of_all]

    def whole_signs(self) -> list[str]:
        """Return what the whole method says of errors, whatever the path."""
        found = signs_of([], self.handler, [self.handler.function])
        names = {name for function in self._helpers() for name in words_of(function)}
        return (
            found if {"end_headers", "send_error"} & names else [*found, "the handler never ends its headers"]
        )

    def _helpers(self) -> list[Function]:
        """Return the method, and the methods of the class that it calls."""
        find = self._class.find if self._class else lambda _: None
        own = (find(name) for name in sorted(words_of(self.handler.function))[:_LIMIT])
        return [self.handler.function, *(item for item in own if isinstance(item, Function))]

    def _block(self, body: list[ast.stmt], path: str) -> tuple[int | None, bool]:
        """Return the status that statements send, and whether what comes next must not be looked at."""
        for index, statement in enumerate(body):
            if self._steps >= _STEPS:
                return None, True
            sent, done = self._statement(statement, path)
            if done:
                self._pass_rest(body[index + 1 :])
                return sent, True
        return None, False

    def _statement(self, statement: ast.stmt, path: str) -> tuple[int | None, bool]:
        if not isinstance(statement, ast.If | ast.Try | ast.With):
            self._pass(statement)
        match statement:
            case ast.If():
                self._pass(statement.test)
                truth = self._truth(statement.test, path)
                if truth is None:
                    return None, self._may_answer(statement)
                return self._block(statement.body if truth else statement.orelse, path)
            case ast.Try() | ast.With():
                for item in statement.items if isinstance(statement, ast.With) else ():
                    self._pass(item)
                return self._block(statement.body, path)
            case ast.Return() if statement.value is not None:
                self._left = True
                return self.sent(statement)[0], True
            case ast.Return() | ast.Raise() | ast.While():
                return None, True
            case ast.Expr() | ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Pass() | ast.Import():
                return self.sent(statement)
        return None, self._may_answer(statement)

    def _pass_rest(self, body: list[ast.stmt]) -> None:
        """Come through what stands behind the statement that sent the status, up to where the function is left."""
        for statement in body:
            if self._left:
                break
            self._pass(statement)
            self._left = leaves([statement])

    def _pass(self, node: ast.AST) -> None:
        before = len(self._passed)
        self._passed += ast.walk(node)
        self._steps += len(self._passed) - before

    def _may_answer(self, statement: ast.stmt) -> bool:
        if statement not in self._says:  # asked again for each path
            self._says[statement] = _says_something(statement, self.voice)
        return self._says[statement]

    def sent(self, statement: ast.stmt) -> tuple[int | None, bool]:
        """Return the status that a plain statement sends; what else of ``self`` is called may send one."""
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner, name = node.func.value, node.func.attr
            if not (isinstance(owner, ast.Name) and owner.id == "self") or name in _SILENT:
                continue
            if name in _SENDING and node.args:
                return _code(node.args[0]), True
            return self._by_helper(node, name), True
        return None, False

    def _by_helper(self, call: ast.Call, name: str) -> int | None:
        """Return the status that a method of the class sends whose first statement that sends is plain."""
        helper = self._class.find(name) if self._class else None
        if not isinstance(helper, Function) or isinstance(helper.node, ast.Lambda):
            return None
        for statement in helper.node.body:
            value = statement.value if isinstance(statement, ast.Expr) else None
            called = value.func if isinstance(value, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in _SENDING and isinstance(value, ast.Call):
                return _passed(value.args[0], helper.node, call) if value.args else None
            if self._may_answer(statement):
                return None
        return None

    def _truth(self, test: ast.expr, path: str) -> bool | None:
        match test:
            case ast.BoolOp():
                truths = [self._truth(item, path) for item in test.values]
                stop = isinstance(test.op, ast.Or)
                return stop if stop in truths else None if None in truths else not stop
            case ast.UnaryOp(op=ast.Not()):
                truth = self._truth(test.operand, path)
                return None if truth is None else not truth
            case ast.Compare(left=left, ops=[operator], comparators=[other]) if self._is_path(left):
                texts = _texts(other)
                equal = isinstance(operator, ast.Eq | ast.In)
                plain = isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
                holds = isinstance(operator, ast.In | ast.NotIn) and isinstance(other, ast.Constant)
                return None if texts is None or not plain or holds else (path in texts) is equal
        return None


def _texts(node: ast.expr) -> list[str] | None:
    items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return texts if len(texts) == len(items) else None


_SENDING = {"send_response", "send_response_only", "send_error"}
_SILENT = {"log_message", "address_string", "log_request", "date_time_string", "version_string"}


def _passed(node: ast.expr, helper: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> int | None:
    """Return a status that a helper sends: a constant, or the parameter that it was given."""
    names = [item.arg for item in helper.args.args[1:]]
    if (
        not isinstance(node, ast.Name)
        or node.id not in names
        or any(isinstance(a, ast.Starred) for a in call.args)
    ):
        return _code(node)
    place = names.index(node.id)
    for keyword in call.keywords:
        if keyword.arg == node.id:
            return _code(keyword.value)
    if place < len(call.args):
        return _code(call.args[place])
    defaults = helper.args.defaults
    from_end = len(names) - place
    return _code(defaults[-from_end]) if from_end <= len(defaults) else None


def _code(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return {"HTTPStatus.OK": 200, "HTTPStatus.NOT_FOUND": 404, "http.HTTPStatus.OK": 200}.get(
        ast.unparse(node)
    )


def _says_something(node: ast.AST, voice: str) -> bool:
    """Tell whether something inside may send an answer or leave the method."""
    return any(
        isinstance(item, ast.Return | ast.Raise) or (isinstance(item, ast.Name) and item.id == voice)
        for item in ast.walk(node)
    )
