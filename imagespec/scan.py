"""One pass over a layer's bytes: its index, the contents that were asked for, and its digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import attrs

from imagespec import compression, tar
from imagespec.access import AccessReader, RandomAccess, Rewound
from imagespec.compression import Codec, Reader
from imagespec.digest import BlobDigest, DiffId, Digest
from imagespec.errors import ImageSpecError, LimitError, NotKeptError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.streams import READ_BYTES
from imagespec.tar import Finding, LayerIndex, Room, Scanner, Want
from imagespec.tarbytes import DecodedBytes, TarBytes

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Progress = Callable[[int], object]
"""Told how many more bytes of the archive have been dealt with."""

_THREAD_BYTES = 1 << 15  # from so many bytes on, hashing costs more than handing them to a thread


@attrs.frozen
class ScanRequest:
    """What a scan should do beside listing: which contents to keep, and whether to compute digests."""

    want: Want | None = None
    verify: bool = False
    limits: Limits = attrs.field(factory=Limits)
    progress: Progress | None = None
    thrifty: bool = False
    """Read as little of a plain layer as its members' headers take, in more reads: for a look at a few paths."""
    room: Room | None = None
    """For kept contents, where several scans share it; else each has `Limits.kept_bytes`."""
    trust_tables: bool = False
    """Whether a layer is listed from its table of contents where the manifest vouches for one (`imagespec.toc`)."""


class MemberBytes(Protocol):
    """The content of one file."""

    def pread(self, size: int, offset: int, /) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer only at the end. Raises ImageSpecError."""


class MemberFiles(Protocol):
    """The files of a layer that was listed from its table of contents."""

    def open(self, member: int) -> MemberBytes:
        """Return the content of a regular file; use one at a time."""


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
    tar_bytes: int | None
    """Of the uncompressed tar; None where the layer was not inflated and nothing tells."""
    blob_digest: BlobDigest | None = None
    """Computed, and so None unless the request said ``verify``."""
    diff_id: DiffId | None = None
    """Computed, likewise."""
    contradictions: tuple[str, ...] = ()
    """What the layer's table of contents says otherwise than the manifest or the layer."""
    table_compared: bool = False
    """Whether the layer was inflated and compared with its table of contents."""
    files: MemberFiles | None = None
    """Where single files are to be read when the layer was listed from its table of contents; else in the tar."""


class LayerBlob(Protocol):
    """The stored bytes of a layer, in a file or already seen in a pipe."""

    @property
    def size_bytes(self) -> int:
        """Return the size as stored."""

    def scan(self, request: ScanRequest) -> LayerScan:
        """List the members; raises ImageSpecError where the bytes cannot be read as a layer."""

    def is_worth_a_thread(self, request: ScanRequest) -> bool:
        """Tell whether a scan would spend its time in code that lets other threads run: decoders and digests."""

    def open_tar(self, limits: Limits) -> TarBytes:
        """Return the uncompressed bytes; raises NotKeptError where they are gone."""


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
        if self.is_worth_a_thread(request):
            return scan_stream(AccessReader(self.access), request)
        return _scan_by_hopping(self.access, request)

    def is_worth_a_thread(self, request: ScanRequest) -> bool:
        """Tell whether the bytes must be decoded or hashed; hopping over them needs little but the interpreter."""
        return request.verify or compression.sniff(self.access.pread(16, 0)) is not Codec.PLAIN

    def open_tar(self, limits: Limits) -> TarBytes:
        """Return the uncompressed bytes: the stored ones where the layer is plain."""
        codec = compression.sniff(self.access.pread(16, 0))
        if codec is Codec.PLAIN:
            return self.access
        return DecodedBytes(lambda: compression.open_decoder(AccessReader(self.access), codec, limits))


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

    def is_worth_a_thread(self, request: ScanRequest) -> bool:  # noqa: ARG002
        """Return False: the work is done."""
        return False

    def open_tar(self, limits: Limits) -> TarBytes:  # noqa: ARG002 - nothing is left to read
        """Raise NotKeptError: what the scan did not keep has passed by."""
        raise NotKeptError(
            "its content passed by in a stream and was not kept; save the image to an uncompressed file and read that"
        )


def _scan_by_hopping(access: RandomAccess, request: ScanRequest) -> LayerScan:
    scanner = Scanner(request.limits, request.want, room=request.room)
    file, size, offset = access.locate(), access.size_bytes, 0
    _check_size(size, request.limits)
    while offset < size:
        before, offset = offset, scanner.hop(file, offset, thrifty=request.thrifty)
        if offset == before:  # where it ends now is unknown: bodies were hopped over
            raise TruncatedTarError(offset, "the file became shorter while it was read")
        if request.progress:
            request.progress(min(offset, size) - before)
    index = scanner.close(size)
    return LayerScan(index, scanner.kept, tuple(findings_of(scanner)), Codec.PLAIN, size, size)


def scan_stream(source: Reader, request: ScanRequest) -> LayerScan:
    """List the members of a layer read from its first byte to its last; raises ImageSpecError."""
    if not request.verify:
        return _scan_stream(source, request, None)
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - not for what reads documents only

    with ThreadPoolExecutor(2) as threads:
        return _scan_stream(source, request, threads)


def _scan_stream(source: Reader, request: ScanRequest, threads: Executor | None) -> LayerScan:
    head = source.read(16)
    codec = compression.sniff(head)
    tar_hash = _Sha256(threads) if threads else None
    blob_hash = _Sha256(threads) if threads and codec is not Codec.PLAIN else None
    stored = compression.CountingReader(Rewound(head, source), _observer(blob_hash, request.progress))
    decoded = compression.open_decoder(stored, codec, request.limits)
    scanner = Scanner(request.limits, request.want, room=request.room)
    wanted = offset = 0
    while data := decoded.read(READ_BYTES):
        if tar_hash:
            tar_hash.update(data)
        if offset + len(data) > wanted:
            wanted = scanner.feed(data, offset)
        offset += len(data)
        _check_size(offset, request.limits)
    index = scanner.close(offset)
    findings = findings_of(scanner)
    if decoded.trailing_zero_bytes:
        message = "zero bytes behind the compressed stream, which Go's gzip reader refuses"
        findings.append(Finding("layer.trailing-zeros", message))
    scan = LayerScan(index, scanner.kept, tuple(findings), codec, stored.count, offset)
    if not tar_hash:
        return scan
    # A plain layer's blob is its tar.
    diff_id, blob_digest = DiffId(tar_hash.digest()), BlobDigest((blob_hash or tar_hash).digest())
    return attrs.evolve(scan, blob_digest=blob_digest, diff_id=diff_id)


class _Sha256:
    """A digest computed in threads, because hashlib and the decoders release the interpreter's lock."""

    def __init__(self, threads: Executor) -> None:
        self._hash = hashlib.sha256()
        self._threads = threads
        self._busy: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Take the next bytes; waits until the ones before are done, so that no more than one piece is in flight."""
        if self._busy:
            self._busy.result()
        self._busy = None
        if len(data) < _THREAD_BYTES:
            self._hash.update(data)
        else:
            self._busy = self._threads.submit(self._hash.update, data)

    def digest(self) -> Digest:
        """Return the digest of all bytes."""
        if self._busy:
            self._busy.result()
        return Digest("sha256:" + self._hash.hexdigest())


def findings_of(scanner: Scanner) -> list[Finding]:
    """Return what a scanner found, and how many findings it dropped."""
    findings = list(scanner.findings)
    if scanner.dropped_findings:
        findings.append(
            Finding("tar.more-findings", f"{scanner.dropped_findings:,} more findings than are kept")
        )
    return findings


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.layer_bytes:
        raise LimitError("layer_bytes", limits.layer_bytes, size, "layer")


def _observer(digest: _Sha256 | None, progress: Progress | None) -> Callable[[bytes], None]:
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
