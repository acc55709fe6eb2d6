"""What a loop of a followed Python program may have set in rounds before, as far as its text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from imagespec.analyzers.python.namespaces import forget_attribute
from imagespec.analyzers.python.values import (
    NAMESPACE,
    UNKNOWN,
    Class,
    Function,
    Instance,
    Items,
    Module,
    Table,
    Value,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program


def forget_what_is_set(run: Program, body: Iterable[ast.stmt]) -> None:
    """Let all that a loop's body sets be unknown, in the objects and functions that it names as well."""
    calls = False
    for node in body:
        for inner in ast.walk(node):
            run.spend()
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                calls = calls or isinstance(run.find(inner.id), Function | Class | Instance | Module)
            _forget(run, inner)
    for module in run.loaded if calls else ():
        for name in run.running().globals_.get(module.path, ()):
            module.scope.names[name] = UNKNOWN


def _forget(run: Program, node: ast.AST) -> None:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            run.scope_of(name).names[name] = UNKNOWN
        case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()):
            forget_attribute(run.find(name), attribute)
        case (
            ast.Call(func=ast.Name(id="vars" | "setattr"), args=[ast.Name(id=name), *_])
            | ast.Attribute(value=ast.Name(id=name), attr="__dict__")
        ):
            forget_attribute(run.find(name), None)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            for attribute in _set_by_methods(run.find(name)):
                forget_attribute(run.find(name), attribute)
    match node:
        case (
            ast.Subscript(value=ast.Name(id=name), ctx=ast.Store())
            | ast.Attribute(value=ast.Name(id=name), attr="insert" | "pop" | "update" | "reverse" | "sort")
        ):
            _open(run.find(name))


def _set_by_methods(value: Value | None) -> Iterator[str]:
    """Yield the attributes that an object's methods may set once it is made."""
    for cls in value.cls.lineage() if isinstance(value, Instance) and value.cls is not None else ():
        for method in cls.node.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name != "__init__":
                for node in ast.walk(method):
                    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                        yield node.attr
                    elif isinstance(node, ast.Attribute) and node.attr == NAMESPACE:
                        yield from list(value.names) if isinstance(value, Instance) else ()


def _open(box: Value | None) -> None:
    if isinstance(box, Items | Table):
        box.open = True
    if isinstance(box, Table):
        box.entries.clear()
