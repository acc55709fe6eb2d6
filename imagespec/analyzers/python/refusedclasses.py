"""What Python does while a class is made and its objects are used, beyond calling their methods by name."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python.evaluator import Arguments, bind
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Instance,
    Items,
    Module,
    Table,
    Value,
    name_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_SPREAD = Arguments(spread=True)
_ABSTRACT = {"abc.abstractmethod", "abc.abstractproperty"}


def check_class(run: Program, cls: Class) -> None:
    """Follow what runs when a class is made, and refuse what cannot be one."""
    ancestors = [base.lineage() if isinstance(base, Class) else [] for base in cls.bases]
    for position, base in enumerate(cls.bases):
        if any(base in later for later in ancestors[position + 1 :] if later and later[0] is not base):
            run.refuse("TypeError", f"the bases of the class {cls.name[:60]} have no order")
    inherited = [one for base in cls.bases if isinstance(base, Class) for one in base.lineage()]
    _follow_makers(run, cls, inherited)
    hook = next(
        (one.scope.names["__init_subclass__"] for one in inherited if "__init_subclass__" in one.scope.names),
        None,
    )
    _follow(run, hook, cls)
    words = {keyword.arg for keyword in cls.node.keywords} - {"metaclass", None}
    if words and hook is None and not list(cls.foreign_bases()):
        run.refuse("TypeError", f"the class {cls.name[:60]} takes no arguments")
    for value in list(cls.scope.names.values()):
        if isinstance(value, Instance) and value.cls is not None:
            _follow(run, value.cls.find("__set_name__"), value)
    if any("dataclass" in ast.unparse(item) for item in cls.node.decorator_list):
        _check_dataclass(run, cls)


def _follow_makers(run: Program, cls: Class, inherited: list[Class]) -> None:
    """Follow the metaclasses that make a class: its own, or those of its bases."""
    made = [run.eval(keyword.value) for keyword in cls.node.keywords if keyword.arg == "metaclass"]
    for one in inherited if not cls.node.keywords else ():
        names = [keyword.value.id for keyword in one.node.keywords if isinstance(keyword.value, ast.Name)]
        made += [one.module.scope.names[name] for name in names if name in one.module.scope.names]
    for value in made:
        for name in ("__new__", "__init__"):
            _follow(run, value.find(name) if isinstance(value, Class) else None, value)


def _check_dataclass(run: Program, cls: Class) -> None:
    """Refuse defaults that dataclasses refuse (dataclasses.py, _get_field and _init_fn)."""
    seen = False
    words = " ".join(ast.unparse(item) for item in cls.node.decorator_list)
    for node in cls.node.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        value = cls.scope.names.get(node.target.id)
        if "ClassVar" in ast.unparse(node.annotation) or "KW_ONLY" in ast.unparse(node.annotation):
            return
        if node.value is None and seen and "kw_only" not in words:
            run.refuse(
                "TypeError", f"the field {node.target.id[:60]} without a default follows one with a default"
            )
        seen = seen or node.value is not None
        mutable = (isinstance(value, Items) and value.kind in {"list", "set"}) or isinstance(value, Table)
        if node.value is not None and mutable:
            run.refuse("ValueError", f"the field {node.target.id[:60]} has a default that can change")


def _follow(run: Program, method: Value | None, owner: Value | None) -> None:
    if isinstance(method, Function):
        run.call_function(attrs.evolve(method, self_value=owner), _SPREAD)


def check_instance(run: Program, cls: Class, given: Arguments) -> None:
    """Refuse to make an object of a class that takes other arguments, or that lacks what it must have."""
    foreign = {name_of(base) for base in cls.foreign_bases()}
    plain = foreign <= {"builtins.object", "abc.ABC", "typing.Protocol"} and not cls.node.keywords
    new = cls.find("__new__")
    if isinstance(new, Function):
        run.call_function(attrs.evolve(new, self_value=cls), given)
    elif (
        cls.find("__init__") is None
        and plain
        and (given.args or given.keywords)
        and not cls.node.decorator_list
    ):
        inherited = any(one.node.decorator_list for one in cls.lineage())
        if not inherited:
            run.refuse("TypeError", f"{cls.name[:60]} takes no arguments")
    if "abc.ABC" in foreign or any(
        keyword.arg == "metaclass" for one in cls.lineage() for keyword in one.node.keywords
    ):
        names = {name for one in cls.lineage() for name in one.scope.names}
        lacking = sorted(name for name in names if _is_abstract(cls.find(name)))
        if lacking and ("abc.ABC" in foreign or _is_abc(cls)):
            run.refuse("TypeError", f"{cls.name[:60]} lacks {lacking[0][:60]}, which is abstract")


def _is_abc(cls: Class) -> bool:
    words = [
        ast.unparse(keyword.value)
        for one in cls.lineage()
        for keyword in one.node.keywords
        if keyword.arg == "metaclass"
    ]
    return any(word.endswith("ABCMeta") for word in words)


def _is_abstract(value: Value | None) -> bool:
    for _ in range(4):
        if not isinstance(value, Call) or not value.decorator:
            return False
        if value.name in _ABSTRACT:
            return True
        value = value.args[0] if value.args else None
    return False


def enter(run: Program, value: Value) -> Value | None:
    """Follow what ``with`` calls; return what it binds, None where that is not the program's own."""
    if isinstance(value, Const | Items | Table | Function | Module):
        run.refuse("TypeError", "what is no context manager is entered")
    made = value.receiver if isinstance(value, Call) else None
    if isinstance(made, Call) and made.name in {
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
    }:
        inner = made.args[0] if made.args else None
        if isinstance(inner, Function):
            run.call_function(
                inner,
                Arguments(value.args, value.keywords, value.spread) if isinstance(value, Call) else _SPREAD,
            )
    cls = value.cls if isinstance(value, Instance) else None
    if cls is None:
        return None
    names = [(cls.find(f"__{word}__") or cls.find(f"__a{word}__")) for word in ("enter", "exit")]
    if None in names and not any(True for _ in cls.foreign_bases()):
        run.refuse("TypeError", f"an object of {cls.name[:60]} is entered, which is no context manager")
    enters, leaves = names
    if isinstance(leaves, Function):
        run.call_function(attrs.evolve(leaves, self_value=value), Arguments((Const(None),) * 3))
    return run.call(bind(enters, value), Arguments()) if isinstance(enters, Function) else None


def special(run: Program, value: Value, *names: str) -> None:
    """Follow the first special method that an object has of these."""
    cls = value.cls if isinstance(value, Instance) else None
    method = next(
        (found for name in names if cls is not None and (found := cls.find(name)) is not None), None
    )
    if isinstance(method, Function):
        run.call_function(attrs.evolve(method, self_value=value), _SPREAD)
