"""Layers with a table of contents: the table and the tar say the same, and neither is believed without reason."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator

import imagespec
from imagespec.compression import Codec
from imagespec.documents.schemas import load_schema
from imagespec.errors import ImageSpecError, LimitError, TableError, UsageError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, LayerScan, ScanRequest
from imagespec.sources import open_archive
from imagespec.tar import LayerIndex, header
from imagespec.tar.index import UNKNOWN_OFFSET
from imagespec.toc.contents import ChunkReader
from imagespec.toc.estargz import find_table, read_table
from imagespec.toc.layers import TableBlob, read_layer_table
from imagespec.toc.table import parse_table
from imagespec.toc.vouchers import Place, Vouchers, find_vouchers
from imagespec.toc.zstdchunked import read_footer
from imagespec.verdict import Verdict
from tests.build import (
    Item,
    Pipe,
    config,
    directory,
    file,
    hardlink,
    keep_everything,
    opaque,
    symlink,
    whiteout,
)
from tests.tables import (
    CHUNKED,
    JSON_DIGEST,
    CountedAccess,
    Edit,
    TabledLayer,
    estargz,
    estargz_footer,
    external_footer,
    oci_image,
    zstd_chunked,
)

SCHEMA = load_schema("imagespec.report", "report.schema.json")
FIXTURES = Path(__file__).parent / "fixtures"
TRUSTED = ("estargz", "estargz-shared", "zstd-stargz", "zstd-chunked")
COMPARED = (*TRUSTED, "zstd-chunked-skopeo-1.9")
ITEMS = (
    directory("etc", 0o1777, uid=5),
    file("etc/long", bytes(range(256)) * 50, gid=7),
    file("etc/empty"),
    file(
        "etc/数据",
        "x",
        0o4755,
        pax={"SCHILY.xattr.security.capability": "\x01\x02", "SCHILY.xattr.user.e": ""},
    ),
    symlink("etc/link", "long"),
    hardlink("etc/again", "etc/long"),
    Item("etc/device", b"3", mode=0o600, device=(8, 1)),
    Item("etc/fifo", b"6", mode=0o600),
    whiteout("etc/gone"),
    opaque("usr"),
    file("usr/" + "n" * 150, "long name"),
)
KINDS: dict[str, Callable[..., TabledLayer]] = {"estargz": estargz, "zstd": zstd_chunked}


def scan(layer: TabledLayer, **options: Any) -> LayerScan:
    blob = TableBlob(AccessBlob(CountedAccess(layer.blob)), layer.annotations)
    return blob.scan(ScanRequest(**{"want": keep_everything, **options}))


def rows(index: LayerIndex) -> list[tuple[Any, ...]]:
    """Return everything but the offsets; a link target of what is no link means nothing."""
    links = (header.SYMLINK, header.HARD_LINK)
    return [
        (
            index.name(row),
            index.typeflag(row),
            index.modes[row],
            index.uids[row],
            index.gids[row],
            index.sizes[row],
            round(index.mtimes[row]),
            index.links.get(row) if index.typeflag(row) in links else None,
            index.devices.get(row),
            index.xattrs.get(row),
        )
        for row in range(len(index))
    ]


def codes(result: LayerScan) -> set[str]:
    return {finding.code for finding in result.findings if finding.code.startswith("layer.")}


@pytest.mark.parametrize("kind", TRUSTED)
def test_the_table_lists_what_the_layer_holds(kind: str) -> None:
    with open_archive(FIXTURES / f"table-{kind}.tar", ScanRequest()) as archive:
        for layer in archive.images[0].layers:
            assert layer.blob
            assert layer.has_table
            inflated = layer.blob.scan(ScanRequest(want=keep_everything))
            listed = layer.blob.scan(ScanRequest(want=keep_everything, trust_tables=True))
            assert rows(listed.index) == rows(inflated.index)
            assert listed.kept == inflated.kept
            assert codes(listed) == {"layer.table-trusted"}
            assert (listed.codec, listed.stored_bytes) == (inflated.codec, inflated.stored_bytes)
            assert listed.tar_bytes in (None, inflated.tar_bytes)
            if kind == "zstd-chunked":  # tar-split tells everything
                assert listed.tar_bytes is not None
                assert listed.index.header_offsets == inflated.index.header_offsets
            else:
                assert set(listed.index.data_offsets) == {UNKNOWN_OFFSET}


@pytest.mark.parametrize("kind", TRUSTED)
def test_verdicts_are_the_same(kind: str) -> None:
    path = str(FIXTURES / f"table-{kind}.tar")
    report = imagespec.check(path, service="batch", toc="trusted")
    assert list(Draft202012Validator(SCHEMA).iter_errors(report.to_dict())) == []
    listed = report.inputs[0].images[0]
    inflated = imagespec.check(path, service="batch").inputs[0].images[0]
    assert [item.outcome.verdict for item in listed.results] == [
        item.outcome.verdict for item in inflated.results
    ]
    assert listed.sizes.docker_bytes == inflated.sizes.docker_bytes
    assert {finding.code for _, finding in listed.findings} >= {"layer.table-trusted"}


@pytest.mark.parametrize("kind", COMPARED)
def test_real_layers_are_what_their_tables_say(kind: str) -> None:
    image = imagespec.check(str(FIXTURES / f"table-{kind}.tar"), verify=True).inputs[0].images[0]
    assert image.verdict("archive-integrity") is Verdict.PASS


def test_what_cannot_be_compared_is_unknown() -> None:
    external = imagespec.check(str(FIXTURES / "table-estargz-external.tar"), verify=True)
    piped = imagespec.check(Pipe((FIXTURES / "table-estargz.tar").read_bytes()), verify=True)  # type: ignore[arg-type]
    for report in (external, piped):
        assert report.inputs[0].images[0].verdict("archive-integrity") is Verdict.UNKNOWN


@pytest.mark.parametrize("kind", ["estargz-external", "zstd-chunked-skopeo-1.9"])
def test_tables_that_nobody_trusts(kind: str) -> None:
    with open_archive(FIXTURES / f"table-{kind}.tar", ScanRequest()) as archive:
        blob = archive.images[0].layers[0].blob
        assert blob
        result = blob.scan(ScanRequest(trust_tables=True))
        assert codes(result) == {"layer.table-unused"}
        assert rows(result.index) == rows(blob.scan(ScanRequest()).index)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_member(kind: str) -> None:
    layer = KINDS[kind](*ITEMS)
    listed, inflated = scan(layer, trust_tables=True), scan(layer)
    assert codes(listed) == {"layer.table-trusted"}
    assert rows(listed.index) == rows(inflated.index)
    assert listed.kept == inflated.kept
    verified = scan(layer, verify=True)
    assert (verified.contradictions, verified.table_compared) == ((), True)


@pytest.mark.parametrize("kind", KINDS)
def test_little_of_the_blob_is_read(kind: str) -> None:
    noise = random.Random(1)
    items = [file(f"lib/{number}", noise.randbytes(40_000)) for number in range(400)]
    layer = KINDS[kind](*items, file("etc/wanted.conf", "a=1\n"), chunk_bytes=1 << 14)
    access = CountedAccess(layer.blob)

    def want(name: bytes, size: int, _mode: int) -> int:
        return size if name in {b"etc/wanted.conf", b"lib/77"} else 0

    result = TableBlob(AccessBlob(access), layer.annotations).scan(ScanRequest(want=want, trust_tables=True))
    assert codes(result) == {"layer.table-trusted"}
    assert {len(data) for data in result.kept.values()} == {4, 40_000}
    assert access.read_bytes <= len(layer.blob) * 0.05


@pytest.mark.parametrize("legacy", [False, True])
def test_both_footers_of_estargz(legacy: bool) -> None:
    layer = estargz(*ITEMS, legacy=legacy)
    assert codes(scan(layer, trust_tables=True)) == {"layer.table-trusted"}


@pytest.mark.parametrize("footer_bytes", [64, 56, 40])
def test_all_footers_of_zstd_chunked(footer_bytes: int) -> None:
    layer = zstd_chunked(*ITEMS, footer_bytes=footer_bytes)
    footer = read_footer(CountedAccess(layer.blob))
    assert footer
    place = layer.annotations[CHUNKED + "manifest-position"].split(":")
    assert attrs.astuple(footer.table) == tuple(map(int, place[:3]))
    assert (footer.tar_split is not None) is (footer_bytes == 64)
    assert scan(layer, verify=True).table_compared


def test_a_footer_that_the_manifest_contradicts() -> None:
    layer = zstd_chunked(*ITEMS)
    moved = {**layer.annotations, CHUNKED + "manifest-position": "9:9:9:1"}
    result = scan(attrs.evolve(layer, annotations=moved), trust_tables=True)
    assert result.contradictions == ("the manifest and the layer's footer name different tables of contents",)


@pytest.mark.parametrize("kind", KINDS)
def test_single_files_are_read_from_their_chunks(kind: str) -> None:
    noise = random.Random(2).randbytes(2_000_000)
    layer = KINDS[kind](file("a", "x" * 9_000), file("big", noise), file("empty"), chunk_bytes=1 << 16)
    access = CountedAccess(layer.blob)
    result = TableBlob(AccessBlob(access), layer.annotations).scan(ScanRequest(trust_tables=True))
    assert result.files
    assert scan(layer).files is None
    listing_bytes = access.read_bytes
    big = result.files.open(1)
    for offset, size in ((1_000_000, 10), (65_530, 20), (0, 1), (1_999_990, 100), (2_000_000, 5), (5, 0)):
        assert big.pread(size, offset) == noise[offset : offset + size]
    assert access.read_bytes - listing_bytes < len(layer.blob) * 0.3
    assert big.pread(len(noise), 0) == noise
    assert result.files.open(2).pread(10, 0) == b""
    if kind == "estargz":  # the table is a file of the layer, too
        assert json.loads(result.files.open(3).pread(1 << 20, 0))["version"] == 1


def test_a_file_whose_chunk_was_changed_is_not_handed_out() -> None:
    layer = estargz(file("a", "x" * 9_000), edit=lambda table: table["entries"][1].update(chunkDigest=DIGEST))
    result = scan(layer, trust_tables=True, want=None)
    assert result.files
    assert result.files.open(0).pread(10, 0) == b"x" * 10
    with pytest.raises(TableError, match="the content of a is not what the table of contents says"):
        result.files.open(0).pread(10, 4_090)
    limited = scan(layer, trust_tables=True, want=None, limits=attrs.evolve(Limits(), table_bytes=3_000))
    assert limited.files
    with pytest.raises(LimitError, match="chunk of a file: 4,096 exceeds table_bytes"):
        limited.files.open(0).pread(10, 0)


# What vouches for a table.

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("annotations", "wanted"),
    [
        ({}, None),
        ({"other": "x"}, None),
        ({JSON_DIGEST: DIGEST}, Vouchers(of_json=DIGEST)),  # type: ignore[arg-type]
        ({CHUNKED + "manifest-position": "1:2:3:1"}, None),  # a place without a digest vouches for nothing
        (
            {CHUNKED + "manifest-checksum": DIGEST, CHUNKED + "manifest-position": "1:2:3:1"},
            Vouchers(None, DIGEST, Place(1, 2, 3)),  # type: ignore[arg-type]
        ),
        (
            {JSON_DIGEST: DIGEST, "io.containers.zstd-chunked.manifest-checksum": DIGEST},
            Vouchers(DIGEST, DIGEST),  # type: ignore[arg-type]
        ),
        ({JSON_DIGEST: DIGEST, CHUNKED + "manifest-checksum": DIGEST}, "two tables"),
        ({JSON_DIGEST: "md5:1"}, "no sha256"),
        ({CHUNKED + "manifest-checksum": DIGEST, CHUNKED + "manifest-position": "1:2"}, "malformed"),
        ({CHUNKED + "manifest-checksum": DIGEST, CHUNKED + "tarsplit-position": "-1:2:3"}, "malformed"),
        (
            {CHUNKED + "manifest-checksum": DIGEST, CHUNKED + "manifest-position": "9" * 30 + ":2:3:1"},
            "malformed",
        ),
    ],
)
def test_vouchers(annotations: dict[str, str], wanted: Vouchers | str | None) -> None:
    if isinstance(wanted, str):
        with pytest.raises(TableError, match=wanted):
            find_vouchers(annotations)
    else:
        assert find_vouchers(annotations) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_voucher_the_table_is_nothing(kind: str) -> None:
    layer = attrs.evolve(KINDS[kind](*ITEMS), annotations={"other": "x"})
    for options in ({"trust_tables": True}, {"verify": True}):
        result = scan(layer, **options)
        assert (codes(result), result.contradictions, result.table_compared) == (set(), (), False)


def test_a_manifest_with_another_digest_vouches_for_nothing() -> None:
    layer = estargz(*ITEMS)
    raw = oci_image([layer], config([layer.tar]))
    # Another byte in the manifest, which keeps its name.
    other = raw.replace(b'"schemaVersion": 2, "config"', b'"schemaVersion":2 , "config"')
    assert other != raw
    for archive_bytes, code in ((raw, "layer.table-trusted"), (other, None)):
        with open_archive(io.BytesIO(archive_bytes), ScanRequest(trust_tables=True)) as archive:
            image = archive.images[0]
            assert image.layers[0].blob
            assert codes(image.layers[0].blob.scan(image.request)) == ({code} if code else set())
            assert bool(image.defects) is (code is None)


# Tables that lie.


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_another_digest_is_not_used(kind: str) -> None:
    layer = KINDS[kind](*ITEMS)
    key = JSON_DIGEST if kind == "estargz" else CHUNKED + "manifest-checksum"
    wrong = attrs.evolve(layer, annotations={**layer.annotations, key: DIGEST})
    for options in ({"trust_tables": True}, {"verify": True}):
        result = scan(wrong, **options)
        assert rows(result.index) == rows(scan(layer).index)
        assert "does not have the digest" in result.contradictions[0]


def entry(path: str, /, **values: Any) -> Edit:
    def edit(table: dict[str, Any]) -> None:
        (found,) = (item for item in table["entries"] if item["name"] == path and item["type"] != "chunk")
        found.update(values)

    return edit


def insert(row: dict[str, Any]) -> Edit:
    return lambda table: table["entries"].insert(0, row)


LIES: dict[str, tuple[Edit, str]] = {
    "mode": (entry("etc/empty", mode=0o4755), "gives etc/empty the mode '0o4755', and the tar '0o644'"),
    "owner": (entry("etc/long", uid=0, gid=0), "gives etc/long the gid 0, and the tar 7"),
    "type": (entry("etc/fifo", type="reg"), "gives etc/fifo the type b'0', and the tar b'6'"),
    "link": (entry("etc/link", linkName="/etc/shadow"), "the link target b'/etc/shadow'"),
    "name": (entry("etc/empty", name="etc/other"), "has etc/other where the tar has etc/empty"),
    "device": (entry("etc/device", devMinor=2), "gives etc/device the device (8, 2), and the tar (8, 1)"),
    "time": (entry("etc/empty", modtime="2024-01-01T00:00:00Z"), "gives etc/empty the time"),
    "xattrs": (entry("etc/数据", xattrs={"user.e": "AA=="}), "the extended attributes"),
    "hidden": (lambda table: table["entries"].pop(0), "10 entries, and the tar 11 members"),
    "added": (insert({"name": "etc/new", "type": "dir"}), "12 entries, and the tar 11 members"),
    "content": (
        entry("etc/数据", chunkDigest=DIGEST, digest=DIGEST),
        "the content of etc/数据 in the tar is not the one in the table of contents",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lie", LIES)
def test_a_table_that_lies_is_found_by_verify(kind: str, lie: str) -> None:
    edit, words = LIES[lie]
    layer = KINDS[kind](*ITEMS, edit=edit)
    result = scan(layer, verify=True)
    assert words in " ".join(result.contradictions)
    report = imagespec.check(io.BytesIO(oci_image([layer], config([layer.tar]))), verify=True)
    image = report.inputs[0].images[0]
    assert image.verdict("archive-integrity") is Verdict.FAIL


@pytest.mark.parametrize("lie", [lie for lie in LIES if lie != "content"])
def test_tar_split_data_find_a_lie_without_inflating(lie: str) -> None:
    layer = zstd_chunked(*ITEMS, edit=LIES[lie][0])
    result = scan(layer, trust_tables=True)
    assert "(by its tar-split data)" in result.contradictions[0]
    assert rows(result.index) == rows(scan(layer).index)


@pytest.mark.parametrize("kind", KINDS)
def test_wanted_content_with_another_digest(kind: str) -> None:
    layer = KINDS[kind](*ITEMS, edit=LIES["content"][0])
    result = scan(layer, trust_tables=True)
    assert result.contradictions == ("the content of etc/数据 is not what the table of contents says",)
    assert result.kept == scan(layer).kept


def split_lines(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[bytes], bytes]:
    def edit(raw: bytes) -> bytes:
        lines = [json.loads(line) for line in raw.splitlines()]
        change(lines)
        return b"\n".join(json.dumps(line).encode() for line in lines)

    return edit


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines.pop(-2), "cannot be used"),
        (lambda lines: lines[1].update(size=1 << 40), "leave out more than files' bodies"),
        (lambda lines: lines[1].update(size=-1), "cannot be used"),
        (lambda lines: lines[0].update(payload="?"), "cannot be used"),
        (lambda lines: lines[0].update(type=3), "unknown kind"),
        (lambda lines: lines.insert(0, {"type": 1, "size": 7}), "leave out more than files' bodies"),
        (list.clear, "the table of contents has 11 entries, and the tar 0 members"),
    ],
)
def test_tar_split_data_that_fit_nothing(change: Any, words: str) -> None:
    layer = zstd_chunked(*ITEMS, edit_split=split_lines(change))
    result = scan(layer, trust_tables=True)
    told = " ".join((*result.contradictions, *(finding.message for finding in result.findings)))
    assert words in told
    assert rows(result.index) == rows(scan(layer).index)


# Tables that were made to do harm: the layer is inflated, as if there were none.


def every(**values: Any) -> Edit:
    def edit(table: dict[str, Any]) -> None:
        for item in table["entries"]:
            item.update(values)

    return edit


def replaced(**values: Any) -> Edit:
    return lambda table: table.update(values)


HOSTILE: dict[str, Edit] = {
    "version": replaced(version=2),
    "no-entries": replaced(entries=None),
    "entries-are-text": replaced(entries="x"),
    "entry-is-text": replaced(entries=["x"]),
    "unknown-type": entry("etc/fifo", type="socket"),
    "first-is-a-chunk": insert({"type": "chunk", "name": "etc/fifo", "chunkOffset": 4}),
    "chunk-of-a-directory": lambda table: table["entries"].insert(1, {"type": "chunk", "chunkOffset": 4}),
    "outside": entry("usr/" + "n" * 150, offset=1 << 40),
    "before": entry("usr/" + "n" * 150, offset=0),
    "negative-offset": entry("usr/" + "n" * 150, offset=-1),
    "huge-offset": entry("usr/" + "n" * 150, offset=1 << 63),
    "fraction": entry("usr/" + "n" * 150, offset=1.5),
    "true": entry("usr/" + "n" * 150, offset=True),
    "overlap": every(offset=1),
    "huge-size": entry("usr/" + "n" * 150, size=1 << 62),
    "negative-size": entry("usr/" + "n" * 150, size=-1),
    "short-size": entry("etc/long", size=10),
    "wrong-chunk-size": entry("etc/long", chunkSize=5),
    "chunk-offset": entry("etc/long", chunkOffset=5),
    "inner-offset": entry("usr/" + "n" * 150, innerOffset=1 << 40),
    "lossy-name": entry("etc/empty", name="etc/\ufffd"),
    "nul-in-name": entry("etc/empty", name="etc/\0"),
    "lone-surrogate": entry("etc/empty", name="etc/\udc80"),
    "name-is-a-number": entry("etc/empty", name=5),
    "twice": entry("etc/empty", name="etc/long"),
    "bad-digest": entry("etc/long", digest="md5:1"),
    "bad-time": entry("etc/long", modtime="yesterday"),
    "time-without-zone": entry("etc/long", modtime="2024-01-01T00:00:00"),
    "xattrs-are-numbers": entry("etc/long", xattrs={"a": 1}),
    "xattrs-are-no-base64": entry("etc/long", xattrs={"a": "?"}),
    "no-digests": every(digest="", chunkDigest=""),
    "long-name": entry("etc/empty", name="x" * 70_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_are_not_used(name: str) -> None:
    layer = estargz(*ITEMS, edit=HOSTILE[name])
    result = scan(layer, trust_tables=True)
    assert codes(result) == {"layer.table-unused"} or result.contradictions
    assert rows(result.index) == rows(scan(layer).index)
    assert result.kept == scan(layer).kept
    verified = scan(layer, verify=True)
    assert verified.contradictions or not verified.table_compared


@pytest.mark.parametrize(
    "limits",
    [{"table_bytes": 100}, {"layer_members": 12}, {"document_depth": 2}],
    ids=lambda item: next(iter(item)),
)
@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_a_table(kind: str, limits: dict[str, int]) -> None:
    extra = [file(f"usr/{number}") for number in range(4)] if "layer_members" in limits else []
    layer = KINDS[kind](*ITEMS, *extra)
    request = ScanRequest(limits=attrs.evolve(Limits(), **limits), trust_tables=True)
    blob = TableBlob(AccessBlob(CountedAccess(layer.blob)), layer.annotations)
    if extra:  # the layer itself is too large then
        with pytest.raises(ImageSpecError, match="layer_members"):
            blob.scan(request)
    else:
        assert codes(blob.scan(request)) == {"layer.table-unused"}


@pytest.mark.parametrize(
    ("footer", "words"),
    [
        (b"", "no eStargz footer"),
        (estargz_footer(1 << 40), "outside of the layer"),
        (estargz_footer(0), "outside of the layer"),
        (external_footer(), "an image of its own"),
    ],
)
def test_footers_that_lead_nowhere(footer: bytes, words: str) -> None:
    layer = estargz(*ITEMS, footer=footer)
    with pytest.raises(TableError, match=words):
        find_table(CountedAccess(layer.blob), Limits())
    assert rows(scan(layer, trust_tables=True).index) == rows(scan(layer).index)


def test_a_footer_that_leads_to_a_file() -> None:
    plain = estargz(*ITEMS)
    table = parse_offset(plain)
    layer = estargz(*ITEMS, footer=estargz_footer(table))
    result = scan(layer, trust_tables=True)
    assert codes(result) == {"layer.table-unused"} or result.contradictions


def parse_offset(layer: TabledLayer) -> int:
    """Return where the first chunk of a layer begins."""
    access = CountedAccess(layer.blob)
    found = read_table(access, Limits())
    return parse_table(found.document, found.payload_end, Limits()).entries[1].chunks[0].offset


def test_a_chunk_that_is_a_bomb_ends_at_its_size() -> None:
    layer = estargz(file("bomb", bytes(50_000_000)), chunk_bytes=50_000_000)
    access = CountedAccess(layer.blob)
    result = TableBlob(AccessBlob(access), layer.annotations).scan(
        ScanRequest(want=lambda *_: 10, trust_tables=True)
    )
    assert result.kept[0] == bytes(10)
    limits = attrs.evolve(Limits(), expansion_ratio=10, expansion_free_bytes=1000)
    with pytest.raises(ImageSpecError, match="expansion_ratio"):
        TableBlob(AccessBlob(access), layer.annotations).scan(
            ScanRequest(want=lambda *_: 10, trust_tables=True, limits=limits)
        )


def test_files_that_share_a_stream_are_inflated_once() -> None:
    with open_archive(FIXTURES / "table-estargz-shared.tar", ScanRequest()) as archive:
        blob = archive.images[0].layers[0].blob
        assert isinstance(blob, TableBlob)
        vouchers = find_vouchers(blob.annotations)
        assert vouchers
        table = read_layer_table(blob.blob.access, vouchers, Limits())
    offsets = [chunk.offset for item in table.entries for chunk in item.chunks]
    assert len(set(offsets)) < len(offsets)
    assert table.codec is Codec.GZIP


def test_any_order_of_reading_gives_the_same() -> None:
    layer = estargz(*ITEMS)
    found = read_table(CountedAccess(layer.blob), Limits())
    entries = parse_table(found.document, found.payload_end, Limits()).entries
    reader = ChunkReader(CountedAccess(layer.blob), Codec.GZIP, entries, found.payload_end, Limits())
    files = [item for item in entries if item.chunks]
    for length in (1, 4096, 5000, 12_800):
        for item in reversed(files):
            wanted = next(one.data for one in ITEMS if one.path.encode() == item.name)
            assert reader.read(item, min(length, item.size_bytes))[:length] == wanted[:length]


# The faces.


def test_the_command_line_says_what_it_trusted() -> None:
    command = [
        sys.executable,
        "-m",
        "imagespec",
        "check",
        "--toc",
        "trusted",
        str(FIXTURES / "table-estargz.tar"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "layer.table-trusted" in done.stdout


def test_a_word_that_toc_does_not_know() -> None:
    with pytest.raises(UsageError, match="'ignored' or 'trusted'"):
        imagespec.open(str(FIXTURES / "table-estargz.tar"), toc="yes")  # type: ignore[arg-type]
