"""Single files of a layer, inflated from the chunks that its table names and checked against their digests."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence

from imagespec.access import RandomAccess
from imagespec.compression import Codec
from imagespec.digest import Digest
from imagespec.errors import CompressionError, TableError
from imagespec.limits import Limits
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


def _wrong(name: bytes) -> TableError:
    message = (
        f"the content of {name.decode('utf-8', 'surrogateescape')} is not what the table of contents says"
    )
    return TableError(message, is_contradiction=True)
