"""The regular files of one layer as its members list them, whatever other layers make of them."""

from __future__ import annotations

from collections.abc import Iterator

from imagespec.entry import KINDS, Entry, EntryKind
from imagespec.nodes import as_text, clamp, split_path
from imagespec.scan import LayerScan


def regular_files(scan: LayerScan, number: int, endings: tuple[bytes, ...] = (b"",)) -> Iterator[Entry]:
    """Yield the regular files of layer ``number`` in their order, whiteouts among them, whose names end as asked."""
    index = scan.index
    for member, name in enumerate(index.iter_names()):
        if not name.endswith(endings) or not index.is_regular(member):
            continue
        yield Entry(
            path="/".join(clamp(split_path(as_text(name)))),
            kind=KINDS.get(index.typeflag(member), EntryKind.OTHER),
            mode=index.modes[member],
            uid=index.uids[member],
            gid=index.gids[member],
            size_bytes=index.sizes[member],
            mtime=index.mtimes[member],
            link_target="",
            layer=number,
            member=member,
        )
