"""Members whose size, name or data lie elsewhere than the header says: sparse, huge, attributed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from imagespec.access import FileAccess
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, ScanRequest
from imagespec.tar import LayerIndex, Scanner
from imagespec.tar.index import Finding
from tests.rawtar import (
    END,
    GNU,
    V7,
    base256,
    gnu_sparse,
    header,
    long,
    member,
    octal,
    pax,
    pax_sparse,
)
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations

GIB = 1 << 30
FORMATS = {
    "gnu": [],
    "0.0": ["--sparse-version=0.0"],
    "0.1": ["--sparse-version=0.1"],
    "1.0": ["--sparse-version=1.0"],
}


def scan(raw: bytes) -> tuple[LayerIndex, list[Finding]]:
    scanner = Scanner(Limits())
    scanner.feed(raw, 0)
    return scanner.close(len(raw)), scanner.findings


def expand(raw: bytes, index: LayerIndex, number: int) -> bytes:
    """Return the logical content of a sparse member."""
    content, at = bytearray(index.sizes[number]), index.data_offsets[number]
    for offset, length in index.sparse[number]:
        content[offset : offset + length] = raw[at : at + length]
        at += length
    return bytes(content)


PIECES = {at * 8192: bytes((65 + at % 26,)) * 512 for at in range(30)}
"""More pieces than an old GNU header and one extension block hold."""
LOGICAL = 30 * 8192 + 100


def logical() -> bytes:
    content = bytearray(LOGICAL)
    for at, piece in PIECES.items():
        content[at : at + len(piece)] = piece
    return bytes(content)


@pytest.mark.parametrize("form", FORMATS)
def test_sparse_written_here(form: str) -> None:
    stored, entries = b"".join(PIECES.values()), [(at, len(piece)) for at, piece in PIECES.items()]
    if form == "gnu":
        raw = gnu_sparse(b"sparse", stored, entries, LOGICAL)
    else:
        raw = pax_sparse(b"sparse", stored, entries, LOGICAL, form)
    raw += member(b"after") + END
    index, findings = scan(raw)
    assert list(index.iter_names()) == [b"sparse", b"after"]
    assert index.sizes[0] == LOGICAL
    assert index.is_regular(0)
    assert expand(raw, index, 0) == logical()
    assert [finding.code for finding in findings] == ["tar.sparse"]


@pytest.mark.parametrize("form", FORMATS)
def test_sparse_written_by_gnu_tar(form: str, tmp_path: Path) -> None:
    tool = shutil.which("tar")
    if (
        not tool
        or b"GNU tar" not in subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
    ):
        pytest.skip("no GNU tar")
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for at in range(0, 40 << 20, 1 << 20):
            file.seek(at)
            file.write(bytes((1 + at % 251,)) * 4096)
        file.truncate(41 << 20)
    (tmp_path / "after").write_bytes(b"after")
    options = ["--format=gnu"] if form == "gnu" else ["--format=pax", *FORMATS[form]]
    words = [
        tool,
        "--sparse",
        *options,
        "-C",
        str(tmp_path),
        "-cf",
        str(tmp_path / "a.tar"),
        "sparse",
        "after",
    ]
    subprocess.run(words, check=True)
    raw = (tmp_path / "a.tar").read_bytes()
    index, _ = scan(raw)
    assert list(index.iter_names()) == [b"sparse", b"after"]
    assert list(index.sizes) == [41 << 20, 5]
    if index.sparse:  # a file system without holes makes an ordinary member
        assert expand(raw, index, 0) == path.read_bytes()


@pytest.mark.parametrize("form", ["pax", "base-256", "octal"])
def test_members_beyond_8_gib_in_a_sparse_file(form: str, tmp_path: Path) -> None:
    size = 9 * GIB + 5 if form != "octal" else 8 * GIB - 1
    if form == "pax":
        first = pax((b"size", b"%d" % size)) + header(b"huge", 0)
    else:
        first = header(b"huge", octal(size, 12) if form == "octal" else base256(size, 12), magic=GNU)
    path = tmp_path / "huge.tar"
    with path.open("w+b") as file:
        file.write(first)
        after = len(first) + size + -size % 512
        try:
            file.seek(after)
            file.write(member(b"after", b"content") + END)
        except OSError:
            pytest.skip("the file system takes no sparse files of 9 GiB")
        if os.fstat(file.fileno()).st_blocks * 512 > 1 << 20:
            pytest.skip("the file system has no sparse files")
        file.flush()
        found = AccessBlob(FileAccess(file)).scan(
            ScanRequest(want=lambda name, *_: 7 if name == b"after" else 0)
        )
    assert list(found.index.iter_names()) == [b"huge", b"after"]
    assert list(found.index.sizes) == [size, 7]
    assert found.index.header_offsets[1] == after
    assert found.kept == {1: b"content"}
    assert not found.findings


def test_base256_star_and_v7_fields() -> None:
    raw = member(b"a", uid=base256(3_000_000, 8), gid=base256(-2, 8), mtime=base256(-86_400, 12), magic=GNU)
    raw += member(
        b"leaf", prefix=b"p" * 131 + b"", patch={476: octal(1, 12), 488: octal(2, 12), 508: b"tar\0"}
    )
    raw += header(b"old", 0, b"\0", magic=V7) + header(b"dir/", 0, b"\0", magic=V7) + END
    index, findings = scan(raw)
    assert (index.uids[0], index.gids[0], index.mtimes[0]) == (3_000_000, -2, -86_400)
    assert index.name(1) == b"p" * 131 + b"/leaf"
    assert [index.typeflag(2), index.typeflag(3)] == [b"0", b"5"]
    assert not findings


def test_extended_attributes_are_bytes() -> None:
    capability = b"\1\0\0\2\0\x04\0\0\n=\0"
    keys = (b"SCHILY.xattr.security.capability", b"SCHILY.xattr.user.n\xff", b"SCHILY.xattr.user.empty")
    raw = (
        pax((keys[0], capability), (keys[1], b"\n\n1 a=b\n"), (keys[2], b""))
        + member(b"ping")
        + member()
        + END
    )
    index, _ = scan(raw)
    assert index.xattrs == {
        0: {"security.capability": capability, "user.n\udcff": b"\n\n1 a=b\n", "user.empty": b""}
    }


def test_names_links_and_devices() -> None:
    raw = long(b"n" * 300 + b"\0") + long(b"t" * 200, b"K") + header(b"short", 0, b"2", link=b"cut")
    raw += header(b"null", 0, b"3", device=(octal(1, 8), octal(3, 8)))
    raw += pax((b"path", "naïve".encode()), (b"linkpath", b"target")) + header(b"", 0, b"1") + END
    index, _ = scan(raw)
    assert list(index.iter_names()) == [b"n" * 300, b"null", "naïve".encode()]
    assert index.links == {0: b"t" * 200, 2: b"target"}
    assert index.devices == {1: (1, 3)}


def test_want_is_asked_once_for_each_regular_file_with_content() -> None:
    asked = []

    def want(name: bytes, size: int, mode: int) -> int:
        asked.append((name, size, mode))
        return 2

    raw = member(b"plain", b"one", mode=0o755) + pax((b"comment", b"c")) + member(b"extended", b"three")
    raw += (
        member(b"empty", b"")
        + header(b"d/", 0, b"5")
        + header(b"l", 0, b"2", link=b"t")
        + member(b"c", kind=b"7")
    )
    raw += gnu_sparse(b"s", b"data", [(0, 4)], 100) + member(b"last", b"x") + END
    for size in (1, 512, len(raw)):
        asked.clear()
        scanner = Scanner(Limits(), want)
        for at in range(0, len(raw), size):
            scanner.feed(raw[at : at + size], at)
        scanner.close(len(raw))
        assert asked == [(b"plain", 3, 0o755), (b"extended", 5, 0o644), (b"last", 1, 0o644)]
        assert scanner.kept == {0: b"on", 1: b"th", 7: b"x"}


def test_many_members_settle_in_order() -> None:
    raw = b"".join(member(b"%d" % number, b"x" * (number % 3)) for number in range(10_000)) + END
    scanner = Scanner(Limits(), lambda name, *_: name == b"9998")
    scanner.feed(raw, 0)
    index = scanner.close(len(raw))
    assert list(index.iter_names()) == [b"%d" % number for number in range(10_000)]
    assert list(index.sizes) == [number % 3 for number in range(10_000)]
    assert scanner.kept == {9998: b"x"}
