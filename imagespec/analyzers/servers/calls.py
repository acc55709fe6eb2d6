"""What a call that serves says of its address: the words that all the tables of such calls share."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Items, Value, text_of


@attrs.frozen(kw_only=True)
class Address:
    """Where a call listens, before it is known who calls; None for what is unknown."""

    host: str | None
    port: int | None
    server: str
    app: Value | None = None
    tls: bool | None = False
    socket: str | None = None
    certain: bool = True
    interface: str | None = None
    reads_subclasses: bool = False
    """Whether an application of a class of the program's own is understood as well."""


Server = Callable[[Call, Program], "Address | str"]
"""Reads one call; a text says why it does not listen after all."""


def host_of(value: Value | None, default: str) -> str | None:
    """Return a host; ``default`` where it is not given or None."""
    if value is None or value == Const(None):
        return default
    return text_of(value)


def port_of(value: Value | None, default: int | None, *, text: bool = False) -> int | None:
    """Return a port; ``text``: also one that is written as a text."""
    if value is None or value == Const(None):
        return default
    if not isinstance(value, Const):
        return None
    number = value.value
    if text and isinstance(number, str) and number.isascii() and number.isdecimal():
        number = int(number[:6])
    return number if type(number) is int and 0 <= number < 1 << 16 else None


def tls_of(value: Value | None) -> bool | None:
    """Tell whether a certificate or context is given; None when that is unknown."""
    if value is None or value == Const(None):
        return False
    return None if value is UNKNOWN else True


def pair_of(value: Value | None) -> tuple[Value, Value]:
    """Return the two items of ``(host, port)``; unknown ones where it is no such pair."""
    if isinstance(value, Items) and not value.open and len(value.items) == 2:
        return value.items[0], value.items[1]
    return UNKNOWN, UNKNOWN
