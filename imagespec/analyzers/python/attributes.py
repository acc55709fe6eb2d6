"""Attributes that an object of the program's own classes certainly does not have."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from imagespec.analyzers.python.values import Class, Instance, Module, name_of

if TYPE_CHECKING:
    from imagespec.analyzers.python.state import State

_PLAIN = {"builtins.object", "abc.ABC"}
_WRITERS = {"setattr", "__dict__", "vars", "__getattr__", "__getattribute__", "__slots__"}


def lacks(owner: Instance, name: str) -> bool:
    """Tell whether no class of an object, and nothing in their text, gives it an attribute of this name."""
    if owner.cls is None or owner.open or name.startswith("__") or name in owner.names:
        return False
    lineage = owner.cls.lineage()
    if any(name_of(base) not in _PLAIN for base in owner.cls.foreign_bases()):
        return False
    return not any(_may_give(cls, name) for cls in lineage)


def _may_give(cls: Class, name: str) -> bool:
    if name in cls.scope.names or cls.node.keywords or cls.node.decorator_list:
        return True
    stored = _stored(cls.module)
    return name in stored or not stored.isdisjoint(_WRITERS)


def _stored(module: Module) -> frozenset[str]:
    """Return the attributes that a module's text sets anywhere, and those of its names that may set any."""
    if module.stored is None:
        found = set()
        for node in ast.walk(module.tree or ast.Module([], [])):
            match node:
                case ast.Attribute(attr=name) if name in _WRITERS or isinstance(node.ctx, ast.Store):
                    found.add(name)
                case ast.Name(id=name) | ast.FunctionDef(name=name) if name in _WRITERS:
                    found.add(name)
        module.stored = frozenset(found)
    return module.stored


def is_closed(owner: Instance) -> bool:
    """Tell whether an object has attributes by nothing but assignments in the program's text."""
    if owner.cls is None or owner.open:
        return False
    lineage = owner.cls.lineage()
    plain = all(name_of(base) in _PLAIN for base in owner.cls.foreign_bases())
    return plain and not any(
        cls.node.keywords or cls.node.decorator_list or not _stored(cls.module).isdisjoint(_WRITERS)
        for cls in lineage
    )


def is_unset(run: State, owner: Instance, name: str) -> bool:
    """Tell whether an attribute was not set by all that was followed, of an object that only the program sets."""
    if not is_closed(owner) or name.startswith("__") or run.doubt or run.thread:
        return False
    return not any(call.name.endswith(f".{name}=") or call.name.startswith("?") for call in run.calls)
