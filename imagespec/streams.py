"""Byte streams that can only be read forward, and what is put between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

READ_BYTES = 1 << 17
"""
How much to ask a source for at a time.

Larger buffers come from the system anew each time (glibc's malloc maps what is above 128 KiB until it learns better,
and gives the top of the heap back), and clearing their pages costs a fifth of a second for each gigabyte.
"""


class Reader(Protocol):
    """A forward-only byte stream."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; nothing only at the end."""


class CountingReader:
    """Passes a stream on and counts its bytes; ``observe`` sees every piece, for a digest say."""

    def __init__(self, source: Reader, observe: Callable[[bytes], object] | None = None) -> None:
        self.count = 0
        self._source = source
        self._observe = observe

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        data = self._source.read(size)
        self.count += len(data)
        if self._observe:
            self._observe(data)
        return data


class Lookahead:
    """Compressed bytes that can be looked at before they are taken, and given back."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._data = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes without taking them; fewer only at the end."""
        while len(self._data) - self._at < size and (more := self._source.read(READ_BYTES)):
            self._data, self._at = self._data[self._at :] + more, 0
        return self._data[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Return up to ``size`` bytes; nothing only at the end."""
        if self._at == len(self._data):
            self._data, self._at = self._source.read(READ_BYTES), 0
        data = self._data[self._at : self._at + size]
        self._at += len(data)
        return data

    def give_back(self, count: int) -> None:
        """Take back the last ``count`` bytes of the last piece taken."""
        self._at -= count

    def skip_zeros(self) -> int:
        """Take zero bytes as far as they go and return their number."""
        count = 0
        while data := self.take(READ_BYTES):
            rest = data.lstrip(b"\0")
            count += len(data) - len(rest)
            if rest:
                self.give_back(len(rest))
                break
        return count
