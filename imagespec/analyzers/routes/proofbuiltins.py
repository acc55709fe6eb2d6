"""Python's own functions, and a few of libraries, in a request handler: what they give, and when they raise; see `proofs`."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from imagespec.analyzers.python.values import Const, Function, Instance
from imagespec.analyzers.routes import proofcalls, proofnames
from imagespec.analyzers.routes.proofkinds import (
    ANSWER,
    ANY,
    BOOL,
    FOREIGN,
    LINES,
    NONE,
    NUMBER,
    OPTIONAL,
    TEXT,
    Kind,
    join_kinds,
    text_in,
)

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofcalls import Given
    from imagespec.analyzers.routes.proofs import Prover

_Maker = Callable[["Prover", ast.Call, "Given"], Kind]


def _text(prover: Prover, node: ast.Call, given: Given) -> Kind:
    for kind in given.args:
        proofcalls.as_text(prover, node, kind)
    return TEXT


def _number(prover: Prover, node: ast.Call, given: Given) -> Kind:
    kind = given.args[0] if given.args else NUMBER
    text = text_in(kind)
    if text is not None:
        try:
            return Kind("number", Const(float(text)))
        except ValueError:
            pass
    if kind.name not in {"number", "bool", "foreign"}:
        prover.say(node, f"the handler makes a number of {ast.unparse(node)[:60]}, which may be none")
    return NUMBER


def _length(prover: Prover, node: ast.Call, given: Given) -> Kind:
    kind = given.args[0] if given.args else ANY
    if kind.name not in {"text", "bytes", "list", "tuple", "set", "dict", "foreign"}:
        if (
            isinstance(kind.value, Instance)
            and kind.value.cls
            and isinstance(method := kind.value.cls.find("__len__"), Function)
        ):
            return proofcalls.follow(prover, node, method, (), kind.value)
        prover.say(node, f"the handler takes the length of {ast.unparse(node)[:60]}, which may have none")
    return NUMBER


def _collected(name: str) -> _Maker:
    def make(prover: Prover, node: ast.Call, given: Given) -> Kind:
        if name == "dict" and not given.args:
            return Kind(
                "dict",
                None,
                (),
                {key: kind for key, kind in given.keywords.items() if key != "**"},
                not given.spread,
            )
        if not given.args:
            return Kind(name, None, (), {}, whole=True)
        kind = given.args[0]
        if name == "dict":
            if kind.name not in {"dict", "foreign", "list"}:
                prover.say(node, f"the handler makes a dict of {ast.unparse(node)[:60]}, which may be none")
            return Kind("dict", None, (), kind.entries)
        inner = proofnames.element(prover, node.args[0], kind)
        return (
            Kind(name, None, (inner,))
            if kind.name != "foreign" or not kind.source
            else Kind(name, None, (kind,))
        )

    return make


def _plain(kind: Kind) -> _Maker:
    return lambda _prover, _node, _given: kind


def _printed(prover: Prover, node: ast.Call, given: Given) -> Kind:
    _text(prover, node, given)
    return NONE


def _range(prover: Prover, node: ast.Call, given: Given) -> Kind:
    if any(kind.name not in {"number", "foreign"} for kind in given.args):
        prover.say(node, f"the handler counts {ast.unparse(node)[:60]}, which may not be possible")
    return Kind("lines", None, (NUMBER,))


def _least(prover: Prover, node: ast.Call, given: Given) -> Kind:
    if len(given.args) > 1 and all(kind.name in {"number", "bool", "foreign"} for kind in given.args):
        return NUMBER
    if "default" not in given.keywords:
        prover.say(node, f"the handler calls {ast.unparse(node.func)[:60]} of what may be empty")
    return ANY


def _numeric(prover: Prover, node: ast.Call, given: Given) -> Kind:
    if any(kind.name not in {"number", "bool", "foreign", "list", "lines", "none"} for kind in given.args):
        prover.say(node, f"the handler computes {ast.unparse(node)[:60]}, which may not be possible")
    return NUMBER


def _through(prover: Prover, node: ast.Call, given: Given) -> Kind:
    for item, kind in zip(node.args, given.args, strict=False):
        if kind.name != "own":
            proofnames.element(prover, item, kind)
    return LINES


def _sorted(prover: Prover, node: ast.Call, given: Given) -> Kind:
    inner = proofnames.element(prover, node.args[0], given.args[0]) if given.args else ANY
    if inner.name not in {"text", "number", "foreign"}:
        prover.say(node, "the handler sorts what may not have an order")
    return Kind("list", None, (inner,))


def _getattr(prover: Prover, node: ast.Call, given: Given) -> Kind:
    if len(given.args) == 3:
        return ANY
    name = text_in(given.args[1]) if len(given.args) == 2 else None
    if name is None:
        prover.say(node, "the handler asks for an attribute that may not be there")
        return ANY
    return proofnames.attribute(prover, node, given.args[0], name)


def _environment(prover: Prover, _node: ast.Call, given: Given) -> Kind:
    name = text_in(given.args[0]) if given.args else None
    default = given.get(1, "default")
    value = prover.program.environment.get(name) if name is not None else None
    if value is not None:
        return Kind("text", Const(value))
    return OPTIONAL if default is None else join_kinds(default, TEXT)


def _dumps(prover: Prover, node: ast.Call, given: Given) -> Kind:
    proofcalls.check_json(prover, node, given, "plain")
    return TEXT


def _loads(prover: Prover, node: ast.Call, given: Given) -> Kind:
    text = text_in(given.args[0]) if given.args else None
    try:
        json.loads(text or "")
    except (ValueError, RecursionError):
        prover.say(node, "the handler reads JSON from a text that may be none")
    return ANY


def _get_json(prover: Prover, node: ast.Call, given: Given) -> Kind:
    silent = given.get(1, "silent")
    if silent != Kind("bool", Const(value=True)):
        prover.say(node, "the handler reads the request's body as JSON, and a health check has none")
    return ANY


def _response(prover: Prover, node: ast.Call, given: Given) -> Kind:
    proofcalls.check_answer(prover, node, "flask.make_response", given)
    return ANSWER


MAKERS: Mapping[str, _Maker] = {
    **dict.fromkeys(("builtins.str", "builtins.repr", "builtins.ascii", "builtins.format"), _text),
    **dict.fromkeys(("builtins.int", "builtins.float"), _number),
    **dict.fromkeys(("builtins.round", "builtins.abs", "builtins.sum", "builtins.pow"), _numeric),
    **dict.fromkeys(("builtins.max", "builtins.min"), _least),
    **dict.fromkeys(
        (
            "builtins.bool",
            "builtins.isinstance",
            "builtins.hasattr",
            "builtins.callable",
            "builtins.any",
            "builtins.all",
        ),
        _plain(BOOL),
    ),
    **dict.fromkeys(("builtins.id", "builtins.hash"), _plain(NUMBER)),
    **dict.fromkeys(
        ("builtins.type", "builtins.vars", "builtins.object", "builtins.super"), _plain(Kind("own"))
    ),
    "builtins.print": _printed,
    "builtins.len": _length,
    **{f"builtins.{name}": _collected(name) for name in ("list", "tuple", "set", "dict")},
    "builtins.frozenset": _collected("set"),
    **dict.fromkeys(
        (
            "builtins.enumerate",
            "builtins.zip",
            "builtins.map",
            "builtins.filter",
            "builtins.reversed",
            "builtins.iter",
        ),
        _through,
    ),
    "builtins.range": _range,
    "builtins.sorted": _sorted,
    "builtins.getattr": _getattr,
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "json.dumps": _dumps,
    "json.loads": _loads,
    "flask.request.get_json": _get_json,
    "quart.request.get_json": _get_json,
    "flask.make_response": _response,
    "dataclasses.asdict": _plain(Kind("dict")),
    "http.HTTPStatus": _plain(FOREIGN),
}
"""By the name of the function."""
