"""
The names of modules, classes and objects as a followed program writes them: attributes, ``setattr``, ``globals()``.

A namespace taken as a mapping (``vars(x)``, ``x.__dict__``) is the member ``__dict__`` of what it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import OPEN_NAMES, Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.values import (
    NAMESPACE,
    UNKNOWN,
    Class,
    Const,
    Function,
    Instance,
    Items,
    Member,
    Module,
    Table,
    Value,
    join,
    text_of,
)

Named = Module | Class | Instance
"""What has names of its own."""


def set_attribute(run: Evaluator, owner: Value, name: str, value: Value) -> None:
    """Bind a name of an object; where it is not certain that the program comes here, it may be bound as before, too."""
    match owner:
        case Module() | Class() | Instance():
            if isinstance(owner, Instance) and (run.thread or run.trying):
                owner.doubtful.add(name)
            before = _value(owner, name)
            sure = (run.certain and not run.thread) or before is None
            new = value if sure else join(before, value)
            run.changes += before != new
            _names(owner)[name] = new
        case Const() | Items() | Table() | Function():
            pass
        case _:
            run.record(Member(owner, name), Arguments((value,)), suffix="=")


def forget_attribute(owner: Value | None, name: str | None) -> None:
    """Let a name of an object stand for anything from here on; None for all of its names."""
    if not isinstance(owner, Named):
        return
    names = _names(owner)
    names.update(dict.fromkeys(names, UNKNOWN) if name is None else {name: UNKNOWN})
    if name is None and isinstance(owner, Instance):
        owner.open = True
    elif name is None:
        names[OPEN_NAMES] = UNKNOWN


def set_entry(run: Evaluator, namespace: Member, key: Value, value: Value) -> None:
    """Bind a name through a namespace."""
    name = text_of(key)
    if name is None:
        forget_attribute(namespace.owner, None)
    else:
        set_attribute(run, namespace.owner, name, value)


def _names(owner: Named) -> dict[str, Value]:
    return owner.names if isinstance(owner, Instance) else owner.scope.names


def _value(owner: Named, name: str) -> Value | None:
    found = _names(owner).get(name)
    cls = owner.cls if isinstance(owner, Instance) else owner
    return cls.find(name) if found is None and isinstance(cls, Class) else found


def _setattr(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    if len(given.args) != 3 or given.spread or not isinstance(given.args[0], Named):
        return None
    owner, key, value = given.args
    set_entry(run, Member(owner, NAMESPACE), key, value)
    return Const(None)


def _delattr(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    if given.args and isinstance(given.args[0], Named):
        forget_attribute(given.args[0], text_of(given.get(1, "name")))
    return None


def _vars(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    return Member(given.args[0], NAMESPACE) if given.args and isinstance(given.args[0], Named) else None


def _globals(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return Member(run.frame.module, NAMESPACE)


def _change(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow a method of a namespace that changes it, such as ``self.__dict__.update(values)``."""
    assert isinstance(callee, Member)
    namespace = callee.owner
    assert isinstance(namespace, Member)
    table = given.args[0] if given.args else Table({})
    if callee.attribute != "update" or given.spread or not isinstance(table, Table) or table.open:
        forget_attribute(namespace.owner, None)
        return UNKNOWN
    for key, value in (*table.entries.items(), *given.keywords.items()):
        set_entry(run, namespace, Const(key), value)
    return Const(None)


NAMESPACES: Mapping[str, Model] = {
    "builtins.setattr": _setattr,
    "builtins.delattr": _delattr,
    "builtins.vars": _vars,
    "builtins.globals": _globals,
    **{f"namespace.{name}": _change for name in ("update", "setdefault", "pop", "popitem", "clear")},
}
