"""Bounded reading from a blob: compressed ranges, inflated as far as they are asked for."""

from __future__ import annotations

from imagespec import compression
from imagespec.access import AccessReader, AccessWindow, RandomAccess
from imagespec.compression import Codec
from imagespec.errors import TableError
from imagespec.limits import Limits
from imagespec.toc.vouchers import Place

_PIECE = 1 << 18


def read_place(access: RandomAccess, place: Place, limits: Limits, what: str) -> bytes:
    """Return the stored bytes of a table or of tar-split data; raises TableError where they are too many or few."""
    if max(place.stored_bytes, place.raw_bytes) > limits.table_bytes:
        raise TableError(f"{what} is larger than table_bytes = {limits.table_bytes:,}")
    if place.offset + place.stored_bytes > access.size_bytes:
        raise TableError(f"{what} lies outside of the layer", is_contradiction=True)
    return access.pread(place.stored_bytes, place.offset)


class Inflater:
    """A range of a blob, inflated in order; ``position`` says how far."""

    def __init__(self, access: RandomAccess, start: int, end: int, codec: Codec, limits: Limits) -> None:
        window = AccessWindow(access, start, end - start)
        self._decoder = compression.open_decoder(AccessReader(window), codec, limits)
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer than asked for only at the end. Raises CompressionError or LimitError."""
        pieces = []
        while size and (data := self._decoder.read(min(size, _PIECE))):
            pieces.append(data)
            size -= len(data)
            self.position += len(data)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Drop bytes; raises as `read` does."""
        while size and (data := self.read(min(size, _PIECE))):
            size -= len(data)
