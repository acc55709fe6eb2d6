"""What every package database says of a file's package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs

from imagespec.entry import Entry

Names = frozenset[bytes]
"""Base names of the files that are asked about: what is called otherwise is passed over."""


class DatabaseError(ValueError):
    """A package database that cannot be read; the message is a clause that says why."""


@attrs.frozen
class Package:
    """A package as a database lists it."""

    name: str
    version: str | None
    """As the database writes it, ``[epoch:]version-release``; None where another of its files says it (dpkg)."""
    record: Entry
    """The file of the image that says so."""


Listed = Iterator[tuple[bytes, Package]]
"""(path as listed, package) of each file with one of the asked names."""

Read = Callable[[Entry], bytes | None]
"""Gives the content of a database's file; None, with the gap noted, where it is not there as a whole."""


def upstream(version: str) -> str:
    """Return a version without epoch and distribution's revision (deb-version(7), rpm-version(7))."""
    text = version.partition(":")[2] or version
    return text.rpartition("-")[0] or text


def lines_with(data: bytes, names: Iterable[bytes]) -> list[bytes]:
    """Return the lines of a list, or none where no name occurs in it: most lists of packages name nothing asked for."""
    return data.split(b"\n") if any(name in data for name in names) else []
