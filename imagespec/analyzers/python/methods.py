"""What methods of constants, lists and dicts return to a program that is followed without being run."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.partly import joined, piece_of
from imagespec.analyzers.python.purefunctions import dict_refuses, list_refuses
from imagespec.analyzers.python.values import MOST_ITEMS, UNKNOWN, Const, Items, Member, Table, Value, text_of

_TEXT_METHODS = (
    "strip", "lstrip", "rstrip", "lower", "upper", "removeprefix", "removesuffix", "replace",
    "startswith", "endswith", "title", "isdigit",
)  # fmt: skip


def _text_method(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    text = text_of(callee.owner)
    values = [value.value for value in given.args if isinstance(value, Const)]
    if text is None or len(values) < len(given.args) or given.keywords or given.spread:
        return UNKNOWN
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or len(text) > 4096 or any(len(item) > 200 for item in texts):
        return UNKNOWN
    try:
        result = getattr(text, callee.attribute)(*texts)
    except (TypeError, ValueError):
        return UNKNOWN
    return Const(result) if not isinstance(result, str) or len(result) < 1 << 16 else UNKNOWN


def _format(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Only plain ``{}``, ``{0}`` and ``{name}``; anything with a format specification is unknown."""
    assert isinstance(callee, Member)
    text = text_of(callee.owner)
    fields = {str(number): value for number, value in enumerate(given.args)} | dict(given.keywords)
    if text is None or given.spread or len(text) > 4096:
        return UNKNOWN
    pieces = text.split("{")
    result: list[str | None] = [pieces[0]]
    position = 0
    for piece in pieces[1:200]:
        name, brace, rest = piece.partition("}")
        value = fields.get(name or str(position))
        position += not name
        if not brace or "}" in rest:
            return UNKNOWN
        result += [piece_of(value), rest]
    return joined(result) if len(pieces) <= 200 and "}" not in pieces[0] else UNKNOWN


def _split(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    text, separator = text_of(callee.owner), text_of(given.get(0, "sep"))
    if text is None or not separator or len(given.args) != 1 or given.keywords:
        return UNKNOWN
    return Items([Const(part) for part in text.split(separator)[:MOST_ITEMS]])


_TAKING = ("remove", "pop", "clear", "discard", "popleft", "difference_update", "intersection_update")


def _list_method(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    items = callee.owner
    if not isinstance(items, Items):
        return UNKNOWN
    list_refuses(run, callee, given)
    value = given.args[-1] if given.args else UNKNOWN
    run.changes += run.certain or not items.open
    if callee.attribute in _TAKING:
        items.items.clear()
        items.open = True
        return UNKNOWN
    if callee.attribute == "append":
        items.items.append(value)
    elif callee.attribute == "extend" and isinstance(value, Items):
        items.items.extend(value.items)
        items.open = items.open or value.open
    else:
        items.items = items.items if callee.attribute in {"insert", "sort"} else []
        items.open = True
    items.open = items.open or not run.certain or len(items.items) > MOST_ITEMS
    return Const(None)


def _dict_get(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    table, key = callee.owner, given.get(0, "key")
    if not isinstance(table, Table) or not isinstance(key, Const):
        return UNKNOWN
    if key.value in table.entries:
        return table.entries[key.value]
    return UNKNOWN if table.open else (given.get(1, "default") or Const(None))


def _dict_items(_run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    table = callee.owner
    if not isinstance(table, Table):
        return UNKNOWN
    rows: list[Value] = [Items([Const(key), value], "tuple") for key, value in table.entries.items()]
    return Items(rows, "list", table.open)


def _dict_changes(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    assert isinstance(callee, Member)
    if callee.name.endswith(".pop"):
        dict_refuses(run, callee, given)
    if isinstance(callee.owner, Table):
        run.changes += not callee.owner.open or bool(callee.owner.entries)
        callee.owner.entries.clear()
        callee.owner.open = True
    return UNKNOWN


METHODS: Mapping[str, Model] = {
    **{f"const.{name}": _text_method for name in _TEXT_METHODS},
    "const.format": _format,
    "const.split": _split,
    **{
        f"list.{name}": _list_method
        for name in (
            "append",
            "extend",
            "insert",
            "sort",
            "reverse",
            "add",
            "update",
            "appendleft",
            *_TAKING,
        )
    },
    "dict.get": _dict_get,
    "dict.items": _dict_items,
    **{f"dict.{name}": _dict_changes for name in ("pop", "setdefault", "clear", "popitem")},
}
