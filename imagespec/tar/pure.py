"""The fast path in Python; what `imagespec.tar.plain` calls plain is defined here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from imagespec.tar import header
from imagespec.tar.header import BLOCK
from imagespec.tar.hopping import FileSpan, Hop, Taken
from imagespec.tar.index import IndexBuilder, Row

CAPACITY = 256
"""Rows after which to settle: few enough that they are still in the processor's cache."""

# name, mode+uid+gid, size, mtime, chksum, typeflag, linkname, all from the magic on
_FIELDS = struct.Struct("100s24s12s12s8sB100s255s")
_NO_LINK = bytes(100)
_NO_SIZE = b"00000000000\0"
_PREFIX_BYTES = 155
_ZEROS = bytes(BLOCK)
_SLASH = 0x2F
_FILE, _DIRECTORY = header.REGULAR[0], header.DIRECTORY[0]
_LINKS = frozenset(header.HARD_LINK + header.SYMLINK)
_META = frozenset(header.PAX + header.GNU_LONG_NAME)


class PureReader:
    """Reads plain members into a list of rows."""

    capacity = CAPACITY

    def __init__(self, columns: IndexBuilder, most_meta: int) -> None:
        self._columns = columns
        self._most_meta = most_meta
        self._rows: list[Row] = []
        self._links: dict[int, bytes] = {}
        self._times = _Parsed(_parse_number)
        self._owners = _Parsed(_parse_owner)
        self._sums = _Parsed(_expected_sum)
        self._prefixes = _Parsed(_read_prefix)

    def take(  # noqa: C901, PLR0912, PLR0915 - the hot loop, in one piece
        self, window: bytes, base: int, body_end: int, at: int, limit: int
    ) -> Taken:
        """Take plain members; see `imagespec.tar.hopping.Take`."""
        rows, links, unpack, adler32 = self._rows, self._links, _FIELDS.unpack_from, zlib.adler32
        times, owners, sums, prefixes = self._times, self._owners, self._sums, self._prefixes
        add, first = rows.append, len(rows)
        last = base + len(window) - BLOCK
        meta, before_meta = None, (body_end, at)
        free = limit - first
        while free > 0:
            if at > last or (at > body_end and not _ZEROS.startswith(window[body_end - base : at - base])):
                break
            start = at - base
            name, owner_field, size_field, mtime_field, chksum, kind, link, tail = unpack(window, start)
            block = window[start : start + BLOCK]
            try:
                owner, mtime, prefix = owners[owner_field], times[mtime_field], prefixes[tail]
                if size_field == _NO_SIZE:
                    size = 0
                else:
                    digits = size_field[:-1]
                    if not digits.isdigit() or size_field[-1] not in b"\0 ":
                        break
                    size = int(digits, 8)
                # Adler-32's low half is the byte sum modulo 65521, which the sum of 512 ASCII bytes stays below.
                if adler32(block, 0) & 0xFFFF != sums[chksum]:
                    break
            except ValueError:
                break
            name = name.rstrip(b"\0")
            if 0 in name or not block.isascii():
                break
            if prefix and name:
                name = prefix + name
            if kind in _META:
                is_pax = tail[:8] == header.USTAR_MAGIC_00 or kind != header.PAX[0]
                if meta or not is_pax or not 0 < size <= self._most_meta:
                    break
                before_meta, meta = (body_end, at), window[start : start + BLOCK + size]
                body_end = at + BLOCK + size
                at = body_end + -body_end % BLOCK
                continue
            if not name:
                break
            if kind == _FILE:
                if link != _NO_LINK or name[-1] == _SLASH:
                    break
            elif kind == _DIRECTORY:
                if link != _NO_LINK or size:
                    break
            elif kind in _LINKS:
                link, _, behind = link.partition(b"\0")
                if size or not link or not _ZEROS.startswith(behind):
                    break
                links[len(rows)] = link
            else:
                break
            data = at + BLOCK
            add((name, kind, owner, size, mtime, at, data))
            free -= 1
            body_end = data + size
            at = body_end + -body_end % BLOCK
            if meta:
                return body_end, at, len(rows) - first, meta
        if meta:  # what follows it is not plain, or not in the window
            body_end, at = before_meta
        return body_end, at, len(rows) - first, None

    def open(self, file: FileSpan) -> Hop | None:  # noqa: ARG002 - there is a way for every reader
        """Return None: `imagespec.tar.hopping` reads the file."""
        return None

    def files(self, count: int) -> Iterator[tuple[int, bytes, int, int, int]]:
        """Yield (number, name, size, mode, data offset) of the files with content among the last ``count`` members."""
        first = len(self._columns) + len(self._rows) - count
        for number, row in enumerate(self._rows[-count:], first):
            name, kind, owner, size, _, _, data = row
            if size and kind == _FILE:
                yield number, name, size, owner[0], data

    def held(self) -> int:
        """Return how many members are held."""
        return len(self._rows)

    def last(self) -> tuple[int, int]:
        """Return the type and size of the last member."""
        _, kind, _, size, _, _, _ = self._rows[-1]
        return kind, size

    def amend(self, name: bytes | None, link: bytes | None, mtime: float | None) -> None:
        """Change the last member into what its extended header says; None keeps."""
        old_name, kind, owner, size, old_mtime, at, data = self._rows[-1]
        mtime = old_mtime if mtime is None else mtime
        self._rows[-1] = (name or old_name, kind, owner, size, mtime, at, data)
        if link:
            self._links[len(self._rows) - 1] = link

    def drop(self) -> None:
        """Take back the last member."""
        self._rows.pop()
        self._links.pop(len(self._rows), None)

    def settle(self) -> None:
        """Move the rows into the index."""
        if self._rows:
            self._columns.extend(self._rows, self._links)
            self._rows.clear()
            self._links.clear()


class _Parsed(dict[bytes, Any]):
    """Remembers what a field means, because few are different; bounded, because the fields are the attacker's."""

    _MOST = 1 << 14

    def __init__(self, parse: Callable[[bytes], object]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, field: bytes) -> object:
        if len(self) >= self._MOST:
            self.clear()
        value = self[field] = self._parse(field)
        return value


def _parse_owner(field: bytes) -> tuple[int, int, int]:
    parse = header.parse_number
    return parse(field[:8]) & 0o7777, parse(field[8:16]), parse(field[16:])


def _parse_number(field: bytes) -> int:
    # The ordinary form: octal digits and one byte of padding. Other forms are not plain.
    digits = field[:-1]
    if not digits.isdigit() or field[-1] not in b"\0 ":
        raise ValueError
    return int(digits, 8)


def _expected_sum(field: bytes) -> int:
    # What the checksum says of the block's bytes; it counts its own field as eight spaces.
    digits = field.rstrip(b"\0 ")
    if not digits.isdigit():
        raise ValueError
    return int(digits, 8) - 8 * 0x20 + sum(field)


def _read_prefix(field: bytes) -> bytes:
    # The prefix of the name with its slash; of what else stands there, nothing but owner names may say anything.
    magic, devices, prefix = field[:8], (field[72:80], field[80:88]), field[88:].rstrip(b"\0")
    if magic not in header.PLAIN_MAGICS or any(map(header.parse_number, devices)):
        raise ValueError
    # GNU headers have times where ustar has its prefix.
    if prefix and (magic != header.USTAR_MAGIC_00 or len(prefix) > _PREFIX_BYTES or 0 in prefix):
        raise ValueError
    return prefix and prefix + b"/"
