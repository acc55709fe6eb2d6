"""
GNU sparse files: where the stored bytes belong in the logical file.

Four forms: old GNU (type S), PAX 0.0 and 0.1 (map in records), PAX 1.0 (map at the start of the data). See the
GNU tar manual, "Storing Sparse Files"; read as Go's `readOldGNUSparseMap` and `readGNUSparsePAXHeaders`
(go1.26 archive/tar, reader.go).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from imagespec.errors import LimitError, TarError
from imagespec.tar import header, pax

SparseMap = tuple[tuple[int, int], ...]
"""(offset, length) in bytes of each stored piece, ascending."""

_ENTRY = 24  # 12 bytes of offset and 12 of length
_IN_HEADER = 4  # entries in the header block
_IN_EXTENSION = 21  # entries of an extension block
_SHORTEST_ENTRY = 4  # b"0\\n0\\n" in the map of PAX 1.0
_LONGEST_ENTRY = 48  # two numbers of 64 bits, each with sign and newline; the rest is leading zeros


Window = tuple[bytes, int]
"""Bytes of the stream, and the offset of the first one."""
Take = Generator[tuple[int, int], Window, bytes]
"""Asks its driver for (offset, length) of the stream, is sent a window that holds them, and returns them."""
Layout = tuple[int, int, SparseMap]
"""Logical size, offset of the first stored byte, map."""


class SparseReader:
    """Reads sparse maps; ``take`` gets bytes of the stream, ``limit`` bounds the entries of one map."""

    def __init__(self, take: Callable[[int, int], Take], limit: int) -> None:
        self._take = take
        self._limit = limit

    def read_gnu(self, block: bytes, stored: int, at: int) -> Generator[tuple[int, int], Window, Layout]:
        """Return the layout of the old GNU form, whose header ``block`` is at ``at``; raises TarError or LimitError."""
        if block[257:265] != b"ustar  \0":
            raise TarError("tar.sparse-malformed", at, "a GNU sparse member without GNU magic")
        try:
            size = header.parse_number(block[483:495])
            entries, more = _parse_gnu_entries(block[386:482]), block[482]
            data = at + header.BLOCK
            while more:
                extension = yield from self._take(data, header.BLOCK)
                further, more = _parse_gnu_entries(extension[:504]), extension[504]
                # Empty slots of earlier blocks count, too: they cost as much.
                earlier = _IN_HEADER + ((data - at) // header.BLOCK - 1) * _IN_EXTENSION
                self._check_count(earlier + len(further), at)
                entries += further
                data += header.BLOCK
        except ValueError as error:
            raise TarError("tar.sparse-malformed", at, f"sparse map: {error}") from None
        return size, data, _validate(entries, size, stored, at)

    def read_pax(
        self, records: dict[bytes, bytes], stored: int, at: int
    ) -> Generator[tuple[int, int], Window, Layout | None]:
        """Return the layout of a PAX form, None if ``records`` describe none; raises TarError or LimitError."""
        form, data = _pax_form(records), at + header.BLOCK
        if form is None:
            return None
        real_size = records.get(b"GNU.sparse.size") or records.get(b"GNU.sparse.realsize")
        size = _number(real_size, at) if real_size else stored
        if form == "1.0":
            text = yield from self._read_decimal_map(data, stored, at)
            lines = text.split(b"\n", 2 * _number(text.partition(b"\n")[0], at) + 1)[1:-1]
            entries, map_bytes = _pairs(lines, at), len(text)
        else:
            entries, map_bytes = self._parse_record_map(records, at), 0
        return size, data + map_bytes, _validate(entries, size, stored - map_bytes, at)

    def _parse_record_map(self, records: dict[bytes, bytes], at: int) -> list[tuple[int, int]]:
        count = _number(records.get(b"GNU.sparse.numblocks", b""), at)
        text = records.get(b"GNU.sparse.map", b"")
        if count < 0 or (text.count(b",") + 1 if text else 0) != 2 * count:
            raise TarError("tar.sparse-malformed", at, "a sparse map and its count disagree")
        self._check_count(count, at)
        return _pairs(text.split(b",") if text else [], at)

    def _read_decimal_map(self, data: int, stored: int, at: int) -> Take:
        # "count\n" then two lines an entry, padded to a block; read block by block until all lines are there.
        text, wanted = b"", 1
        while text.count(b"\n") < wanted:
            if len(text) + header.BLOCK > min(stored, _LONGEST_ENTRY * (self._limit + 1) + header.BLOCK):
                raise TarError("tar.sparse-malformed", at, "a sparse map that does not end")
            text += yield from self._take(data + len(text), header.BLOCK)
            if wanted == 1 and b"\n" in text:
                count = _number(text.partition(b"\n")[0], at)
                if count < 0 or count * _SHORTEST_ENTRY > stored:
                    raise TarError("tar.sparse-malformed", at, "a sparse map with an impossible count")
                self._check_count(count, at)
                wanted += 2 * count
        return text

    def _check_count(self, count: int, at: int) -> None:
        if count > self._limit:
            raise LimitError("sparse_entries", self._limit, count, f"sparse file at byte {at:,}")


def _pax_form(records: dict[bytes, bytes]) -> str | None:
    # "0.x", "1.0", or None where the records describe no sparse file that Go knows.
    major, minor = records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b"")
    if (major, minor) in ((b"0", b"0"), (b"0", b"1")):
        return "0.x"
    if (major, minor) == (b"1", b"0"):
        return "1.0"
    if major or minor:
        return None
    return "0.x" if records.get(b"GNU.sparse.map") else None


def _number(text: bytes, at: int) -> int:
    try:
        return pax.parse_integer(text, at)
    except TarError as error:
        raise TarError("tar.sparse-malformed", at, f"sparse map: {error.reason}") from None


def _pairs(texts: list[bytes], at: int) -> list[tuple[int, int]]:
    numbers = [_number(text, at) for text in texts]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _parse_gnu_entries(slots: bytes) -> list[tuple[int, int]]:
    entries = []
    for at in range(0, len(slots), _ENTRY):
        if not slots[at]:
            break
        entries.append(
            (header.parse_number(slots[at : at + 12]), header.parse_number(slots[at + 12 : at + _ENTRY]))
        )
    return entries


def _validate(entries: list[tuple[int, int]], size: int, stored: int, at: int) -> SparseMap:
    # Go checks the order and the end when it lists, and that no stored byte is missing or left over when it reads.
    end = 0
    for start, length in entries:
        if start < end or length < 0 or start + length > size:
            raise TarError("tar.sparse-malformed", at, "a sparse map out of order or past the file's end")
        end = start + length
    if size < 0 or sum(length for _, length in entries) != stored:
        raise TarError("tar.sparse-malformed", at, "a sparse map that does not cover the stored bytes")
    return tuple(entries)
