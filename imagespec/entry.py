"""What a file system holds: files, directories, links and devices, each with the layer it comes from."""

from __future__ import annotations

import enum
import stat

import attrs

from imagespec.tar import header


class EntryKind(enum.Enum):
    """What an entry of a file system is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHAR_DEVICE = "char-device"
    BLOCK_DEVICE = "block-device"
    FIFO = "fifo"
    OTHER = "other"


KINDS = {
    header.REGULAR: EntryKind.FILE,
    header.CONTIGUOUS: EntryKind.FILE,
    header.GNU_SPARSE: EntryKind.FILE,
    header.DIRECTORY: EntryKind.DIRECTORY,
    header.SYMLINK: EntryKind.SYMLINK,
    header.CHAR: EntryKind.CHAR_DEVICE,
    header.BLOCK_DEVICE: EntryKind.BLOCK_DEVICE,
    header.FIFO: EntryKind.FIFO,
}
"""By a member's type; any other is `EntryKind.OTHER`."""


@attrs.frozen
class Entry:
    """One file, directory, link or device of the merged view, with the layer that put it there."""

    path: str
    """Relative to the root, without a leading slash; bytes that are no UTF-8 are surrogate-escaped."""
    kind: EntryKind
    mode: int
    """Permission bits with setuid, setgid and sticky; no file type."""
    uid: int
    gid: int
    size_bytes: int
    mtime: float
    """Seconds since the epoch."""
    link_target: str
    """Of a symlink, as written; else empty."""
    layer: int | None
    """Number of the layer, 0 at the base; None for a directory that no layer lists."""
    member: int | None
    """Row in that layer's index."""

    @property
    def is_executable(self) -> bool:
        """Tell whether any execute bit is set on a regular file."""
        return self.kind is EntryKind.FILE and bool(self.mode & 0o111)

    @property
    def is_setid(self) -> bool:
        """Tell whether a regular file runs with its owner's or group's rights."""
        return self.kind is EntryKind.FILE and bool(self.mode & (stat.S_ISUID | stat.S_ISGID))
