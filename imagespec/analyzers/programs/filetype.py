"""
What a file looks like to libmagic, for people to read; no verdict rests on it.

libmagic is C code that is fed with hostile bytes, so it sees bounded heads only. The system's library comes first:
importing pylibmagic patches ctypes and the environment of the whole process.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

from imagespec.analyzers.wanted import KIB

HEAD_BYTES = 64 * KIB
"""The most that libmagic is given."""

_TABLE = (
    (b"\x7fELF", "ELF file"),
    (b"#!", "script with an interpreter line"),
    (b"MZ", "DOS or Windows executable"),
    (b"PK\x03\x04", "Zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"\xfd7zXZ\x00", "XZ data"),
    (b"BZh", "bzip2 data"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O file"),
    (b"SQLite format 3\x00", "SQLite 3 database"),
    (b"\xef\xbb\xbf", "text with a byte order mark"),
)
"""Beginnings of files, after the formats' own specifications; only what images hold at the places that rules look at."""

_Describe = Callable[[bytes], str]


def describe(head: bytes) -> str:
    """Return a line of text about a file that begins with ``head``; bytes after `HEAD_BYTES` are ignored."""
    head = head[:HEAD_BYTES]
    if not head:
        return "empty"
    try:
        return _backend()[1](head)
    except Exception:  # noqa: BLE001 - python-magic raises its own type for whatever libmagic dislikes
        return describe_plainly(head)


def backend() -> str:
    """Say what describes: ``libmagic (system)``, ``libmagic (pylibmagic)`` or ``built-in table``."""
    return _backend()[0]


def describe_plainly(head: bytes) -> str:
    """Return a line of text without libmagic."""
    if not head:
        return "empty"
    for magic, name in _TABLE:
        if head.startswith(magic):
            return name
    try:
        # The last character may be cut.
        head[: max(len(head) - 3, 1)].decode("utf-8")
    except UnicodeDecodeError:
        return "data"
    return "data" if b"\0" in head else "text"


@functools.cache  # one library for the process, as ctypes has it anyway
def _backend() -> tuple[str, _Describe]:
    found = _from_buffer()
    if found:
        return "libmagic (system)", found
    with contextlib.suppress(ImportError, OSError):
        import pylibmagic  # noqa: F401, PLC0415 - patches ctypes, so only where the system has no libmagic

        found = _from_buffer()
        if found:
            return "libmagic (pylibmagic)", found
    return "built-in table", lambda head: f"{describe_plainly(head)} (by a built-in table, without libmagic)"


def _from_buffer() -> _Describe | None:
    try:
        import magic  # noqa: PLC0415 - costs 0.1 to 0.4 s

        # The distributions' other module of this name (from the file package) has no such function.
        read = magic.from_buffer
        read(b"#!/bin/sh\n")  # raises where the library has no database
    except Exception:  # noqa: BLE001 - ImportError, OSError, AttributeError or python-magic's own
        return None
    return lambda head: str(read(head))
