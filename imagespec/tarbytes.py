"""Bytes of a layer's uncompressed tar at any offset, however the layer is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from imagespec.compression import Decoder

_DROP = 1 << 18


class TarBytes(Protocol):
    """
    The uncompressed tar of a layer.

    Read with ascending offsets: where the layer is compressed, what lies before is decoded and dropped, and going
    back begins anew.
    """

    def pread(self, size: int, offset: int, /) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer only at the end. Raises ImageSpecError."""


class DecodedBytes:
    """A compressed tar, decoded as far as it is asked for; ``open_decoder`` begins at its first byte."""

    def __init__(self, open_decoder: Callable[[], Decoder]) -> None:
        self._open = open_decoder
        self._decoder = open_decoder()
        self._at = 0

    def pread(self, size: int, offset: int, /) -> bytes:
        """Return up to ``size`` bytes from ``offset``; raises CompressionError or LimitError."""
        if offset < self._at:
            self._decoder, self._at = self._open(), 0
        while self._at < offset:
            dropped = self._decoder.read(min(_DROP, offset - self._at))
            if not dropped:
                return b""
            self._at += len(dropped)
        pieces = []
        while size and (data := self._decoder.read(size)):
            pieces.append(data)
            size -= len(data)
            self._at += len(data)
        return b"".join(pieces)
