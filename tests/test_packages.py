"""Versions of programs, where the image says them."""

from __future__ import annotations

import pytest

from imagespec.analyzers.programs.packages import WANTED, Version, find_version
from imagespec.analyzers.wanted import compile_wanted
from imagespec.rootfs import RootFs
from tests.build import Item, file, program, rootfs, scan
from tests.build import layer as tar_layer

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


def find(name: str, path: str, *items: Item) -> Version:
    fs = rootfs([program(path), *items])
    entry = fs.resolve(path)
    assert entry is not None
    return find_version(fs, name, entry)


@pytest.mark.parametrize(
    ("name", "path", "items", "text", "place"),
    [
        ("python", "usr/bin/python3.11", [dpkg()], "3.11.2", "/var/lib/dpkg/status"),
        ("zip", "usr/bin/zip", [dpkg()], "3.0", "/var/lib/dpkg/status"),
        ("zip", "usr/bin/zip", [dpkg("deinstall ok config-files")], None, "/usr/bin/zip"),
        ("zip", "usr/local/bin/zip", [dpkg()], None, "/usr/local/bin/zip"),  # not the package's file
        ("zip", "usr/bin/zip", [dpkg(), file("var/lib/dpkg/info/zip.list", "/.\n/usr/bin/zip\n")], "3.0", None),
        ("zip", "usr/bin/zip", [dpkg(), file("var/lib/dpkg/info/zip.list", "/.\n/bin/zip\n")], None, None),
        ("zip", "usr/bin/zip", [], None, "/usr/bin/zip"),
        (
            "python",
            "usr/bin/python3.11",
            [file("var/lib/dpkg/status.d/python3.11-minimal", "Package: python3.11-minimal\nVersion: 3.11.2-6\n")],
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
            [file("var/lib/dpkg/status", "Package: openjdk-17-jre-headless\nVersion: 17.0.9+9-1~deb12u1\n")],
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


def test_an_rpm_database_is_named_and_not_read() -> None:
    for directory in ("var/lib/rpm", "usr/lib/sysimage/rpm"):
        found = find("zip", "usr/bin/zip", file(f"{directory}/rpmdb.sqlite", b"SQLite format 3\0"))
        assert found.text is None
        assert found.evidence[0].path == "/" + directory
        assert "not read" in found.evidence[0].message


def test_a_database_kept_in_part_is_named() -> None:
    raw = tar_layer(program("usr/bin/zip"), dpkg(), file("lib/apk/db/installed", APK))
    fs = RootFs([scan(raw, lambda *_: 40)])
    entry = fs.resolve("usr/bin/zip")
    assert entry is not None
    found = find_version(fs, "zip", entry)
    assert found.text is None
    assert [item.path for item in found.evidence[:2]] == ["/var/lib/dpkg/status", "/lib/apk/db/installed"]


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
        (b"var/lib/dpkg/info/libc6:amd64.list", False),
        (b"srv/model.bin", False),
    ],
)
def test_wanted(path: bytes, *, kept: bool) -> None:
    assert bool(compile_wanted(WANTED)(path, 1000, 0o644)) is kept
