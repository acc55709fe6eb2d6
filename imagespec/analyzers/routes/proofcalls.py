"""Calls in a request handler: what they give, and which of them may raise; see `proofs`."""

from __future__ import annotations

import ast
import datetime as dt
import json
import math
import os
import random
import re
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python.aliases import canonical
from imagespec.analyzers.python.evaluator import bind
from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.values import Class, Const, External, Function, Instance, Value, name_of
from imagespec.analyzers.routes import proofbuiltins, proofmethods
from imagespec.analyzers.routes import proofexpressions as expressions
from imagespec.analyzers.routes import prooftables as tables
from imagespec.analyzers.routes.proofjson import unencodable
from imagespec.analyzers.routes.proofkinds import (
    ANSWER,
    ANY,
    BOOL,
    COROUTINE,
    DICT,
    FOREIGN,
    LINES,
    LIST,
    OPTIONAL,
    STANDARD,
    TEXT,
    Kind,
    join_kinds,
    kind_of,
)
from imagespec.analyzers.routes.proofrequests import request_attribute

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_MODULES: Mapping[str, ModuleType] = {
    module.__name__: module for module in (dt, json, math, os, random, re, sys, time, uuid)
}
_NAME_CHARACTERS = 200


@attrs.frozen
class Given:
    """The arguments of a call."""

    args: tuple[Kind, ...]
    keywords: Mapping[str, Kind]
    spread: bool

    def get(self, position: int, name: str) -> Kind | None:
        """Return an argument; None when it is not given."""
        return self.keywords.get(name, self.args[position] if position < len(self.args) else None)

    def all(self) -> tuple[Kind, ...]:
        """Return all arguments."""
        return (*self.args, *self.keywords.values())


def call(prover: Prover, node: ast.Call) -> Kind:
    """Return what a call gives."""
    callee = expressions.kind(prover, node.func)
    args = tuple(
        expressions.kind(prover, item.value if isinstance(item, ast.Starred) else item) for item in node.args
    )
    keywords = {item.arg or "**": expressions.kind(prover, item.value) for item in node.keywords}
    spread = "**" in keywords or any(isinstance(item, ast.Starred) for item in node.args)
    given = Given(args, keywords, spread)
    shown = ast.unparse(node.func)[:60]
    if callee.name == "method":
        return proofmethods.method(prover, node, callee.parts[0], next(iter(callee.entries)), given)
    value = callee.value
    if callee.name == "own" and isinstance(value, Function):
        return follow(prover, node, value, args, None, keywords, spread=spread)
    if callee.name == "own" and isinstance(value, Class):
        return _instantiate(prover, node, value, given)
    if callee.name == "own" and isinstance(value, Instance) and value.cls is not None:
        inner = value.cls.find("__call__")
        if isinstance(inner, Function):
            return follow(prover, node, inner, args, value, keywords, spread=spread)
    if callee.name == "foreign":
        return _foreign(prover, node, callee, given)
    prover.say(node, f"the handler calls {shown}, which may not be possible")
    return ANY


def follow(
    prover: Prover,
    node: ast.AST,
    function: Function,
    args: Sequence[Kind],
    owner: Value | None,
    keywords: Mapping[str, Kind] | None = None,
    *,
    spread: bool = False,
) -> Kind:
    """Go through a function of the program, and return what it gives."""
    bound = function.self_value if function.self_value is not None else owner
    first = () if bound is None or function.is_static else (Kind("own", bound),)
    kinds = _bound(prover, node, function, (*first, *args), keywords or {}, spread=spread)
    returned = prover.function(function, kinds, bound)
    found = returned[0][0] if returned else ANY
    for kind, _ in returned[1:]:
        found = join_kinds(found, kind)
    if any(isinstance(item, ast.Yield | ast.YieldFrom) for item in own_nodes(function.node)):
        return LINES
    if isinstance(function.node, ast.AsyncFunctionDef):
        return attrs.evolve(COROUTINE, parts=(found,))
    return found


def _bound(
    prover: Prover,
    node: ast.AST,
    function: Function,
    args: tuple[Kind, ...],
    keywords: Mapping[str, Kind],
    *,
    spread: bool,
) -> dict[str, Kind]:
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    more = [item.arg for item in spec.kwonlyargs]
    with_default = (
        {*names[len(names) - len(spec.defaults) :], *function.defaults}
        if spec.defaults
        else {*function.defaults}
    )
    kinds = dict(zip(names, args, strict=False))
    kinds |= {name: kind for name, kind in keywords.items() if name in {*names, *more}}
    missing = [name for name in (*names, *more) if name not in kinds and name not in with_default]
    extra = (len(args) > len(names) and spec.vararg is None) or (
        spec.kwarg is None and any(name not in {*names, *more, "**"} for name in keywords)
    )
    if (missing or extra) and not spread:
        prover.say(node, f"the handler calls {function.name[:60]} with other arguments than it takes")
    for name in (*names, *more):
        kinds.setdefault(name, kind_of(function.defaults[name]) if name in function.defaults else ANY)
    if spec.vararg:
        kinds[spec.vararg.arg] = LIST
    if spec.kwarg:
        kinds[spec.kwarg.arg] = DICT
    return kinds


def bound_to(inner: Function, owner: Value) -> Value:
    """Return a method as its object has it."""
    return bind(inner, owner)


def _instantiate(prover: Prover, node: ast.Call, cls: Class, given: Given) -> Kind:
    made = Instance(cls, {}, open=True)
    init = cls.find("__init__")
    foreign = [name_of(base) for base in cls.foreign_bases() if name_of(base) not in tables.PLAIN_BASES]
    if isinstance(init, Function):
        follow(prover, node, init, given.args, made, given.keywords, spread=given.spread)
    elif cls.find("__new__") is not None or cls.node.keywords:
        prover.say(node, f"the handler makes an object of {cls.name[:60]}, which is not followed")
    elif tables.RECORDS & set(foreign):
        missing = tables.fields_without_default(cls) - given.keywords.keys()
        if (missing and not given.spread) or given.args:
            prover.say(
                node, f"the handler makes a {cls.name[:60]} without {min(missing, default='names')[:60]}"
            )
    elif not foreign and given.all() and not cls.node.decorator_list:
        prover.say(node, f"the handler calls {cls.name[:60]} with other arguments than it takes")
    return Kind("own", made)


def foreign_member(owner: Kind, name: str) -> Kind:
    """Return an attribute of something of a library."""
    full = canonical(f"{owner.source}.{name}") if owner.source else ""
    if full in {"math.nan", "math.inf", "numpy.nan", "numpy.inf"}:
        return Kind("number", Const(math.nan))
    top, _, rest = full.partition(".")
    module = _MODULES.get(top)
    if module is not None and rest == name and not hasattr(module, name):
        return Kind("missing", External(full))
    return Kind("foreign", External(full)) if 0 < len(full) < _NAME_CHARACTERS else FOREIGN


def check_member(prover: Prover, node: ast.AST, module: str, name: str) -> None:
    """Say that a module of Python's own has no such name."""
    known = _MODULES.get(module)
    if known is not None and not hasattr(known, name):
        prover.say(node, f"the handler imports {name[:60]} from {module}, which has none")


def _foreign(prover: Prover, node: ast.Call, callee: Kind, given: Given) -> Kind:
    name = callee.source
    for kind in given.all():
        if isinstance(kind.value, Function) and kind.name == "own" and not name.endswith(tables.LATER):
            spec = kind.value.node.args
            follow(prover, node, kind.value, (FOREIGN,) * len(spec.args), None, spread=True)
    if name in STANDARD:
        return STANDARD[name]
    maker = proofbuiltins.MAKERS.get(name)
    if maker is not None:
        return maker(prover, node, given)
    top = name.partition(".")[0].removesuffix("()")
    if top in sys.stdlib_module_names or top == "builtins":
        return _standard(prover, node, name, given)
    return _library(prover, node, name, given)


def _standard(prover: Prover, node: ast.Call, name: str, given: Given) -> Kind:
    if name.startswith("os.path.") and name not in tables.RAISING_PATHS:
        if all(kind.name in {"text", "foreign"} for kind in given.all()):
            return BOOL if name.endswith(("exists", "isfile", "isdir")) else TEXT
    elif name.startswith(tables.HARMLESS) and not name.endswith(tables.STRICT):
        return FOREIGN
    prover.say(node, f"the handler calls {ast.unparse(node.func)[:60]}, which may fail")
    return FOREIGN


def _library(prover: Prover, node: ast.Call, name: str, given: Given) -> Kind:
    if (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    ):
        proofmethods.check_written(prover, node, given)
    if request_attribute(prover, node, Kind("foreign", External(name + "()")), "") is not None:
        return ANY
    encoder = tables.ENCODERS.get(name.rpartition(".")[2]) if name.startswith(tables.FRAMEWORKS) else None
    if encoder is not None:
        check_json(prover, node, given, encoder)
        return ANSWER
    if name.endswith(tables.GETTERS) and name.startswith(tables.REQUESTS):
        default = given.get(1, "default")
        return OPTIONAL if default is None or "type" in given.keywords else default
    if name.startswith(tables.FAILING) or name.endswith(tables.FAILING_LAST):
        prover.say(node, f"the handler calls {ast.unparse(node.func)[:60]}, which may fail")
    if tables.is_answer(name):
        check_answer(prover, node, name, given)
        return ANSWER
    return Kind("foreign", External(name + "()")) if 0 < len(name) < _NAME_CHARACTERS else FOREIGN


def check_answer(prover: Prover, node: ast.Call, name: str, given: Given) -> None:
    """Look at what a framework's own answer is made of."""
    if given.spread:
        prover.say(node, f"the handler gives {name.rpartition('.')[2]} arguments that are not known")
    body = given.get(0, tables.BODY.get(name.rpartition(".")[2], "content"))
    body = body if body is not None else given.keywords.get("text", given.keywords.get("body"))
    if (
        body is not None
        and body.name in {"dict", "number", "bool", "set", "own"}
        and not name.startswith(tables.CONVERTING)
    ):
        prover.say(node, f"the handler gives {name.rpartition('.')[2]} something that is no text")
    if "make_response" in name and body is not None and body.name == "tuple":
        prover.say(node, "the handler answers with a tuple, whose status is not looked at")


def check_json(prover: Prover, node: ast.Call, given: Given, encoder: str) -> None:
    """Look at what is encoded as JSON."""
    if given.keywords.keys() & {"default", "cls", "encoder", "dumps"}:
        return
    data = (
        given.all()
        if encoder == "flask"
        else given.args[:1]
        + tuple(
            kind for name, kind in given.keywords.items() if name in {"content", "data", "body", "obj", "**"}
        )
    )
    if encoder == "flask" and given.args and given.keywords:
        prover.say(node, "the handler gives jsonify both data and names, which it refuses")
    for kind in data:
        refused = unencodable(kind, encoder)
        if refused:
            prover.say(node, f"the handler gives JSON {refused}, which it may not hold")


def as_text(prover: Prover, node: ast.AST, kind: Kind) -> None:
    """Look at something that is made a text."""
    value = kind.value
    if kind.name == "own" and isinstance(value, Instance) and value.cls is not None:
        method = value.cls.find("__str__") or value.cls.find("__repr__")
        if isinstance(method, Function):
            follow(prover, node, method, (), value)
