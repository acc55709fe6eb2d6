"""One pass over a layer's bytes: its index, the contents that were asked for, and its digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from imagespec import compression, tar
from imagespec.access import AccessReader, RandomAccess, Rewound
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
