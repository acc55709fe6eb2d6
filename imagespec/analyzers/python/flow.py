"""How blocks of a followed Python program end."""

from __future__ import annotations

import ast
import enum
from collections.abc import Sequence

from imagespec.verdict import Evidence

NODES = 20_000
"""Nodes of one function that are looked at."""


class Flow(enum.Enum):
    """How a block of statements ends."""

    NEXT = enum.auto()
    RETURN = enum.auto()
    BREAK = enum.auto()
    CONTINUE = enum.auto()
    STOP = enum.auto()


class Stop(Exception):  # noqa: N818 - control flow, not an error
    """The program does not get beyond this point: it ends, raises, or serves for ever."""

    def __init__(self, reason: str, evidence: Evidence, *, certain: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        """``exit``, ``abort``, ``exec``, ``raise``, ``import``, or ``serves``."""
        self.evidence = evidence
        self.certain = certain


def own_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the nodes of a function without those of functions inside it, within a bound."""
    found: list[ast.AST] = []
    pending = list(ast.iter_child_nodes(node))
    while pending and len(found) < NODES:
        item = pending.pop()
        found.append(item)
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(item))
    return found


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a block certainly ends with a return or an exception."""
    match body[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=first, orelse=second):
            return bool(second) and leaves(first) and leaves(second)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return leaves(inner)
        case ast.Try() as node:
            handled = all(leaves(handler.body) for handler in node.handlers)
            final = bool(node.finalbody) and leaves(node.finalbody)
            return final or (handled and leaves(node.orelse or node.body))
        case ast.While(test=ast.Constant(value=True)):
            return True
        case ast.Match(cases=cases):
            last = cases[-1]
            whole = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and not last.guard
            return whole and all(leaves(case.body) for case in cases)
    return False
