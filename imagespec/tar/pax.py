"""PAX extended header records (POSIX.1-2001 pax, "pax Extended Header"), read as Go's `parsePAX` does."""

from __future__ import annotations

import re

from imagespec.errors import TarError

XATTR_PREFIX = b"SCHILY.xattr."

_NAMES = frozenset((b"path", b"linkpath", b"uname", b"gname"))
_INTEGER = re.compile(rb"[+-]?[0-9]{1,40}")  # Go's strconv.ParseInt: ASCII digits, one sign, nothing else
_SPARSE_PAIR = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")


def parse_records(body: bytes, offset: int) -> tuple[dict[bytes, bytes], bool]:
    """
    Return the records of a PAX header body and whether a key came twice (the last one counts).

    The pairs of the GNU sparse format 0.0 are joined under ``GNU.sparse.map``, the form of format 0.1.
    ``offset`` is the header's, for the error. Raises TarError.
    """
    records: dict[bytes, bytes] = {}
    sparse_map: list[bytes] = []
    repeated = False
    at = 0
    while at < len(body):
        key, value, at = _next_record(body, at, offset)
        if key in _SPARSE_PAIR:
            if key != _SPARSE_PAIR[len(sparse_map) % 2] or b"," in value:
                raise TarError("tar.sparse-malformed", offset, "PAX sparse map out of order")
            sparse_map.append(value)
        else:
            repeated = repeated or key in records
            records[key] = value
    if sparse_map:
        records[b"GNU.sparse.map"] = b",".join(sparse_map)
    return records, repeated


def _next_record(body: bytes, at: int, offset: int) -> tuple[bytes, bytes, int]:
    # "%d %s=%s\n": the length counts itself, so values may hold newlines, NULs and anything else.
    space = body.find(b" ", at, at + 20)
    digits = body[at:space] if space > 0 else b""
    end = at + int(digits) if digits.isdigit() else -1
    if not space + 1 < end <= len(body) or body[end - 1 : end] != b"\n":
        raise TarError("tar.pax-malformed", offset, "PAX record with a wrong length")
    key, equals, value = body[space + 1 : end - 1].partition(b"=")
    if not equals or not key or b"\0" in (value if key in _NAMES else key):
        raise TarError("tar.pax-malformed", offset, f"PAX record {key[:40]!r} is malformed")
    return key, value, end


def parse_integer(value: bytes, offset: int, *, overflow: str = "tar.bad-number") -> int:
    """Return a decimal PAX value that fits 64 bits; raises TarError, with code ``overflow`` if it does not fit."""
    if not _INTEGER.fullmatch(value):
        raise TarError("tar.bad-number", offset, f"PAX number {value[:40]!r}")
    number = int(value)
    if not -(1 << 63) <= number < 1 << 63:
        raise TarError(overflow, offset, f"PAX number {value[:40]!r} overflows 64 bits")
    return number


def parse_time(value: bytes, offset: int) -> float:
    """Return a PAX time in seconds since the epoch; raises TarError."""
    seconds, _, fraction = value.partition(b".")
    whole = parse_integer(seconds, offset)
    if not fraction:
        return float(whole)
    if not fraction.isdigit():
        raise TarError("tar.bad-number", offset, f"PAX time {value[:40]!r}")
    return float(seconds + b"." + fraction[:9])  # nanoseconds, as far as Go reads
