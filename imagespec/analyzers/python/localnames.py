"""The names that a function binds itself."""

from __future__ import annotations

import ast

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Function


def local_names(function: Function) -> frozenset[str]:
    """Return the names that a function binds and that are its own: not those of comprehensions, nor global ones."""
    nodes = own_nodes(function.node)
    inner = {
        id(name) for node in nodes if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
    }
    found = bound_names(function, [node for node in nodes if id(node) not in inner])
    elsewhere = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    return frozenset(found - elsewhere)


def bound_names(function: Function, nodes: list[ast.AST]) -> set[str]:
    """Return the names that a function binds itself."""
    spec = function.node.args
    found = {item.arg for item in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    found |= {item.arg for item in (spec.vararg, spec.kwarg) if item is not None}
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                found.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.alias():
                found.add((node.asname or node.name).partition(".")[0])
            case ast.ExceptHandler(name=str()) | ast.MatchAs(name=str()) | ast.MatchStar(name=str()):
                found.add(str(node.name))
            case ast.MatchMapping(rest=str()):
                found.add(str(node.rest))
    return found
