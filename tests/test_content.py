"""Content read when asked for: from plain, compressed and sparse members, and what happens when it is not there."""

from __future__ import annotations

import io
import os
import random
import subprocess
from pathlib import Path

import pytest

import imagespec
from imagespec.access import FileAccess
from imagespec.content import LayerFiles, MemberFile
from imagespec.errors import CompressionError, LimitError, NotKeptError, PathError, TruncatedTarError
from imagespec.image import Image
from imagespec.rootfs import RootFs
from imagespec.scan import AccessBlob, ScanRequest
from tests.build import (
    Item,
    Pipe,
    compress,
    config,
    directory,
    docker_archive,
    file,
    hardlink,
    layer,
    oci_members,
    outer_tar,
    symlink,
    whiteout,
)

NOISE = random.Random(5).randbytes(300_000)
BASE = [
    file("etc/os-release", b"ID=debian\n"),
    file("opt/big", NOISE),
    hardlink("opt/same", "opt/big"),
    file("e"),
]
UPPER = [symlink("opt/link", "/etc/os-release"), file("opt/other", b"other" * 100), whiteout("e")]
LAYERS = [layer(*BASE), layer(*UPPER)]


class Counted(io.BytesIO):
    """A file that counts the bytes read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def archive_of(kind: str) -> bytes:
    document = config(LAYERS)
    if kind == "docker":
        return docker_archive(LAYERS, document)
    return outer_tar(oci_members(LAYERS, document, kind))


@pytest.mark.parametrize("kind", ["docker", "plain", "gzip", "zstd"])
def test_content_of_every_container(kind: str) -> None:
    with imagespec.open(io.BytesIO(archive_of(kind))) as archive:
        root = archive.images[0].root()
        assert (root / "etc/os-release").read_bytes() == b"ID=debian\n"
        assert (root / "opt/link").read_text() == "ID=debian\n"
        assert (root / "opt/same").read_bytes() == NOISE
        assert (root / "opt/other").read_bytes() == b"other" * 100
        with (root / "opt/big").open() as big:
            big.seek(-5, os.SEEK_END)
            assert big.read() == NOISE[-5:]
            big.seek(1000)
            assert (big.read(3), big.tell()) == (NOISE[1000:1003], 1003)
            big.seek(400_000)
            assert big.read(1) == b""


def test_little_is_read_of_a_plain_archive() -> None:
    many = [file(f"usr/lib/{number}", NOISE[: 40_000 + number]) for number in range(50)]
    layers = [layer(*BASE), layer(*many), layer(file("home/run.sh", b"#!/bin/sh\n")), layer(*many[:20])]
    source = Counted(docker_archive(layers, config(layers)))
    with imagespec.open(source) as archive:
        opened = source.count
        assert (archive.images[0].root() / "home/run.sh").read_bytes() == b"#!/bin/sh\n"
    # A header for each member of the layer that has it and of those above, and their ends; nothing of those below.
    assert source.count - opened < 40_000


def test_a_compressed_layer_is_decoded_up_to_the_file() -> None:
    raw = layer(file("first", b"1"), *(file(f"noise{n}", NOISE) for n in range(20)))
    source = Counted(compress(raw, "gzip")[0])
    blob = AccessBlob(FileAccess(source))
    scan = blob.scan(ScanRequest())
    view = RootFs([scan])
    entry = view.lookup("first")
    assert entry
    source.count = 0
    with LayerFiles(blob, scan, ScanRequest().limits).open(entry) as opened:
        assert opened.read() == b"1"
    assert source.count < len(source.getvalue()) / 4


def test_many_files_decode_a_layer_once() -> None:
    raw = layer(*(file(f"noise{n}", NOISE) for n in range(10)), hardlink("again", "noise3"))
    members = oci_members([raw], config([raw]))
    source = Counted(outer_tar(members))
    with imagespec.open(source) as archive:
        view = archive.images[0].rootfs()
        entries = list(view.walk())
        source.count = 0
        seen = [
            ([entry.path for entry in same], opened.read())
            for same, opened in view.open_all(reversed(entries))
        ]
    assert [names for names, _ in seen][3] == ["noise3", "again"]
    assert all(data == NOISE for _, data in seen)
    assert source.count < 1.1 * len(source.getvalue())


def test_limits() -> None:
    with imagespec.open(io.BytesIO(archive_of("gzip"))) as archive:
        big = archive.images[0].root() / "opt/big"
        assert len(big.read_bytes(max_bytes=300_000)) == 300_000
        with pytest.raises(LimitError, match=r"/opt/big: 300,000 exceeds max_bytes = 299,999; open the file"):
            big.read_bytes(max_bytes=299_999)
    few = imagespec.Limits(content_bytes=10)
    with (
        imagespec.open(io.BytesIO(archive_of("docker")), limits=few) as archive,
        pytest.raises(LimitError, match="content_bytes"),
    ):
        (archive.images[0].root() / "opt/big").read_bytes()


def test_what_is_no_file() -> None:
    with imagespec.open(io.BytesIO(archive_of("docker"))) as archive:
        root = archive.images[0].root()
        with pytest.raises(PathError, match=r"/opt: no regular file \(directory\)"):
            (root / "opt").read_bytes()
        with pytest.raises(PathError, match="/e: no such file or directory"):
            (root / "e").read_bytes()


def test_from_a_pipe_only_what_was_kept_can_be_read() -> None:
    items = [file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"), file("opt/big", NOISE), file("empty")]
    raw = layer(*items)
    with imagespec.open(Pipe(docker_archive([raw], config([raw])))) as archive:  # type: ignore[arg-type]
        root = archive.images[0].root()
        assert (root / "etc/passwd").read_bytes().startswith(b"root:")
        assert (root / "empty").read_bytes() == b""
        with pytest.raises(
            NotKeptError, match=r"/opt/big: .*passed by in a stream.*save the image to an uncompressed"
        ):
            (root / "opt/big").read_bytes()


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd"])
def test_a_layer_that_was_cut_off_since_it_was_scanned(codec: str, tmp_path: Path) -> None:
    raw = layer(file("a", NOISE))
    path = tmp_path / "layer"
    path.write_bytes(compress(raw, codec)[0])
    with path.open("rb") as opened:
        blob = AccessBlob(FileAccess(opened))
        scan = blob.scan(ScanRequest())
        entry = RootFs([scan]).lookup("a")
        assert entry
        os.truncate(path, 100_000)
        with (
            pytest.raises(TruncatedTarError if codec == "plain" else CompressionError),
            LayerFiles(blob, scan, ScanRequest().limits).open(entry) as content,
        ):
            content.read()


# Sparse files.


def sparse_archive(folder: Path, form: str) -> bytes:
    """Return a tar with a sparse file as GNU tar writes it: holes at the start, between and at the end."""
    with (folder / "sparse").open("wb") as out:
        out.truncate(3_000_000)
        for at in range(0, 2_500_000, 262_144):
            out.seek(at + 131_072)
            out.write(NOISE[:5000])
    (folder / "after").write_bytes(b"after")
    options = ["--format=gnu"] if form == "gnu" else ["--format=posix", f"--sparse-version={form}"]
    command = ["tar", "-C", str(folder), "-cSf", "-", *options, "sparse", "after"]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
@pytest.mark.parametrize("codec", ["plain", "gzip"])
def test_sparse_files_have_their_holes_back(form: str, codec: str, tmp_path: Path) -> None:
    raw = sparse_archive(tmp_path, form)
    if len(raw) > 1_000_000:
        pytest.skip("the file system of the test keeps no holes")
    blob = AccessBlob(FileAccess(io.BytesIO(compress(raw, codec)[0])))
    scan = blob.scan(ScanRequest())
    view = RootFs([scan])
    files = LayerFiles(blob, scan, ScanRequest().limits)
    wanted = (tmp_path / "sparse").read_bytes()
    sparse, after = view.lookup("sparse"), view.lookup("after")
    assert sparse
    assert after
    with files.open(sparse) as opened:
        assert opened.read() == wanted
        for at in (0, 131_071, 131_072, 136_071, 136_072, 2_999_999):
            opened.seek(at)
            assert opened.read(10_000) == wanted[at : at + 10_000]
    with files.open(after) as opened:
        assert opened.read() == b"after"


def test_a_piece_map_without_pieces_is_a_hole() -> None:
    empty = MemberFile(FileAccess(io.BytesIO(b"")), 0, 5, ())
    assert empty.read(100) == bytes(5)
    with pytest.raises(ValueError, match="negative"):
        empty.seek(-1)


# Layers that cannot be read.


def test_a_damaged_layer_leaves_the_view_incomplete() -> None:
    good, bad = layer(file("a", b"good")), layer(file("b", b"bad"), Item("c"))
    document = config([good, bad])
    members = oci_members([good, bad], document, "gzip")
    name = next(key for key, data in members.items() if data == compress(bad, "gzip")[0])
    members[name] = members[name][:60]

    def image() -> Image:
        return imagespec.open(io.BytesIO(outer_tar(members))).images[0]

    root = image().root()
    assert (root / "a").read_bytes() == b"good"
    assert root.view.unread == [1]
    assert not root.view.complete
    assert "layer 1 (blobs/sha256/" in root.view.problems[0]
    assert "truncated" in root.view.problems[0]
    with pytest.raises(PathError, match="no such file or directory, but layer 1 could not be read"):
        (image().root() / "b").stat()


def test_a_missing_layer_leaves_the_view_incomplete() -> None:
    raws = [layer(file("a", b"good")), layer(file("b", b"gone"))]
    members = oci_members(raws, config(raws), "plain")
    del members[next(key for key, data in members.items() if data == raws[1])]
    with imagespec.open(io.BytesIO(outer_tar(members))) as archive:
        view = archive.images[0].rootfs()
        assert view.lookup("a")
        assert "is not in the archive" in view.problems[0]


def test_files_of_a_trusted_table_are_read_by_its_chunks() -> None:
    path = Path(__file__).parent / "fixtures" / "table-estargz.tar"
    with imagespec.open(path) as tar, imagespec.open(path, toc="trusted") as table:
        inflated, listed = tar.images[0].root(), table.images[0].root()
        paths = [found for found in listed.walk() if found.is_file() and not found.is_symlink()]
        assert paths
        for found in paths:
            assert found.read_bytes() == (inflated / str(found)).read_bytes()


def test_directories_are_no_files() -> None:
    view = RootFs([])
    entry = view.lookup("")
    assert entry
    with pytest.raises(PathError):
        view.open(entry)
    assert directory("x").path == "x"
