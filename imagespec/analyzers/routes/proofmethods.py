"""Methods of texts, numbers, lists and dicts in a request handler: what they give, and when they raise; see `proofs`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from imagespec.analyzers.routes import proofcalls, proofnames
from imagespec.analyzers.routes.proofkinds import (
    ANY,
    BOOL,
    BYTES,
    LINES,
    LIST,
    NONE,
    NUMBER,
    SET,
    TEXT,
    Kind,
    join_kinds,
    text_in,
)

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofcalls import Given
    from imagespec.analyzers.routes.proofs import Prover

_OF_TEXT: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "upper", "lower", "strip", "lstrip", "rstrip", "title", "capitalize", "casefold", "swapcase", "replace", "zfill", "ljust",
            "rjust", "center", "removeprefix", "removesuffix", "expandtabs", "translate",
        ),
        TEXT,
    ),
    **dict.fromkeys(("split", "rsplit", "splitlines"), Kind("list", None, (TEXT,))),
    **dict.fromkeys(("partition", "rpartition"), Kind("tuple", None, (TEXT, TEXT, TEXT), {}, whole=True)),
    **dict.fromkeys(
        ("startswith", "endswith", "isdigit", "isalpha", "isalnum", "isdecimal", "isnumeric", "isspace", "isupper", "islower", "isidentifier"), BOOL
    ),
    **dict.fromkeys(("find", "rfind", "count"), NUMBER),
}  # fmt: skip
_METHODS: Mapping[str, Mapping[str, Kind]] = {
    "text": _OF_TEXT,
    "bytes": {"hex": TEXT, "strip": BYTES, "startswith": BOOL, "endswith": BOOL, "find": NUMBER, "count": NUMBER},
    "list": {**dict.fromkeys(("append", "insert", "clear", "reverse"), NONE), "copy": LIST, "count": NUMBER},
    "set": {**dict.fromkeys(("add", "discard", "clear", "update"), NONE), "copy": SET, "union": SET, "intersection": SET, "difference": SET},
    "dict": {"clear": NONE, "keys": LINES, "values": LINES, "copy": Kind("dict")},
    "tuple": {"count": NUMBER},
    "number": {"is_integer": BOOL, "bit_length": NUMBER},
}  # fmt: skip
_MORE = {
    "text": {"encode", "join", "format"},
    "dict": {"get", "items", "update", "setdefault", "pop"},
    "list": {"extend"},
    "bytes": {"decode"},
}
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    name: frozenset(known) | _MORE.get(name, set()) for name, known in _METHODS.items()
}
"""Methods of each kind that may be called without raising."""


def method(prover: Prover, node: ast.Call, owner: Kind, name: str, given: Given) -> Kind:
    """Return what a method of a plain value gives."""
    known = _METHODS[owner.name].get(name)
    if known is not None:
        wrong = owner.name == "text" and any(
            kind.name not in {"text", "number", "tuple", "none", "foreign"} for kind in given.all()
        )
        if not wrong:
            return known
    elif owner.name == "dict":
        return _of_dict(prover, node, owner, name, given)
    elif name == "encode" and not (
        given.args and (text_in(given.args[0]) or "").lower() not in {"utf-8", "utf8"}
    ):
        return BYTES
    elif (
        name == "join"
        and given.args
        and _is_of_texts(proofnames.element(prover, node.args[0], given.args[0]))
    ) or (name == "format" and _fits(owner, given)):
        return TEXT
    elif name == "extend" and given.args:
        proofnames.element(prover, node.args[0], given.args[0])
        return NONE
    prover.say(node, f"the handler calls {ast.unparse(node)[:60]}, which may fail")
    return ANY


def _is_of_texts(kind: Kind) -> bool:
    return kind.name in {"text", "foreign"}


def _fits(owner: Kind, given: Given) -> bool:
    text = text_in(owner)
    if text is None or len(text) > 1_000 or given.spread:
        return False
    try:
        text.format(*("" for _ in given.args), **dict.fromkeys(given.keywords, ""))
    except (ValueError, IndexError, KeyError, AttributeError, TypeError):
        return False
    return True


def _of_dict(prover: Prover, node: ast.Call, owner: Kind, name: str, given: Given) -> Kind:
    key = text_in(given.args[0]) if given.args else None
    if name == "items":
        found = ANY
        return Kind("lines", None, (Kind("tuple", None, (TEXT, found), {}, whole=True),))
    if name == "update":
        return NONE
    there = owner.entries.get(key) if key is not None else None
    if there is not None:
        return there
    if name in {"get", "setdefault"} or len(given.args) > 1:
        default = given.args[1] if len(given.args) > 1 else NONE
        return default if owner.whole and key is not None else join_kinds(default, ANY)
    prover.say(node, f"the handler takes {ast.unparse(node)[:60]}, which may not be there")
    return ANY


def check_written(prover: Prover, node: ast.Call, given: Given) -> None:
    """Look at what Tornado's ``write``, ``finish`` and ``set_header`` are given (web.py)."""
    last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    kind = given.args[0] if given.args else None
    if last in {"write", "finish"} and kind is not None:
        if kind.name == "dict":
            proofcalls.check_json(prover, node, given, "plain")
        elif kind.name not in {"text", "bytes", "foreign"}:
            prover.say(node, f"the handler calls {ast.unparse(node)[:60]}, which takes texts and dicts only")
    value = given.args[1].name if len(given.args) > 1 else "text"
    if last in {"set_header", "add_header"} and value not in {"text", "bytes", "number", "time", "foreign"}:
        prover.say(node, f"the handler sets a header by {ast.unparse(node)[:60]}, which may be no text")
    if last in {"get_signed_cookie", "set_signed_cookie", "get_secure_cookie", "set_secure_cookie", "render"}:
        prover.say(node, f"the handler calls {ast.unparse(node.func)[:60]}, which may fail")
