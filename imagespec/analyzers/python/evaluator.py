"""
Following Python expressions without running them: constants are computed, calls to the outside are recorded.

This knows no framework. What the standard library's functions return is in `models`, modules are in `importer`,
statements in `statements`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import attrs

from imagespec.analyzers.python import refusals
from imagespec.analyzers.python.aliases import canonical
from imagespec.analyzers.python.attributes import is_unset, lacks
from imagespec.analyzers.python.expressions import EXPRESSIONS
from imagespec.analyzers.python.localnames import local_names
from imagespec.analyzers.python.refusedattributes import check_attribute
from imagespec.analyzers.python.source import Sources
from imagespec.analyzers.python.state import Exhausted, State
from imagespec.analyzers.python.values import (
    MOST_ITEMS,
    NAMESPACE,
    UNKNOWN,
    Call,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Member,
    Module,
    Table,
    Value,
    called_name,
    is_namespace,
    name_of,
)
from imagespec.analyzers.startup.steps import Step

_CALLS = 20_000

_BUILTINS = frozenset(dir(builtins))
_MODULE_NAMES = frozenset(
    ("__file__", "__path__", "__annotations__", "__class__", "__qualname__", "__module__")
)
OPEN_NAMES = "*"
"""In a module's names: it has others that are not known (``from library import *``)."""


@attrs.frozen
class Arguments:
    """The arguments of one call; ``spread`` when there may be more."""

    args: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = attrs.field(factory=dict)
    spread: bool = False

    def get(self, position: int, keyword: str) -> Value | None:
        """Return an argument; None when it is certainly not given."""
        if keyword in self.keywords:
            return self.keywords[keyword]
        if position < len(self.args):
            return self.args[position]
        return UNKNOWN if self.spread else None


Model = Callable[["Evaluator", "Callee", Arguments], Value | None]
"""What a function outside the program returns; None when the call is to be recorded like any other."""


Callee = External | Member | Call
"""What is outside the program and is called."""


class Evaluator(State):
    """Evaluates expressions in a frame; the base of `importer.Importer`."""

    def __init__(
        self, step: Step, sources: Sources, models: Mapping[str, Model], values: Mapping[str, Model]
    ) -> None:
        super().__init__(step, sources)
        self._locals: dict[int, frozenset[str]] = {}
        self._models = models
        self._values = values

    # What `importer` and `program` supply:
    def call_function(self, function: Function, arguments: Arguments) -> Value:
        """Follow a function of the program."""
        raise NotImplementedError

    def after_call(self, call: Call) -> None:
        """Act on a recorded call: end the program, follow a thread."""
        raise NotImplementedError

    def import_module(self, name: str) -> Value:
        """Return the module of an absolute import."""
        raise NotImplementedError

    def module_attribute(self, module: Module, name: str) -> Value:
        """Return what a module of the program has under a name."""
        raise NotImplementedError

    # Expressions.

    def eval(self, node: ast.expr) -> Value:
        """Return the value of an expression."""
        self.spend()
        method = EXPRESSIONS.get(type(node))
        if method is not None:
            return method(self, node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.eval(child)
        return UNKNOWN

    def lookup(self, name: str) -> Value:
        """Return what a name stands for here."""
        if name not in self.frame.scope.names and name in self._local_names():
            return self.refuse("UnboundLocalError", f"the variable {name[:60]} is read before it is set")
        found = self.find(name)
        if found is not None:
            return found
        if name in _BUILTINS:
            return External("builtins." + name)
        if OPEN_NAMES not in self.frame.module.scope.names and name not in _MODULE_NAMES:
            self.missing_name(name)
        return UNKNOWN

    def _local_names(self) -> frozenset[str]:
        """Return the names of the current function itself; none in a scope inside it."""
        function = self.frame.function
        if function is None or self.frame.scope is not self.frame.whole:
            return frozenset()
        if id(function.node) not in self._locals:
            self._locals[id(function.node)] = local_names(function)
        return self._locals[id(function.node)]

    def attribute(self, owner: Value, name: str) -> Value:
        """Return an attribute of a value."""
        check_attribute(self, owner, name)
        match owner:
            case Module():
                return self.module_attribute(owner, name)
            case External():
                found = External(canonical(f"{owner.name}.{name}"))
                model = self._values.get(found.name)
                return (model(self, found, Arguments()) if model else None) or found
            case Instance():
                return self._instance_attribute(owner, name)
            case Class():
                value = owner.find(name)
                if isinstance(value, Function) and value.is_of_class:
                    return attrs.evolve(value, self_value=owner)
                return value if value is not None else Member(owner, name)
            case Const(value=int() | str()) if name == "value":  # only members of an Enum have one
                return owner
            case Const(value=PurePosixPath() as path) if name in {"parent", "name", "stem", "suffix"}:
                return Const(getattr(path, name))
            case Call() if owner.subclass is not None and (value := owner.subclass.find(name)) is not None:
                # What a library's class makes of the class's data, or fills in, is not known.
                return self._bound(value, owner) if isinstance(value, Function) else Member(owner, name)
        return Member(owner, name)

    def _bound(self, value: Value, owner: Instance | Call) -> Value:
        """Return a class attribute as its object sees it; a property is computed."""
        found = bind(value, owner)
        if isinstance(found, Function) and found.is_property:
            return self.call(attrs.evolve(found, is_property=False), Arguments())
        return found

    def _instance_attribute(self, owner: Instance, name: str) -> Value:
        if name in owner.names:
            return owner.names[name]
        if name == NAMESPACE:
            return Member(owner, name)
        value = owner.cls.find(name) if owner.cls else None
        if value is None and owner.cls is not None and (lacks(owner, name) or is_unset(self, owner, name)):
            self.missing_attribute(f"an object of {owner.cls.name}", name)
        return self._bound(value, owner) if value is not None else UNKNOWN

    def arguments(self, node: ast.Call) -> Arguments:
        """Evaluate the arguments of a call."""
        args: list[Value] = []
        keywords: dict[str, Value] = {}
        spread = False
        for item in node.args:
            if isinstance(item, ast.Starred):
                value = self.eval(item.value)
                known = isinstance(value, Items) and not value.open
                args.extend(value.items if isinstance(value, Items) and known and not spread else ())
                spread = spread or not known
            else:
                args.append(self.eval(item))
        for keyword in node.keywords:
            value = self.eval(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, Table):
                keywords.update((str(key), item) for key, item in value.entries.items())
                spread = spread or value.open
            else:
                spread = True
        return Arguments(tuple(args[:MOST_ITEMS]), keywords, spread)

    def call(self, callee: Value, arguments: Arguments, *, decorator: bool = False) -> Value:
        """Return what a call gives; calls to the outside are recorded."""
        refusals.check_callable(self, callee)
        match callee:
            case Function():
                return self.call_function(callee, arguments)
            case Class():
                return self.instantiate(callee, arguments)
            case Instance():
                inner = callee.cls.find("__call__") if callee.cls else None
                return self.call(bind(inner, callee), arguments) if isinstance(inner, Function) else UNKNOWN
            case External() | Member() | Call():
                if isinstance(callee, Member) and (kind := _kind(callee.owner)):
                    name = f"{kind}.{callee.attribute}"
                else:
                    name = called_name(callee)
                model = self._models.get(name)
                result = model(self, callee, arguments) if model else None
                if result is not None:
                    return result
        return self.record(callee, arguments, decorator=decorator)

    def item(self, asked: Member, key: Value) -> Value:
        """Return an item of something outside the program, where a model knows it."""
        model = self._models.get(asked.name)
        return (model(self, asked, Arguments((key,))) if model else None) or asked

    def call_with(self, callee: Value, *args: Value) -> Value:
        """Return what a call with these arguments gives."""
        return self.call(callee, Arguments(args))

    def record(
        self, callee: Value, arguments: Arguments, *, decorator: bool = False, suffix: str = ""
    ) -> Call:
        """Record a call to the outside."""
        call = Call(
            name=called_name(callee) + suffix,
            receiver=callee
            if isinstance(callee, Call)
            else callee.owner
            if isinstance(callee, Member)
            else None,
            args=arguments.args,
            keywords=arguments.keywords,
            spread=arguments.spread,
            certain=self.certain,
            thread=self.thread,
            in_thread=self.in_thread,
            decorator=decorator,
            place=self.place(),
            within=self.frame.function.node if self.frame.function else None,
            branches=self.branches,
        )
        self.calls.append(call)
        if len(self.calls) > _CALLS:
            raise Exhausted
        self.after_call(call)
        return call

    def instantiate(self, cls: Class, arguments: Arguments) -> Value:
        """Return a new object of a class of the program, after following its ``__init__``."""
        foreign = [base for base in cls.foreign_bases() if name_of(base) not in _PLAIN_BASES]
        made: Value = Instance(cls, {})
        if foreign:
            call = self.record(foreign[0], arguments)
            call.subclass = cls
            made = call
        init = cls.find("__init__")
        if isinstance(init, Function):
            self.call_function(attrs.evolve(init, self_value=made), arguments)
        return made

    def truth(self, value: Value) -> bool | None:
        """Tell whether a value is true; None when that is unknown."""
        match value:
            case Const():
                return bool(value.value)
            case Items() if not value.open or value.items:
                return bool(value.items)
            case Table() if not value.open or value.entries:
                return bool(value.entries)
            case Function() | Class() | Module():
                return True
        return None


_PLAIN_BASES = {
    "socketserver.ThreadingMixIn",
    "socketserver.ForkingMixIn",
    "builtins.object",
    "abc.ABC",
    "typing.Protocol",
    "typing.Generic",
}


def _kind(value: Value) -> str:
    """Return by what the methods of Python's own types are found in the models; empty for what is none."""
    if isinstance(value, Table):
        return "dict" if type(value) is Table else "config"
    if isinstance(value, Const | Items):
        return "const" if isinstance(value, Const) else "list"
    return "namespace" if is_namespace(value) else ""


def bind(value: Value, owner: Value) -> Value:
    """Return a class attribute as its object sees it."""
    if isinstance(value, Function) and not value.is_static and value.self_value is None:
        cls = (
            owner.cls if isinstance(owner, Instance) else owner.subclass if isinstance(owner, Call) else None
        )
        return attrs.evolve(value, self_value=cls if value.is_of_class and cls is not None else owner)
    return value
