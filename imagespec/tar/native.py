"""
The fast path in C: unpacks the batches that `imagespec.tar._plain` fills.

A batch is a C structure in a bytearray (`Batch` in _plain.c). It begins with integers of 64 bits: members, bytes of
names, links, bytes of link targets, bytes of names in the index before it, and the most bytes of an extended header that
is taken; then, where a file is hopped over, its descriptor, where the stream begins in it and how long that is; then
three of the C function's own.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator
from typing import Any

from imagespec.tar import _plain, header
from imagespec.tar.hopping import FileSpan, Hop
from imagespec.tar.index import IndexBuilder

CAPACITY = 512
"""Members of a batch, ``ROWS`` in C."""
_TEXT_ROOM = 256 * CAPACITY
_COLUMN = 8 * CAPACITY
_ROWS, _NAME_BYTES, _LINKS, _LINK_BYTES, _NAMES_BEFORE, _MOST_META, _DESCRIPTOR, _START, _SIZE = range(9)
_STATE = 8 * 12
_WINDOW = (1 << 14) + (1 << 12)
BATCH_BYTES = _STATE + 9 * _COLUMN + 3 * CAPACITY + 2 * _TEXT_ROOM + _WINDOW
"""The size of a batch."""
_FARTHEST = 1 << 60  # offset, for the C function
_FILE = header.REGULAR[0]
_BOTH_LINKS = frozenset(header.HARD_LINK + header.SYMLINK)


class NativeReader:
    """Reads plain members into a batch."""

    capacity = CAPACITY

    def __init__(self, columns: IndexBuilder, most_meta: int) -> None:
        self._columns = columns
        batch = bytearray(BATCH_BYTES)
        self.take = functools.partial(_plain.take, batch)
        view = memoryview(batch)
        self._state = view[:_STATE].cast("q")
        self._state[_MOST_META] = most_meta
        self._wide = [view[at : at + _COLUMN] for at in range(_STATE, _STATE + 9 * _COLUMN, _COLUMN)]
        at = _STATE + 9 * _COLUMN
        self._modes = view[at : at + 2 * CAPACITY]
        at += 2 * CAPACITY
        self._types = view[at : at + CAPACITY]
        at += CAPACITY
        self._names, self._links = view[at : at + _TEXT_ROOM], view[at + _TEXT_ROOM : at + 2 * _TEXT_ROOM]
        self._name_ends, self._sizes = self._wide[0].cast("q"), self._wide[3].cast("q")
        self._mtimes, self._data_offsets = self._wide[4].cast("d"), self._wide[6].cast("q")
        self._link_rows, self._link_ends = self._wide[7].cast("q"), self._wide[8].cast("q")

    def open(self, file: FileSpan) -> Hop | None:
        """Return the function that takes members from a file that has a descriptor."""
        if file.descriptor is None or file.start + file.size >= _FARTHEST:
            return None
        self._state[_DESCRIPTOR], self._state[_START], self._state[_SIZE] = (
            file.descriptor,
            file.start,
            file.size,
        )
        return functools.partial(self.take, None, 0)

    def files(self, count: int) -> Iterator[tuple[int, bytes, int, int, int]]:
        """Yield (number, name, size, mode, data offset) of the files with content among the last ``count`` members."""
        state, types, ends, before = self._state, self._types, self._name_ends, self._state[_NAMES_BEFORE]
        modes, number = self._modes.cast("H"), len(self._columns)
        for row in range(state[_ROWS] - count, state[_ROWS]):
            if types[row] == _FILE and (size := self._sizes[row]):
                start = ends[row - 1] - before if row else 0
                name = bytes(self._names[start : ends[row] - before])
                yield number + row, name, size, modes[row], self._data_offsets[row]

    def held(self) -> int:
        """Return how many members are held."""
        return self._state[_ROWS]

    def last(self) -> tuple[int, int]:
        """Return the type and size of the last member."""
        row = self._state[_ROWS] - 1
        return self._types[row], self._sizes[row]

    def amend(self, name: bytes | None, link: bytes | None, mtime: float | None) -> None:
        """Change the last member into what its extended header says; None keeps."""
        state, row = self._state, self._state[_ROWS] - 1
        if mtime is not None:
            self._mtimes[row] = mtime
        if name:
            state[_NAME_BYTES] = _replace_last(self._names, self._start_of_name(row), name)
            self._name_ends[row] = state[_NAMES_BEFORE] + state[_NAME_BYTES]
        if link:
            number = state[_LINKS] - 1
            state[_LINK_BYTES] = _replace_last(self._links, self._start_of_link(number), link)
            self._link_ends[number] = state[_LINK_BYTES]

    def drop(self) -> None:
        """Take back the last member."""
        state = self._state
        row = state[_ROWS] - 1
        state[_ROWS], state[_NAME_BYTES] = row, self._start_of_name(row)
        if self._types[row] in _BOTH_LINKS:
            number = state[_LINKS] - 1
            state[_LINKS], state[_LINK_BYTES] = number, self._start_of_link(number)

    def settle(self) -> None:
        """Move the batch into the index."""
        state, columns = self._state, self._columns
        rows, name_bytes, link_bytes = state[_ROWS], state[_NAME_BYTES], state[_LINK_BYTES]
        if rows:
            self._settle_links()
            offsets = columns.header_offsets, columns.data_offsets
            owners = columns.uids, columns.gids
            numbers: list[array[Any]]
            numbers = [columns.name_ends, *owners, columns.sizes, columns.mtimes, *offsets]
            for column, values in zip(numbers, self._wide, strict=False):  # behind them: the links
                column.frombytes(values[: 8 * rows])
            columns.modes.frombytes(self._modes[: 2 * rows])
            columns.types += self._types[:rows]
            columns.names += self._names[:name_bytes]
            columns.text_bytes += name_bytes + link_bytes
            state[_ROWS] = state[_NAME_BYTES] = state[_LINKS] = state[_LINK_BYTES] = 0
        state[_NAMES_BEFORE] = len(columns.names)

    def _settle_links(self) -> None:
        number, start = len(self._columns), 0
        for link in range(self._state[_LINKS]):
            end = self._link_ends[link]
            self._columns.links[number + self._link_rows[link]] = bytes(self._links[start:end])
            start = end

    def _start_of_name(self, row: int) -> int:
        return self._name_ends[row - 1] - self._state[_NAMES_BEFORE] if row else 0

    def _start_of_link(self, number: int) -> int:
        return self._link_ends[number - 1] if number else 0


def _replace_last(texts: memoryview, start: int, text: bytes) -> int:
    end = start + len(text)
    texts[start:end] = text
    return end
