"""
rpm's database: SQLite (rpm 4.16 and later) and ndb (SUSE). Berkeley DB, rpm's before 4.16, is recognised and not read.

Both hold one header a package. The layout is rpm's: docs/manual/format.md for headers, lib/backend/sqlite.c, and
lib/backend/ndb/rpmpkg.c (rpm 4.18). Every number in them is the image's, so nothing is believed that leads outside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from imagespec.analyzers.packagedb.package import DatabaseError, Listed, Names, Package, Read
from imagespec.entry import Entry, EntryKind
from imagespec.limits import MIB
from imagespec.rootfs import RootFs

PLACES = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
SQLITE, NDB, BERKELEY = "rpmdb.sqlite", "Packages.db", "Packages"
DATABASES = (SQLITE, NDB)

_NAME, _VERSION, _RELEASE, _DIRINDEXES, _BASENAMES, _DIRNAMES = 1000, 1001, 1002, 1116, 1117, 1118  # tags
_INT32, _STRING, _STRINGS = 4, 6, 8  # types
_MOST_PACKAGES = 100_000
_MOST_HEADER_BYTES = 64 * MIB
_MOST_STEPS = 2_000  # of 10,000 instructions of SQLite's machine: reading 5,000 packages takes some ten

_PAGE, _SLOT = 4096, 16
_SLOT_MAGIC, _BLOB_MAGIC, _NDB_MAGIC = b"Slot", b"BlbS", b"RpmP"


def find_databases(rootfs: RootFs) -> tuple[list[Entry], list[str]]:
    """Return the databases that can be read, once each, and a clause about each that cannot."""
    found: dict[str, Entry] = {}
    unread: list[str] = []
    for place in PLACES:
        names = {entry.path.rpartition("/")[2]: entry for entry in rootfs.list(place)}
        for name in DATABASES:
            entry = names.get(name)
            if entry and entry.kind is EntryKind.FILE:
                found[entry.path] = entry
        log = names.get(SQLITE + "-wal")
        if log and log.size_bytes:
            unread.append(f"the write-ahead log of rpm's database is not read (/{log.path})")
        old = names.get(BERKELEY)
        if old and old.size_bytes and not names.keys() & set(DATABASES):
            unread.append(f"rpm's database in the format of Berkeley DB is not read (/{old.path})")
        elif names and not names.keys() & {*DATABASES, BERKELEY}:
            unread.append(f"no database of rpm in a format that is known is in /{place}")
    return list(found.values()), unread


def list_files(databases: list[Entry], names: Names, read: Read) -> Listed:
    """Yield the files that packages list; raises DatabaseError."""
    for entry in databases:
        data = read(entry)
        if data is None:
            continue
        headers = _sqlite_headers(data) if entry.path.endswith(SQLITE) else _ndb_headers(data)
        for number, raw in enumerate(headers):
            if number == _MOST_PACKAGES:
                raise DatabaseError(f"it has more than {_MOST_PACKAGES:,} packages")
            yield from _Header(raw).files(names, entry)


def _sqlite_headers(data: bytes) -> Iterator[bytes]:
    """Yield the headers of a SQLite database, read in a copy in memory that nothing can write to."""
    # Bytes 18 and 19 say that there is a write-ahead log, without which SQLite would not open the copy
    # (SQLite's file format, "The Database Header").
    import sqlite3  # noqa: PLC0415 - most images have no such database

    copy = data[:18] + b"\x01\x01" + data[20:]
    steps = iter(range(_MOST_STEPS))
    reading = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
    base = sqlite3.connect(":memory:")
    try:
        base.deserialize(copy)
        base.text_factory = bytes  # names need not be text
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_HEADER_BYTES)
        for pragma in ("query_only=1", "trusted_schema=0", "cell_size_check=1", "mmap_size=0"):
            base.execute(f"PRAGMA {pragma}")
        base.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY
        )
        base.set_progress_handler(lambda: next(steps, None) is None, 10_000)
        kind = base.execute("SELECT type FROM sqlite_master WHERE name = 'Packages'").fetchone()
        if kind != (b"table",):
            raise DatabaseError("it has no table Packages")
        for (blob,) in base.execute("SELECT blob FROM Packages"):
            if not isinstance(blob, bytes):
                raise DatabaseError("a package in it is no header")
            yield blob
    except (
        sqlite3.Error,
        OverflowError,
        UnicodeDecodeError,
    ) as error:  # SQLite's own words need not be text either
        raise DatabaseError(f"SQLite refuses it: {error}") from None
    finally:
        base.close()


def _ndb_headers(data: bytes) -> Iterator[bytes]:
    """Yield the headers of an ndb database: slots in the first pages say where each package's blob lies."""
    magic, version, _, pages = struct.unpack_from("<4sIII", data.ljust(_SLOT, b"\0"))
    if magic != _NDB_MAGIC or version != 0:
        raise DatabaseError("it does not begin as a database of rpm's ndb does")
    slots = data[2 * _SLOT : pages * _PAGE]  # the header takes the place of two slots
    if len(slots) != pages * _PAGE - 2 * _SLOT:
        raise DatabaseError("it ends inside its slots")
    total = 0
    for mark, _, block, _ in struct.iter_unpack("<4sIII", slots):
        if mark != _SLOT_MAGIC:
            raise DatabaseError("one of its slots is damaged")
        if block == 0:
            continue  # a free slot
        start = block * _SLOT + 16
        head, _, _, length = struct.unpack("<4sIII", data[start - 16 : start].ljust(16, b"\0"))
        if head != _BLOB_MAGIC or start + length > len(data):
            raise DatabaseError("one of its packages is damaged")
        total += length
        if total > len(data):
            raise DatabaseError("its packages overlap")
        yield data[start : start + length]


class _Header:
    """One package's header: an index of tags, and the data that they point into."""

    def __init__(self, raw: bytes) -> None:
        rows, size = struct.unpack(">II", raw[:8].ljust(8, b"\0"))
        end = 8 + rows * 16
        if end + size > len(raw):
            raise DatabaseError("a package's header is cut off")
        self._data = raw[end : end + size]
        self._rows = {
            tag: (kind, at, count) for tag, kind, at, count in struct.iter_unpack(">IIII", raw[8:end])
        }

    def files(self, names: Names, record: Entry) -> Listed:
        """Yield the files of the package that have one of the names."""
        bases = self._strings(_BASENAMES)
        wanted = [number for number, base in enumerate(bases) if base in names]
        if not wanted:
            return
        folders, indexes = self._strings(_DIRNAMES), self._integers(_DIRINDEXES)
        parts = [self._strings(tag)[:1] for tag in (_NAME, _VERSION, _RELEASE)]
        if len(indexes) != len(bases) or not all(parts) or max(indexes) >= len(folders):
            raise DatabaseError("a package's header contradicts itself")
        name, version, release = (part[0].decode("ascii", "replace") for part in parts)
        package = Package(name, f"{version}-{release}", record)
        for number in wanted:
            yield folders[indexes[number]] + bases[number], package

    def _strings(self, tag: int) -> list[bytes]:
        kind, at, count = self._rows.get(tag, (_STRINGS, 0, 0))
        if kind not in {_STRING, _STRINGS} or count > len(self._data):
            raise DatabaseError("a package's header has a tag of another type")
        found = self._data[at:].split(b"\0", count)[:count] if count else []
        if len(found) != count:
            raise DatabaseError("a package's header ends inside its strings")
        return found

    def _integers(self, tag: int) -> tuple[int, ...]:
        kind, at, count = self._rows.get(tag, (_INT32, 0, 0))
        raw = self._data[at : at + 4 * count]
        if kind != _INT32 or len(raw) != 4 * count:
            raise DatabaseError("a package's header has a tag of another type")
        return struct.unpack(f">{count}I", raw)
