"""
The framing of a zstd stream (RFC 8878, section 3.1), followed without decoding.

Its purpose is what a decoder does not tell: whether the stream ends at the end of a frame, and how large a window a
frame asks for, before any memory is spent on it.
"""

from __future__ import annotations

from collections.abc import Generator

from imagespec.errors import CompressionError, LimitError
from imagespec.limits import Limits

_MAGIC = 0xFD2FB528
_SKIPPABLE_MAGIC = 0x184D2A50  # to …5F
_RLE_BLOCK = 1
_RESERVED_BLOCK = 3
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)


class FrameWalker:
    """Is fed the compressed stream in order; `close` it at the end."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = True  # an empty stream is no zstd stream: it lacks its first frame
        self._skip = 0
        self._partial = b""
        self._steps = self._walk()
        self._need = next(self._steps)

    def feed(self, data: bytes) -> None:
        """Follow the next bytes; raises CompressionError or LimitError."""
        at = 0
        while True:
            skipped = min(self._skip, len(data) - at)
            self._skip -= skipped
            at += skipped
            piece = data[at : at + self._need - len(self._partial)]
            self._partial += piece
            at += len(piece)
            if self._skip or len(self._partial) < self._need:
                return
            piece, self._partial = self._partial, b""
            self._need = self._steps.send(piece)

    def close(self) -> None:
        """Raise CompressionError unless the stream ended at the end of a frame."""
        if self._inside or self._skip or self._partial:
            raise CompressionError("zstd", "the stream is truncated; export the image again")

    def _walk(self) -> Generator[int, bytes, None]:
        # Yields how many bytes it needs next; sets _skip for the bytes that may pass unseen before them.
        while True:
            magic = int.from_bytes((yield 4), "little")
            self._inside = True
            if magic & 0xFFFFFFF0 == _SKIPPABLE_MAGIC:
                self._skip = int.from_bytes((yield 4), "little")
            elif magic == _MAGIC:
                yield from self._walk_frame()
            else:
                raise CompressionError("zstd", "other data follows the compressed stream")
            self._inside = False

    def _walk_frame(self) -> Generator[int, bytes, None]:
        descriptor = (yield 1)[0]
        single_segment = descriptor >> 5 & 1
        window = 0
        if not single_segment:
            exponent_mantissa = (yield 1)[0]
            base = 1 << (10 + (exponent_mantissa >> 3))
            window = base + (base >> 3) * (exponent_mantissa & 7)
        dictionary_bytes = _DICTIONARY_ID_BYTES[descriptor & 3]
        if dictionary_bytes and any((yield dictionary_bytes)):
            raise CompressionError("zstd", "a frame needs a dictionary, which image layers do not have")
        size_flag = descriptor >> 6
        size_bytes = 1 << size_flag if size_flag or single_segment else 0
        if size_bytes:
            content = int.from_bytes((yield size_bytes), "little")
            window = content + (256 if size_flag == 1 else 0) if single_segment else window
        if window > self._limits.zstd_window_bytes:
            raise LimitError("zstd_window_bytes", self._limits.zstd_window_bytes, window, "zstd frame")
        last = 0
        while not last:
            block = int.from_bytes((yield 3), "little")
            last, kind, size = block & 1, block >> 1 & 3, block >> 3
            if kind == _RESERVED_BLOCK:
                raise CompressionError("zstd", "a reserved block type; the stream is damaged")
            self._skip = 1 if kind == _RLE_BLOCK else size
        if descriptor >> 2 & 1:
            yield 4  # the content checksum
