"""
Compressed streams: told by their first bytes, decoded in bounded pieces, and never silently cut short.

Every decoder here reads all concatenated members or frames, raises `CompressionError` on truncation, damage and
trailing garbage, and `LimitError` on expansion bombs.
"""

from __future__ import annotations

import enum
from typing import assert_never

from imagespec.errors import LimitError
from imagespec.limits import Limits
from imagespec.streams import CountingReader, Reader

__all__ = ["Codec", "CountingReader", "Decoder", "Reader", "open_decoder", "sniff"]


class Codec(enum.Enum):
    """How a stream is compressed."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTD = "zstd"
    XZ = "xz"
    BZIP2 = "bzip2"


def sniff(head: bytes) -> Codec:
    """Tell the codec from the first six bytes of a stream; names and media types are not to be trusted."""
    if head.startswith(b"\x1f\x8b"):  # RFC 1952, 2.3.1
        return Codec.GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return Codec.ZSTD  # RFC 8878, 3.1: a frame or a skippable frame
    if head.startswith(b"\xfd7zXZ\0"):  # The .xz File Format, 2.1.1.1
        return Codec.XZ
    if head.startswith(b"BZh"):
        return Codec.BZIP2
    return Codec.PLAIN


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
