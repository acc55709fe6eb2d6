"""Assignments of a followed Python program."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from imagespec.analyzers.python import refusals
from imagespec.analyzers.python.environment import set_variable
from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.namespaces import set_attribute, set_entry
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    External,
    Items,
    Member,
    Table,
    Value,
    is_namespace,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program


def assign(run: Program, target: ast.expr, value: Value) -> None:
    """Bind a target to a value."""
    match target:
        case ast.Name():
            run.bind(target.id, value)
        case ast.Tuple() | ast.List():
            _unpack(run, target.elts, value)
        case ast.Starred():
            assign(run, target.value, UNKNOWN)
        case ast.Attribute():
            set_attribute(run, run.eval(target.value), target.attr, value)
        case ast.Subscript():
            _set_item(run, run.eval(target.value), run.eval(target.slice), value)


def _unpack(run: Program, targets: list[ast.expr], value: Value) -> None:
    refusals.check_unpacked(run, targets, value)
    starred = any(isinstance(target, ast.Starred) for target in targets)
    known = isinstance(value, Items) and not value.open and not starred and len(value.items) == len(targets)
    for position, target in enumerate(targets):
        assign(run, target, value.items[position] if isinstance(value, Items) and known else UNKNOWN)


def _set_item(run: Program, owner: Value, key: Value, value: Value) -> None:
    if isinstance(owner, External) and owner.name == "os.environ":
        set_variable(run, key, value)
    elif isinstance(owner, Member) and is_namespace(owner):
        set_entry(run, owner, key, value)
    elif isinstance(owner, Table):
        sure = isinstance(key, Const) and run.certain and not run.thread
        run.changes += sure or not owner.open or bool(owner.entries)
        if isinstance(key, Const) and sure:
            owner.entries[key.value] = value
        else:
            owner.open = True
            owner.entries.clear()
    elif isinstance(owner, Items):
        run.changes += not owner.open
        owner.items, owner.open = [UNKNOWN] * len(owner.items), True
    elif not isinstance(owner, Const):
        run.record(Member(owner, "[]"), Arguments((key, value)), suffix="=")
