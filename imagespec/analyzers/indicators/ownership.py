"""
Which files belong to a package, as the image's own package database says it.

The database is part of the image and can be forged: a file that is not listed is worth a look, a file that is listed
is not thereby harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from imagespec.analyzers.wanted import Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.limits import MIB
from imagespec.rootfs import RootFs

_DPKG = "var/lib/dpkg/info"  # dpkg(1), "Files": one PACKAGE.list for each installed package
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")  # apk-tools 2 and 3; apk-v2(5), F: and R: lines
_UNREAD = (
    ("rpm", ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")),
    ("pacman", ("var/lib/pacman/local",)),
)

WANTED = (
    Wanted(suffixes=(".list",), inside=("/var/lib/dpkg/info/",), head_bytes=MIB),
    Wanted(names=frozenset(("installed",)), inside=("/lib/apk/db/",), head_bytes=MIB),
)

_MOST_BYTES = 64 * MIB  # of all lists together: some twenty times those of a large distribution
_MOST_LOOKUPS = 100_000


@attrs.frozen
class Owned:
    """What the package databases say about the files that were asked for."""

    databases: tuple[str, ...]
    """Kinds of databases that were read: dpkg, apk."""
    complete: bool
    """Nothing of them is missing, so that a file which is not listed belongs to no package."""
    why: str
    """Why nothing is certain, where that is so; else empty."""
    paths: frozenset[str]
    """Real paths that are listed."""

    def owns(self, entry: Entry) -> bool | None:
        """Tell whether a package lists the file; None when the databases do not decide it."""
        if entry.path in self.paths:
            return True
        return False if self.databases and self.complete else None


def read_owned(rootfs: RootFs, asked: Iterable[Entry]) -> Owned:
    """Look the files up in the image's package databases, all at once."""
    names = {entry.path.rpartition("/")[2].encode("utf-8", "surrogateescape") for entry in asked}
    unread = [kind for kind, places in _UNREAD if any(_has_files(rootfs, place) for place in places)]
    reading = _Reading(rootfs)
    databases = []
    if lists := [entry for entry in rootfs.list(_DPKG) if entry.path.endswith(".list")]:
        databases.append("dpkg")
        reading.collect((line for entry in lists for line in reading.lines(entry)), names)
    installed = [entry for path in _APK if (entry := rootfs.resolve(path))]
    if installed:
        databases.append("apk")
        reading.collect((line for entry in installed for line in _apk_files(reading.lines(entry))), names)
    why = reading.why
    if unread:
        why = f"the {' and '.join(unread)} database is not read"
    elif not databases:
        why = "the image has no package database"
    return Owned(tuple(databases), not why, why, frozenset(reading.paths))


def _has_files(rootfs: RootFs, place: str) -> bool:
    return any(entry.kind in {EntryKind.FILE, EntryKind.DIRECTORY} for entry in rootfs.list(place))


class _Reading:
    """The lists, read within bounds."""

    def __init__(self, rootfs: RootFs) -> None:
        self.paths: set[str] = set()
        self.why = ""
        self._rootfs = rootfs
        self._bytes = 0

    def lines(self, entry: Entry) -> Iterator[bytes]:
        """Yield the lines of one list; an incomplete one leaves its reason in ``why``."""
        data = self._rootfs.content(entry)
        if data is None or len(data) < entry.size_bytes or self._bytes + len(data) > _MOST_BYTES:
            self.why = f"the package database was not kept completely (/{entry.path})"
        if data is not None and self._bytes + len(data) <= _MOST_BYTES:
            self._bytes += len(data)
            yield from data.split(b"\n")

    def collect(self, lines: Iterable[bytes], names: set[bytes]) -> None:
        """Add the real paths of the listed files that have one of the names."""
        lookups = 0
        for line in lines:
            if line[line.rfind(b"/") + 1 :] not in names:
                continue
            lookups += 1
            if lookups > _MOST_LOOKUPS:
                self.why = f"the package database has more than {_MOST_LOOKUPS:,} files of the same few names"
                return
            # Only the directories' links are followed (usr-merge): a package that lists a link does not own its target.
            found = self._rootfs.lookup(line.decode("utf-8", "surrogateescape"))
            if found:
                self.paths.add(found.path)


def _apk_files(lines: Iterable[bytes]) -> Iterator[bytes]:
    folder = b""
    for line in lines:
        if line.startswith(b"F:"):
            folder = line[2:]
        elif line.startswith(b"R:"):
            yield folder + b"/" + line[2:]
