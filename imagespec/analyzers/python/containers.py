"""What joins, merges and searches known texts, lists and dicts of a program that is followed without being run."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.purefunctions import list_refuses
from imagespec.analyzers.python.refusals import computed
from imagespec.analyzers.python.values import (
    MOST_CHARACTERS,
    UNKNOWN,
    Const,
    Items,
    Member,
    Table,
    Value,
    text_of,
)


def _join(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    separator = text_of(callee.owner) if isinstance(callee, Member) else None
    items = given.args[0] if len(given.args) == 1 else None
    if separator is not None and not given.keywords and not given.spread:
        computed(run, "join", separator.join, given.args)
    if separator is None or not isinstance(items, Items) or items.open:
        return UNKNOWN
    texts = [text_of(item) for item in items.items]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts) or sum(map(len, known)) + len(known) * len(separator) > MOST_CHARACTERS:
        return UNKNOWN
    return Const(separator.join(known))


def _update(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``dict.update``: of what may be replaced, nothing is known any more."""
    table = callee.owner if isinstance(callee, Member) else None
    if not isinstance(table, Table):
        return UNKNOWN
    other = given.args[0] if given.args else Table({})
    known = isinstance(other, Table) and not other.open and len(given.args) <= 1 and not given.spread
    if not known or not isinstance(other, Table) or not run.certain:
        table.entries.clear()
        table.open = True
    if isinstance(other, Table) and run.certain and len(given.args) <= 1:
        table.entries.update(other.entries)
        table.entries.update({} if given.spread else given.keywords)
    return Const(None)


def _index(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    list_refuses(run, callee, given)
    items, wanted = callee.owner if isinstance(callee, Member) else None, given.get(0, "value")
    known = isinstance(items, Items) and all(isinstance(item, Const) for item in items.items)
    if not isinstance(items, Items) or not known or len(given.args) != 1 or wanted not in items.items:
        return UNKNOWN
    return Const(items.items.index(wanted))


CONTAINERS: Mapping[str, Model] = {
    "const.join": _join,
    "dict.update": _update,
    "list.index": _index,
}
