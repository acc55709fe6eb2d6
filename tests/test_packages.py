"""Versions of programs, where the image says them."""

from __future__ import annotations

import gzip
import sqlite3
import struct
import zlib
from pathlib import Path

import pytest

from imagespec.analyzers.packagedb import owners
from imagespec.analyzers.programs.packages import WANTED, Version, find_version
from imagespec.analyzers.wanted import compile_wanted
from imagespec.rootfs import RootFs
from tests.build import Item, file, program, rootfs, scan
from tests.build import layer as tar_layer

FIXTURES = Path(__file__).parent / "fixtures"
STATUS = """\
Package: base-files
Status: install ok installed
Version: 12.4
Description: system files
 Package: python3.11-minimal
 Version: 9.9

Package: python3.11-minimal
Status: install ok installed
Version: 3.11.2-6+deb12u3

Package: zip
Status: {zip}
Version: 1:3.0-13
"""
APK = """\
C:Q1abc=
P:musl
V:1.2.4-r2
F:usr/bin
R:ldd

P:python3
V:3.11.6-r1
F:usr/lib
F:usr/bin
R:python3.11
a:0:0:755
R:pydoc3.11
"""


def dpkg(zip_status: str = "install ok installed") -> Item:
    return file("var/lib/dpkg/status", STATUS.format(zip=zip_status))


PYTHON_LIST = file("var/lib/dpkg/info/python3.11-minimal.list", "/.\n/usr/bin/python3.11\n")
ZIP_LIST = file("var/lib/dpkg/info/zip.list", "/.\n/usr/bin/zip\n")
RPM = file("var/lib/rpm/rpmdb.sqlite", gzip.decompress((FIXTURES / "rpmdb.sqlite.gz").read_bytes()))


def ndb(*headers: bytes) -> bytes:
    """Return a database of rpm's ndb with these headers, after rpm 4.18 lib/backend/ndb/rpmpkg.c."""
    slots, blobs, block = b"", b"", 4096 // 16
    for number, header in enumerate(headers, 1):
        blob = struct.pack("<4sIII", b"BlbS", number, 0, len(header)) + header
        blob += bytes(-(len(blob) + 12) % 16)
        blob += struct.pack("<II4s", zlib.adler32(blob), len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, block, len(blob) // 16)
        blobs, block = blobs + blob, block + len(blob) // 16
    head = struct.pack("<4sIIII12x", b"RpmP", 0, 1, 1, len(headers) + 1)
    free = struct.pack("<4sIII", b"Slot", 0, 0, 0) * (254 - len(headers))
    return head + slots + free + blobs


def real_header() -> bytes:
    base = sqlite3.connect(":memory:")
    base.deserialize(RPM.data[:18] + b"\1\1" + RPM.data[20:])
    (blob,) = base.execute("SELECT blob FROM Packages").fetchone()
    assert isinstance(blob, bytes)
    return blob


NDB = file("usr/lib/sysimage/rpm/Packages.db", ndb(real_header()))


def find(name: str, path: str, *items: Item) -> Version:
    fs = rootfs([program(path), *items])
    entry = fs.resolve(path)
    assert entry is not None
    return find_version(fs, name, entry)


@pytest.mark.parametrize(
    ("name", "path", "items", "text", "place"),
    [
        ("python", "usr/bin/python3.11", [dpkg(), PYTHON_LIST], "3.11.2", "/var/lib/dpkg/status"),
        ("zip", "usr/bin/zip", [dpkg(), ZIP_LIST], "3.0", "/var/lib/dpkg/status"),
        ("zip", "usr/bin/zip", [dpkg()], None, "/usr/bin/zip"),  # nothing says whose file it is
        ("zip", "usr/bin/zip", [dpkg("deinstall ok config-files"), ZIP_LIST], None, "/usr/bin/zip"),
        ("python", "usr/bin/zip", [dpkg(), ZIP_LIST], None, None),  # zip's version is not python's
        ("zip", "usr/bin/zip", [RPM], "3.0", "/var/lib/rpm/rpmdb.sqlite"),
        ("zip", "usr/local/bin/zip", [RPM], None, None),
        ("zip", "usr/bin/zip", [NDB], "3.0", "/usr/lib/sysimage/rpm/Packages.db"),
        ("zip", "usr/share/zip/notes", [NDB], "3.0", None),
        ("zip", "usr/local/bin/zip", [dpkg()], None, "/usr/local/bin/zip"),  # not the package's file
        ("zip", "usr/bin/zip", [dpkg(), file("var/lib/dpkg/info/zip.list", "/.\n/usr/bin/zip\n")], "3.0", None),
        ("zip", "usr/bin/zip", [dpkg(), file("var/lib/dpkg/info/zip.list", "/.\n/bin/zip\n")], None, None),
        ("zip", "usr/bin/zip", [], None, "/usr/bin/zip"),
        (
            "python",
            "usr/bin/python3.11",
            [
                file("var/lib/dpkg/status.d/python3.11-minimal", "Package: python3.11-minimal\nVersion: 3.11.2-6\n"),
                file("var/lib/dpkg/status.d/python3.11-minimal.md5sums", f"{'0' * 32}  usr/bin/python3.11\n"),
            ],
            "3.11.2",
            "/var/lib/dpkg/status.d/python3.11-minimal",
        ),
        ("python", "usr/bin/python3.11", [file("lib/apk/db/installed", APK)], "3.11.6", "/lib/apk/db/installed"),
        ("python", "usr/bin/python3.11", [file("usr/lib/apk/db/installed", APK)], "3.11.6", None),
        ("python", "usr/local/bin/python3.11", [file("lib/apk/db/installed", APK)], "3.11", None),
        ("python", "usr/local/bin/python3.11", [dpkg()], "3.11", "/usr/local/bin/python3.11"),
        (
            "python",
            "usr/local/bin/python3.12",
            [dpkg(), file("usr/local/include/python3.12/patchlevel.h", '#define PY_VERSION      	"3.12.1"\n')],
            "3.12.1",
            "/usr/local/include/python3.12/patchlevel.h",
        ),
        (
            "python",
            "opt/conda/bin/python3.9",
            [file("opt/conda/conda-meta/python-3.9.18-h955ad1f_0.json"), file("opt/conda/conda-meta/python-dateutil-2.8-0.json")],
            "3.9.18",
            "/opt/conda/conda-meta/python-3.9.18-h955ad1f_0.json",
        ),
        ("python", "opt/bin/python", [], None, "/opt/bin/python"),
        ("python", "opt/bin/pypy3.10", [], None, None),
        (
            "java",
            "opt/jdk/bin/java",
            [file("opt/jdk/release", 'IMPLEMENTOR="x"\nJAVA_VERSION="17.0.8"\n')],
            "17.0.8",
            "/opt/jdk/release",
        ),
        ("java", "opt/jdk8/jre/bin/java", [file("opt/jdk8/release", 'JAVA_VERSION="1.8.0_392"\n')], "1.8.0_392", None),
        ("java", "opt/jdk/bin/java", [file("opt/release", 'JAVA_VERSION="17"\n')], None, None),
        ("java", "opt/jdk/bin/java", [file("opt/jdk/release", "VERSION=17\n")], None, None),
        ("java", "opt/jdk/bin/java", [file("opt/jdk/release", 'JAVA_VERSION="\x1b[31m"\n')], None, None),
        (
            "java",
            "usr/lib/jvm/java-17-openjdk-amd64/bin/java",
            [
                file("var/lib/dpkg/status", "Package: openjdk-17-jre-headless\nVersion: 17.0.9+9-1~deb12u1\n"),
                file(
                    "var/lib/dpkg/info/openjdk-17-jre-headless:amd64.list",
                    "/.\n/usr/lib/jvm/java-17-openjdk-amd64/bin/java\n",
                ),
            ],
            "17.0.9+9",
            None,
        ),
    ],
)  # fmt: skip
def test_versions(name: str, path: str, items: list[Item], text: str | None, place: str | None) -> None:
    found = find(name, path, *items)
    assert found.text == text
    assert place is None or found.evidence[0].path == place
    assert found.evidence


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            file("var/lib/rpm/Packages", b"\x00\x05\x31\x62"),
            "Berkeley DB is not read (/var/lib/rpm/Packages)",
        ),
        (file("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0"), "SQLite refuses it"),
        (file("var/lib/rpm/rpmdb.sqlite", b"x"), "SQLite refuses it"),
        (file("var/lib/rpm/rpmdb.sqlite-wal", b"x"), "write-ahead log"),
        (file("usr/lib/sysimage/rpm/Packages.db", b"x"), "does not begin"),
        (file("usr/lib/sysimage/rpm/Other", b"x"), "in a format that is known"),
        (file("var/lib/pacman/local/a/desc", b"x"), "pacman's database is not read"),
    ],
)
def test_databases_that_cannot_be_read_are_named(item: Item, words: str) -> None:
    found = find("zip", "usr/bin/zip", item)
    assert found.text is None
    assert words in found.evidence[0].message


def views_and_triggers() -> bytes:
    """Return a SQLite database whose Packages is a view that never ends."""
    base = sqlite3.connect(":memory:")
    base.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS blob FROM n"
    )
    return base.serialize()


def test_hostile_databases() -> None:
    found = find("zip", "usr/bin/zip", file("var/lib/rpm/rpmdb.sqlite", views_and_triggers()))
    assert "no table Packages" in found.evidence[0].message
    for at in (*range(0, 4096, 101), *range(4096, len(RPM.data), 4999)):
        damaged = RPM.data[:at] + b"\xff" * 8 + RPM.data[at + 8 :]
        assert find("zip", "usr/bin/zip", file("var/lib/rpm/rpmdb.sqlite", damaged)).text in {None, "3.0"}
    for at in range(0, len(NDB.data), 37):
        for damaged in (NDB.data[:at], NDB.data[:at] + b"\xff" * 4 + NDB.data[at + 4 :]):
            assert find("zip", "usr/bin/zip", file(NDB.path, damaged)).evidence


def test_a_database_kept_in_part_is_named() -> None:
    raw = tar_layer(program("usr/bin/zip"), dpkg(), ZIP_LIST)
    fs = RootFs([scan(raw, lambda *_: 4)])
    entry = fs.resolve("usr/bin/zip")
    assert entry is not None
    found = find_version(fs, "zip", entry)
    assert found.text is None
    assert "not kept completely (/var/lib/dpkg/info/zip.list)" in found.evidence[0].message


def test_an_unread_layer_leaves_it_open() -> None:
    fs = RootFs([scan(tar_layer(program("usr/bin/zip"), dpkg())), None])
    entry = fs.resolve("usr/bin/zip")
    assert entry is not None
    assert find_version(fs, "zip", entry).text is None


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (b"var/lib/dpkg/status", True),
        (b"./var/lib/dpkg/status", True),
        (b"var/lib/dpkg/status.d/zip", True),
        (b"var/lib/dpkg/status-old", False),
        (b"lib/apk/db/installed", True),
        (b"usr/lib/apk/db/installed", True),
        (b"opt/jdk/release", True),
        (b"usr/local/include/python3.12/patchlevel.h", True),
        (b"var/lib/dpkg/info/python3.11-minimal.list", True),
        (b"var/lib/dpkg/info/libc6:amd64.list", True),
        (b"var/lib/rpm/rpmdb.sqlite", True),
        (b"opt/rpmdb.sqlite", False),
        (b"srv/model.bin", False),
    ],
)
def test_wanted(path: bytes, *, kept: bool) -> None:
    assert bool(compile_wanted((*WANTED, *owners.WANTED))(path, 1000, 0o644)) is kept
