"""Attributes that an object of the program's own classes certainly does not have."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.values import Class, Instance, name_of

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
    for node in ast.walk(cls.module.tree or cls.node):
        match node:
            case ast.Attribute(attr=attr) if attr in _WRITERS or (
                attr == name and isinstance(node.ctx, ast.Store)
            ):
                return True
            case ast.Name(id=found) if found in _WRITERS:
                return True
            case ast.FunctionDef(name=found) if found in _WRITERS:
                return True
    return False
