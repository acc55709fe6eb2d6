"""An archive that can be read only once, from its first byte to its last."""

from __future__ import annotations

import io
from collections.abc import Collection

import attrs

from imagespec.access import FileAccess, Rewound
from imagespec.compression import Reader
from imagespec.errors import ImageSpecError, InputError, LimitError, MissingBlobError
from imagespec.limits import Limits
from imagespec.scan import (
    AccessBlob,
    LayerBlob,
    LayerScan,
    ScannedBlob,
    ScanRequest,
    looks_like_layer,
    scan_stream,
)
from imagespec.sources.members import Members, clean_name
from imagespec.sources.store import check_document, has_no_end, outer_limits
from imagespec.tar import LayerIndex, Room, Scanner

_HEAD = 512
_DRAIN = 1 << 20


class PipeStore:
    """
    A tar read once from its first byte to its last.

    The documents that say what the members are come last, so every member that may be a layer is scanned as it
    passes, and every small one that may be a document is kept.
    """

    kind = "archive"

    def __init__(self, source: Reader, request: ScanRequest) -> None:
        self._request = attrs.evolve(request, room=Room(request.limits.kept_bytes), progress=None)
        self._documents: dict[str, bytes] = {}
        self._blobs: dict[str, ScannedBlob] = {}
        self._documents_bytes = 0
        self.end_bytes: int | None = None
        with outer_limits(request.limits) as outer:
            self.index = self._read(source, outer)
        self._members = Members.of(self.index)

    def _read(self, source: Reader, limits: Limits) -> LayerIndex:
        regular: list[tuple[bytes, int]] = []

        def note(name: bytes, size: int, _mode: int) -> int:
            regular.append((name, size))
            return 0

        scanner = Scanner(limits, note)
        offset = 0
        # Headers lie at multiples of 512, so what is read before one (padding) ends where it begins.
        while block := _read_exactly(source, _HEAD - offset % _HEAD):
            following = scanner.feed(block, offset)
            offset += len(block)
            if regular:
                name, size = regular.pop()
                body = _Bounded(source, size)
                self._take(clean_name(name), size, body)
                _drain(body)
                offset += size - body.remaining
            elif following > offset:
                offset += _drain(_Bounded(source, following - offset))
        index = scanner.close(offset)
        self.end_bytes = offset if has_no_end(scanner.findings) else None
        return index

    def _take(self, name: str, size: int, body: _Bounded) -> None:
        limits = self._request.limits
        head = _read_exactly(body, _HEAD)
        if looks_like_layer(head):
            self._blobs[name] = ScannedBlob(size, self._scan(head, body))
            return
        if size <= limits.document_bytes:
            self._documents_bytes += size
            if self._documents_bytes > limits.documents_bytes:
                raise LimitError("documents_bytes", limits.documents_bytes, self._documents_bytes, name)
            self._documents[name] = head + _read_exactly(body, size)
        else:
            error = InputError(
                f"{name} is no layer: it begins with neither a tar header nor a compressed stream"
            )
            self._blobs[name] = ScannedBlob(size, error)

    def _scan(self, head: bytes, body: Reader) -> LayerScan | ImageSpecError:
        try:
            return scan_stream(Rewound(head, body), self._request)
        except ImageSpecError as error:
            return error

    def names(self) -> Collection[str]:
        """Return the cleaned names of all files."""
        return self._members.rows.keys()

    def has(self, name: str) -> bool:
        """Tell whether a file of that cleaned name passed."""
        return name in self._members.rows

    def _stored_name(self, name: str) -> str | None:
        row = self._members.rows.get(name)
        if row is None:
            return None
        self._members.check_unique(name)
        return clean_name(self.index.name(row))

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        stored = self._stored_name(name)
        if stored is None:
            raise MissingBlobError(name, named_by)
        if stored in self._documents:
            return self._documents[stored]
        size = self.index.sizes[self._members.rows[name]]
        check_document(name, size, self._request.limits)
        if size:
            raise InputError(
                f"{name} should be a document ({named_by} says so) but holds a tar or compressed data"
            )
        return b""

    def blob(self, name: str) -> LayerBlob | None:
        """Return the layer that passed under that name."""
        stored = self._stored_name(name)
        if stored is None:
            return None
        if stored in self._blobs:
            return self._blobs[stored]
        if stored in self._documents:
            # A small file that is no layer, or an empty one, which is an empty layer.
            return AccessBlob(FileAccess(io.BytesIO(self._documents[stored])))
        return AccessBlob(FileAccess(io.BytesIO(b"")))

    def close(self) -> None:
        """Nothing to release: the opener closes the pipe."""


class _Bounded:
    """The next ``remaining`` bytes of a stream."""

    def __init__(self, source: Reader, size: int) -> None:
        self._source = source
        self.remaining = size

    def read(self, size: int, /) -> bytes:
        data = self._source.read(min(size, self.remaining)) if self.remaining else b""
        self.remaining -= len(data)
        return data


def _read_exactly(source: Reader, size: int) -> bytes:
    """Return ``size`` bytes; fewer only at the end."""
    pieces = []
    while size and (data := source.read(size)):
        pieces.append(data)
        size -= len(data)
    return b"".join(pieces)


def _drain(source: Reader) -> int:
    """Read to the end and return how many bytes that were."""
    count = 0
    while data := source.read(_DRAIN):
        count += len(data)
    return count
