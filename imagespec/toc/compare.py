"""
A layer's tar beside its table of contents.

Runtimes that pull lazily see the table and all others the tar, so what differs makes two images of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from imagespec.access import RandomAccess
from imagespec.compression import Codec
from imagespec.errors import TableError
from imagespec.limits import Limits
from imagespec.tar import LayerIndex, header
from imagespec.toc.blobdata import Inflater
from imagespec.toc.contents import Checker
from imagespec.toc.table import TableEntry

_TOLD = 20
_PIECE = 1 << 18


def first_differences(differences: Iterator[str]) -> tuple[str, ...]:
    """Return the first differences and, where there are more than are told, a sentence that says so."""
    told = tuple(islice(differences, _TOLD + 1))
    return (
        told
        if len(told) <= _TOLD
        else (*told[:_TOLD], "there are more differences from the table of contents")
    )


def compare_members(index: LayerIndex, count: int, entries: Sequence[TableEntry]) -> Iterator[str]:
    """Yield where the first ``count`` members of a tar and the entries of its table differ."""
    if count != len(entries):
        yield f"the table of contents has {len(entries):,} entries, and the tar {count:,} members"
    for row, (name, entry) in enumerate(zip(islice(index.iter_names(), count), entries, strict=False)):
        if name != entry.name:
            yield f"the table of contents has {_text(entry.name)} where the tar has {_text(name)}"
            return  # nothing fits from here on
        for what, told, seen in _attributes(index, row, entry):
            if told != seen:
                yield f"the table of contents gives {_text(name)} the {what} {told!r}, and the tar {seen!r}"


def _attributes(index: LayerIndex, row: int, entry: TableEntry) -> Iterator[tuple[str, Any, Any]]:
    yield "type", entry.typeflag, index.typeflag(row)
    yield "mode", oct(entry.mode), oct(index.modes[row])
    yield "uid", entry.uid, index.uids[row]
    yield "gid", entry.gid, index.gids[row]
    if index.typeflag(row) in (
        header.SYMLINK,
        header.HARD_LINK,
    ):  # Docker 20.10 writes one for whiteouts, too
        yield "link target", entry.link, index.links.get(row, b"")
    yield "extended attributes", _plain(entry.xattrs), _plain(index.xattrs.get(row, {}))
    if index.is_regular(row):
        yield "size", entry.size_bytes, index.sizes[row]
    if any(entry.device):
        yield "device", entry.device, index.devices.get(row, (0, 0))
    if abs(entry.mtime - index.mtimes[row]) >= 1:  # eStargz rounds to seconds
        yield "time", entry.mtime, index.mtimes[row]


def _plain(xattrs: Mapping[str, bytes]) -> dict[str, bytes]:
    return dict(sorted(xattrs.items()))


def compare_contents(
    access: RandomAccess, codec: Codec, index: LayerIndex, entries: Sequence[TableEntry], limits: Limits
) -> Iterator[str]:
    """
    Yield the files whose content in the tar has another digest than in the table; members and entries fit.

    Inflates the layer once more. Raises TableError where the table has no digest of a file, CompressionError and
    LimitError.
    """
    inflater = Inflater(access, 0, access.size_bytes, codec, limits)
    for row, entry in enumerate(entries):
        if not entry.chunks:
            continue
        if row in index.sparse:
            raise TableError("a sparse file is not compared with its digest")
        if not entry.digest and not all(chunk.digest for chunk in entry.chunks):
            raise TableError("the table of contents has no digests of files' contents")
        inflater.skip(index.data_offsets[row] - inflater.position)
        if not _content_fits(inflater, entry):
            yield f"the content of {_text(entry.name)} in the tar is not the one in the table of contents"


def _content_fits(inflater: Inflater, entry: TableEntry) -> bool:
    whole, fits = Checker(entry.digest), True
    for chunk in entry.chunks:
        own, left = Checker(chunk.digest), chunk.size_bytes
        while left and (data := inflater.read(min(left, _PIECE))):
            whole.update(data)
            own.update(data)
            left -= len(data)
        fits = fits and own.fits and not left
    return fits and whole.fits


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
