"""
What of a handler's text is not known to succeed: a health check passes only where nothing is left.

The handler is gone through statement by statement, and the program's own functions that it calls with it. What Python's
own operations, its standard library and the program's own functions do must be known to raise nothing; libraries of
others are taken to do what they are called for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

import attrs

from imagespec.analyzers.python.localnames import local_names
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Class, External, Function, Instance, Value
from imagespec.analyzers.routes import proofexpressions as expressions
from imagespec.analyzers.routes.proofanswers import refused_answer
from imagespec.analyzers.routes.proofkinds import ANY, DICT, FOREIGN, LIST, NONE, Kind
from imagespec.analyzers.routes.proofstatements import assign, merged, statement

_FUNCTIONS = 60
_DEPTH = 12
_STEPS = 4_000
_ALL_STEPS = 60_000
"""Of all handlers of one program."""
_NESTED = 80
_MESSAGES = 3


@attrs.define
class Frame:
    """One function that is gone through."""

    function: Function
    owner: Value | None
    """What ``self`` is."""
    local: frozenset[str]
    """Names that the function binds."""
    kinds: dict[str, Kind]
    returned: list[tuple[Kind, ast.AST]] = attrs.field(factory=list)


class Prover:
    """Goes through a handler and says what is not known to succeed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.frames: list[Frame] = []
        self.found: dict[str, Place] = {}
        self.closures: dict[int, dict[str, Kind]] = {}
        """By the identity of an inner function's node: the names around it."""
        self.quiet = 0
        """Blocks around whose exceptions are all caught."""
        self.nested = 0
        """Blocks and expressions inside one another that are gone through."""
        self._steps = 0
        self._functions = 0

    @property
    def frame(self) -> Frame:
        """Return the function that is gone through at the moment."""
        return self.frames[-1]

    def say(self, node: ast.AST, message: str) -> None:
        """Record something that may fail."""
        module = self.frame.function.module
        line = getattr(node, "lineno", None)
        if not self.quiet and len(self.found) < _MESSAGES:
            self.found.setdefault(message, Place(module.path, line, module.layer))

    def spend(self, node: ast.AST) -> bool:
        """Count work; tell whether there is any left."""
        self._steps += 1
        self.program.proof_steps += 1
        if self._steps == _STEPS or self.program.proof_steps > _ALL_STEPS:
            self.quiet = 0
            self.say(node, "the handler is longer than is followed")
        if self.nested > _NESTED:
            self.quiet = 0
            self.say(node, "the handler is nested more deeply than is followed")
        left = self._steps < _STEPS and self.program.proof_steps <= _ALL_STEPS
        return left and self.nested <= _NESTED

    def function(
        self, function: Function, kinds: dict[str, Kind], owner: Value | None
    ) -> list[tuple[Kind, ast.AST]]:
        """Go through a function whose parameters are of these kinds, and return what it returns."""
        self._functions += 1
        node = function.node
        if len(self.frames) >= _DEPTH or self._functions > _FUNCTIONS or self._is_active(function):
            self.say(node, f"{function.name[:60]} is called more deeply than is followed")
            return [(ANY, node)]
        self.frames.append(Frame(function, owner, local_names(function), dict(kinds)))
        try:
            if isinstance(node, ast.Lambda):
                return [(expressions.kind(self, node.body), node.body)]
            if self.block(node.body):
                self.frame.returned.append((NONE, node))
            return self.frame.returned
        finally:
            self.frames.pop()

    def _is_active(self, function: Function) -> bool:
        return any(frame.function.node is function.node for frame in self.frames)

    def assign(self, target: ast.expr, kind: Kind) -> None:
        """Bind a target."""
        assign(self, target, kind)

    def block(self, body: Sequence[ast.stmt]) -> bool:
        """Go through statements; tell whether what comes after them may run."""
        self.nested += 1
        try:
            return all(self.spend(node) and statement(self, node) for node in body)
        finally:
            self.nested -= 1

    def either(self, *blocks: Callable[[], bool]) -> bool:
        """Go through blocks of which one runs."""
        before = self.frame.kinds
        ends: list[dict[str, Kind]] = []
        for block in blocks:
            self.frame.kinds = dict(before)
            if block():
                ends.append(self.frame.kinds)
        self.frame.kinds = merged(ends) if ends else dict(before)
        return bool(ends)


def unproven(
    function: Function, owner: Class | None, program: Program, answers: str, first: int | None
) -> list[tuple[str, Place]]:
    """
    Return what of a handler is not known to succeed, each with its place.

    ``answers`` is what its framework takes (`Calling.takes`), ``first`` the number of its arguments that are the
    framework's own (None where it looks at the parameters).
    """
    prover = Prover(program)
    for kind, node in _answers(prover, function, owner, first):
        module = function.module
        refused = refused_answer(kind, answers)
        if refused and len(prover.found) < _MESSAGES:
            prover.found.setdefault(refused, Place(module.path, getattr(node, "lineno", None), module.layer))
    return list(prover.found.items())


def returned_kinds(function: Function, program: Program) -> list[Kind]:
    """Return the kinds of what a handler of FastAPI returns."""
    return [kind for kind, _ in _answers(Prover(program), function, None, None)]


def _answers(
    prover: Prover, function: Function, owner: Class | None, first: int | None
) -> list[tuple[Kind, ast.AST]]:
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    bound = function.self_value if function.self_value is not None else owner
    kinds = dict.fromkeys([*names, *(item.arg for item in spec.kwonlyargs)], FOREIGN)
    if bound is not None and not function.is_static and names:
        kinds[names.pop(0)] = Kind(
            "own", Instance(bound, {}, open=True) if isinstance(bound, Class) else bound
        )
    for argument in (*spec.args, *spec.kwonlyargs):
        words = ast.unparse(argument.annotation)[-20:] if argument.annotation is not None else ""
        if words.rpartition(".")[2] == "Request":
            kinds[argument.arg] = Kind("foreign", External("request"))
    for name, what in zip(names[: first or 0], ("request", "response"), strict=False):
        kinds[name] = Kind("foreign", External(what))
    kinds |= {item.arg: DICT for item in (spec.kwarg,) if item is not None}
    kinds |= {item.arg: LIST for item in (spec.vararg,) if item is not None}
    return prover.function(function, kinds, bound)
