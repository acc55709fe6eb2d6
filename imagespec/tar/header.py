"""
One 512-byte tar header, read as Go's archive/tar reads it.

Container runtimes read layers with Go's archive/tar, so its reading is the reference (go1.27 src/archive/tar:
format.go for the layout, strconv.go for the numbers, reader.go `readHeader`). Fields are kept as bytes: names are
not text until somebody shows them.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import NamedTuple

from imagespec.errors import TarError

BLOCK = 512

REGULAR, REGULAR_V7 = b"0", b"\0"
HARD_LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = b"1", b"2", b"3", b"4", b"5", b"6"
CONTIGUOUS = b"7"
PAX, PAX_GLOBAL, GNU_LONG_NAME, GNU_LONG_LINK, GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
SOLARIS_PAX = b"X"

HEADER_ONLY = frozenset((HARD_LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO))
"""Types without a body whatever their size says (Go `isHeaderOnlyType`; POSIX says so only for links)."""

_USTAR_MAGIC = b"ustar\0"
_GNU_MAGIC = b"ustar  \0"
USTAR_MAGIC_00 = _USTAR_MAGIC + b"00"
PLAIN_MAGICS = frozenset((USTAR_MAGIC_00, _GNU_MAGIC))
_STAR_TRAILER = b"tar\0"

Oddity = tuple[str, str]
"""(finding code, message): why other readers may see another name than Go does."""

# name mode uid gid size mtime chksum typeflag linkname magic+version uname gname devmajor devminor prefix…
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s64x8s8s167x")

_INT64_MAX = (1 << 63) - 1


class Header(NamedTuple):
    """The fields of one header block; ``mtime`` in seconds, ``size`` as the block says it (bytes)."""

    name: bytes
    typeflag: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes
    major: int
    minor: int
    is_ustar: bool
    oddities: tuple[Oddity, ...] = ()


@functools.lru_cache(maxsize=4096)
def parse_number(field: bytes) -> int:
    """
    Return a numeric field: octal, or base-256 when the first bit is set (Go `parseNumeric`).

    Cached because modes, owners and devices repeat. Raises ValueError.
    """
    if field[0] & 0x80:
        return _parse_base256(field)
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not digits.isdigit():  # int() would also take signs, underscores and prefixes
        raise ValueError(f"{field!r} is no octal number")
    return int(digits, 8)


def _parse_base256(field: bytes) -> int:
    # The second bit is the sign; as in Go, the value must fit 63 bits.
    negative = bool(field[0] & 0x40)
    raw = bytes(byte ^ 0xFF for byte in field) if negative else field
    value = int.from_bytes(bytes((raw[0] & 0x7F,)) + raw[1:], "big")
    if value > _INT64_MAX:
        raise ValueError(f"{field!r} overflows 63 bits")
    return ~value if negative else value


def cut_string(field: bytes) -> bytes:
    """Return ``field`` up to its first NUL."""
    return field.partition(b"\0")[0]


def checksum_is_right(block: bytes) -> bool:
    """
    Tell whether the header's checksum is right, as the unsigned or the (historical) signed byte sum.

    The sum is exact: Adler-32's low half is the byte sum modulo 65521, and half a header sums to at most 65,280.
    """
    stored = block[148:156]
    if stored[0] & 0x80:
        return False  # Go takes octal only here
    try:
        wanted = parse_number(stored)
    except ValueError:
        return False
    total = (zlib.adler32(block[:256], 0) & 0xFFFF) + (zlib.adler32(block[256:], 0) & 0xFFFF)
    total += 8 * 0x20 - (zlib.adler32(stored, 0) & 0xFFFF)  # the field itself counts as spaces
    if total == wanted:
        return True
    high_bytes = sum(1 for byte in block[:148] + block[156:] if byte & 0x80)
    return total - 256 * high_bytes == wanted


def is_header(block: bytes) -> bool:
    """Tell whether ``block`` (512 bytes or more) begins with a tar header."""
    return len(block) >= BLOCK and any(block[:BLOCK]) and checksum_is_right(block[:BLOCK])


def parse_header(block: bytes, offset: int) -> Header:
    """Parse the 512-byte ``block`` found at ``offset``; raises TarError where Go's reader would fail."""
    if not checksum_is_right(block):
        raise TarError("tar.bad-checksum", offset, "no tar header where one should be")
    raw_name, mode, uid, gid, size, mtime, _, typeflag, link, magic, major, minor = _FIELDS.unpack(block)
    name = cut_string(raw_name)
    try:
        prefix, oddities = _read_prefix(block, magic)
        if raw_name[len(name) :].strip(b"\0"):
            oddities += (("tar.name-nul-tail", "bytes behind the NUL that ends the name"),)
        has_devices = magic[:6] == _USTAR_MAGIC or magic == _GNU_MAGIC
        return Header(
            prefix + b"/" + name if prefix else name,
            typeflag,
            parse_number(mode),
            parse_number(uid),
            parse_number(gid),
            _parse_size(size, offset),
            parse_number(mtime),
            cut_string(link),
            parse_number(major) if has_devices else 0,
            parse_number(minor) if has_devices else 0,
            magic[:6] == _USTAR_MAGIC,
            oddities,
        )
    except ValueError as error:
        raise TarError("tar.bad-number", offset, f"header field {error}") from None


def _parse_size(field: bytes, offset: int) -> int:
    # Parsed apart, because size is framing: its defects have names of their own.
    try:
        size = parse_number(field)
    except ValueError:
        if field[0] & 0x80:
            raise TarError("tar.size-overflow", offset, "member size overflows 63 bits") from None
        raise
    if size < 0:
        raise TarError("tar.negative-size", offset, "negative member size")
    return size


def _read_prefix(block: bytes, magic: bytes) -> tuple[bytes, tuple[Oddity, ...]]:
    # Returns the directory part of the name, which each dialect keeps elsewhere; raises ValueError.
    if magic == _GNU_MAGIC:
        return _read_gnu_prefix(block)
    if magic[:6] != _USTAR_MAGIC:
        # v7, as far as Go knows: other readers take the prefix of anything that begins with "ustar", or of all.
        return b"", ((("tar.meta-ambiguous", "a prefix without ustar magic"),) if block[345] else ())
    odd = () if magic[6:] == b"00" else (("tar.meta-ambiguous", "ustar magic with another version than 00"),)
    if block[508:] == _STAR_TRAILER:  # STAR keeps times behind a shorter prefix
        parse_number(block[476:488]), parse_number(block[488:500])
        return cut_string(block[345:476]), odd
    return cut_string(block[345:500]), odd


def _read_gnu_prefix(block: bytes) -> tuple[bytes, tuple[Oddity, ...]]:
    # Old GNU keeps times where ustar has its prefix. Writers before Go 1.8 put a prefix there nevertheless, so
    # Go takes it as one when the times do not parse.
    try:
        for field in (block[345:357], block[357:369]):
            if field[0]:
                parse_number(field)
    except ValueError:
        prefix = cut_string(block[345:500])
        if prefix and prefix.isascii():
            return prefix, (("tar.meta-ambiguous", "a prefix in a GNU header, which GNU tar does not read"),)
    return b"", ()
