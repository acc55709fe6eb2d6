"""
Following a Python program's functions and branches without running it.

A branch whose condition is unknown is followed both ways, and what is called there is not certain. Nothing is assumed
of what a caller outside the program does with a function that it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from imagespec.analyzers.python import models, refusals, refusedclasses, statements
from imagespec.analyzers.python.calls import CALLERS, STARTERS, bound, outermost
from imagespec.analyzers.python.clickline import chosen_function, is_of_command_line, runs_command_line
from imagespec.analyzers.python.endings import ends_in_thread
from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.flow import Flow, Stop, own_nodes
from imagespec.analyzers.python.importer import Importer
from imagespec.analyzers.python.records import is_record, make_record
from imagespec.analyzers.python.source import BrokenSource, Source, Sources
from imagespec.analyzers.python.state import FRAMES, Exhausted, Frame
from imagespec.analyzers.python.threads import follow_aside
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Class,
    Const,
    Function,
    Module,
    Scope,
    Value,
    join,
)
from imagespec.analyzers.startup.steps import Step
from imagespec.verdict import Evidence

T = TypeVar("T")


class Program(Importer):
    """
    One Python process of a step: what it calls, in `calls`, and where it could not be followed, in `gaps`.

    ``blocking`` names the calls that do not return, such as a server's.
    """

    def __init__(self, step: Step, sources: Sources, blocking: frozenset[str] = frozenset()) -> None:
        super().__init__(step, sources, models.MODELS, models.VALUES)
        self.remembered: dict[tuple[object, ...], Any] = {}
        """What readers of routes found out of functions, so that they look at each once."""
        self.proof_steps = 0
        """Statements and expressions of handlers that were gone through to prove that they succeed, all together."""
        self._blocking = blocking
        self._escaped: set[int] = set()
        self.frames.append(outermost(step))

    # Starting.

    def run_file(self, path: str, *, name: str = "__main__") -> Module | None:
        """Follow a file as the program's main module."""
        self.check_readable(path)
        loaded = self.sources.load(path)
        if isinstance(loaded, BrokenSource):
            self.stopped = Stop(
                "syntax", Evidence(message=f"{path} {loaded}", path=path), certain=self.certain
            )
        if isinstance(loaded, str):
            self.gap(Evidence(message=f"{path} {loaded}", path=path))
            return None
        return self.run_source(loaded, name)

    def run_source(self, source: Source, name: str, package: str = "") -> Module | None:
        """Follow parsed text as a module."""
        module = self._new_module(name, source, package, None)
        self.modules[name] = module
        self.guarded(lambda: self._execute(module, source.tree))
        return module

    def run_import(self, name: str) -> Value | None:
        """Follow the import of a module by name; None where the program does not get beyond it."""
        return self.guarded(lambda: self.import_module(name))

    def run_expression(self, module: Module, node: ast.expr, *, factory: bool = False) -> Value | None:
        """Evaluate an expression in a module, and call what it gives when that is a factory."""
        self.frames.append(Frame(module, module.scope, self.certain))
        try:
            value = self.guarded(lambda: self.eval(node))
            if factory and value is not None:
                made = value
                value = self.guarded(lambda: self.call(made, Arguments()))
        finally:
            self.frames.pop()
        return value

    def guarded(self, work: Callable[[], T]) -> T | None:
        """Do ``work`` until the program stops or cannot be followed."""
        if self.stopped:
            return None
        depth = len(self.frames)
        try:
            return work()
        except Stop as stop:
            if stop.certain:
                self.stopped = stop
            else:
                self.gap(
                    attrs.evolve(stop.evidence, message=stop.evidence.message + ", if it comes here at all")
                )
        except Exhausted:
            self.gap(self.here("the program is longer than is followed"))
        except RecursionError:
            self.gap(self.here("the program is nested more deeply than is followed"))
        del self.frames[depth:]
        return None

    # Functions and threads.

    def call_function(self, function: Function, arguments: Arguments) -> Value:
        """Follow a function of the program; what it returns is joined from its return statements."""
        active = sum(
            frame.function is not None and frame.function.node is function.node for frame in self.frames
        )
        if len(self.frames) > FRAMES or active > 1:
            self.gap(self.here(f"{function.name} is called more deeply than is followed"))
            return UNKNOWN
        refusals.check_arguments(self, function, arguments)
        scope = Scope(bound(function, arguments), function.scope)
        frame = Frame(function.module, scope, self.certain, function, whole=scope)
        line = self.line
        self.frames.append(frame)
        try:
            return self._body(function, frame)
        finally:
            self.line = line
            self.frames.pop()

    def _body(self, function: Function, frame: Frame) -> Value:
        if isinstance(function.node, ast.Lambda):
            return self.eval(function.node.body)
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function.node)):
            frame.certain = False  # a generator runs when somebody asks it to
        flow = self.block(function.node.body)
        if flow is not Flow.RETURN:
            frame.returned.append(Const(None))
        value = frame.returned[0]
        for other in frame.returned[1:]:
            value = join(value, other)
        return value

    def instantiate(self, cls: Class, arguments: Arguments) -> Value:
        """Return a new object of a class of the program."""
        refusedclasses.check_instance(self, cls, arguments)
        if is_record(cls):
            return make_record(self, cls, arguments)
        return super().instantiate(cls, arguments)

    def after_call(self, call: Call) -> None:
        """Stop at a call that does not return; follow what is given to threads and to command-line wrappers."""
        if call.name in self._blocking:
            raise self.stop("serves", f"{call.name} does not return")
        if is_of_command_line(call):
            self._follow_command_line(call)
            return
        if call.name in STARTERS and isinstance(call.receiver, Call):
            ends_in_thread(self, call.receiver)
            follow_aside(self, call.receiver, call.receiver.argument(STARTERS[call.name], "target"))
        elif call.name.startswith(CALLERS) and not call.name.endswith(("Thread", "Process")):
            for value in (*call.args, *call.keywords.values()):
                self._escape(value)
        if isinstance(call.receiver, Call) and call.name.endswith(
            "()"
        ):  # the product of a decorator is called
            for value in call.receiver.args if call.receiver.decorator else ():
                self._escape(value)

    def _follow_command_line(self, call: Call) -> None:
        """Follow the function that click or typer calls for the program's command line, behind which it ends."""
        if not runs_command_line(call):
            return
        chosen = chosen_function(self, call)
        if chosen is not None:
            self.call_function(*chosen)
            raise self.stop("exit", f"{call.name} ends the program behind its command")
        for made in [one for one in self.calls if is_of_command_line(one)]:
            for value in (*made.args, *made.keywords.values()):
                self._escape(value)

    def _escape(self, value: Value) -> None:
        """Follow a function that something outside the program may call, once, with unknown arguments."""
        if not isinstance(value, Function) or id(value.node) in self._escaped:
            return
        self._escaped.add(id(value.node))
        self.branches += 1
        try:
            self.call_function(value, Arguments(spread=True))
        except Stop:
            pass
        finally:
            self.branches -= 1

    # Statements.

    def block(self, statements: list[ast.stmt]) -> Flow:
        """Follow statements until one of them leaves the block."""
        for statement in statements:
            self.spend()
            self.line = getattr(statement, "lineno", self.line)
            flow = self.statement(statement)
            if flow is not Flow.NEXT:
                return flow
        return Flow.NEXT

    def statement(self, node: ast.stmt) -> Flow:
        """Follow one statement."""
        return statements.STATEMENTS.get(type(node), statements.other)(self, node)

    def fork(self, blocks: list[Callable[[], Flow]]) -> Flow:
        """Follow blocks of which one runs, unknown which; afterwards names stand for what all agree on."""
        scope = self.frame.scope
        before = dict(scope.names)
        self.spend(1 + len(before) * len(blocks) // 64)
        ends: list[tuple[Flow, dict[str, Value]]] = []
        for block in blocks:
            scope.names = dict(before)
            self.branches += 1
            try:
                flow = block()
            except Stop:
                flow = Flow.STOP
            finally:
                self.branches -= 1
            ends.append((flow, scope.names))
        return self._merge(scope, ends)

    def _merge(self, scope: Scope, ends: list[tuple[Flow, dict[str, Value]]]) -> Flow:
        going = [names for flow, names in ends if flow is Flow.NEXT]
        flows = {flow for flow, _ in ends}
        merged = going[0] if going else ends[0][1]
        for names in going[1:]:
            merged = {key: join(merged.get(key), names.get(key)) for key in merged.keys() | names.keys()}
        scope.names = merged
        if Flow.STOP in flows and len(flows) > 1:
            self.doubt = True
        if not going:
            if flows == {Flow.STOP}:
                raise self.stop("raise", "the program goes no further here")
            return next(flow for flow in (Flow.RETURN, Flow.BREAK, Flow.CONTINUE) if flow in flows)
        if len(flows) > 1:
            self.frame.certain = False
        return Flow.NEXT
