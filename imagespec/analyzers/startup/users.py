"""
What the image's user may do with a file, going by its mode bits.

As root everything; otherwise what everybody may do, and what the owner or the group that is named as a number may do.
Other groups that the user is in depend on the image and the engine, and are not counted.
"""

from __future__ import annotations

from imagespec.analyzers.shell.accounts import ROOT, user_number
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

READ, WRITE, EXECUTE = 0o004, 0o002, 0o001


def may(user: str, bit: int, entry: Entry, view: RootFs) -> bool:
    """Tell whether a user certainly may read, write or execute (search) something; an empty user is root."""
    name, _, group = user.partition(":")
    if name in {"", *ROOT}:
        return True
    if str(entry.uid) == user_number(name, view):
        return bool(entry.mode & (bit << 6))
    if group.isdecimal() and int(group[:12]) == entry.gid:
        return bool(entry.mode & (bit << 3))
    return bool(entry.mode & bit)


def closed_directory(user: str, path: str, view: RootFs) -> Entry | None:
    """Return the first directory on the way to a path that the user may not be allowed to search."""
    parts = path.strip("/").split("/")
    for count in range(1, min(len(parts), 40) + 1):
        entry = view.resolve("/".join(parts[:count]))
        if entry is not None and entry.kind is EntryKind.DIRECTORY and not may(user, EXECUTE, entry, view):
            return entry
    return None


def closed_file(user: str, path: str, view: RootFs) -> Entry | None:
    """Return a file that the user may not be allowed to read, or the directory on the way; None where both are open."""
    if user.partition(":")[0] in {"", *ROOT}:
        return None
    directory = closed_directory(user, path, view)
    entry = view.resolve(path)
    if directory is not None or entry is None:
        return directory
    return None if may(user, READ, entry, view) else entry
