"""The contents that a scan keeps."""

from __future__ import annotations

from collections.abc import Callable

from imagespec.limits import Limits

Want = Callable[[bytes, int, int], int]
"""(name, size, mode) of a regular file → how many bytes of its beginning to keep; 0 for none."""


class Contents:
    """The first bytes of chosen files, by member number; decides about one file after the other, in their order."""

    def __init__(self, limits: Limits, want: Want | None) -> None:
        self.kept: dict[int, bytes] = {}
        self.want = want
        self._limits = limits
        self._room = limits.kept_bytes

    def choose(self, name: bytes, size: int, mode: int) -> int:
        """Return how many bytes of a file to keep; what does not fit is not kept at all."""
        if not self.want or (wanted := self.want(name, size, mode)) <= 0:
            return 0
        length = min(wanted, size, self._limits.kept_file_bytes)
        if length > self._room:
            return 0
        self._room -= length
        return length
