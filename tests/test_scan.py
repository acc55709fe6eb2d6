"""The drivers: several layers at once, digests on the same pass, files that change."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from pathlib import Path

import attrs
import pytest

from imagespec.access import AccessWindow, FileAccess
from imagespec.errors import ImageSpecError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.parallel import scan_all
from imagespec.scan import AccessBlob, LayerScan, ScanRequest
from imagespec.tar import Want
from tests.build import file, layer
from tests.rawtar import END, member, pax
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations

RAW = b"".join(member(b"f%d" % number, b"x" * (number * 37 % 9000)) for number in range(700)) + END


def blob(raw: bytes) -> AccessBlob:
    return AccessBlob(FileAccess(io.BytesIO(raw)))


def sha256(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def columns(scan: LayerScan | ImageSpecError) -> tuple[object, ...]:
    assert isinstance(scan, LayerScan)
    return attrs.astuple(scan.index, recurse=False)


@pytest.mark.parametrize(
    "stored", [RAW, gzip.compress(RAW), END, b""], ids=["plain", "gzip", "no member", "empty"]
)
def test_digests_are_of_every_byte(stored: bytes) -> None:
    raw = gzip.decompress(stored) if stored[:1] == b"\x1f" else stored
    scan = blob(stored).scan(ScanRequest(verify=True))
    assert str(scan.blob_digest) == sha256(stored)
    assert str(scan.diff_id) == sha256(raw)
    assert (scan.stored_bytes, scan.tar_bytes) == (len(stored), len(raw))


def test_all_at_once_gives_what_one_after_the_other_gives() -> None:
    request = ScanRequest(want=lambda _name, size, _mode: min(size, 9))
    stored = [RAW, gzip.compress(RAW), RAW[:700], gzip.compress(RAW)[:-9], END]
    found = scan_all([blob(raw) for raw in stored], request)
    assert columns(found[0]) == columns(found[1]) == columns(blob(RAW).scan(request))
    assert isinstance(found[2], TruncatedTarError)
    assert isinstance(found[3], ImageSpecError)
    assert not columns(found[4])[0]
    assert not scan_all([], request)


@pytest.mark.parametrize("room", [0, 5, 30, 50, 70, 1000])
def test_what_finds_room_does_not_depend_on_the_threads(room: int) -> None:
    request = ScanRequest(want=lambda _name, size, _mode: size, limits=Limits(kept_bytes=room))
    names = [[("f", b"x" * 40), ("g", b"y" * 9)], [("f", b"z" * 20)], [("h", b"w" * 2)]]
    layers = [layer(*(file(name, content) for name, content in members)) for members in names]
    left, expected = room, []
    for members in names:
        kept = {}
        for number, (_, content) in enumerate(members):
            if len(content) <= left:
                kept[number] = content
                left -= len(content)
        expected.append(kept)
    for stored in (layers, [gzip.compress(raw) for raw in layers]):
        scans = scan_all([blob(raw) for raw in stored], request)
        assert [scan.kept for scan in scans if isinstance(scan, LayerScan)] == expected


def test_an_interrupt_stops_all_threads() -> None:
    seen: list[int] = []

    def interrupt(count: int) -> None:
        seen.append(count)
        raise KeyboardInterrupt

    stored = gzip.compress(layer(file("f", os.urandom(8 << 20))), 0)
    with pytest.raises(KeyboardInterrupt):
        scan_all([blob(stored)] * 6, ScanRequest(progress=interrupt))
    assert sum(seen) < len(stored)


def test_a_layer_inside_a_file(tmp_path: Path) -> None:
    path = tmp_path / "outer"
    path.write_bytes(b"before" + RAW + b"behind" * 1000)
    with path.open("rb") as file:
        window = AccessWindow(FileAccess(file), 6, len(RAW))
        told: list[int] = []
        scan = AccessBlob(window).scan(ScanRequest(progress=told.append))
    assert columns(scan) == columns(blob(RAW).scan(ScanRequest()))
    assert sum(told) == len(RAW)


@pytest.mark.parametrize("want", [None, lambda _name, size, _mode: size])
@pytest.mark.parametrize("length", [0, 512, 5000, 100_000, len(RAW) - 5000])
def test_a_file_that_shrinks(length: int, want: Want | None, tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(RAW)
    with path.open("r+b") as file:
        access = FileAccess(file)
        file.truncate(length)
        with pytest.raises(TruncatedTarError):
            AccessBlob(access).scan(ScanRequest(want))


def test_bodies_that_nobody_wants_are_not_read() -> None:
    big = (
        b"".join(pax((b"mtime", b"1.5")) + member(b"b%d" % number, b"x" * 200_000) for number in range(50))
        + END
    )
    read: list[int] = []

    class Counting(FileAccess):
        def pread(self, size: int, offset: int) -> bytes:
            data = super().pread(size, offset)
            read.append(len(data))
            return data

    scan = AccessBlob(Counting(io.BytesIO(big))).scan(ScanRequest())
    assert len(scan.index) == 50
    assert sum(read) < len(big) // 10
    assert len(read) < 150
