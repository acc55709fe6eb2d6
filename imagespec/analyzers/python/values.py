"""
What the names of a Python program stand for while it is followed without being run.

Every call of something that lies outside the program's own sources becomes a `Call`; the sequence of them is what the
program does, and the other analyzers read their answers from it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import attrs

from imagespec.analyzers.python.place import Place

MOST_ITEMS = 2_000
"""Items of a list that are kept."""
MOST_CHARACTERS = 64 * 1024
"""Characters of a text that is computed."""
_BASES = 64
_NAME_CHARACTERS = (
    300  # longer chains of calls mean nothing to any analyzer, and each link copies its owner's name
)


class Value:
    """Anything that a name can stand for; compared by identity unless it is a constant."""

    __slots__ = ()


@attrs.frozen
class Unknown(Value):
    """A value that the bytes do not tell."""


UNKNOWN = Unknown()


@attrs.frozen
class Const(Value):
    """A number, text, bytes, bool or None, or a path object."""

    value: object


@attrs.define(eq=False)
class Items(Value):
    """A list, tuple or set; ``open`` when there may be more or other items."""

    items: list[Value]
    kind: str = "list"
    open: bool = False


@attrs.define(eq=False)
class Table(Value):
    """A dict with constant keys; ``open`` when there may be more or other entries."""

    entries: dict[object, Value]
    open: bool = False


@attrs.frozen
class External(Value):
    """Something of a library or the standard library, by its canonical dotted name."""

    name: str


@attrs.define(eq=False)
class Scope:
    """The variables of a module, class body or function call."""

    names: dict[str, Value]
    parent: Scope | None = None
    globals_: frozenset[str] = frozenset()
    """Names that a ``global`` or ``nonlocal`` statement sends elsewhere."""
    is_comprehension: bool = False
    """Whether names that ``:=`` binds go to the scope around it."""
    doubtful: set[str] = attrs.field(factory=set)
    """Names bound in a thread, or where an exception may be caught before: they may be bound later or never."""


@attrs.define(eq=False)
class Module(Value):
    """A module of the program's own sources."""

    name: str
    path: str
    layer: int | None
    scope: Scope
    package: str
    """What relative imports start from."""
    directory: str | None = None
    """Of a package: where its submodules are."""
    tree: ast.Module | None = attrs.field(default=None, repr=False)
    """Its parsed source; None for a directory without one."""
    unset: frozenset[str] | None = attrs.field(default=None, repr=False)
    """Global names that some function takes away again, once somebody asked (`imagespec.analyzers.routes.reached`)."""
    stored: frozenset[str] | None = attrs.field(default=None, repr=False)
    """Attributes that its text sets, once somebody asked (`imagespec.analyzers.python.attributes`)."""


@attrs.define(eq=False)
class Function(Value):
    """A function or lambda of the program; ``self_value`` when it is bound to an object."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scope: Scope
    defaults: dict[str, Value]
    self_value: Value | None = None
    is_static: bool = False
    is_of_class: bool = False
    """Whether it is a class method: it is bound to the class."""
    is_property: bool = False

    @property
    def name(self) -> str:
        """Return the function's name."""
        return "lambda" if isinstance(self.node, ast.Lambda) else self.node.name


@attrs.define(eq=False)
class Class(Value):
    """A class of the program."""

    name: str
    module: Module
    bases: tuple[Value, ...]
    scope: Scope
    node: ast.ClassDef

    def lineage(self) -> list[Class]:
        """Return this class and its bases in the program, each once and before its own bases, within a bound."""
        found: dict[int, Class] = {}
        pending = [self]
        while pending and len(found) < _BASES:
            cls = pending.pop()
            if id(cls) not in found:
                found[id(cls)] = cls
                pending.extend(base for base in reversed(cls.bases) if isinstance(base, Class))
        return list(found.values())

    def find(self, attribute: str) -> Value | None:
        """Return a class attribute of this class or its bases in the program; None when there is none."""
        for cls in self.lineage():
            if attribute in cls.scope.names:
                return cls.scope.names[attribute]
        return None

    def foreign_bases(self) -> Iterator[Value]:
        """Yield the bases outside the program."""
        lineage = self.lineage()
        for cls in lineage:
            yield from (base for base in cls.bases if not isinstance(base, Class))
        if len(lineage) == _BASES:
            yield UNKNOWN


@attrs.define(eq=False)
class Instance(Value):
    """An object of a class of the program that has no base outside it; or a namespace (``cls`` None)."""

    cls: Class | None
    names: dict[str, Value]
    open: bool = False
    """Whether it may have attributes that are not in ``names``."""
    doubtful: set[str] = attrs.field(factory=set)
    """Attributes that are as doubtful as `Scope.doubtful` names."""


@attrs.frozen(eq=False)
class Member(Value):
    """An attribute, item or element of something outside the program, or of something unknown."""

    owner: Value
    attribute: str

    @property
    def name(self) -> str:
        """Return the dotted name, such as ``flask.Flask().route``."""
        return name_of(self)


@attrs.define(eq=False, kw_only=True)
class Call(Value):
    """
    One call of something outside the program, and what it returned.

    ``name`` is what was called: ``flask.Flask``, then ``flask.Flask().route``, then ``flask.Flask().route()`` for the
    decorator's own call; assignments to its attributes and items end in ``=`` and ``[]=``.
    """

    name: str
    receiver: Value | None
    """What the called thing is an attribute of."""
    args: tuple[Value, ...]
    keywords: Mapping[str, Value]
    spread: bool
    """Whether there may be more arguments: ``*args`` or ``**kwargs`` of unknown content."""
    certain: bool
    """Whether the program certainly comes here."""
    thread: bool
    """Whether this runs beside the main flow."""
    decorator: bool
    place: Place
    subclass: Class | None = None
    """The program's own class that was instantiated, when ``name`` is only its base."""
    within: ast.AST | None = None
    """The function that the call is in; None at a module's top level."""
    branches: int = 0
    """Of how many branches of unknown outcome it is part."""
    in_thread: bool = False
    """Whether this runs in a thread that is not the main one of its process."""

    def argument(self, position: int | None, keyword: str) -> Value | None:
        """Return an argument; None when it is certainly not given, `UNKNOWN` when that cannot be told."""
        if keyword in self.keywords:
            return self.keywords[keyword]
        if position is not None and position < len(self.args):
            return self.args[position]
        return UNKNOWN if self.spread else None


NAMESPACE = "__dict__"
"""The member of a module, class or object that is its namespace taken as a mapping."""


def is_namespace(value: Value) -> bool:
    """Tell whether a value is the namespace of something of the program's own."""
    named = isinstance(value, Member) and isinstance(value.owner, Module | Class | Instance)
    return isinstance(value, Member) and named and value.attribute == NAMESPACE


def name_of(value: Value | None) -> str:
    """Return the canonical dotted name of something outside the program; ``?`` where there is none."""
    parts: list[str] = []
    length = 0
    while True:
        if isinstance(value, Member):
            part = "[]" if value.attribute == "[]" else "." + value.attribute
            value = value.owner
        else:
            part = value.name if isinstance(value, External) else "?"
            if isinstance(value, Call):
                part = value.name + "()"
            parts.append(part)
            return "".join(reversed(parts))
        length += len(part)
        if length > _NAME_CHARACTERS:
            return "?"
        parts.append(part)


def called_name(value: Value | None) -> str:
    """Return `name_of`, bounded so that chains of calls cannot grow without end."""
    name = name_of(value)
    return name if len(name) <= _NAME_CHARACTERS else "?"


def root_of(value: Value | None) -> Value | None:
    """Return the call or name that a chain of attributes and method calls begins with."""
    while True:
        if isinstance(value, Member):
            value = value.owner
        elif isinstance(value, Call) and value.receiver is not None:
            value = value.receiver
        else:
            return value


def text_of(value: Value | None) -> str | None:
    """Return a constant text; None for anything else."""
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else None


def join(first: Value | None, second: Value | None) -> Value:
    """Return what is known when a name stands for one or the other."""
    if first is second and first is not None:
        return first
    if isinstance(first, Const) and isinstance(second, Const) and type(first.value) is type(second.value):
        return first if first.value == second.value else UNKNOWN
    return first if isinstance(first, External) and first == second else UNKNOWN
