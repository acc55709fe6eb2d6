"""
What the parts of a program that may run set: globals from inside functions, and attributes.

Those parts are the modules' own statements, the functions that those name, and what these name in their turn.

Only words are compared, so a function may be said to run that does not; the other way round only where its name is put
together from pieces.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

import attrs

from imagespec.analyzers.python.values import Module

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Running:
    """What may be set while a program runs."""

    globals_: Mapping[str, frozenset[str]]
    """Names that functions declare global, by the path of their module."""
    attributes: frozenset[str]
    """Names of attributes, of any object."""
    by_name: bool
    """Whether ``setattr`` may set others."""


def find_running(modules: Iterable[Module]) -> Running:
    """Look through all that may run of these modules."""
    globals_: dict[str, frozenset[str]] = {}
    attributes: set[str] = set()
    by_name = False
    for path, node in _running_nodes(modules):
        match node:
            case ast.Global(names=names):
                globals_[path] = globals_.get(path, frozenset()) | frozenset(names)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                attributes.add(name)
            case ast.Name(id="setattr" | "vars") | ast.Attribute(attr="__dict__"):
                by_name = True
    return Running(globals_, frozenset(attributes), by_name)


def _running_nodes(modules: Iterable[Module]) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node that may run, with the path of its module."""
    waiting: dict[str, list[tuple[str, ast.stmt]]] = {}
    pending: list[tuple[str, ast.stmt]] = []
    for module in modules:
        for statement in module.tree.body if module.tree is not None else ():
            if isinstance(statement, _FUNCTIONS) and not statement.decorator_list:
                waiting.setdefault(statement.name, []).append((module.path, statement))
            elif module.name == "__main__" or not _asks_for_main(statement):
                pending.append((module.path, statement))
    while pending:
        path, statement = pending.pop()
        for node in ast.walk(statement):
            yield path, node
            for word in _words(node):
                pending += waiting.pop(word, [])


def _asks_for_main(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``if __name__ == "__main__":``."""
    test = statement.test if isinstance(statement, ast.If) and not statement.orelse else None
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], ast.Eq)
    )


def _words(node: ast.AST) -> Iterable[str]:
    """Return the name, attribute or imported name that a node is, or the last part of its text."""
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
            return (word,)
        case ast.Constant(value=str() as text) if len(text) < 200:
            return (text.rpartition(".")[2].rpartition(":")[2],)
    return ()
