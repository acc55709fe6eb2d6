"""
Compressed streams: told by their first bytes, decoded in bounded pieces, and never silently cut short.

Every decoder here reads all concatenated members or frames, raises `CompressionError` on truncation, damage and
trailing garbage, and `LimitError` on expansion bombs.
"""

from __future__ import annotations

from typing import assert_never

from imagespec.codec import Codec, sniff
from imagespec.errors import LimitError
from imagespec.limits import Limits
from imagespec.streams import CountingReader, Reader

__all__ = ["Codec", "CountingReader", "Decoder", "Reader", "open_decoder", "sniff"]


def open_decoder(source: Reader, codec: Codec, limits: Limits) -> Decoder:
    """Return a reader of the uncompressed bytes of ``source``."""
    counted = CountingReader(source)
    if codec is Codec.PLAIN:
        return Decoder(counted, counted, limits)
    from imagespec import decoders  # noqa: PLC0415 - libraries that a plain archive does not need

    match codec:
        case Codec.ZSTD:
            return Decoder(decoders.ZstdReader(counted, limits), counted, limits)
        case Codec.GZIP | Codec.XZ | Codec.BZIP2:
            return Decoder(decoders.MemberReader(counted, codec, limits), counted, limits)
    assert_never(codec)


class Decoder:
    """The uncompressed bytes of a stream, which may not expand beyond the limits."""

    def __init__(self, decoded: Reader, compressed: CountingReader, limits: Limits) -> None:
        self._decoded = decoded
        self._compressed = compressed
        self._limits = limits
        self._count = 0

    @property
    def trailing_zero_bytes(self) -> int:
        """Return how many zero bytes followed a gzip stream, which GNU gzip skips and Go's compress/gzip refuses."""
        count: int = getattr(self._decoded, "trailing_zero_bytes", 0)
        return count

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, nothing only at the end; raises CompressionError or LimitError."""
        data = self._decoded.read(size)
        self._count += len(data)
        limits = self._limits
        if self._count > limits.expansion_free_bytes:
            ratio = self._count // max(self._compressed.count, 1)
            if ratio > limits.expansion_ratio:
                raise LimitError("expansion_ratio", limits.expansion_ratio, ratio, "compressed stream")
        return data
