"""Attributes, items and imports in a request handler, and which of them may not be there; see `proofs`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from imagespec.analyzers.python.aliases import canonical
from imagespec.analyzers.python.attributes import lacks
from imagespec.analyzers.python.evaluator import OPEN_NAMES
from imagespec.analyzers.python.values import (
    Call,
    Class,
    External,
    Function,
    Instance,
    Module,
    Value,
)
from imagespec.analyzers.routes import proofcalls, proofmethods
from imagespec.analyzers.routes import proofexpressions as expressions
from imagespec.analyzers.routes.proofjson import unencodable
from imagespec.analyzers.routes.proofkinds import (
    ANY,
    FOREIGN,
    TEXT,
    Kind,
    join_kinds,
    kind_of,
    number_of,
    text_in,
)
from imagespec.analyzers.routes.proofrequests import request_attribute, request_item

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_SEQUENCES = {"list", "tuple", "text", "bytes"}
_ITERABLE = {"list", "tuple", "set", "dict", "text", "bytes", "lines", "foreign"}


def attribute(prover: Prover, node: ast.AST, owner: Kind, name: str) -> Kind:
    """Return an attribute of something."""
    match owner.name:
        case "foreign":
            asked = request_attribute(prover, node, owner, name)
            found = asked if asked is not None else proofcalls.foreign_member(owner, name)
            if found.name != "missing":
                return found
        case "own":
            return _own_attribute(prover, node, owner.value, name)
        case "answer" | "time" | "coroutine":
            return FOREIGN
    if name in proofmethods.ATTRIBUTES.get(owner.name, ()):
        return Kind("method", None, (owner,), {name: ANY})
    shown = ast.unparse(node)[:60] if isinstance(node, ast.expr) else name
    prover.say(node, f"the handler asks for {shown}, which may not be there")
    return ANY


def _own_attribute(prover: Prover, node: ast.AST, value: Value | None, name: str) -> Kind:
    match value:
        case Module():
            if name in value.scope.names:
                return kind_of(value.scope.names[name])
            if OPEN_NAMES in value.scope.names or f"{value.name}.{name}" in prover.program.modules:
                return FOREIGN
        case Instance():
            return _instance_attribute(prover, node, value, name)
        case Class():
            inner = value.find(name)
            if inner is not None:
                return _bound(prover, node, inner, value)
            if list(value.foreign_bases()):
                return FOREIGN
        case Call():
            inner = value.subclass.find(name) if value.subclass is not None else None
            return _bound(prover, node, inner, value) if inner is not None else FOREIGN
        case Function() | None:  # None: an exception that was caught
            return FOREIGN
    prover.say(node, f"the handler asks for {name[:60]}, which may not be there")
    return ANY


def _instance_attribute(prover: Prover, node: ast.AST, owner: Instance, name: str) -> Kind:
    inner = owner.cls.find(name) if owner.cls is not None else None
    if name in owner.names:
        found = kind_of(owner.names[name])
        changed = name in owner.doubtful or (
            name in prover.program.running().attributes and found.name == "none"
        )
        return ANY if changed else found
    if inner is not None:
        return _bound(prover, node, inner, owner)
    if owner.cls is not None and lacks(owner, name):
        prover.say(node, f"the handler asks for {name[:100]}, which no object of {owner.cls.name[:100]} has")
        return ANY
    getter = owner.cls.find("__getattr__") if owner.cls is not None else None
    if isinstance(getter, Function):
        proofcalls.follow(prover, node, getter, (TEXT,), owner)
    elif owner.cls is not None and list(owner.cls.foreign_bases()):
        return FOREIGN
    elif owner.cls is not None and not owner.open:
        prover.say(node, f"the handler asks for {name[:60]}, which may not be set")
    return ANY


def _bound(prover: Prover, node: ast.AST, inner: Value, owner: Value) -> Kind:
    if isinstance(inner, Function):
        if inner.is_property:
            return proofcalls.follow(prover, node, inner, (), owner)
        return Kind("own", inner if inner.is_static else proofcalls.bound_to(inner, owner))
    return kind_of(inner)


def store_attribute(prover: Prover, node: ast.Attribute, value: Kind) -> None:
    """Look at an assignment to an attribute."""
    owner = expressions.kind(prover, node.value)
    if owner.name not in {"own", "foreign", "answer"}:
        prover.say(node, f"the handler sets {ast.unparse(node)[:60]}, which may not be possible")
    if owner.source == "response":
        _check_falcon(prover, node, value)


def _check_falcon(prover: Prover, node: ast.Attribute, value: Kind) -> None:
    """Look at what is given to Falcon's response (response.py)."""
    refused = unencodable(value, "plain") if node.attr == "media" else None
    texts = {"text": {"text", "none", "foreign"}, "data": {"bytes", "none", "foreign"}, "body": {"?"}}
    if refused or value.name not in texts.get(node.attr, {value.name}):
        prover.say(node, f"the handler sets {ast.unparse(node)[:60]} to what may not be answered")


def store_item(prover: Prover, node: ast.Subscript, _value: Kind) -> None:
    """Look at an assignment to an item."""
    owner = expressions.kind(prover, node.value)
    expressions.kind(prover, node.slice)
    if owner.source == "flask.session":
        prover.say(node, "the handler writes to the session, which needs a secret key")
    elif owner.name not in {"dict", "foreign", "answer"}:
        prover.say(node, f"the handler sets {ast.unparse(node)[:60]}, which may not be possible")


def subscript(prover: Prover, node: ast.Subscript) -> Kind:
    """Return an item or a part of something."""
    owner = expressions.kind(prover, node.value)
    if isinstance(node.slice, ast.Slice):
        for part in (node.slice.lower, node.slice.upper, node.slice.step):
            if part is not None:
                expressions.kind(prover, part)
        if owner.name in _SEQUENCES | {"foreign"}:
            return Kind(owner.name)
    else:
        key = expressions.kind(prover, node.slice)
        found = _item(prover, owner, key)
        if found is not None:
            return found
    prover.say(node, f"the handler takes {ast.unparse(node)[:60]}, which may not be there")
    return ANY


def _item(prover: Prover, owner: Kind, key: Kind) -> Kind | None:
    text, number = text_in(key), number_of(key)
    if owner.name == "dict" and text is not None and text in owner.entries:
        return owner.entries[text]
    if owner.name in {"list", "tuple"} and owner.whole and isinstance(number, int):
        if -len(owner.parts) <= number < len(owner.parts):
            return owner.parts[number]
        return None
    if owner.source == "os.environ":
        return TEXT if text is not None and prover.program.environment.get(text) is not None else None
    return request_item(prover, owner, text) if owner.name == "foreign" else None


def element(prover: Prover, node: ast.expr, owner: Kind) -> Kind:
    """Return what going through something gives; what cannot be gone through is said."""
    if owner.name not in _ITERABLE:
        value = owner.value
        method = value.cls.find("__iter__") if isinstance(value, Instance) and value.cls else None
        if isinstance(method, Function):
            proofcalls.follow(prover, node, method, (), value)
        prover.say(node, f"the handler goes through {ast.unparse(node)[:60]}, which may not be possible")
        return ANY
    if owner.name in {"text", "dict"}:
        return TEXT
    if owner.name == "foreign":
        return FOREIGN
    found = owner.parts[0] if owner.parts else ANY
    for part in owner.parts[1:]:
        found = join_kinds(found, part)
    return found


def entered(prover: Prover, node: ast.expr) -> Kind:
    """Return what ``with`` binds."""
    owner = expressions.kind(prover, node)
    value = owner.value
    if owner.name == "own" and isinstance(value, Instance) and value.cls is not None:
        enter, leave = (
            value.cls.find("__enter__") or value.cls.find("__aenter__"),
            value.cls.find("__exit__") or value.cls.find("__aexit__"),
        )
        if isinstance(enter, Function) and isinstance(leave, Function):
            proofcalls.follow(prover, node, leave, (ANY, ANY, ANY), value)
            return proofcalls.follow(prover, node, enter, (), value)
    if owner.name in {"foreign", "file"}:
        return FOREIGN
    prover.say(node, f"the handler enters {ast.unparse(node)[:60]}, which may fail")
    return ANY


def imported(prover: Prover, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Kind:
    """Return what an import inside a handler binds."""
    name = alias.name if isinstance(node, ast.Import) else node.module or ""
    relative = isinstance(node, ast.ImportFrom) and node.level
    found = prover.program.sources.find(name) if name and not relative else None
    module = prover.program.modules.get(name)
    if isinstance(node, ast.ImportFrom) and module is not None and alias.name in module.scope.names:
        return kind_of(module.scope.names[alias.name])
    if isinstance(node, ast.Import) and module is not None:
        return Kind("own", module)
    if found is None or found.kind != "library":
        prover.say(node, f"the handler imports {(name or '.')[:60]}, which may fail there")
        return ANY
    full = name if isinstance(node, ast.Import) else f"{name}.{alias.name}"
    if isinstance(node, ast.Import) and alias.asname is None:
        full = full.partition(".")[0]
    if isinstance(node, ast.ImportFrom):
        proofcalls.check_member(prover, node, name, alias.name)
    return Kind("foreign", External(canonical(full)))
