"""
zstd:chunked: a zstd layer of many frames, with a table in skippable ones.

Sources: containers/storage pkg/chunked/internal/minimal/compression.go and compressor/compressor.go;
stargz-snapshotter estargz/zstdchunked/zstdchunked.go. Behind the payload lie, each in a skippable frame, the
compressed table, since 2023 the compressed tar-split data, and the footer.
"""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import attrs

from imagespec.access import FileAccess, RandomAccess
from imagespec.compression import Codec
from imagespec.digest import Digest, digest_matches
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import ImageSpecError, TableError
from imagespec.limits import Limits
from imagespec.scan import findings_of
from imagespec.tar import Finding, LayerIndex, Scanner
from imagespec.toc.blobdata import Inflater, read_place
from imagespec.toc.vouchers import Place, Vouchers

_FRAME = struct.Struct("<4sI")
_SKIPPABLE = b"\x50\x2a\x4d\x18"
# "GNUlInUx" since the 64-byte footer of 2023 (containers/storage f989a957); "GnUlInUx" before, and in stargz-snapshotter.
_MAGIC, _OLD_MAGIC = b"GNUlInUx", b"GnUlInUx"
_TABLE_TYPE = 1
# tar-split tar/storage/entry.go
_FILE, _SEGMENT = 1, 2


@attrs.frozen
class Footer:
    """What the end of a zstd:chunked layer says of where its table and its tar-split data lie."""

    table: Place
    tar_split: Place | None


def read_footer(access: RandomAccess) -> Footer | None:
    """Return the footer, of 64, 56 or 40 bytes in a frame of its own; None where there is none that is known."""
    size = access.size_bytes
    tail = access.pread(72, max(size - 72, 0))
    for payload, magic, at in ((64, _MAGIC, 56), (56, _OLD_MAGIC, 32), (40, _OLD_MAGIC, 32)):
        frame = tail[-payload - _FRAME.size :]
        if len(frame) < payload + _FRAME.size or _FRAME.unpack_from(frame) != (_SKIPPABLE, payload):
            continue
        body = frame[_FRAME.size :]
        if body[at : at + len(magic)] != magic:
            continue
        offset, stored, raw, kind = struct.unpack_from("<4Q", body)
        if kind != _TABLE_TYPE:
            return None
        split = Place(*struct.unpack_from("<3Q", body, 32)) if payload == 64 else None
        return Footer(Place(offset, stored, raw), split if split and split.stored_bytes else None)
    return None


@attrs.frozen
class ChunkedTable:
    """The table as it lies in the blob: stored and inflated, and where the payload ends."""

    compressed: bytes
    document: bytes
    payload_end: int
    """Offset in the blob."""


def read_table(access: RandomAccess, vouchers: Vouchers, limits: Limits) -> ChunkedTable:
    """Return the table, from where the manifest says that it is or else the footer; raises TableError."""
    footer = read_footer(access)
    place = vouchers.table or (footer.table if footer else None)
    if place is None:
        raise TableError("the layer has no zstd:chunked footer", is_contradiction=True)
    if footer and footer.table != place:
        message = "the manifest and the layer's footer name different tables of contents"
        raise TableError(message, is_contradiction=True)
    compressed = read_place(access, place, limits, "the table of contents")
    document = _inflate(compressed, place, limits, "the table of contents")
    return ChunkedTable(compressed, document, place.offset - _FRAME.size)


def _inflate(compressed: bytes, place: Place, limits: Limits, what: str) -> bytes:
    inflater = Inflater(FileAccess(io.BytesIO(compressed)), 0, len(compressed), Codec.ZSTD, limits)
    try:
        data = inflater.read(place.raw_bytes + 1)
    except ImageSpecError as error:
        raise TableError(f"{what} is damaged: {error}") from error
    if len(data) != place.raw_bytes:
        raise TableError(f"{what} has another length than is said of it", is_contradiction=True)
    return data


@attrs.frozen
class SplitIndex:
    """What tar-split data say: the tar itself without the files' bodies."""

    index: LayerIndex
    findings: tuple[Finding, ...]
    tar_bytes: int


def read_tar_split(access: RandomAccess, place: Place, digest: Digest, limits: Limits) -> SplitIndex:
    """
    Return the members of a layer from its tar-split data, which hold every byte of the tar but the files' bodies.

    Raises TableError.
    """
    compressed = read_place(access, place, limits, "the tar-split data")
    if not digest_matches(digest, compressed):
        message = f"the tar-split data do not have the digest {digest} that the table of contents gives them"
        raise TableError(message, is_contradiction=True)
    document = _inflate(compressed, place, limits, "the tar-split data")
    # One JSON object a line.
    rows = b"[" + b",".join(document.splitlines()) + b"]"
    try:
        return _scan(load_json(rows, "tar-split data", attrs.evolve(limits, document_bytes=1 << 62)), limits)
    except TableError:
        raise
    except (ImageSpecError, ValueError) as error:
        raise TableError(f"the tar-split data cannot be used: {error}") from error


def _scan(rows: list[Any], limits: Limits) -> SplitIndex:
    scanner = Scanner(limits)
    at = wanted = 0
    for number, value in enumerate(rows):
        row = Node(value, "tar-split data", f"/{number}")
        kind = row.value.get("type")
        if kind == _SEGMENT:
            data = base64.b64decode(row.text("payload", ""), validate=True)
            if at + len(data) > wanted:
                wanted = scanner.feed(data, at)
            at += len(data)
        elif kind == _FILE:
            at += row.size("size") if "size" in row.value else 0
            if wanted < at:
                raise TableError(
                    "the tar-split data leave out more than files' bodies", is_contradiction=True
                )
        else:
            raise TableError("the tar-split data hold an unknown kind of entry")
    index = scanner.close(at)
    return SplitIndex(index, tuple(findings_of(scanner)), at)
