"""Operators in a request handler: what they give, and when they may raise; see `proofs`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from imagespec.analyzers.python.values import Const, name_of
from imagespec.analyzers.routes import proofexpressions as expressions
from imagespec.analyzers.routes.proofkinds import (
    ANY,
    BOOL,
    NUMBER,
    TEXT,
    TIME,
    Kind,
    boxed,
    join_kinds,
    number_of,
    text_in,
)
from imagespec.analyzers.routes.reached import outcomes

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_NUMBER = re.compile(r"%(?:d|f|[.][0-9]f|g)")
_ARITHMETIC = {"number", "bool"}
_MAY_BE_ZERO = ast.Div | ast.FloorDiv | ast.Mod


def binary(prover: Prover, node: ast.BinOp) -> Kind:
    """Return what an operator of two sides gives."""
    first, second = expressions.kind(prover, node.left), expressions.kind(prover, node.right)
    names = {first.name, second.name}
    if names <= _ARITHMETIC:
        zero = isinstance(node.op, _MAY_BE_ZERO) and not number_of(second)
        if not zero and not (isinstance(node.op, ast.Pow) and number_of(second) is None):
            return NUMBER
    elif (
        isinstance(node.op, ast.Add) and len(names) == 1 and first.name in {"text", "list", "tuple", "bytes"}
    ):
        whole = first.whole and second.whole
        return boxed(first.name, first.parts + second.parts if whole else (), whole=whole)
    elif isinstance(node.op, ast.Mult) and names == {"text", "number"}:
        return TEXT
    elif first.name == "time" and second.name == "time" and isinstance(node.op, ast.Sub | ast.Add):
        return TIME
    elif (
        first.name == "text" and isinstance(node.op, ast.Mod) and _fits_percent(text_in(first) or "", second)
    ):
        return TEXT
    elif "foreign" in names and names <= {"foreign", "number", "text", "time", "list", "bool"}:
        return first if first.name == "foreign" else second
    prover.say(node, f"the handler computes {ast.unparse(node)[:60]}, which may not be possible")
    return ANY


def _fits_percent(text: str, given: Kind) -> bool:
    """Tell whether a text with one place may be given this value by ``%``."""
    one = text.count("%") == 1
    if one and "%s" in text:
        return given.name != "tuple"
    return one and given.name == "number" and _NUMBER.search(text) is not None


def unary(prover: Prover, node: ast.UnaryOp) -> Kind:
    """Return what ``not``, ``-`` and their like give."""
    if isinstance(node.op, ast.Not):
        expressions.truth(prover, node.operand)
        return BOOL
    found = expressions.kind(prover, node.operand)
    if found.name not in {"number", "bool", "foreign"}:
        prover.say(node, f"the handler computes {ast.unparse(node)[:60]}, which may not be possible")
    if isinstance(node.op, ast.USub) and isinstance(number_of(found), int | float):
        return Kind("number", Const(-(number_of(found) or 0)))
    return NUMBER


def boolean(prover: Prover, node: ast.BoolOp) -> Kind:
    """Return what ``and`` and ``or`` give."""
    expressions.truth(prover, node.values[0])
    found = [expressions.kind(prover, item) for item in node.values]
    if isinstance(node.op, ast.Or) and found[0].name == "optional":
        found[0] = TEXT
    joined = found[0]
    for item in found[1:]:
        joined = join_kinds(joined, item)
    return joined


def choice(prover: Prover, node: ast.IfExp) -> Kind:
    """Return what a conditional expression gives."""
    expressions.truth(prover, node.test)
    parts = [expressions.kind(prover, part) for part in outcomes(node, prover.frame.function)]
    return join_kinds(parts[0], parts[-1])


def compare(prover: Prover, node: ast.Compare) -> Kind:
    """Return what a comparison gives."""
    kinds = [expressions.kind(prover, item) for item in (node.left, *node.comparators)]
    for operator, first, second in zip(node.ops, kinds, kinds[1:], strict=False):
        if isinstance(operator, ast.In | ast.NotIn):
            fine = second.name in {"list", "tuple", "dict", "set", "foreign", "lines"} or (
                second.name == first.name == "text"
            )
            fine = fine or name_of(second.value) == "os.environ"
        elif isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            names = {first.name, second.name}
            fine = names <= {"number", "bool", "foreign"} or names in ({"text"}, {"time"})
        else:
            fine = not {first.source[:6], second.source[:6]} & {"numpy.", "pandas"}
        if not fine:
            prover.say(node, f"the handler compares {ast.unparse(node)[:60]}, which may not be possible")
    return BOOL
