"""Assignments of a followed Python program."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from imagespec.analyzers.python import refusals
from imagespec.analyzers.python.environment import set_variable
from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Member,
    Module,
    Scope,
    Table,
    Value,
    join,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program


def assign(run: Program, target: ast.expr, value: Value) -> None:
    """Bind a target to a value."""
    match target:
        case ast.Name():
            scope = scope_of(run, target.id)
            shared = scope is not run.frame.scope and (not run.certain or run.thread)
            if run.thread or run.trying:
                scope.doubtful.add(target.id)
            scope.names[target.id] = join(scope.names.get(target.id), value) if shared else value
        case ast.Tuple() | ast.List():
            _unpack(run, target.elts, value)
        case ast.Starred():
            assign(run, target.value, UNKNOWN)
        case ast.Attribute():
            _set_attribute(run, run.eval(target.value), target.attr, value)
        case ast.Subscript():
            _set_item(run, run.eval(target.value), run.eval(target.slice), value)


def scope_of(run: Program, name: str) -> Scope:
    """Return the scope that an assignment to a name writes to."""
    scope = run.frame.scope
    if name not in scope.globals_:
        return scope
    outer = scope.parent
    while outer is not None and outer.parent is not None and name not in outer.names:
        outer = outer.parent
    return outer or run.frame.module.scope


def _unpack(run: Program, targets: list[ast.expr], value: Value) -> None:
    refusals.check_unpacked(run, targets, value)
    starred = any(isinstance(target, ast.Starred) for target in targets)
    known = isinstance(value, Items) and not value.open and not starred and len(value.items) == len(targets)
    for position, target in enumerate(targets):
        assign(run, target, value.items[position] if isinstance(value, Items) and known else UNKNOWN)


def _set_attribute(run: Program, owner: Value, name: str, value: Value) -> None:
    match owner:
        case Instance():
            if run.thread or run.trying:
                owner.doubtful.add(name)
            sure = (run.certain and not run.thread) or name not in owner.names
            owner.names[name] = value if sure else join(owner.names[name], value)
        case Module() | Class():
            owner.scope.names[name] = value
        case Const() | Items() | Table() | Function():
            pass
        case _:
            run.record(Member(owner, name), Arguments((value,)), suffix="=")


def _set_item(run: Program, owner: Value, key: Value, value: Value) -> None:
    if isinstance(owner, External) and owner.name == "os.environ":
        set_variable(run, key, value)
    elif isinstance(owner, Table):
        if isinstance(key, Const) and run.certain and not run.thread:
            owner.entries[key.value] = value
        else:
            owner.open = True
            owner.entries.clear()
    elif isinstance(owner, Items):
        owner.items, owner.open = [UNKNOWN] * len(owner.items), True
    elif not isinstance(owner, Const):
        run.record(Member(owner, "[]"), Arguments((key, value)), suffix="=")
