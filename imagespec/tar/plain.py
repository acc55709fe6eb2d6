"""
The fast path of the scanner: members that one header block tells completely.

Nearly all members of real layers are of this kind. What is *plain* is defined narrowly, so that nothing has to be
interpreted here: a ustar or GNU header in ASCII with a right checksum; a file, directory or link without a body where
none belongs; a name that fits its field; nothing behind the device numbers. Everything else is left to the scanner
proper, which reads any header, and both give the same member for the same block.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

from imagespec.limits import Limits
from imagespec.tar import header
from imagespec.tar.header import BLOCK
from imagespec.tar.index import SETTLE, IndexBuilder

Want = Callable[[bytes, int, int], int]
"""(name, size, mode) of a regular file → how many bytes of its beginning to keep; 0 for none."""

# name, mode+uid+gid, size, mtime, chksum, typeflag, linkname, magic to devminor, the rest
_FIELDS = struct.Struct("100s24s12s12s8sB100s88s167s")
_NO_LINK = bytes(100)
_NO_SIZE = b"00000000000\0"
_NO_REST = bytes(167)
_ZEROS = bytes(BLOCK)
_SLASH = 0x2F
_FILE, _DIRECTORY, _LINKS = (
    header.REGULAR[0],
    header.DIRECTORY[0],
    frozenset(header.HARD_LINK + header.SYMLINK),
)
_LONGEST_TEXT = 200  # bytes of name and link target that one block can hold


class PlainMembers:
    """Appends plain members to the columns as long as they come."""

    def __init__(self, limits: Limits, want: Want | None, columns: IndexBuilder) -> None:
        self._limits = limits
        self._want = want
        self._columns = columns
        self._times = _Parsed(_parse_number)
        self._owners = _Parsed(_parse_owner)
        self._sums = _Parsed(_expected_sum)
        self._tails = _Parsed(_is_plain_tail)

    def read(  # noqa: C901, PLR0912 - the hot loop, in one piece
        self, window: bytes, base: int, body_end: int, at: int
    ) -> tuple[int, int, int]:
        """
        Take the plain members at the start of ``window``, whose first byte is at offset ``base``.

        ``body_end`` is where the last body ended and ``at`` where the next header is. Returns both for the first
        header that was not taken, and how many bytes of the last member's content are wanted: 0 unless it stopped
        for their sake.
        """
        columns, want, unpack, adler32 = self._columns, self._want, _FIELDS.unpack_from, zlib.adler32
        times, owners, sums, tails = self._times, self._owners, self._sums, self._tails
        if len(columns.rows) >= SETTLE:
            columns.settle()
        rows, links = columns.rows, columns.links
        add, first, text_bytes, wanted = rows.append, len(rows), 0, 0
        last = base + len(window) - BLOCK
        for _ in range(self._budget() if body_end >= base else 0):
            if at > last or (at > body_end and not _ZEROS.startswith(window[body_end - base : at - base])):
                break
            start = at - base
            name, owner_field, size_field, mtime_field, chksum, kind, link, tail, rest = unpack(window, start)
            block = window[start : start + BLOCK]
            try:
                owner, mtime = owners[owner_field], times[mtime_field]
                size = 0 if size_field == _NO_SIZE else _parse_number(size_field)
                # Adler-32's low half is the byte sum modulo 65521, which the sum of 512 ASCII bytes stays below.
                if rest != _NO_REST or not tails[tail] or adler32(block, 0) & 0xFFFF != sums[chksum]:
                    break
            except ValueError:
                break
            name, _, behind = name.partition(b"\0")
            if not name or behind.strip(b"\0") or not block.isascii():
                break
            if kind == _FILE:
                if link != _NO_LINK or name[-1] == _SLASH:
                    break
            elif kind == _DIRECTORY:
                if link != _NO_LINK or size:
                    break
            elif kind in _LINKS:
                link = link.rstrip(b"\0")
                if size or not link or b"\0" in link:
                    break
                links[columns.settled + len(rows)] = link
                text_bytes += len(link)
            else:
                break
            data = at + BLOCK
            add((name, kind, owner, size, mtime, at, data))
            body_end = data + size
            at = body_end + -body_end % BLOCK
            if size and want and (wanted := want(name, size, owner[0])) > 0:
                break
        columns.text_bytes += text_bytes + sum([len(row[0]) for row in rows[first:]])
        return body_end, at, max(wanted, 0)

    def _budget(self) -> int:
        # So many members stay below every limit, whatever they are; the next one is checked exactly by the scanner.
        limits, columns = self._limits, self._columns
        if limits.name_bytes < len(_NO_LINK):
            return 0
        members = limits.layer_members - len(columns)
        return max(min(members, (limits.names_bytes - columns.text_bytes) // _LONGEST_TEXT), 0)


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


def _is_plain_tail(field: bytes) -> bool:
    # Magic with version, owner names, and device numbers that say nothing.
    return field[:8] in header.PLAIN_MAGICS and not any(map(header.parse_number, (field[72:80], field[80:])))
