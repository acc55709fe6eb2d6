"""How each kind of Python statement is followed; see `pyrun`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from imagespec.analyzers import pymodels
from imagespec.analyzers.pyeval import Arguments, Frame
from imagespec.analyzers.pyflow import Flow, Stop, own_nodes
from imagespec.analyzers.pyvalues import (
    UNKNOWN,
    Call,
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
    name_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.pyrun import Program

_ROUNDS = 64


def assign(run: Program, target: ast.expr, value: Value) -> None:
    """Bind a target to a value."""
    match target:
        case ast.Name():
            scope = _scope_of(run, target.id)
            shared = scope is not run.frame.scope and not run.certain
            scope.names[target.id] = join(scope.names.get(target.id), value) if shared else value
        case ast.Tuple() | ast.List():
            _unpack(run, target.elts, value)
        case ast.Starred():
            assign(run, target.value, UNKNOWN)
        case ast.Attribute():
            _set_attribute(run, run.eval(target.value), target.attr, value)
        case ast.Subscript():
            _set_item(run, run.eval(target.value), run.eval(target.slice), value)


def _scope_of(run: Program, name: str) -> Scope:
    scope = run.frame.scope
    if name not in scope.globals_:
        return scope
    outer = scope.parent
    while outer is not None and outer.parent is not None and name not in outer.names:
        outer = outer.parent
    return outer or run.frame.module.scope


def _unpack(run: Program, targets: list[ast.expr], value: Value) -> None:
    starred = any(isinstance(target, ast.Starred) for target in targets)
    known = isinstance(value, Items) and not value.open and not starred and len(value.items) == len(targets)
    for position, target in enumerate(targets):
        assign(run, target, value.items[position] if isinstance(value, Items) and known else UNKNOWN)


def _set_attribute(run: Program, owner: Value, name: str, value: Value) -> None:
    match owner:
        case Instance():
            owner.names[name] = (
                value if run.certain or name not in owner.names else join(owner.names[name], value)
            )
        case Module() | Class():
            owner.scope.names[name] = value
        case Const() | Items() | Table() | Function():
            pass
        case _:
            run.record(Member(owner, name), Arguments((value,)), suffix="=")


def _set_item(run: Program, owner: Value, key: Value, value: Value) -> None:
    if isinstance(owner, External) and owner.name == "os.environ":
        pymodels.set_variable(run, key, value)
    elif isinstance(owner, Table):
        if isinstance(key, Const) and run.certain:
            owner.entries[key.value] = value
        else:
            owner.open = True
            owner.entries.clear()
    elif isinstance(owner, Items):
        owner.items, owner.open = [UNKNOWN] * len(owner.items), True
    elif not isinstance(owner, Const):
        run.record(Member(owner, "[]"), Arguments((key, value)), suffix="=")


def _assign(run: Program, node: ast.Assign) -> Flow:
    value = run.eval(node.value)
    for target in node.targets:
        assign(run, target, value)
    return Flow.NEXT


def _annotated(run: Program, node: ast.AnnAssign) -> Flow:
    if node.value is not None:
        assign(run, node.target, run.eval(node.value))
    return Flow.NEXT


def _augmented(run: Program, node: ast.AugAssign) -> Flow:
    value = run.eval(node.value)
    if not isinstance(node.target, ast.Name):
        assign(run, node.target, UNKNOWN)
        return Flow.NEXT
    first = run.lookup(node.target.id)
    if isinstance(first, Items) and isinstance(node.op, ast.Add):  # in place: every name of the list sees it
        first.items.extend(value.items if isinstance(value, Items) else ())
        first.open = first.open or not run.certain or not isinstance(value, Items) or value.open
        return Flow.NEXT
    both = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
    plain = isinstance(first, Const) and isinstance(value, Const)
    assign(run, node.target, run.eval(both) if plain else UNKNOWN)
    return Flow.NEXT


def _if(run: Program, node: ast.If) -> Flow:
    truth = run.truth(run.eval(node.test))
    if truth is not None:
        return run.block(node.body if truth else node.orelse)
    return run.fork([lambda: run.block(node.body), lambda: run.block(node.orelse)])


def _forget(run: Program, nodes: list[ast.stmt]) -> None:
    """Let all names that a loop assigns be unknown: it may have gone round before."""
    for node in nodes:
        for inner in ast.walk(node):
            run.spend()
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                scope = _scope_of(run, inner.id)
                scope.names[inner.id] = UNKNOWN


def _for(run: Program, node: ast.For | ast.AsyncFor) -> Flow:
    items = run.eval(node.iter)
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
    _forget(run, node.body)
    if target is not None:
        assign(run, target, UNKNOWN)

    def once() -> Flow:
        flow = run.block(node.body)
        return Flow.NEXT if flow in {Flow.BREAK, Flow.CONTINUE} else flow

    flow = run.fork([once, lambda: Flow.NEXT])
    return flow if flow is not Flow.NEXT else run.fork([lambda: run.block(node.orelse), lambda: Flow.NEXT])


def _while(run: Program, node: ast.While) -> Flow:
    truth = run.truth(run.eval(node.test))
    if truth is False:
        return run.block(node.orelse)
    if truth is None or not isinstance(node.test, ast.Constant):
        return _some_rounds(run, node, None)
    flow = run.block(node.body)  # `while True`: the first round is certain
    if flow in {Flow.BREAK, Flow.RETURN}:
        return Flow.NEXT if flow is Flow.BREAK else flow
    _some_rounds(run, node, None)
    if not any(isinstance(inner, ast.Break) for inner in own_nodes(node)):
        raise run.stop("serves", "this loop does not end")
    run.frame.certain = False
    return Flow.NEXT


def _with(run: Program, node: ast.With | ast.AsyncWith) -> Flow:
    swallows = False
    for item in node.items:
        value = run.eval(item.context_expr)
        swallows = swallows or name_of(value) == "contextlib.suppress()"
        if item.optional_vars is not None:
            assign(run, item.optional_vars, value if isinstance(value, Call) else UNKNOWN)
    if swallows:
        return run.fork([lambda: run.block(node.body), lambda: Flow.NEXT])
    return run.block(node.body)


def _try(run: Program, node: ast.Try | ast.TryStar) -> Flow:
    flow = _try_body(run, node)
    if flow is Flow.NEXT:
        flow = run.block(node.orelse)
    final = run.block(node.finalbody)
    return flow if final is Flow.NEXT else final


def _try_body(run: Program, node: ast.Try | ast.TryStar) -> Flow:
    going_on = [handler for handler in node.handlers if not _leaves(handler.body) and not _is_end(handler)]
    depth, thread = len(run.frames), run.thread
    try:
        flow = _guarded_body(run, node.body, uncertain=bool(going_on))
    except Stop as stop:
        del run.frames[depth:]
        run.thread = thread
        if stop.reason != "import" or not (handler := _import_handler(node.handlers)):
            raise
        return _handle(run, handler)
    if not going_on:  # a handler that ends the program adds nothing to the exception itself
        return flow
    ended = run.fork([*(_lazily(run, handler) for handler in going_on), lambda: flow])
    return flow if flow is not Flow.NEXT else ended


def _guarded_body(run: Program, body: list[ast.stmt], *, uncertain: bool) -> Flow:
    """Follow a try block; where a handler goes on, only its first call is certain and imports that succeed are."""
    imports = 0
    while imports < len(body) and isinstance(body[imports], ast.Import | ast.ImportFrom):
        imports += 1
    flow = run.block(body[: imports + 1])
    if flow is not Flow.NEXT or len(body) <= imports + 1:
        return flow
    if not uncertain:
        return run.block(body[imports + 1 :])
    run.branches += 1
    try:
        return run.block(body[imports + 1 :])
    finally:
        run.branches -= 1


def _is_end(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler is only for the end of the program, such as by Ctrl-C."""
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if handler.type
        else {"any"}
    )
    return bool(names) and names <= {"KeyboardInterrupt", "SystemExit", "GeneratorExit"}


def _lazily(run: Program, handler: ast.ExceptHandler) -> Callable[[], Flow]:
    return lambda: _handle(run, handler)


def _handle(run: Program, handler: ast.ExceptHandler) -> Flow:
    if handler.name:
        run.frame.scope.names[handler.name] = UNKNOWN
    return run.block(handler.body)


def _leaves(body: list[ast.stmt]) -> bool:
    """Tell whether a handler ends with ``raise`` or an exit."""
    last = body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return ast.unparse(last.value.func) in {"sys.exit", "exit", "quit", "os._exit"}
    return isinstance(last, ast.Raise)


def _import_handler(handlers: list[ast.ExceptHandler]) -> ast.ExceptHandler | None:
    for handler in handlers:
        names = (
            {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
            if handler.type
            else set()
        )
        if handler.type is None or names & {
            "ImportError",
            "ModuleNotFoundError",
            "Exception",
            "BaseException",
        }:
            return handler
    return None


def _function(run: Program, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    decorators = [run.eval(item) for item in node.decorator_list]
    spec = node.args
    positional = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    defaults = dict(zip(reversed(positional), map(run.eval, reversed(spec.defaults)), strict=False))
    for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if default is not None:
            defaults[argument.arg] = run.eval(default)
    value: Value = Function(node, run.frame.module, run.frame.scope, defaults)
    run.line = node.lineno
    for decorator, place in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
        run.line = place.lineno
        value = run.call(decorator, Arguments((value,)), decorator=True)
    assign(run, ast.Name(node.name), value)
    return Flow.NEXT


def _class(run: Program, node: ast.ClassDef) -> Flow:
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
    made: Value = Class(node.name, run.frame.module, bases, scope, node)
    for decorator in reversed(node.decorator_list):
        result = run.call(run.eval(decorator), Arguments((made,)), decorator=True)
        made = made if name_of(result).startswith("dataclasses.") else result
    assign(run, ast.Name(node.name), made)
    return Flow.NEXT


def _import(run: Program, node: ast.Import) -> Flow:
    for alias in node.names:
        module = run.import_module(alias.name)
        if alias.asname is None and "." in alias.name:
            module = run.import_module(alias.name.partition(".")[0])
        assign(run, ast.Name(alias.asname or alias.name.partition(".")[0]), module)
    return Flow.NEXT


def _import_from(run: Program, node: ast.ImportFrom) -> Flow:
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
    elif isinstance(module, External) and module.name.partition(".")[0] in pymodels.STAR_SOURCES:
        names = pymodels.STAR_SOURCES[module.name.partition(".")[0]]
        run.frame.scope.names.update({name: External(f"{module.name}.{name}") for name in names})


def _return(run: Program, node: ast.Return) -> Flow:
    run.frame.returned.append(run.eval(node.value) if node.value else Const(None))
    return Flow.RETURN


def _raise(run: Program, node: ast.Raise) -> Flow:
    if node.exc is not None:
        run.eval(node.exc)
    raise run.stop("raise", "the program raises an exception here")


def _global(run: Program, node: ast.Global | ast.Nonlocal) -> Flow:
    run.frame.scope.globals_ |= frozenset(node.names)
    return Flow.NEXT


def _match(run: Program, node: ast.Match) -> Flow:
    run.eval(node.subject)
    _forget(run, [node])
    cases = [(lambda body=case.body: run.block(body)) for case in node.cases]
    return run.fork([*cases, lambda: Flow.NEXT])


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
        assign(run, target, UNKNOWN)


STATEMENTS: Mapping[type[ast.stmt], Callable[[Program, Any], Flow]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Match: _match,
    ast.Break: lambda _run, _node: Flow.BREAK,
    ast.Continue: lambda _run, _node: Flow.CONTINUE,
}
