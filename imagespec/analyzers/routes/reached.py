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


def reached_nodes(function: Function) -> list[ast.AST]:
    """Return the nodes of a function without those of functions inside it and of branches that are not taken."""
    found: list[ast.AST] = []
    pending = _children(function.node)
    while pending:
        node = decided(pending.pop(), function)
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending += _children(node)
    return found


def _children(node: ast.AST) -> list[ast.AST]:
    return list(ast.iter_child_nodes(node))[::-1]


def outcomes(node: ast.IfExp, function: Function) -> list[ast.expr]:
    """Return the expressions that a conditional expression may come to."""
    truth = _truth(node.test, function)
    return [part for part, wanted in ((node.body, True), (node.orelse, False)) if truth in {None, wanted}]


def decided(node: ast.AST, function: Function) -> ast.AST:
    """Return a condition without the branch that is not taken; any other node as it is."""
    if isinstance(node, ast.IfExp):
        parts = outcomes(node, function)
        return ast.IfExp(node.test, parts[0], parts[-1])
    truth = _truth(node.test, function) if isinstance(node, ast.If) else None
    if truth is None or not isinstance(node, ast.If):
        return node
    return ast.If(node.test, node.body if truth else node.orelse, [])


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
        if local or _of_inner_scope(function.scope, node.id) or _is_taken_away(module, node.id):
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


def _is_taken_away(module: Module, name: str) -> bool:
    """Tell whether a function of the module may set a module's variable to something that is no model."""
    if module.unset is None:
        tree = module.tree or ast.Module([], [])
        functions = [
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        module.unset = frozenset(
            target.id
            for function in functions
            if any(isinstance(node, ast.Global) for node in ast.walk(function))
            for target in _emptied(function)
            if isinstance(target, ast.Name)
        )
    return module.tree is None or name in module.unset


def _unsets(cls: Class, name: str) -> bool:
    """Tell whether a method but the first may set an attribute to something that is no model."""
    methods = [
        item for item in ast.walk(cls.node) if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(
        isinstance(target, ast.Attribute) and target.attr == name
        for item in methods
        if item.name != "__init__"
        for target in _emptied(item)
    )


def _emptied(function: ast.AST) -> Iterator[ast.expr]:
    """Yield what a function assigns a false constant to, or deletes."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=ast.Constant(value=value)) if not value:
                yield from targets
            case ast.Delete(targets=targets):
                yield from targets
