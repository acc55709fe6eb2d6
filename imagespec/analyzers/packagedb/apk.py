"""apk's database: P package, V version, F directory, R file (apk-v2(5)); apk 3 moved it below /usr."""

from __future__ import annotations

from imagespec.analyzers.packagedb.package import Listed, Names, Package, Read
from imagespec.entry import Entry
from imagespec.rootfs import RootFs

PLACES = ("lib/apk/db/installed", "usr/lib/apk/db/installed")


def find_lists(rootfs: RootFs) -> list[Entry]:
    """Return the database's file, once where both places lead to it."""
    found = {entry.path: entry for path in PLACES if (entry := rootfs.resolve(path))}
    return list(found.values())


def list_files(lists: list[Entry], names: Names, read: Read) -> Listed:
    """Yield the files that packages list."""
    for entry in lists:
        package = Package("", "", entry)
        name, folder = "", b""
        for line in (read(entry) or b"").split(b"\n"):
            kind, value = line[:2], line[2:]
            if kind == b"P:":
                name = value.decode("ascii", "replace")
                package = Package(name, None, entry)
            elif kind == b"V:":
                package = Package(name, value.decode("ascii", "replace"), entry)
            elif kind == b"F:":
                folder = value
            elif kind == b"R:" and value in names:
                yield folder + b"/" + value, package
