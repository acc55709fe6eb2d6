"""How each kind of Python statement is followed; see `program`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagespec.analyzers.python import definitions, exceptions, operators, refusals, refusedclasses
from imagespec.analyzers.python.assignments import assign
from imagespec.analyzers.python.calls import is_coroutine
from imagespec.analyzers.python.flow import Flow
from imagespec.analyzers.python.forgetting import forget_what_is_set
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    Items,
    Table,
    name_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_ROUNDS = 64
_LAPS = 6
"""Rounds of a loop that are followed until nothing changes any more."""


def _assign(run: Program, node: ast.Assign) -> Flow:
    value = run.eval(node.value)
    for target in node.targets:
        assign(run, target, value)
    return Flow.NEXT


def _annotated(run: Program, node: ast.AnnAssign) -> Flow:
    if run.frame.function is None and not definitions.are_texts(run):
        run.eval(node.annotation)
    if node.value is not None:
        assign(run, node.target, run.eval(node.value))
    return Flow.NEXT


def _augmented(run: Program, node: ast.AugAssign) -> Flow:
    if not isinstance(node.target, ast.Name):
        run.eval(node.value)
        assign(run, node.target, UNKNOWN)
        return Flow.NEXT
    first = run.lookup(node.target.id)
    value = run.eval(node.value)
    if isinstance(first, Items) and isinstance(node.op, ast.Add):  # in place: every name of the list sees it
        first.items.extend(value.items if isinstance(value, Items) else ())
        first.open = first.open or not run.certain or not isinstance(value, Items) or value.open
        return Flow.NEXT
    both = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
    result = operators.combined(run, both, first, value)
    plain = isinstance(first, Const) and isinstance(value, Const)
    assign(run, node.target, result if plain else UNKNOWN)
    return Flow.NEXT


def _if(run: Program, node: ast.If) -> Flow:
    value = run.eval(node.test)
    refusedclasses.special(run, value, "__bool__", "__len__")
    truth = run.truth(value)
    if truth is not None:
        return run.block(node.body if truth else node.orelse)
    return run.fork([lambda: run.block(node.body), lambda: run.block(node.orelse)])


def _for(run: Program, node: ast.For | ast.AsyncFor) -> Flow:
    items = run.eval(node.iter)
    refusals.check_iterable(run, items)
    refusedclasses.special(run, items, "__iter__", "__getitem__")
    if isinstance(items, Table) and not items.open:
        items = Items([Const(key) for key in items.entries])
    if not isinstance(items, Items) or items.open or len(items.items) > _ROUNDS:
        return _some_rounds(run, node, node.target)
    for item in list(items.items):
        assign(run, node.target, item)
        flow = run.block(node.body)
        if flow is Flow.BREAK:
            return Flow.NEXT
        if flow is Flow.RETURN:
            return flow
    return run.block(node.orelse)


def _some_rounds(run: Program, node: ast.For | ast.AsyncFor | ast.While, target: ast.expr | None) -> Flow:
    forget_what_is_set(run, node.body)
    if target is not None:
        assign(run, target, UNKNOWN)

    def once() -> Flow:
        flow = run.block(node.body)
        return Flow.NEXT if flow in {Flow.BREAK, Flow.CONTINUE} else flow

    flow = run.fork([once, lambda: Flow.NEXT])
    return flow if flow is not Flow.NEXT else run.fork([lambda: run.block(node.orelse), lambda: Flow.NEXT])


def _while(run: Program, node: ast.While) -> Flow:
    """Follow a loop: one whose condition holds round for round, and that nothing leaves, does not end."""
    truth = run.truth(run.eval(node.test))
    if truth is False:
        return run.block(node.orelse)
    if truth is None:
        return _some_rounds(run, node, None)
    before = run.breaks
    flow = run.block(node.body)  # the first round is certain
    if flow in {Flow.BREAK, Flow.RETURN}:
        return Flow.NEXT if flow is Flow.BREAK else flow
    for _ in range(_LAPS):
        changes = run.changes
        flow = _some_rounds(run, node, None)
        if flow is not Flow.NEXT:
            return flow
        if run.changes == changes:  # another round would find what this one found
            break
    endless = run.changes == changes and run.truth(run.eval(node.test))
    if endless and run.breaks == before:
        raise run.stop("serves", "this loop does not end")
    if isinstance(node.test, ast.Constant):
        run.frame.certain = False
    return Flow.NEXT


def _break(run: Program, _node: ast.Break) -> Flow:
    run.breaks += 1
    return Flow.BREAK


def _with(run: Program, node: ast.With | ast.AsyncWith) -> Flow:
    swallows = False
    for item in node.items:
        value = run.eval(item.context_expr)
        entered = refusedclasses.enter(run, value)
        swallows = swallows or name_of(value) == "contextlib.suppress()"
        if item.optional_vars is not None:
            assign(run, item.optional_vars, entered or (value if isinstance(value, Call) else UNKNOWN))
    if swallows:
        return run.fork([lambda: run.block(node.body), lambda: Flow.NEXT])
    return run.block(node.body)


def _return(run: Program, node: ast.Return) -> Flow:
    run.frame.returned.append(run.eval(node.value) if node.value else Const(None))
    return Flow.RETURN


def _raise(run: Program, node: ast.Raise) -> Flow:
    if node.exc is not None:
        run.eval(node.exc)
    raise run.stop("raise", "the program raises an exception here")


def _assert(run: Program, node: ast.Assert) -> Flow:
    truth = run.truth(run.eval(node.test))
    if truth is False:
        run.refuse("AssertionError", f"{ast.unparse(node.test)[:60]} is asserted, and is not so")
    return Flow.NEXT


def _global(run: Program, node: ast.Global | ast.Nonlocal) -> Flow:
    run.frame.scope.globals_ |= frozenset(node.names)
    return Flow.NEXT


def _match(run: Program, node: ast.Match) -> Flow:
    run.eval(node.subject)
    forget_what_is_set(run, [node])
    for inner in ast.walk(node):
        captured = getattr(inner, "rest" if isinstance(inner, ast.MatchMapping) else "name", None)
        if isinstance(inner, ast.MatchAs | ast.MatchStar | ast.MatchMapping) and captured:
            run.frame.scope.names[captured] = UNKNOWN
    cases = [(lambda body=case.body: run.block(body)) for case in node.cases]
    return run.fork([*cases, lambda: Flow.NEXT])


def _expression(run: Program, node: ast.Expr) -> Flow:
    """Follow an expression of its own; a coroutine that is called there and not awaited never runs."""
    if not isinstance(node.value, ast.Call):
        run.eval(node.value)
        return Flow.NEXT
    run.spend()
    callee = run.eval(node.value.func)
    arguments = run.arguments(node.value)
    run.line = node.value.lineno
    if not is_coroutine(callee):
        run.call(callee, arguments)
    return Flow.NEXT


def other(run: Program, node: ast.stmt) -> Flow:
    """Follow a statement that has only expressions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) and not isinstance(node, ast.Delete):
            run.eval(child)
    if isinstance(node, ast.Delete):
        _forget_deleted(run, node)
    return Flow.NEXT


def _forget_deleted(run: Program, node: ast.Delete) -> None:
    for target in node.targets:
        names = run.frame.scope.names
        if isinstance(target, ast.Name) and run.certain and target.id in names:
            del names[target.id]
        elif isinstance(target, ast.Subscript):
            refusals.check_subscript(run, target, run.eval(target.value), run.eval(target.slice))
            assign(run, target, UNKNOWN)
        elif isinstance(target, ast.Attribute):
            run.eval(ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target))
            assign(run, target, UNKNOWN)
        else:
            assign(run, target, UNKNOWN)


STATEMENTS: Mapping[type[ast.stmt], Callable[[Program, Any], Flow]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: exceptions.try_statement,
    ast.TryStar: exceptions.try_statement,
    ast.FunctionDef: definitions.define_function,
    ast.AsyncFunctionDef: definitions.define_function,
    ast.ClassDef: definitions.define_class,
    ast.Import: definitions.import_modules,
    ast.ImportFrom: definitions.import_names,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Match: _match,
    ast.Break: _break,
    ast.Continue: lambda _run, _node: Flow.CONTINUE,
}
