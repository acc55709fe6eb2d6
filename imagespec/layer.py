"""One layer of an image: its place, its bytes, and what a scan of them yields."""

from __future__ import annotations

import enum
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol

import attrs

from imagespec import compression, tar
from imagespec.compression import Codec, Reader
from imagespec.digest import BlobDigest, DiffId, Digest
from imagespec.errors import ImageSpecError, LimitError
from imagespec.limits import Limits
from imagespec.tar import Finding, LayerIndex, Scanner, Want

Progress = Callable[[int], object]
"""Told how many more bytes of the archive have been dealt with."""

_HOP_WINDOW = 1 << 12  # bytes read at a header, at least …
_MOST_HOP_WINDOW = 1 << 18  # … and at most: while members are small, one read covers many
_STREAM_WINDOW = 1 << 18


class EntryKind(enum.Enum):
    """What an entry of a file system is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHAR_DEVICE = "char-device"
    BLOCK_DEVICE = "block-device"
    FIFO = "fifo"
    OTHER = "other"


@attrs.frozen
class Entry:
    """One file, directory, link or device of the merged view, with the layer that put it there."""

    path: str
    """Relative to the root, without a leading slash; bytes that are no UTF-8 are surrogate-escaped."""
    kind: EntryKind
    mode: int
    """Permission bits with setuid, setgid and sticky; no file type."""
    uid: int
    gid: int
    size_bytes: int
    mtime: float
    """Seconds since the epoch."""
    link_target: str
    """Of a symlink, as written; else empty."""
    layer: int | None
    """Number of the layer, 0 at the base; None for a directory that no layer lists."""
    member: int | None
    """Row in that layer's index."""

    @property
    def is_executable(self) -> bool:
        """Tell whether any execute bit is set on a regular file."""
        return self.kind is EntryKind.FILE and bool(self.mode & 0o111)

    @property
    def is_setid(self) -> bool:
        """Tell whether a regular file runs with its owner's or group's rights."""
        return self.kind is EntryKind.FILE and bool(self.mode & (stat.S_ISUID | stat.S_ISGID))


class RandomAccess(Protocol):
    """Bytes that can be read at any offset, by several threads."""

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer only at the end."""


class FileAccess:
    """Random access to an open file; by descriptor where it has one, else by seeking under a lock."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            self._fd: int | None = file.fileno()
        except OSError:
            self._fd = None
        self.size_bytes: int = file.seek(0, os.SEEK_END)

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        # pread, not mmap: a file that is truncated under a mapping kills the process.
        if self._fd is not None:
            return os.pread(self._fd, size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)


@attrs.frozen
class AccessWindow:
    """A part of other random-access bytes: a member inside an archive."""

    inner: RandomAccess
    start: int
    size_bytes: int

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` of the part."""
        size = min(size, self.size_bytes - offset)
        return self.inner.pread(size, self.start + offset) if size > 0 else b""


class AccessReader:
    """Reads random-access bytes in order."""

    def __init__(self, access: RandomAccess) -> None:
        self._access = access
        self._offset = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        data = self._access.pread(size, self._offset)
        self._offset += len(data)
        return data


@attrs.frozen
class ScanRequest:
    """What a scan should do beside listing: which contents to keep, and whether to compute digests."""

    want: Want | None = None
    verify: bool = False
    limits: Limits = attrs.field(factory=Limits)
    progress: Progress | None = None


@attrs.frozen(eq=False)
class LayerScan:
    """What one pass over a layer's bytes yields."""

    index: LayerIndex
    kept: Mapping[int, bytes]
    """First bytes of the members that were asked for."""
    findings: tuple[Finding, ...]
    codec: Codec
    stored_bytes: int
    """Of the blob as stored."""
    tar_bytes: int
    """Of the uncompressed tar."""
    blob_digest: BlobDigest | None = None
    """Computed, and so None unless the request said ``verify``."""
    diff_id: DiffId | None = None
    """Computed, likewise."""


class LayerBlob(Protocol):
    """The stored bytes of a layer, in a file or already seen in a pipe."""

    @property
    def size_bytes(self) -> int:
        """Return the size as stored."""

    def scan(self, request: ScanRequest) -> LayerScan:
        """List the members; raises ImageSpecError where the bytes cannot be read as a layer."""


class LayerState(enum.Enum):
    """Whether a layer's content can be looked at."""

    PRESENT = "present"
    MISSING = "missing"
    FOREIGN = "foreign"
    ENCRYPTED = "encrypted"
    UNKNOWN_TYPE = "unknown-type"


@attrs.frozen(kw_only=True, eq=False)
class Layer:
    """One changeset of an image; `number` 0 is the base. None means that the archive does not say."""

    number: int
    diff_id: DiffId | None
    """As the config says it, not computed."""
    blob_digest: BlobDigest | None = None
    """As the manifest says it; a docker-archive does not."""
    media_type: str | None = None
    stored_name: str = ""
    """What the archive calls the bytes."""
    created_by: str | None = None
    """The history line."""
    state: LayerState = LayerState.PRESENT
    blob: LayerBlob | None = None


@attrs.frozen
class AccessBlob:
    """A layer's bytes in random-access storage."""

    access: RandomAccess

    @property
    def size_bytes(self) -> int:
        """Return the size as stored."""
        return self.access.size_bytes

    def scan(self, request: ScanRequest) -> LayerScan:
        """List the members: by hopping from header to header where the bytes are plain and no digest is wanted."""
        codec = compression.sniff(self.access.pread(16, 0))
        if codec is Codec.PLAIN and not request.verify:
            return _scan_by_hopping(self.access, request)
        return scan_stream(AccessReader(self.access), request)


@attrs.frozen
class ScannedBlob:
    """A layer that passed by in a pipe: its scan, or the error that the scan met."""

    size_bytes: int
    result: LayerScan | ImageSpecError

    def scan(self, request: ScanRequest) -> LayerScan:  # noqa: ARG002 - the pipe was read with its own request
        """Return the scan made when the bytes passed; raises the error that it met."""
        if isinstance(self.result, ImageSpecError):
            raise self.result
        return self.result


def _scan_by_hopping(access: RandomAccess, request: ScanRequest) -> LayerScan:
    scanner = Scanner(request.limits, request.want)
    size, offset, told = access.size_bytes, 0, 0
    length = _HOP_WINDOW
    _check_size(size, request.limits)
    while offset < size:
        window = access.pread(length, offset)
        if not window:  # the file shrank while it was read
            size = offset
            break
        end = offset + len(window)
        offset = scanner.feed(window, offset)
        # Near headers are worth larger reads, far ones smaller.
        length = min(2 * length, _MOST_HOP_WINDOW) if offset - end < length else max(length // 2, _HOP_WINDOW)
        if request.progress:
            request.progress(min(offset, size) - told)
            told = min(offset, size)
    index = scanner.close(size)
    return LayerScan(index, scanner.kept, tuple(scanner.findings), Codec.PLAIN, size, size)


def scan_stream(source: Reader, request: ScanRequest) -> LayerScan:
    """List the members of a layer read from its first byte to its last; raises ImageSpecError."""
    blob_hash = hashlib.sha256() if request.verify else None
    tar_hash = hashlib.sha256() if request.verify else None
    stored = compression.CountingReader(source, _observer(blob_hash, request.progress))
    head = stored.read(16)
    codec = compression.sniff(head)
    decoded = compression.open_decoder(Rewound(head, stored), codec, request.limits)
    scanner = Scanner(request.limits, request.want)
    wanted = offset = 0
    while data := decoded.read(_STREAM_WINDOW):
        if tar_hash:
            tar_hash.update(data)
        if offset + len(data) > wanted:
            wanted = scanner.feed(data, offset)
        offset += len(data)
        _check_size(offset, request.limits)
    index = scanner.close(offset)
    findings = scanner.findings
    if decoded.trailing_zero_bytes:
        message = "zero bytes behind the compressed stream, which Go's gzip reader refuses"
        findings.append(Finding("layer.trailing-zeros", message))
    return LayerScan(
        index,
        scanner.kept,
        tuple(findings),
        codec,
        stored.count,
        offset,
        BlobDigest(Digest("sha256:" + blob_hash.hexdigest())) if blob_hash else None,
        DiffId(Digest("sha256:" + tar_hash.hexdigest())) if tar_hash else None,
    )


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.layer_bytes:
        raise LimitError("layer_bytes", limits.layer_bytes, size, "layer")


class Rewound:
    """A stream of which the first bytes were already looked at."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._rest.read(size)


def _observer(digest: hashlib._Hash | None, progress: Progress | None) -> Callable[[bytes], None]:
    def observe(data: bytes) -> None:
        if digest:
            digest.update(data)
        if progress:
            progress(len(data))

    return observe


# Used by sources that must tell a layer from anything else in a pipe.
def looks_like_layer(head: bytes) -> bool:
    """Tell whether a stream that begins with ``head`` (512 bytes or more) may be a layer."""
    return compression.sniff(head) is not Codec.PLAIN or tar.is_header(head) or not any(head)
