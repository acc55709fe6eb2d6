"""Bytes at any offset: files, parts of files, and reading them in order."""

from __future__ import annotations

import functools
import os
import threading
from typing import IO, Protocol

import attrs

from imagespec.compression import Reader
from imagespec.tar import FileSpan


class RandomAccess(Protocol):
    """Bytes that can be read at any offset, by several threads."""

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer only at the end."""

    def locate(self) -> FileSpan:
        """Return the file below and where these bytes lie in it: for hot loops, because it costs less than `pread`."""


class FileAccess:
    """Random access to an open file; by descriptor where it has one, else by seeking under a lock."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            self._fd: int | None = file.fileno()
        except OSError:
            self._fd = None
        self.size_bytes: int = file.seek(0, os.SEEK_END)

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        # pread, not mmap: a file that is truncated under a mapping kills the process.
        if self._fd is not None:
            return os.pread(self._fd, size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def locate(self) -> FileSpan:
        """Return the whole file."""
        read = self.pread if self._fd is None else functools.partial(os.pread, self._fd)
        return FileSpan(read, 0, self.size_bytes, self._fd)


@attrs.frozen
class AccessWindow:
    """A part of other random-access bytes: a member inside an archive."""

    inner: RandomAccess
    start: int
    size_bytes: int

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` of the part."""
        size = min(size, self.size_bytes - offset)
        return self.inner.pread(size, self.start + offset) if size > 0 else b""

    def locate(self) -> FileSpan:
        """Return the part of the file below."""
        whole = self.inner.locate()
        return attrs.evolve(whole, start=whole.start + self.start, size=self.size_bytes)


class AccessReader:
    """Reads random-access bytes in order."""

    def __init__(self, access: RandomAccess) -> None:
        self._access = access
        self._offset = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        data = self._access.pread(size, self._offset)
        self._offset += len(data)
        return data


class Rewound:
    """A stream of which the first bytes were already looked at."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._rest.read(size)
