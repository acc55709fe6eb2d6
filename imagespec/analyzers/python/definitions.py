"""Functions, classes and imports of a followed Python program."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python import refusedclasses
from imagespec.analyzers.python.assignments import assign
from imagespec.analyzers.python.evaluator import OPEN_NAMES, Arguments
from imagespec.analyzers.python.flow import Flow
from imagespec.analyzers.python.state import Frame
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Class,
    External,
    Function,
    Module,
    Scope,
    Value,
    name_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_STAR_SOURCES: Mapping[str, tuple[str, ...]] = {
    "flask": (
        "Flask",
        "Blueprint",
        "jsonify",
        "request",
        "current_app",
        "abort",
        "redirect",
        "make_response",
    ),
    "fastapi": (),
}
"""What ``from library import *`` brings, where an analyzer knows the names."""


_LAZY_MINOR = 14


def define_function(run: Program, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    """Bind a function, after its decorators."""
    decorators = [run.eval(item) for item in node.decorator_list]
    spec = node.args
    positional = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    defaults = dict(zip(reversed(positional), map(run.eval, reversed(spec.defaults)), strict=False))
    for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if default is not None:
            defaults[argument.arg] = run.eval(default)
    if not are_texts(run):
        for annotation in (
            *(item.annotation for item in ast.walk(spec) if isinstance(item, ast.arg)),
            node.returns,
        ):
            if annotation is not None:
                run.eval(annotation)
    value: Value = Function(node, run.frame.module, run.frame.scope, defaults)
    run.line = node.lineno
    for decorator, place in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
        run.line = place.lineno
        value = run.call(decorator, Arguments((value,)), decorator=True)
    assign(run, ast.Name(node.name), value)
    return Flow.NEXT


def are_texts(run: Program) -> bool:
    """Tell whether annotations are not evaluated: by a future import, or since Python 3.14 (PEP 649)."""
    tree = run.frame.module.tree
    imports = [item for item in tree.body if isinstance(item, ast.ImportFrom)] if tree is not None else []
    future = any(
        item.module == "__future__" and any(one.name == "annotations" for one in item.names)
        for item in imports
    )
    return future or (run.sources.minor or 0) >= _LAZY_MINOR


def define_class(run: Program, node: ast.ClassDef) -> Flow:
    """Bind a class, after following its body."""
    bases = tuple(run.eval(base) for base in node.bases)
    scope = Scope({}, run.frame.scope)
    frame = Frame(run.frame.module, scope, run.frame.certain)
    run.frames.append(frame)
    try:
        run.block(node.body)
    finally:
        run.frames.pop()
    for name, value in scope.names.items():
        if isinstance(value, Function):  # methods do not see the class body's names
            scope.names[name] = attrs.evolve(value, scope=run.frame.scope)
    cls = Class(node.name, run.frame.module, bases, scope, node)
    refusedclasses.check_class(run, cls)
    made: Value = cls
    for decorator in reversed(node.decorator_list):
        result = run.call(run.eval(decorator), Arguments((made,)), decorator=True)
        made = made if name_of(result).startswith("dataclasses.") else result
    assign(run, ast.Name(node.name), made)
    return Flow.NEXT


def import_modules(run: Program, node: ast.Import) -> Flow:
    """Follow ``import a.b``."""
    for alias in node.names:
        module = run.import_module(alias.name)
        if alias.asname is None and "." in alias.name:
            module = run.import_module(alias.name.partition(".")[0])
        assign(run, ast.Name(alias.asname or alias.name.partition(".")[0]), module)
    return Flow.NEXT


def import_names(run: Program, node: ast.ImportFrom) -> Flow:
    """Follow ``from a import b``."""
    if node.module == "__future__":
        return Flow.NEXT
    module = (
        run.import_relative(node.level, node.module or "")
        if node.level
        else run.import_module(node.module or "")
    )
    for alias in node.names:
        if alias.name == "*":
            _import_all(run, module)
        else:
            assign(run, ast.Name(alias.asname or alias.name), run.import_from(module, alias.name))
    return Flow.NEXT


def _import_all(run: Program, module: Value) -> None:
    if isinstance(module, Module):
        hidden = "__all__" in module.scope.names
        run.frame.scope.names.update(
            {name: value for name, value in module.scope.names.items() if hidden or not name.startswith("_")}
        )
    elif isinstance(module, External) and module.name.partition(".")[0] in _STAR_SOURCES:
        names = _STAR_SOURCES[module.name.partition(".")[0]]
        run.frame.scope.names.update({name: External(f"{module.name}.{name}") for name in names})
    if not isinstance(module, Module):
        run.frame.scope.names[OPEN_NAMES] = UNKNOWN
