"""Names in a function's text that nothing binds: Python raises NameError where it comes to one."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from imagespec.analyzers.python.evaluator import OPEN_NAMES
from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Function, Scope

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_BUILTINS = frozenset(dir(builtins)) | {
    "__file__",
    "__name__",
    "__doc__",
    "__package__",
    "__spec__",
    "__class__",
}


def undefined_name(function: Function, program: Program) -> str | None:
    """
    Return a name that a function reads and that neither it, its module nor Python binds; None if there is none.

    What a function of the module declares global counts as bound where anything may run that function.
    """
    if OPEN_NAMES in function.module.scope.names:
        return None
    nodes = own_nodes(function.node)
    own = bound_names(function, nodes)
    for node in nodes:
        read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in own
        if not read or not isinstance(node, ast.Name) or _is_known(node.id, function.scope):
            continue
        if node.id not in program.running().globals_.get(function.module.path, ()):
            return node.id
    return None


def _is_known(name: str, scope: Scope | None) -> bool:
    while scope is not None:
        if name in scope.names or OPEN_NAMES in scope.names:
            return True
        scope = scope.parent
    return name in _BUILTINS


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
