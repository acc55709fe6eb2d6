"""Attributes that Python refuses, of values of a followed program whose type is known; see `refusals`."""

from __future__ import annotations

import ast
import math
import os
import pathlib
import sys
import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING

from imagespec.analyzers.python.refusals import shown
from imagespec.analyzers.python.values import Class, Const, External, Items, Table, Value, name_of

if TYPE_CHECKING:
    from imagespec.analyzers.python.evaluator import Evaluator

_MODULES: Mapping[str, ModuleType] = {module.__name__: module for module in (math, os, sys, time)}
_OF_MEMBERS = {"name", "value"}
"""What members of an Enum have, which are followed as their values."""
_OF_SECTIONS = {"getboolean", "getfloat", "getint"}
"""What sections of ``configparser`` have, which are followed as dicts."""


def check_attribute(run: Evaluator, owner: Value, name: str) -> None:
    """Refuse an attribute that values of this type do not have."""
    if name.startswith("__"):
        return
    if isinstance(owner, Class):
        _check_class_attribute(run, owner, name)
        return
    if isinstance(owner, Const) and isinstance(owner.value, int | str) and name in _OF_MEMBERS:
        return
    if isinstance(owner, Table) and name in _OF_SECTIONS:
        return
    kind = _type_of(owner)
    if kind is not None and not hasattr(kind, name):
        run.refuse("AttributeError", f"{shown(owner)} has no {name[:60]}")


def _type_of(owner: Value) -> object | None:
    """Return the type of a value, or the module that it is; None where it is not known."""
    match owner:
        case External():
            return _MODULES.get(owner.name)
        case Const(value=PurePosixPath()):
            return pathlib.PosixPath
        case Const():
            return type(owner.value)
        case Items():
            return {"tuple": tuple, "set": set}.get(owner.kind, list)
        case Table() if type(owner) is Table:
            return dict
    return None


def _check_class_attribute(run: Evaluator, owner: Class, name: str) -> None:
    bases = {name_of(base) for base in owner.foreign_bases()}
    if owner.find(name) is not None or owner.node.keywords or owner.node.decorator_list:
        return
    enums = {"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag"}
    known = not bases or (bases & enums and bases <= enums | {"builtins.str", "builtins.int"})
    inherited = bool(bases) and (hasattr(str, name) or name.startswith("_"))
    if known and not hasattr(type, name) and not inherited and name not in _stored_names(owner):
        run.refuse("AttributeError", f"the class {owner.name[:60]} has no {name[:60]}")


def _stored_names(owner: Class) -> set[str]:
    tree = owner.module.tree
    nodes = ast.walk(tree) if tree is not None else ()
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in nodes
        if (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Name) and node.id == "setattr")
    } | ({"setattr"} if tree is None else set())
