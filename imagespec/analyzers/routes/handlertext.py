"""The text of a function that answers requests, and what its names stand for."""

from __future__ import annotations

import ast

import attrs

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Class,
    Function,
    Instance,
    Module,
    Scope,
    Value,
)
from imagespec.analyzers.routes.reached import reached_nodes


@attrs.frozen
class Handler:
    """A function that answers requests; ``owner`` is the class that it is a method of."""

    function: Function
    program: Program
    owner: Class | None = None
    tuples: bool = False
    """Whether a status is the second item of what it returns (Flask)."""
    statuses: bool = True
    """Whether the statuses that it gives are looked at."""
    exact: bool = False
    """Whether only 200 will do, and no other status of success."""


def tried(nodes: list[ast.AST]) -> set[int]:
    """Return the identities of nodes whose exceptions a handler catches and goes on."""
    return {
        id(inner)
        for node in nodes
        if isinstance(node, ast.Try) and node.handlers
        for part in node.body
        for inner in ast.walk(part)
    }


def nodes_of(function: Function) -> list[ast.AST]:
    """Return a function's nodes; a lambda's expression is what it returns."""
    if isinstance(function.node, ast.Lambda):
        return [ast.Return(function.node.body), *own_nodes(function.node)]
    return reached_nodes(function)


def last_name(node: ast.expr) -> str:
    """Return the last part of the name of what is called; empty where it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def words_of(function: Function) -> set[str]:
    """Return the names and attributes that a function's text has."""
    nodes = own_nodes(function.node)
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Name)
    }


def named(name: str, function: Function) -> Value | None:
    """Return what a name outside a function stands for; None where nothing binds it."""
    scope: Scope | None = function.scope
    while scope is not None:
        if name in scope.names:
            return scope.names[name]
        scope = scope.parent
    return None


def called(node: ast.expr, function: Function, owner: Class | None) -> Function | None:
    """Return the program's own function that a handler calls by a name, by a module's name, or on ``self``."""
    value: Value | None = None
    if isinstance(node, ast.Name):
        value = named(node.id, function)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = named(node.value.id, function)
        if isinstance(holder, Module):
            value = holder.scope.names.get(node.attr)
        elif node.value.id in {"self", "cls"}:
            holder = function.self_value or owner
            cls = holder.cls if isinstance(holder, Instance) else getattr(holder, "subclass", holder)
            value = cls.find(node.attr) if isinstance(cls, Class) else None
    return value if isinstance(value, Function) else None
