"""
Stores: named byte streams, whatever they lie in.

A store knows names and bytes; what they mean is the layouts' business. Every store serves every layout. Names are
cleaned (no ``./``, no leading or doubled slash), and links between members are followed inside the store only.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import attrs

from imagespec.access import AccessWindow, FileAccess, RandomAccess, Rewound
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
from imagespec.tar import Finding, LayerIndex, Scanner, header

_LINK_HOPS = 8
_HEAD = 512
_DRAIN = 1 << 20


class Store(Protocol):
    """Named byte streams: an outer tar, a directory, a pipe that has passed."""

    kind: str
    """``archive`` or ``dir``: the second half of a container's name."""
    end_bytes: int | None
    """Where a tar ends that has no end marker, as one that was cut off; else None."""

    def names(self) -> Collection[str]:
        """Return the cleaned names of all files."""

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document; raises MissingBlobError, LimitError or InputError."""

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer, None where the store has no such name; raises InputError."""

    def close(self) -> None:
        """Release what the store holds open."""


def clean_name(name: bytes) -> str:
    """Return a member's name as layouts write it."""
    parts = [part for part in name.decode("utf-8", "surrogateescape").split("/") if part not in {"", "."}]
    return "/".join(parts)


@attrs.define
class _Members:
    """The files of a tar by cleaned name, links resolved: what `TarStore` and `PipeStore` share."""

    rows: dict[str, int] = attrs.field(factory=dict)
    duplicates: set[str] = attrs.field(factory=set)

    @classmethod
    def of(cls, index: LayerIndex) -> _Members:
        members, links = cls(), {}
        for row, raw in enumerate(index.iter_names()):
            name, typeflag = clean_name(raw), index.typeflag(row)
            if index.is_regular(row):
                if name in members.rows:
                    members.duplicates.add(name)
                members.rows[name] = row
            elif typeflag in (header.SYMLINK, header.HARD_LINK):
                links[name] = (typeflag, index.links.get(row, b""))
        for name in links:
            members._resolve(name, links)
        return members

    def _resolve(self, name: str, links: dict[str, tuple[bytes, bytes]]) -> None:
        target = name
        for _ in range(_LINK_HOPS):
            if target not in links:
                break
            typeflag, link = links[target]
            directory = target.rpartition("/")[0] if typeflag == header.SYMLINK else ""
            target = _join(directory, clean_name(link))
        if target not in self.rows:
            # Docker 1.12 wrote `../../<id>/layer.tar`, one level too far (moby 5487881e): its last two parts count.
            target = "/".join(target.split("/")[-2:])
        if target in self.rows and name not in self.rows:
            self.rows[name] = self.rows[target]

    def check_unique(self, name: str) -> None:
        if name in self.duplicates:
            raise InputError(
                f"the archive holds {name} twice, so that different tools load different images; export it again"
            )


def _join(directory: str, path: str) -> str:
    parts: list[str] = directory.split("/") if directory else []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/".join(parts)


class TarStore:
    """An uncompressed tar with random access: scanned once for names, then read where needed."""

    kind = "archive"

    def __init__(self, access: RandomAccess, limits: Limits) -> None:
        self._access = access
        self._limits = limits
        request = ScanRequest(limits=_outer_limits(limits))
        scan = AccessBlob(access).scan(request)
        self.index = scan.index
        self.end_bytes = scan.stored_bytes if _has_no_end(scan.findings) else None
        self._members = _Members.of(self.index)

    def names(self) -> Collection[str]:
        """Return the cleaned names of all files."""
        return self._members.rows.keys()

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        window = self._window(name)
        if window is None:
            raise MissingBlobError(name, named_by)
        _check_document(name, window.size_bytes, self._limits)
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


class DirectoryStore:
    """A directory; links are followed only while they stay inside it."""

    kind = "dir"
    end_bytes: int | None = None

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path.resolve()
        self._limits = limits
        self._stack = contextlib.ExitStack()
        self._names = tuple(self._list())

    def _list(self) -> Iterator[str]:
        count = 0
        for folder, _, files in os.walk(self._path):
            for file in files:
                count += 1
                if count > self._limits.archive_members:
                    raise LimitError("archive_members", self._limits.archive_members, count, str(self._path))
                yield (Path(folder) / file).relative_to(self._path).as_posix()

    def names(self) -> Collection[str]:
        """Return the names of all files."""
        return self._names

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        path = self._inside(name)
        if path is None:
            raise MissingBlobError(name, named_by)
        _check_document(name, path.stat().st_size, self._limits)
        return path.read_bytes()

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        path = self._inside(name)
        return AccessBlob(FileAccess(self._stack.enter_context(path.open("rb")))) if path else None

    def _inside(self, name: str) -> Path | None:
        path = (self._path / name).resolve()
        return path if path.is_relative_to(self._path) and path.is_file() else None

    def close(self) -> None:
        """Close the layers that were opened."""
        self._stack.close()


class PipeStore:
    """
    A tar read once from its first byte to its last.

    The documents that say what the members are come last, so every member that may be a layer is scanned as it
    passes, and every small one that may be a document is kept.
    """

    kind = "archive"

    def __init__(self, source: Reader, request: ScanRequest) -> None:
        self._request = request
        self._documents: dict[str, bytes] = {}
        self._blobs: dict[str, ScannedBlob] = {}
        self._documents_bytes = 0
        self._kept_bytes = 0
        self.end_bytes: int | None = None
        self.index = self._read(source)
        self._members = _Members.of(self.index)

    def _read(self, source: Reader) -> LayerIndex:
        regular: list[tuple[bytes, int]] = []

        def note(name: bytes, size: int, _mode: int) -> int:
            regular.append((name, size))
            return 0

        scanner = Scanner(_outer_limits(self._request.limits), note)
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
        self.end_bytes = offset if _has_no_end(scanner.findings) else None
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
        limits = self._request.limits
        room = attrs.evolve(limits, kept_bytes=limits.kept_bytes - self._kept_bytes)
        request = attrs.evolve(self._request, limits=room, progress=None)
        try:
            scan = scan_stream(Rewound(head, body), request)
        except ImageSpecError as error:
            return error
        self._kept_bytes += sum(map(len, scan.kept.values()))
        return scan

    def names(self) -> Collection[str]:
        """Return the cleaned names of all files."""
        return self._members.rows.keys()

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
        _check_document(name, size, self._request.limits)
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


def _has_no_end(findings: Iterable[Finding]) -> bool:
    return any(finding.code == "tar.no-eoa" for finding in findings)


def _check_document(name: str, size: int, limits: Limits) -> None:
    if size > limits.document_bytes:
        raise LimitError("document_bytes", limits.document_bytes, size, name)


def _outer_limits(limits: Limits) -> Limits:
    # The outer tar is bounded by its own member count; its size is the file's.
    return attrs.evolve(limits, layer_members=limits.archive_members, layer_bytes=1 << 62)
