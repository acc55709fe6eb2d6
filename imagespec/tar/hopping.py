"""
Plain members of a stream that lies in a file: from header to header, past bodies that nobody asked for.

This is the hop in Python, for any reader and anything that can be read at an offset; the C function does the same for
a file with a descriptor. Few calls where members are small, few bytes where they are large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from imagespec.tar.header import BLOCK

LEAST_WINDOW = 1 << 12
"""Bytes read at once, at least: an extended header that is plain fits."""
MOST_WINDOW = 1 << 16
_NEAR = 1 << 13  # reading so many bytes costs about what a call of the system does
_NEAR_END = 3 << 10  # of a window: an extended header may be cut there


@attrs.frozen
class FileSpan:
    """A stream in a file."""

    read: Callable[[int, int], bytes]
    """Reads (size, offset) of the file; not bounded by the stream's end."""
    start: int
    """Offset of the stream's first byte in the file."""
    size: int
    """Of the stream, in bytes."""
    descriptor: int | None = None
    """Of the file, if it stays open and the same while the stream is read."""

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` of the stream."""
        return self.read(min(size, self.size - offset), self.start + offset) if offset < self.size else b""


Taken = tuple[int, int, int, bytes | None]
"""Where the last body ended, where the next header is, members taken, and the last one's extended header with its body."""


class Take(Protocol):
    """Takes plain members from memory; a function, because it is called in the hottest loop."""

    def __call__(self, window: bytes, base: int, body_end: int, at: int, limit: int, /) -> Taken:
        """
        Take the plain members at the start of ``window``, whose first byte is at offset ``base``.

        ``body_end``, which is at least ``base``, is where the last body ended, and ``at`` where the next header is.
        Stops when ``limit`` members are held, and behind a member with an extended header.
        """


class Hop(Protocol):
    """Takes plain members from a file."""

    def __call__(self, body_end: int, at: int, limit: int, /) -> Taken:
        """Take the plain members from ``at`` on; as `Take`."""


class Windows:
    """A file's bytes, a window at a time."""

    def __init__(self, file: FileSpan, take: Take, *, thrifty: bool) -> None:
        self._file = file
        self._take = take
        self._thrifty = thrifty
        self._window, self._base, self._end = b"", 0, 0
        self._length = BLOCK if thrifty else LEAST_WINDOW

    def hop(self, body_end: int, at: int, limit: int) -> Taken:
        """Take plain members; see `Hop`. What is thrifty reads a header at a time, and no padding."""
        count = 0
        if body_end < self._base or at + BLOCK > self._end:
            body_end = self._read_on(body_end, at)
        while True:
            body_end, at, taken, meta = self._take(self._window, self._base, body_end, at, limit)
            count += taken
            # What stands far from the window's end, or at its start, is not plain, or there is no room for it.
            if meta or at + _NEAR_END <= self._end or body_end == self._base:
                return body_end, at, count, meta
            body_end = self._read_on(body_end, at)

    def _read_on(self, body_end: int, at: int) -> int:
        if self._thrifty and at < self._file.size:
            body_end = at
        # More and more where headers are near, less where they are far.
        elif body_end - self._end > _NEAR:
            self._length = max(self._length // 4, LEAST_WINDOW)
        else:
            self._length = min(self._length * 4, MOST_WINDOW)
        self._window = self._file.pread(self._length, body_end)
        self._base, self._end = body_end, body_end + len(self._window)
        return body_end
