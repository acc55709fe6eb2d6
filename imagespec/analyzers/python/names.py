"""Names in a function's text that nothing binds: Python raises NameError where it comes to one."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from imagespec.analyzers.python.evaluator import OPEN_NAMES
from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.localnames import bound_names
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
