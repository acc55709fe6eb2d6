"""
eStargz: a gzip layer of many members, with a table in the last ones (stargz-snapshotter docs/estargz.md).

The footer is an empty gzip member whose extra field says where the member with the table begins. The table itself is
the last member of the tar, ``stargz.index.json``.
"""

from __future__ import annotations

import re

import attrs

from imagespec.access import RandomAccess
from imagespec.compression import Codec
from imagespec.errors import ImageSpecError, TableError
from imagespec.limits import Limits
from imagespec.tar import LayerIndex, Scanner
from imagespec.toc.blobdata import Inflater

TABLE_NAME = b"stargz.index.json"
_EXTERNAL = b"STARGZEXTERNALTOC"

_GZIP_HEAD = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_GZIP_TAIL = b"\x01\x00\x00\xff\xff" + bytes(8)  # an empty stored block, no checksum, no size
_HEX = rb"([0-9a-f]{16})STARGZ"
# The first form is eStargz's own, with a subfield as RFC 1952 asks for; the second one is stargz' of 2019.
_FOOTERS = tuple(
    re.compile(re.escape(_GZIP_HEAD + extra) + text + re.escape(_GZIP_TAIL), re.DOTALL)
    for extra, text in ((b"\x1a\x00SG\x16\x00", _HEX), (b"\x16\x00", _HEX))
)
_EXTERNAL_FOOTER = _GZIP_HEAD + b"\x15\x00SG\x11\x00" + _EXTERNAL + _GZIP_TAIL
_FOOTER_BYTES = 51
_LEGACY_BYTES = 47
_EXTERNAL_BYTES = 46
_BLOCK = 512


@attrs.frozen
class EStargzTable:
    """The table as it lies in the blob: its JSON, its own member in the tar, and where the payload ends."""

    document: bytes
    member: LayerIndex
    payload_end: int
    """Offset in the blob."""


def find_table(access: RandomAccess, limits: Limits) -> int:
    """Return the offset of the gzip member that holds the table; raises TableError where no footer says it."""
    size = access.size_bytes
    tail = access.pread(_FOOTER_BYTES, max(size - _FOOTER_BYTES, 0))
    if tail[-_EXTERNAL_BYTES:] == _EXTERNAL_FOOTER:
        raise TableError("the table of contents lies in an image of its own, which is not read")
    for pattern, length in zip(_FOOTERS, (_FOOTER_BYTES, _LEGACY_BYTES), strict=True):
        if match := pattern.fullmatch(tail[-length:]):
            offset = int(match[1], 16)
            if not 0 < offset < size - length:
                raise TableError(
                    "the footer says that the table lies outside of the layer", is_contradiction=True
                )
            if size - length - offset > limits.table_bytes:
                raise TableError(f"the table of contents is larger than table_bytes = {limits.table_bytes:,}")
            return offset
    raise TableError("the layer has no eStargz footer", is_contradiction=True)


def read_table(access: RandomAccess, limits: Limits) -> EStargzTable:
    """Return the table of an eStargz layer; raises TableError."""
    start = find_table(access, limits)
    inflater = Inflater(access, start, access.size_bytes, Codec.GZIP, limits)
    try:
        data = inflater.read(limits.table_bytes + 3 * _BLOCK)
        if len(data) > limits.table_bytes + 2 * _BLOCK:
            raise TableError(f"the table of contents is larger than table_bytes = {limits.table_bytes:,}")
        member = _members(data, limits)
    except TableError:
        raise
    except ImageSpecError as error:
        raise TableError(f"the table of contents is damaged: {error}") from error
    if len(member) != 1 or member.name(0) != TABLE_NAME or not member.is_regular(0):
        raise TableError("the footer leads to something else than a table of contents")
    begin = member.data_offsets[0]
    return EStargzTable(data[begin : begin + member.sizes[0]], member, start)


def _members(data: bytes, limits: Limits) -> LayerIndex:
    scanner = Scanner(limits)
    scanner.feed(data, 0)
    return scanner.close(len(data))
