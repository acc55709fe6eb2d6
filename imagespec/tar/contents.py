"""The contents that a scan keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable

from imagespec.limits import Limits

Want = Callable[[bytes, int, int], int]
"""(name, size, mode) of a regular file → how many bytes of its beginning to keep; 0 for none."""


class Room:
    """How many bytes may still be kept; several scans may share it, in threads as well."""

    def __init__(self, size_bytes: int) -> None:
        self.was_short = False
        """Whether something found no room."""
        self.left = size_bytes
        """Bytes that may still be kept."""
        self._lock = threading.Lock()

    def take(self, length: int) -> bool:
        """Take ``length`` bytes, if there are so many left."""
        with self._lock:
            fits = length <= self.left
            self.left -= length if fits else 0
            self.was_short |= not fits
        return fits


class Contents:
    """The first bytes of chosen files, by member number; decides about one file after the other, in their order."""

    def __init__(self, limits: Limits, want: Want | None, room: Room | None = None) -> None:
        self.kept: dict[int, bytes] = {}
        self.want = want
        self._limits = limits
        self._room = room or Room(limits.kept_bytes)

    def choose(self, name: bytes, size: int, mode: int) -> int:
        """Return how many bytes of a file to keep; what does not fit is not kept at all."""
        if not self.want or (wanted := self.want(name, size, mode)) <= 0:
            return 0
        length = min(wanted, size, self._limits.kept_file_bytes)
        return length if self._room.take(length) else 0
