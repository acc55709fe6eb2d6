"""
Writing files of a view to disk: regular files and directories, into a directory made for it, and nothing else.

No links, devices, setuid bits, owners or extended attributes are written, so nothing that is written leads anywhere
else. Every step goes through the descriptor of a directory and follows no link, so that somebody who changes the
directory meanwhile cannot lead it elsewhere either.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import attrs

from imagespec.entry import Entry, EntryKind
from imagespec.errors import LimitError, UsageError
from imagespec.rootfs import RootFs

_LONGEST_PATH = 4095  # Linux PATH_MAX without the final NUL
_COPY_BYTES = 1 << 20
_DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO))
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen
class LeftOut:
    """Something that was not written, or not as the image has it."""

    path: str
    kind: EntryKind
    why: str


@attrs.define
class Manifest:
    """What an extraction wrote, and what it did not."""

    files: int = 0
    directories: int = 0
    size_bytes: int = 0
    left_out: list[LeftOut] = attrs.field(factory=list)
    reduced: list[LeftOut] = attrs.field(factory=list)
    """Written without something that the image gives it."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        rows = {
            name: [{"path": item.path, "kind": item.kind.value, "why": item.why} for item in items]
            for name, items in (("left_out", self.left_out), ("reduced", self.reduced))
        }
        return {
            "files": self.files,
            "directories": self.directories,
            "size_bytes": self.size_bytes,
            **rows,
        }


def extract(view: RootFs, target: str, *, top: str = "", max_bytes: int) -> Manifest:
    """
    Write what is below ``top`` into the new or empty directory ``target``.

    Raises UsageError where the target holds something, LimitError where the files have more than ``max_bytes``, OSError
    where the disk refuses, and ImageSpecError where a file cannot be read; what was written until then stays.
    """
    entry = view.resolve(top)
    if entry is None or entry.kind is not EntryKind.DIRECTORY:
        raise UsageError(f"{top}: no directory of the image")
    entries = list(view.walk(entry.path))
    needed = sum(item.size_bytes for item in entries if item.kind is EntryKind.FILE)
    if needed > max_bytes:
        raise LimitError("max_bytes", max_bytes, needed, "extraction", advice="allow more, or extract less")
    os.makedirs(target, mode=0o755, exist_ok=True)  # noqa: PTH103 - descriptors from here on
    root = os.open(target, _DIRECTORY)
    try:
        if os.listdir(root):  # noqa: PTH208 - by its descriptor
            raise UsageError(f"{target}: not empty; files are extracted into a new or empty directory only")
        writer = _Writer(view, root, len(entry.path) + 1 if entry.path else 0)
        for item in entries:
            if item.kind is not EntryKind.FILE:
                writer.make(item)
        for same, file in view.open_all(item for item in entries if item.kind is EntryKind.FILE):
            with file:
                writer.write(same, file)
    finally:
        os.close(root)
    return writer.manifest


class _Writer:
    """Writes below the directory open as ``root``; ``skip`` characters of a path are above it."""

    def __init__(self, view: RootFs, root: int, skip: int) -> None:
        self.manifest = Manifest()
        self._view = view
        self._root = root
        self._skip = skip

    def make(self, entry: Entry) -> None:
        """Make a directory; anything else is left out."""
        if entry.kind is not EntryKind.DIRECTORY:
            target = f" to {entry.link_target}" if entry.kind is EntryKind.SYMLINK else ""
            self._leave_out(entry, f"a {entry.kind.value}{target}")
            return
        try:
            with self._parent(entry) as (parent, name):
                os.mkdir(name, entry.mode & 0o755 | 0o700, dir_fd=parent)
        except (OSError, ValueError) as error:
            self._leave_out(entry, _reason(error))
        else:
            self.manifest.directories += 1
            self._note_reduced(entry)

    def write(self, same: Sequence[Entry], file: BinaryIO) -> None:
        """Write a file under each of its names; the later ones are copies of the first."""
        written: Entry | None = None
        for entry in same:
            try:
                if written is None:
                    self._copy(entry, file)
                else:
                    with self._parent(written) as (parent, name):
                        first = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
                    with open(first, "rb") as copy:  # noqa: PTH123 - a descriptor
                        self._copy(entry, copy)
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) in _DISK_FULL:
                    raise
                self._leave_out(entry, _reason(error))
            else:
                written = written or entry
                self.manifest.files += 1
                self.manifest.size_bytes += entry.size_bytes
                self._note_reduced(entry)

    def _copy(self, entry: Entry, source: BinaryIO) -> None:
        with self._parent(entry) as (parent, name):
            made = os.open(name, _NEW_FILE, entry.mode & 0o755 | 0o600, dir_fd=parent)
        with open(made, "wb") as out:  # noqa: PTH123 - a descriptor
            shutil.copyfileobj(source, out, _COPY_BYTES)

    @contextmanager
    def _parent(self, entry: Entry) -> Iterator[tuple[int, bytes]]:
        """Open the directory that an entry is written to, one name after the other."""
        path = os.fsencode(entry.path)
        if len(path) > _LONGEST_PATH:
            raise ValueError("its path is longer than Linux allows")
        *above, name = os.fsencode(entry.path[self._skip :]).split(b"/")
        here = os.dup(self._root)
        try:
            for part in above:
                below = os.open(part, _DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
            yield here, name
        finally:
            os.close(here)

    def _leave_out(self, entry: Entry, why: str) -> None:
        self.manifest.left_out.append(LeftOut(entry.path, entry.kind, why))

    def _note_reduced(self, entry: Entry) -> None:
        lost = [
            word
            for bit, word in (
                (stat.S_ISUID, "setuid"),
                (stat.S_ISGID, "setgid"),
                (stat.S_ISVTX, "sticky bit"),
            )
            if entry.mode & bit
        ]
        lost += sorted(self._view.xattrs(entry))
        if lost:
            self.manifest.reduced.append(LeftOut(entry.path, entry.kind, f"without {', '.join(lost)}"))


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return f"the file system refuses it: {text}"
