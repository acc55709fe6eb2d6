"""Compares a merged view with what an engine exported."""

from __future__ import annotations

import tarfile
from pathlib import Path

from imagespec.entry import EntryKind
from imagespec.rootfs import RootFs

KINDS = {
    tarfile.REGTYPE: EntryKind.FILE,
    tarfile.DIRTYPE: EntryKind.DIRECTORY,
    tarfile.SYMTYPE: EntryKind.SYMLINK,
    tarfile.CHRTYPE: EntryKind.CHAR_DEVICE,
    tarfile.BLKTYPE: EntryKind.BLOCK_DEVICE,
    tarfile.FIFOTYPE: EntryKind.FIFO,
}

# What Docker 20.10 mounts into every container and so exports (tests/fixtures/README.md); in an image that has them
# it exports its own instead.
ENGINE_PATHS = frozenset(
    (
        *(".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "proc", "sys"),
        *("etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"),
    )
)

Row = tuple[EntryKind, int, int, int, int, str]


def exported(path: Path) -> dict[str, Row]:
    """Return (kind, mode, uid, gid, size, link target) of each path of an export, hard links as their targets."""
    rows: dict[str, Row] = {}
    with tarfile.open(path) as tar:
        for info in tar:
            name = info.name.removeprefix("./").strip("/")
            if info.type == tarfile.LNKTYPE:
                rows[name] = rows[info.linkname.removeprefix("./").strip("/")]
                continue
            size = info.size if info.type == tarfile.REGTYPE else 0
            target = info.linkname if info.type == tarfile.SYMTYPE else ""
            rows[name] = (KINDS[info.type], info.mode & 0o7777, info.uid, info.gid, size, target)
    return rows


def merged(view: RootFs) -> dict[str, Row]:
    """Return the same of a merged view."""
    return {
        entry.path: (entry.kind, entry.mode, entry.uid, entry.gid, entry.size_bytes, entry.link_target)
        for entry in view.walk()
    }


def differences(view: RootFs, export: Path) -> dict[str, tuple[Row | None, Row | None]]:
    """Return path → (ours, the engine's) where the two differ, the engine's own paths left out."""
    ours, theirs = merged(view), exported(export)
    return {
        path: (ours.get(path), theirs.get(path))
        for path in ours.keys() | theirs.keys()
        if path not in ENGINE_PATHS and ours.get(path) != theirs.get(path)
    }
