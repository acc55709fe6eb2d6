"""
The statements of a request handler that can still run once the program has started.

Handlers often ask whether the model is loaded. Where the program, as it was followed, certainly gave the name a value
before it serves, and nothing in its module takes it away again, the other branch is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Instance,
    Items,
    Module,
    Scope,
    Table,
    Value,
)

_LOADED = {
    "joblib.load", "json.load", "json.loads", "numpy.array", "numpy.asarray", "numpy.load", "numpy.ones", "numpy.zeros",
    "onnxruntime.InferenceSession", "pickle.load", "pickle.loads", "tensorflow.keras.models.load_model",
    "keras.models.load_model", "torch.jit.load", "torch.load",
}  # fmt: skip
"""What returns a model, and never None."""
_NODES = 20_000


def reached_nodes(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions inside it and of branches that are not taken."""
    pending: list[ast.AST] = [] if isinstance(function.node, ast.Lambda) else list(function.node.body)
    for _ in range(_NODES):
        if not pending:
            return
        node = _decided(pending.pop(), function)
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        pending.extend(ast.iter_child_nodes(node))


def _decided(node: ast.AST, function: Function) -> ast.AST:
    """Return a condition without the branch that is not taken; any other node as it is."""
    if not isinstance(node, ast.If | ast.IfExp):
        return node
    truth = _truth(node.test, function)
    if truth is None:
        return node
    if isinstance(node, ast.IfExp):
        taken = node.body if truth else node.orelse
        return ast.IfExp(node.test, taken, taken)
    return ast.If(node.test, node.body, []) if truth else ast.If(node.test, node.orelse, [])


def _truth(test: ast.expr, function: Function) -> bool | None:
    """Return what a test of a module's variable gives; None when that is not known."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand, function)
        return None if inner is None else not inner
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Is | ast.IsNot):
        other = test.comparators[0]
        if isinstance(other, ast.Constant) and other.value is None:
            there = _is_there(_lasting(test.left, function))
            return None if there is None else there is isinstance(test.ops[0], ast.IsNot)
    return _is_true(_lasting(test, function))


def _is_there(value: Value | None) -> bool | None:
    """Tell whether a value is not None; None when unknown."""
    match value:
        case Items() | Table() | Function() | Class() | Module() | Instance():
            return True
        case Const():
            return True if value.value is not None else None
        case Call() if value.certain and (value.name in _LOADED or value.subclass is not None):
            return True
    return None


def _is_true(value: Value | None) -> bool | None:
    match value:
        case Const() if value.value:
            return True
        case Instance(cls=Class() as cls) if cls.find("__bool__") is None and cls.find("__len__") is None:
            return True
    return None


def _lasting(node: ast.expr, function: Function) -> Value | None:
    """Return the value of a module's variable, or of an attribute of one, that no function changes; else None."""
    if isinstance(node, ast.Name):
        module = function.module
        local = any(
            isinstance(item, ast.Name) and item.id == node.id and isinstance(item.ctx, ast.Store)
            for item in ast.walk(function.node)
        )
        if local or _of_inner_scope(function.scope, node.id) or _is_taken_away(function, node.id):
            return None
        return None if node.id in module.scope.doubtful else module.scope.names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _lasting(node.value, function)
        if isinstance(owner, Instance) and owner.cls is not None and not _unsets(owner.cls, node.attr):
            if node.attr in owner.doubtful:
                return None
            return owner.names.get(node.attr)
    return None


def _of_inner_scope(scope: Scope, name: str) -> bool:
    """Tell whether a name is a variable of a function around the handler."""
    inner: Scope | None = scope
    while inner is not None and inner.parent is not None:
        if name in inner.names:
            return True
        inner = inner.parent
    return False


def _is_taken_away(function: Function, name: str) -> bool:
    """Tell whether a function of the module may set a module's variable to something that is no model."""
    for value in function.module.scope.names.values():
        if isinstance(value, Function) and _sets_nothing(value.node, name, attribute=False):
            return True
    return False


def _unsets(cls: Class, name: str) -> bool:
    methods = [
        item for item in ast.walk(cls.node) if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(_sets_nothing(item, name, attribute=True) for item in methods if item.name != "__init__")


def _sets_nothing(function: ast.AST, name: str, *, attribute: bool) -> bool:
    """Tell whether a function assigns a constant to a variable, or deletes it."""
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and not node.value.value
        ) or isinstance(node, ast.Delete):
            targets = node.targets
        for target in targets:
            if attribute and isinstance(target, ast.Attribute) and target.attr == name:
                return True
            if not attribute and isinstance(target, ast.Name) and target.id == name:
                return True
    return False
