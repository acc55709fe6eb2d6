"""The members of one tar stream, in columns: what a scan yields."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import attrs

from imagespec.tar import header
from imagespec.tar.sparse import SparseMap

UNKNOWN_OFFSET = -1


@attrs.frozen
class Finding:
    """
    A construct on which readers disagree, so that somebody could see other files than a container does.

    ``code`` is stable (``tar.…``, ``name.…``, ``fs.…``); ``offset`` is in the uncompressed stream, None where it has no place.
    """

    code: str
    message: str
    offset: int | None = None


class Findings:
    """The first findings of a scan, up to a limit; the rest is counted."""

    def __init__(self, limit: int) -> None:
        self.kept: list[Finding] = []
        self.dropped = 0
        self._limit = limit

    def add(self, code: str, offset: int, message: str) -> None:
        """Record one finding."""
        if len(self.kept) < self._limit:
            self.kept.append(Finding(code, message, offset))
        else:
            self.dropped += 1


@attrs.frozen(eq=False)
class LayerIndex:
    """
    The members of one tar stream in their order; member i is row i of every column.

    Immutable by convention after the scan, picklable, and compact: 57 bytes a member beyond its name. Sizes and
    offsets are in bytes of the uncompressed stream, times in seconds since the epoch. Offsets are `UNKNOWN_OFFSET`
    where the index comes from a table of contents, which does not tell them.
    """

    names: bytes
    name_ends: array[int]
    types: bytes
    modes: array[int]
    uids: array[int]
    gids: array[int]
    sizes: array[int]
    mtimes: array[float]
    header_offsets: array[int]
    data_offsets: array[int]
    links: Mapping[int, bytes]
    """Targets of hard and symbolic links, as written."""
    devices: Mapping[int, tuple[int, int]]
    xattrs: Mapping[int, Mapping[str, bytes]]
    sparse: Mapping[int, SparseMap]

    def __len__(self) -> int:
        return len(self.types)

    def name(self, member: int) -> bytes:
        """Return the name of a member as the stream writes it."""
        return self.names[self.name_ends[member - 1] if member else 0 : self.name_ends[member]]

    def iter_names(self) -> Iterator[bytes]:
        """Yield every name, in order."""
        names, start = self.names, 0
        for end in self.name_ends:
            yield names[start:end]
            start = end

    def typeflag(self, member: int) -> bytes:
        """Return the type of a member; old spellings of a regular file or directory are normalised."""
        return self.types[member : member + 1]

    def is_regular(self, member: int) -> bool:
        """Tell whether the member is a regular file (including contiguous and sparse ones)."""
        return self.typeflag(member) in _REGULAR_TYPES


_REGULAR_TYPES = frozenset((header.REGULAR, header.CONTIGUOUS, header.GNU_SPARSE))


Row = tuple[bytes, int, tuple[int, int, int], int, float, int, int]
"""name, type, (mode, uid, gid), size, mtime, header offset, data offset"""


class IndexBuilder:
    """The growing columns of a `LayerIndex`, which has the same names and types."""

    def __init__(self) -> None:
        self.names = bytearray()
        self.types = bytearray()
        self.modes = array("H")
        self.name_ends, self.uids, self.gids = array("q"), array("q"), array("q")
        self.sizes, self.header_offsets, self.data_offsets = array("q"), array("q"), array("q")
        self.mtimes = array("d")
        self.links: dict[int, bytes] = {}
        self.devices: dict[int, tuple[int, int]] = {}
        self.xattrs: dict[int, dict[str, bytes]] = {}
        self.sparse: dict[int, SparseMap] = {}
        self.text_bytes = 0
        """Of names, link targets, extended attributes and sparse maps: what `Limits.names_bytes` bounds."""

    def __len__(self) -> int:
        return len(self.types)

    def extend(self, rows: Sequence[Row], links: Mapping[int, bytes]) -> None:
        """Append members, ``links`` by row; many at once, because appending to an array costs more than to a list."""
        names, types, owners, sizes, mtimes, header_offsets, data_offsets = zip(*rows, strict=True)
        modes, uids, gids = zip(*owners, strict=True)
        for row, link in links.items():
            self.links[len(self) + row] = link
            self.text_bytes += len(link)
        before = len(self.names)
        ends = list(accumulate(map(len, names), initial=before))[1:]
        self.names += b"".join(names)
        self.text_bytes += len(self.names) - before
        self.types += bytes(types)
        columns: list[tuple[array[Any], Sequence[float]]] = [
            (self.name_ends, ends),
            (self.modes, modes),
            (self.uids, uids),
            (self.gids, gids),
            (self.sizes, sizes),
            (self.mtimes, mtimes),
            (self.header_offsets, header_offsets),
            (self.data_offsets, data_offsets),
        ]
        for column, values in columns:
            # Packing takes half the time that an array takes to read numbers.
            column.frombytes(struct.pack(f"{len(rows)}{column.typecode}", *values))

    def build(self) -> LayerIndex:
        """Return the finished index."""
        return LayerIndex(
            bytes(self.names),
            self.name_ends,
            bytes(self.types),
            self.modes,
            self.uids,
            self.gids,
            self.sizes,
            self.mtimes,
            self.header_offsets,
            self.data_offsets,
            self.links,
            self.devices,
            self.xattrs,
            self.sparse,
        )
