"""What differs between two views: two states of one image, or two images."""

from __future__ import annotations

import enum
import hashlib
import heapq
import itertools
from collections.abc import Iterator, Sequence

import attrs

from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

_ATTRIBUTES = ("kind", "mode", "uid", "gid", "size_bytes", "mtime", "link_target")


class DifferenceKind(enum.Enum):
    """What became of a path."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"


@attrs.frozen
class Difference:
    """One path that is not the same in two views."""

    path: str
    kind: DifferenceKind
    before: Entry | None
    after: Entry | None
    changed: tuple[str, ...] = ()
    """Of a modified path: the attributes of `Entry` that differ, and ``content`` where it was compared and differs."""


_Pair = tuple[Entry | None, Entry | None]
_ADDED, _REMOVED = DifferenceKind.ADDED, DifferenceKind.REMOVED


def diff_views(before: RootFs, after: RootFs, *, contents: bool = False) -> Iterator[Difference]:
    """
    Yield what differs, by path.

    Files of one size and time are taken to be the same, unless ``contents`` says that they are to be read: that
    decodes compressed layers. Raises ImageSpecError where a file cannot be read.
    """
    pairs = [pair for pair in _pairs(before, after) if not _is_same(before, after, *pair)]
    old_digests, new_digests = (
        _digests(view, [pair[side] for pair in pairs if _may_differ_inside(*pair)]) if contents else {}
        for side, view in enumerate((before, after))
    )
    for old, new in pairs:
        if old is None or new is None:
            one = old or new
            assert one is not None
            yield Difference(one.path, _REMOVED if old else _ADDED, old, new)
            continue
        changed = [name for name in _ATTRIBUTES if getattr(old, name) != getattr(new, name)]
        if old_digests.get(_inode(old)) != new_digests.get(_inode(new)):
            changed.append("content")
        if changed:
            yield Difference(new.path, DifferenceKind.MODIFIED, old, new, tuple(changed))


def _pairs(before: RootFs, after: RootFs) -> Iterator[_Pair]:
    """Yield what both views have at each path of either."""
    merged = heapq.merge(_walk(before, 0), _walk(after, 1), key=lambda item: item[:2])
    for _, items in itertools.groupby(merged, key=lambda item: item[0]):
        found = {side: entry for _, side, entry in items}
        yield found.get(0), found.get(1)


def _walk(view: RootFs, side: int) -> Iterator[tuple[list[str], int, Entry]]:
    return ((entry.path.split("/"), side, entry) for entry in view.walk())


def _is_same(before: RootFs, after: RootFs, old: Entry | None, new: Entry | None) -> bool:
    return bool(
        old and new and before.shares_layers(after) and old.member is not None and _inode(old) == _inode(new)
    )


def _may_differ_inside(old: Entry | None, new: Entry | None) -> bool:
    return bool(old and new and old.kind is new.kind is EntryKind.FILE and old.size_bytes == new.size_bytes)


def _inode(entry: Entry) -> tuple[int | None, int | None]:
    return entry.layer, entry.member


def _digests(view: RootFs, entries: Sequence[Entry | None]) -> dict[tuple[int | None, int | None], bytes]:
    return {
        _inode(same[0]): hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
        for same, file in view.open_all([entry for entry in entries if entry])
    }
