"""
Which files belong to a package, as the image's own package databases say it.

A database is part of the image and can be forged: a file that is not listed is worth a look, a file that is listed
is not thereby harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from imagespec.analyzers.packagedb import apk, dpkg, rpm
from imagespec.analyzers.packagedb.package import DatabaseError, Listed, Package
from imagespec.analyzers.reading import MOST_BYTES, read_whole
from imagespec.analyzers.wanted import Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.limits import MIB
from imagespec.rootfs import RootFs

_PACMAN = "var/lib/pacman/local"

WANTED = (
    Wanted(suffixes=(".list",), inside=("/var/lib/dpkg/info/",), head_bytes=MIB),
    Wanted(
        # dpkg's status and status.d (distroless images); apk's database; full desktops have 4 MiB of either.
        directories=("/lib/dpkg/status", "/lib/apk/db/installed"),
        outside=("/status-old",),
        head_bytes=8 * MIB,
        up_to_bytes=8 * MIB,
    ),
    Wanted(
        names=frozenset(rpm.DATABASES),
        inside=tuple(f"/{place}/" for place in rpm.PLACES),
        head_bytes=40 * MIB,
        up_to_bytes=40 * MIB,
    ),
)

_MOST_BYTES = MOST_BYTES  # of all lists together: some twenty times those of a large distribution
_MOST_LOOKUPS = 100_000


@attrs.frozen
class Owned:
    """What the package databases say about the files that were asked for."""

    databases: tuple[str, ...]
    """Kinds of databases that were read: dpkg, apk, rpm."""
    complete: bool
    """Nothing of them is missing, so that a file which is not listed belongs to no package."""
    why: str
    """Why nothing is certain, where that is so; else empty."""
    packages: Mapping[str, Package]
    """By the real path of each file that is listed."""

    def owns(self, entry: Entry) -> bool | None:
        """Tell whether a package lists the file; None when the databases do not decide it."""
        if entry.path in self.packages:
            return True
        return False if self.databases and self.complete else None


def read_owned(rootfs: RootFs, asked: Iterable[Entry]) -> Owned:
    """Look the files up in the image's package databases, all at once."""
    names = frozenset(entry.path.rpartition("/")[2].encode("utf-8", "surrogateescape") for entry in asked)
    reading = _Reading(rootfs)
    databases = []
    if lists := dpkg.find_lists(rootfs):
        databases.append("dpkg")
        reading.collect("dpkg", dpkg.list_files(lists, names, reading.read))
    if lists := apk.find_lists(rootfs):
        databases.append("apk")
        reading.collect("apk", apk.list_files(lists, names, reading.read))
    lists, unread = rpm.find_databases(rootfs)
    if lists:
        databases.append("rpm")
        reading.collect("rpm", rpm.list_files(lists, names, reading.read))
    if any(entry.kind in {EntryKind.FILE, EntryKind.DIRECTORY} for entry in rootfs.list(_PACMAN)):
        unread.append(f"pacman's database is not read (/{_PACMAN})")
    why = "; ".join(unread) or reading.why
    if not why and not databases:
        why = "the image has no package database"
    return Owned(tuple(databases), not why, why, reading.packages)


class _Reading:
    """The databases, read within bounds."""

    def __init__(self, rootfs: RootFs) -> None:
        self.packages: dict[str, Package] = {}
        self.why = ""
        self._rootfs = rootfs
        self._bytes = 0

    def read(self, entry: Entry) -> bytes | None:
        """Return the content of a database's file; where it cannot be had, ``why`` says so."""
        data = None
        if self._bytes + entry.size_bytes <= _MOST_BYTES:
            data = read_whole(self._rootfs, entry, _MOST_BYTES)
        if data is None:
            self.why = f"the package database was not kept completely (/{entry.path})"
            return None
        self._bytes += len(data)
        return data

    def collect(self, kind: str, listed: Listed) -> None:
        """Add the real paths of listed files; an unreadable database leaves its reason in ``why``."""
        try:
            self._collect(listed)
        except DatabaseError as error:
            self.why = f"{kind}'s package database cannot be read: {error}"

    def _collect(self, listed: Listed) -> None:
        for lookups, (path, package) in enumerate(listed):
            if lookups == _MOST_LOOKUPS:
                raise DatabaseError(f"it has more than {_MOST_LOOKUPS:,} files of the same few names")
            # Only the directories' links are followed (usr-merge): a package that lists a link does not own its target.
            found = self._rootfs.lookup(path.decode("utf-8", "surrogateescape"))
            if found:
                self.packages[found.path] = package
