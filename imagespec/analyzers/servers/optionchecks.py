"""Values of a server's options that it refuses when it starts, and files that they name."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import attrs

from imagespec.analyzers.servers.words import Command, Options

_MADE_AT_RUN_TIME = ("/dev/", "/proc/", "/run/")


@attrs.frozen(kw_only=True)
class Refusable:
    """Options of one server by what their values must be."""

    numbers: frozenset[str] = frozenset()
    """Whole numbers."""
    positive: frozenset[str] = frozenset()
    """Whole numbers above -1."""
    choices: Mapping[str, frozenset[str]] = {}
    files: frozenset[str] = frozenset()
    """Files or directories that are read."""
    written: frozenset[str] = frozenset()
    """Files that are written: their directory must be there."""


def refused_option(options: Options, kinds: Refusable) -> str | None:
    """Return why a server certainly refuses its command line; None where it does not, as far as known."""
    for name, values in options.values.items():
        for value in values:
            if value is None:
                continue
            whole = value.lstrip("-").isdecimal()
            if name in kinds.numbers and not whole:
                return f"{name} wants a number, not {value[:60]!r}"
            if name in kinds.positive and whole and value.startswith("-"):
                return f"{name} wants no number below 0"
            if name in kinds.choices and value not in kinds.choices[name]:
                return f"{name} does not know {value[:60]!r}"
    return None


def missing_files(command: Command, options: Options, kinds: Refusable) -> list[str]:
    """Return what is told of files that options name and that the image does not have."""
    found = []
    for name in sorted(kinds.files | kinds.written):
        for value in options.values.get(name, ()):
            if value in {None, "", "-"} or value is None or command.step.cwd is None:
                continue
            path = posixpath.normpath(posixpath.join(command.step.cwd, value))
            wanted = path if name in kinds.files else posixpath.dirname(path)
            if not wanted.startswith(_MADE_AT_RUN_TIME) and command.rootfs.resolve(wanted) is None:
                found.append(f"{name} names {path[:200]}, which is not in the image")
    return found
