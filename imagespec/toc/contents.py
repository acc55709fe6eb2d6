"""Single files of a layer, inflated from the chunks that its table names and checked against their digests."""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import attrs

from imagespec.access import FileAccess, RandomAccess
from imagespec.compression import Codec
from imagespec.digest import Digest
from imagespec.errors import CompressionError, LimitError, TableError
from imagespec.limits import Limits
from imagespec.scan import MemberBytes
from imagespec.toc.blobdata import Inflater
from imagespec.toc.table import Chunk, TableEntry

_PIECE = 1 << 18


class Checker:
    """Hashes what passes and compares it with a digest; without one it does neither."""

    def __init__(self, wanted: Digest | None) -> None:
        algorithm, _, self._wanted = (wanted or "").partition(":")
        self._hash = hashlib.new(algorithm) if wanted else None

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._hash:
            self._hash.update(data)

    @property
    def fits(self) -> bool:
        """Tell whether nothing says that the bytes are others."""
        return self._hash is None or self._hash.hexdigest() == self._wanted


class ChunkReader:
    """Reads files by their chunks; cheapest in the order of the table."""

    def __init__(
        self,
        access: RandomAccess,
        codec: Codec,
        entries: Sequence[TableEntry],
        payload_end: int,
        limits: Limits,
    ) -> None:
        self._access = access
        self._codec = codec
        self._limits = limits
        # A chunk's compressed bytes end where the next ones begin.
        self._starts = sorted({chunk.offset for entry in entries for chunk in entry.chunks} | {payload_end})
        self._open: tuple[int, Inflater] | None = None

    def read(self, entry: TableEntry, length: int) -> bytes:
        """
        Return the first ``length`` bytes of a file.

        Raises TableError where no digest vouches for them, or the digest or length is another, and LimitError.
        """
        if not all(chunk.digest for chunk in entry.chunks):
            return self._read_whole(entry, length)
        kept = bytearray()
        for chunk in entry.chunks:
            if len(kept) >= length:
                break
            kept += self._read_chunk(chunk, length - len(kept), Checker(None), entry.name)
        return bytes(kept)

    def read_chunk(self, entry: TableEntry, number: int) -> bytes:
        """Return one chunk of a file; raises as `read` does, and LimitError for one that does not fit in memory."""
        chunk = entry.chunks[number]
        if not chunk.digest:
            raise TableError("the table of contents has no digests of files' chunks")
        if chunk.size_bytes > self._limits.table_bytes:
            raise LimitError("table_bytes", self._limits.table_bytes, chunk.size_bytes, "chunk of a file")
        return self._read_chunk(chunk, chunk.size_bytes, Checker(None), entry.name)

    def check(self, entry: TableEntry) -> None:
        """Read a file from its first byte to its last and keep nothing; raises as `read` does."""
        self._read_whole(entry, 0)

    def _read_whole(self, entry: TableEntry, length: int) -> bytes:
        if entry.chunks and not entry.digest and not all(chunk.digest for chunk in entry.chunks):
            raise TableError("the table of contents has no digests of files' contents")
        whole, kept = Checker(entry.digest if entry.chunks else None), bytearray()
        for chunk in entry.chunks:
            kept += self._read_chunk(chunk, max(length - len(kept), 0), whole, entry.name)
        if not whole.fits:
            raise _wrong(entry.name)
        return bytes(kept)

    def _read_chunk(self, chunk: Chunk, length: int, whole: Checker, name: bytes) -> bytes:
        own, kept, left = Checker(chunk.digest), bytearray(), chunk.size_bytes
        try:
            inflater = self._inflater(chunk)
            inflater.skip(chunk.inner_offset - inflater.position)
            while left and (data := inflater.read(min(left, _PIECE))):
                own.update(data)
                whole.update(data)
                kept += data[: max(length - len(kept), 0)]
                left -= len(data)
        except CompressionError as error:
            message = f"no chunk lies where the table of contents says: {error}"
            raise TableError(message, is_contradiction=True) from error
        if left or not own.fits:
            raise _wrong(name)
        return bytes(kept)

    def _inflater(self, chunk: Chunk) -> Inflater:
        # Small files share a stream: going on in it keeps the whole linear.
        if self._open and self._open[0] == chunk.offset and self._open[1].position <= chunk.inner_offset:
            return self._open[1]
        end = self._starts[bisect_right(self._starts, chunk.offset)]
        inflater = Inflater(self._access, chunk.offset, end, self._codec, self._limits)
        self._open = chunk.offset, inflater
        return inflater


class ChunkedFile:
    """The content of one file: each chunk is checked before any of it is handed out."""

    def __init__(self, reader: ChunkReader, entry: TableEntry) -> None:
        self._reader = reader
        self._entry = entry
        self._ends = list(accumulate(chunk.size_bytes for chunk in entry.chunks))
        self._last: tuple[int, bytes] = (-1, b"")

    def pread(self, size: int, offset: int, /) -> bytes:
        """Return up to ``size`` bytes from ``offset``; raises TableError or LimitError."""
        pieces = []
        while size > 0 and (number := bisect_right(self._ends, offset)) < len(self._ends):
            if self._last[0] != number:
                self._last = number, self._reader.read_chunk(self._entry, number)
            begin = self._ends[number] - self._entry.chunks[number].size_bytes
            piece = self._last[1][offset - begin : offset - begin + size]
            pieces.append(piece)
            size -= len(piece)
            offset += len(piece)
        return b"".join(pieces)


@attrs.frozen
class TableFiles:
    """The files of a layer, by the entries of its table and the content of the table's own member."""

    reader: ChunkReader
    entries: Sequence[TableEntry]
    own_member: bytes | None

    def open(self, member: int) -> MemberBytes:
        """Return the content of a regular file; use one at a time."""
        if self.own_member is not None and member == len(self.entries):
            return FileAccess(io.BytesIO(self.own_member))
        return ChunkedFile(self.reader, self.entries[member])


def _wrong(name: bytes) -> TableError:
    message = (
        f"the content of {name.decode('utf-8', 'surrogateescape')} is not what the table of contents says"
    )
    return TableError(message, is_contradiction=True)
