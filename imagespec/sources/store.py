"""
Stores: named byte streams, whatever they lie in.

A store knows names and bytes; what they mean is the layouts' business. Every store serves every layout. Names are
cleaned (no ``./``, no leading or doubled slash), and links between members are followed inside the store only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

import attrs

from imagespec.access import AccessWindow, RandomAccess
from imagespec.errors import LimitError, MissingBlobError
from imagespec.limits import Limits
from imagespec.scan import (
    AccessBlob,
    LayerBlob,
    ScanRequest,
)
from imagespec.sources.members import Members
from imagespec.tar import Finding


class Store(Protocol):
    """Named byte streams: an outer tar, a directory, a pipe that has passed."""

    @property
    def kind(self) -> str:
        """Return ``archive`` or ``dir``: the second half of a container's name."""

    @property
    def end_bytes(self) -> int | None:
        """Return where a tar ends that has no end marker, as one that was cut off; else None."""

    def names(self) -> Collection[str]:
        """Return the cleaned names of the files; a directory's blobs may be left out, which are found by name."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that cleaned name."""

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document; raises MissingBlobError, LimitError or InputError."""

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer, None where the store has no such name; raises InputError."""

    def close(self) -> None:
        """Release what the store holds open."""


class TarStore:
    """An uncompressed tar with random access: scanned once for names, then read where needed."""

    kind = "archive"

    def __init__(self, access: RandomAccess, limits: Limits) -> None:
        self._access = access
        self._limits = limits
        with outer_limits(limits) as outer:
            scan = AccessBlob(access).scan(ScanRequest(limits=outer))
        self.index = scan.index
        self.end_bytes = scan.stored_bytes if has_no_end(scan.findings) else None
        self._members = Members.of(self.index)

    def names(self) -> Collection[str]:
        """Return the cleaned names of all files."""
        return self._members.rows.keys()

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that cleaned name."""
        return name in self._members.rows

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        window = self._window(name)
        if window is None:
            raise MissingBlobError(name, named_by)
        check_document(name, window.size_bytes, self._limits)
        return window.pread(window.size_bytes, 0)

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        window = self._window(name)
        return None if window is None else AccessBlob(window)

    def _window(self, name: str) -> AccessWindow | None:
        row = self._members.rows.get(name)
        if row is None:
            return None
        self._members.check_unique(name)
        return AccessWindow(self._access, self.index.data_offsets[row], self.index.sizes[row])

    def close(self) -> None:
        """Nothing to release: the opener closes the file."""


def has_no_end(findings: Iterable[Finding]) -> bool:
    """Tell whether a scanned tar has no end marker, as one that was cut off."""
    return any(finding.code == "tar.no-eoa" for finding in findings)


def check_document(name: str, size: int, limits: Limits) -> None:
    """Raise LimitError where a document is too large to be one."""
    if size > limits.document_bytes:
        raise LimitError("document_bytes", limits.document_bytes, size, name)


@contextlib.contextmanager
def outer_limits(limits: Limits) -> Iterator[Limits]:
    """Give the limits for the scan of an outer tar: it has a member count of its own, and its size is the file's."""
    try:
        yield attrs.evolve(limits, layer_members=limits.archive_members, layer_bytes=1 << 62)
    except LimitError as error:
        if error.limit != "layer_members":
            raise
        raise LimitError("archive_members", error.allowed, error.seen, "archive") from None
