"""
The entries of a table of contents, parsed and checked.

eStargz and zstd:chunked share the form (stargz-snapshotter docs/estargz.md, "TOC"; containers/storage
pkg/chunked/internal/minimal/compression.go, `FileMetadata`): an entry for each member of the tar in its order, and
behind a regular file one ``chunk`` entry for each further chunk of it.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from imagespec.digest import Digest, parse_digest
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError, LimitError, TableError
from imagespec.limits import Limits
from imagespec.tar import header

TYPES = {
    "reg": header.REGULAR,
    "dir": header.DIRECTORY,
    "symlink": header.SYMLINK,
    "hardlink": header.HARD_LINK,
    "char": header.CHAR,
    "block": header.BLOCK_DEVICE,
    "fifo": header.FIFO,
}
_CHUNK = "chunk"
_INT64_MAX = (1 << 63) - 1
_REPLACEMENT = "\ufffd"


@attrs.frozen(kw_only=True)
class Chunk:
    """A part of a file that can be inflated and checked by itself."""

    offset: int
    """Where to begin inflating in the blob."""
    inner_offset: int
    """Inflated bytes to drop before the chunk begins."""
    size_bytes: int
    digest: Digest | None


@attrs.frozen(kw_only=True)
class TableEntry:
    """One member of the tar, as the table says it; ``mtime`` in seconds since the epoch."""

    name: bytes
    typeflag: bytes
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime: float
    link: bytes
    device: tuple[int, int]
    xattrs: Mapping[str, bytes]
    digest: Digest | None
    """Of the file's content."""
    chunks: tuple[Chunk, ...]


@attrs.frozen
class Table:
    """A parsed table; ``tar_split_digest`` is that of zstd:chunked's compressed tar-split data."""

    entries: tuple[TableEntry, ...]
    tar_split_digest: Digest | None


def parse_table(raw: bytes, end: int, limits: Limits) -> Table:
    """Parse the JSON document of a table whose chunks lie before ``end`` in the blob; raises TableError."""
    limits = attrs.evolve(limits, document_bytes=limits.table_bytes)
    try:
        tree = Node(load_json(raw, "table of contents", limits), "table of contents")
        rows = tree.value.get("entries")
        if tree.value.get("version") != 1 or not isinstance(rows, list):
            raise TableError("the table of contents is not of version 1")
        split = tree.value.get("tarSplitDigest")
        entries = tuple(_entries([_node(row, number) for number, row in enumerate(rows)], limits))
        _check_order(entries, end)
        return Table(entries, parse_digest(split) if split else None)
    except (DocumentError, LimitError, ValueError, OverflowError) as error:
        raise TableError(f"the table of contents cannot be used: {error}") from error


def _node(row: Any, number: int) -> Node:
    return Node(row, "table of contents", f"/entries/{number}")


def _entries(rows: Sequence[Node], limits: Limits) -> list[TableEntry]:
    entries: list[TableEntry] = []
    at = 0
    while at < len(rows):
        first, at = at, at + 1
        while at < len(rows) and rows[at].value.get("type") == _CHUNK:
            at += 1
        entries.append(_entry(rows[first], rows[first:at]))
        if len(entries) > limits.layer_members:
            raise LimitError("layer_members", limits.layer_members, len(entries), "table of contents")
    names = {entry.name.strip(b"/") for entry in entries}
    if len(names) < len(entries):
        # containers/storage refuses it; readers of eStargz take the last one.
        raise ValueError("two entries have the same name")
    return entries


def _entry(row: Node, pieces: Sequence[Node]) -> TableEntry:
    kind = row.text("type", "")
    if kind not in TYPES:
        raise ValueError(f"{row.pointer} has the type {kind!r}")
    is_file = kind == "reg"
    if len(pieces) > 1 and not is_file:
        raise ValueError(f"{row.pointer} has chunks and is no file")
    size = _number(row, "size") if is_file else 0
    return TableEntry(
        name=_name(row.text("name", "")),
        typeflag=TYPES[kind],
        mode=_number(row, "mode") & 0o7777,
        uid=_number(row, "uid"),
        gid=_number(row, "gid"),
        size_bytes=size,
        mtime=_time(row.text("modtime", "")),
        link=_name(row.text("linkName", "")) if kind in {"symlink", "hardlink"} else b"",
        device=(_number(row, "devMajor"), _number(row, "devMinor")) if kind in {"char", "block"} else (0, 0),
        xattrs={key: _base64(row, value) for key, value in row.mapping("xattrs").items()},
        digest=_digest(row, "digest") if is_file else None,
        chunks=_chunks(pieces, size) if size else (),
    )


def _chunks(pieces: Sequence[Node], size: int) -> tuple[Chunk, ...]:
    """Return the chunks of a file; raises ValueError unless they are the file from its first byte to its last."""
    ends = [*(_number(piece, "chunkOffset") for piece in pieces[1:]), size]
    chunks = []
    start = 0
    for piece, end in zip(pieces, ends, strict=True):
        told = _number(piece, "chunkSize")
        if _number(piece, "chunkOffset") != start or end <= start:
            raise ValueError(f"{piece.pointer}: chunks overlap or leave gaps")
        if told not in (0, end - start):  # eStargz leaves the last one's out
            raise ValueError(f"{piece.pointer}: a chunk of {told:,} bytes where {end - start:,} lie")
        digest = _digest(piece, "chunkDigest") or (_digest(piece, "digest") if len(pieces) == 1 else None)
        offset, inner = _number(piece, "offset"), _number(piece, "innerOffset")
        chunks.append(Chunk(offset=offset, inner_offset=inner, size_bytes=end - start, digest=digest))
        start = end
    return tuple(chunks)


def _check_order(entries: Sequence[TableEntry], end: int) -> None:
    """Raise ValueError unless every chunk lies before ``end`` and behind all chunks before it."""
    # So what is inflated for all of them together is bounded by what the blob holds.
    offset = inner = -1
    for entry in entries:
        for chunk in entry.chunks:
            if not 0 < chunk.offset < end:
                raise ValueError("a chunk lies outside of the layer's payload")
            if chunk.offset < offset or (chunk.offset == offset and chunk.inner_offset < inner):
                raise ValueError("chunks overlap, or lie in another order than their files")
            offset, inner = chunk.offset, chunk.inner_offset + chunk.size_bytes


def _name(text: str) -> bytes:
    # Go's JSON encoder puts U+FFFD in place of what is no UTF-8, so such a name may be another one in the tar.
    if _REPLACEMENT in text or "\0" in text:
        raise ValueError("a name that JSON cannot hold")
    return text.encode()


def _number(row: Node, key: str) -> int:
    value = row.value.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _INT64_MAX:
        raise ValueError(f"{row.pointer}/{key} is no size, offset or id")
    return value


def _base64(row: Node, value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{row.pointer}/xattrs holds something else than strings")  # noqa: TRY004 - one kind of error
    return base64.b64decode(value, validate=True)


def _digest(row: Node, key: str) -> Digest | None:
    value = row.value.get(key)
    return parse_digest(value) if value else None


def _time(text: str) -> float:
    if not text:
        return 0.0  # both writers leave the epoch out
    time = dt.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return time.timestamp()
