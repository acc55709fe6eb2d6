"""Where a followed Python program is, how certain that is, and what could not be followed."""

from __future__ import annotations

import builtins

import attrs

from imagespec.analyzers.python.flow import Stop
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.source import Sources
from imagespec.analyzers.python.started import Aside, Processes
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Function,
    Module,
    Scope,
    Value,
    join,
)
from imagespec.analyzers.startup.steps import Step
from imagespec.verdict import Evidence

FRAMES = 14
"""Calls inside one another that are followed."""
STEPS = 60_000
"""Expressions and statements of one program that are followed."""


_GAPS = 20


class Exhausted(Exception):  # noqa: N818 - control flow, not an error
    """The program is longer than is followed."""


@attrs.define
class Frame:
    """The place where the program is followed at the moment."""

    module: Module
    scope: Scope
    certain: bool
    function: Function | None = None
    returned: list[Value] = attrs.field(factory=list)
    whole: Scope | None = None
    """The function's own scope; `scope` is another one inside a comprehension."""


class State:
    """One Python process of a step: the place in it that is followed, and all that was found on the way."""

    def __init__(self, step: Step, sources: Sources) -> None:
        self.step = step
        self.sources = sources
        self.environment: dict[str, str | None] = step.environment()
        self.argv: list[str | None] = []
        self.made: set[str] = set()
        """Absolute paths of directories that the program itself makes."""
        self.moved = False
        """Whether it changes its working directory, so that ``step.cwd`` is only where it is in the end."""
        self.processes = Processes()
        self.library: dict[str, Value] = {}
        """Objects of libraries that the program may change, by their names."""
        self.gaps: list[Evidence] = []
        self.stopped: Stop | None = None
        """Why the main flow certainly goes no further; None where it may come to its end."""
        self.calls: list[Call] = []
        self.frames: list[Frame] = []
        self.line: int | None = None
        self.doubt = False
        """Set once the program may have ended before it comes here."""
        self.branches = 0
        """Branches of unknown outcome that are being followed."""
        self.thread = False
        """Whether what is followed runs beside the main flow: in a thread, or a process of its own."""
        self.in_thread = False
        """Whether it runs in a thread that is not the main one of its process."""
        self.asides: dict[int, Aside] = {}
        """Threads and processes that were started, by the identity of the call that made them."""
        self.changes = 0
        """How often something else than a local variable got another value."""
        self.breaks = 0
        """How many ``break`` statements the program came to."""
        self.trying = 0
        """Blocks being followed whose exceptions are caught, and the program goes on."""
        self.caught: list[frozenset[str]] = []
        """For each of those blocks the names of what it catches."""
        self._steps = 0

    @property
    def frame(self) -> Frame:
        """Return the current frame."""
        return self.frames[-1]

    @property
    def certain(self) -> bool:
        """Tell whether the program certainly comes here."""
        return not self.doubt and not self.branches and self.frame.certain

    def find(self, name: str) -> Value | None:
        """Return what the program bound a name to, as it is seen here; None where nothing did."""
        scope: Scope | None = self.frame.scope
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def scope_of(self, name: str) -> Scope:
        """Return the scope that an assignment to a name writes to."""
        scope = self.frame.scope
        while scope.is_comprehension and scope.parent is not None:
            scope = scope.parent
        if name not in scope.globals_:
            return scope
        outer = scope.parent
        while outer is not None and outer.parent is not None and name not in outer.names:
            outer = outer.parent
        return outer or self.frame.module.scope

    def bind(self, name: str, value: Value) -> None:
        """Let a name stand for a value; one of another scope may keep its own where this is not certain."""
        scope = self.scope_of(name)
        shared = scope is not self.frame.scope and (not self.certain or self.thread)
        if self.thread or self.trying:
            scope.doubtful.add(name)
        new = join(scope.names.get(name), value) if shared else value
        self.changes += scope is not self.frame.scope and scope.names.get(name) != new
        scope.names[name] = new

    def place(self) -> Place:
        """Return the line being followed."""
        module = self.frame.module
        return Place(module.path, self.line, module.layer)

    def spend(self, steps: int = 1) -> None:
        """Count work done; raises Exhausted at the bound."""
        self._steps += steps
        if self._steps > STEPS:
            raise Exhausted

    def gap(self, evidence: Evidence) -> None:
        """Record a place that could not be followed; what comes after it is not certain."""
        self.doubt = True
        if len(self.gaps) < _GAPS:
            self.gaps.append(evidence)

    def stop(self, reason: str, message: str) -> Stop:
        """Return the exception that ends the program here."""
        return Stop(reason, self.here(message), certain=self.certain)

    def here(self, message: str) -> Evidence:
        """Return evidence at the place where the program is."""
        return self.place().evidence(message)

    def missing_name(self, name: str) -> None:
        """Record a name that nothing defines: Python stops there."""
        self.gap(
            self.here(f"the name {name} is not defined, as far as can be told; without it Python stops here")
        )

    def environment_has(self, name: object) -> bool | None:
        """Tell whether an environment variable is set; None when unknown."""
        known = str(name) not in self.environment or self.environment[str(name)] is not None
        return str(name) in self.environment if known else None

    def missing_attribute(self, owner: str, name: str) -> None:
        """Record an attribute that certainly is not there, unless the exception may be caught."""
        self.refuse("AttributeError", f"{owner} has no {name[:100]}")

    def refuse(self, kind: str, message: str, *, certain: bool = False) -> Value:
        """
        Record an exception that Python raises here, as far as can be told, unless it is caught; ``kind`` is its class.

        Raises Stop where it is ``certain`` that Python raises it once it comes here.
        """
        if any(_catches(names, kind) for names in self.caught):
            return UNKNOWN
        if certain:
            raise self.stop("raise", f"{message}: Python stops here")
        self.gap(self.here(f"{message}; Python stops here then"))
        return UNKNOWN


def _catches(names: frozenset[str], kind: str) -> bool:
    """Tell whether a handler of exceptions with these names catches one of a class of Python's own."""
    raised = getattr(builtins, kind, None)
    if raised is None or not names.isdisjoint({kind, "Exception", "BaseException"}):
        return True
    caught = [getattr(builtins, name, None) for name in names]
    return any(isinstance(one, type) and issubclass(raised, one) for one in caught)
