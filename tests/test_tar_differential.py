"""
The scanner against other readers.

The contract, for every input: our member list is Go's, or we raise a documented error. Where Go raises, so do we. The
other readers are compared on streams that all of them understand.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagespec.errors import ImageSpecError, LimitError
from imagespec.limits import Limits
from imagespec.tar import LayerIndex, Scanner, header
from tests.hostile_tars import Case, catalogue
from tests.rawtar import BLOCK, seal
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations
from tests.test_tar_cutting import ARCHIVE, complete_ends

CASES = catalogue()
SMALL = [case for case in CASES if len(case.raw) <= 1 << 16]
STRICTER_THAN_GO = frozenset(("limit.meta_header_chain", "limit.sparse_entries", "limit.name_bytes"))
HEADER_ONLY = frozenset("123456")


@attrs.frozen
class Row:
    """One member, as any reader sees it."""

    name: bytes
    kind: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    link: bytes


@attrs.frozen
class Listing:
    rows: list[Row]
    error: str | None
    contents: list[bytes]


def read_ours(raw: bytes) -> tuple[list[Row], dict[int, bytes]]:
    scanner = Scanner(Limits(), lambda _name, size, _mode: size)
    scanner.feed(raw, 0)
    index = scanner.close(len(raw))
    return [_our_row(index, number, name) for number, name in enumerate(index.iter_names())], scanner.kept


def _our_row(index: LayerIndex, number: int, name: bytes) -> Row:
    kind = index.typeflag(number).decode("latin-1")
    owner = index.modes[number], index.uids[number], index.gids[number]
    mtime = math.floor(index.mtimes[number])
    return Row(name, kind, index.sizes[number], *owner, mtime, index.links.get(number, b""))


class GoReader:
    """A Go process that lists one stream after the other."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, raw: bytes) -> Listing:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(struct.pack(">I", len(raw)) + raw)
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        # A global header is a member to Go; the scanner leaves it out, as every engine does.
        members = [member for member in answer["Members"] or () if member["Type"] != "g"]
        rows = [
            Row(
                bytes.fromhex(member["Name"]),
                member["Type"],
                0 if member["Type"] in HEADER_ONLY else member["Size"],
                member["Mode"] & 0o7777,
                member["UID"],
                member["GID"],
                member["Mtime"],
                bytes.fromhex(member["Link"]),
            )
            for member in members
        ]
        return Listing(rows, answer["Error"] or None, [bytes.fromhex(member["Data"]) for member in members])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoReader]:
    tool = shutil.which("go")
    if not tool:
        pytest.skip("no Go toolchain")
    folder = tmp_path_factory.mktemp("gotar")
    source = Path(__file__).parent / "gotar"
    for name in ("go.mod", "main.go"):
        shutil.copy(source / name, folder)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run([tool, "build", "-o", "gotar", "."], cwd=folder, env=environment, check=True)
    listing = GoReader(folder / "gotar")
    yield listing
    listing.close()


def check_contract(raw: bytes, go: GoReader) -> ImageSpecError | None:
    """Compare with Go; return the error that we raised."""
    theirs = go(raw)
    try:
        ours, kept = read_ours(raw)
    except ImageSpecError as error:
        return error
    assert theirs.error is None, f"Go refuses: {theirs.error}"
    assert [_rounded(row) for row in ours] == [_rounded(row) for row in theirs.rows]
    for number, data in kept.items():
        assert data == theirs.contents[number][: len(data)]
    return None


def _rounded(row: Row) -> Row:
    return attrs.evolve(
        row, mtime=int(float(row.mtime))
    )  # our times are floats: huge ones lose their last digits


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_row_against_go(case: Case, go: GoReader) -> None:
    error = check_contract(case.raw, go)
    if error is None or go(case.raw).error:
        return
    # Refused by us alone: only where a limit of ours is lower than Go's, and in the rows that say so.
    assert isinstance(error, LimitError)
    assert "limit." + error.limit in STRICTER_THAN_GO


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Return a row with some bytes changed; headers get their checksum right again, so that the rest is reached."""
    raw = bytearray(draw(st.sampled_from(SMALL)).raw)
    headers = [
        at for at in range(0, len(raw) - BLOCK + 1, BLOCK) if header.is_header(bytes(raw[at : at + BLOCK]))
    ]
    interesting = st.sampled_from(
        [0, 1, 0x20, 0x2B, 0x2D, 0x2F, 0x30, 0x31, 0x37, 0x38, 0x4C, 0x78, 0x80, 0xFF]
    )
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()) and headers:
            at = draw(st.sampled_from(headers))
            raw[at + draw(st.integers(0, BLOCK - 1))] = draw(interesting | st.integers(0, 255))
            raw[at : at + BLOCK] = seal(bytes(raw[at : at + BLOCK]), signed=draw(st.booleans()))
        elif raw:
            raw[draw(st.integers(0, len(raw) - 1))] = draw(interesting)
    blocks = draw(st.integers(0, len(raw) // BLOCK))
    return bytes(raw if draw(st.integers(0, 3)) else raw[: blocks * BLOCK])


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=mutations())
def test_mutated_rows_against_go(raw: bytes, go: GoReader) -> None:
    check_contract(raw, go)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(st.sampled_from(SMALL), min_size=2, max_size=4), data=st.data())
def test_shuffled_rows_against_go(parts: list[Case], data: st.DataObject, go: GoReader) -> None:
    # Headers of different rows meet: the rows' blocks in any order.
    blocks = [
        part.raw[at : at + BLOCK] for part in parts for at in range(0, min(len(part.raw), 8 * BLOCK), BLOCK)
    ]
    check_contract(b"".join(data.draw(st.permutations(blocks))), go)


def test_prefixes_against_go(go: GoReader) -> None:
    ends = complete_ends()
    for length in range(0, len(ARCHIVE) + 1, 3):
        assert (go(ARCHIVE[:length]).error is None) == (length in ends), length


# Readers that do not read like Go are compared on sound streams.

WRITERS: dict[str, int] = {
    "ustar": tarfile.USTAR_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "pax": tarfile.PAX_FORMAT,
}
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\\")


@st.composite
def archives(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """Return an archive that tarfile wrote, and its members' names."""
    form = draw(st.sampled_from(sorted(WRITERS)))
    letters = st.sampled_from("abcxyz-_.") if form == "ustar" else LETTERS
    longest = 90 if form == "ustar" else 300
    bases = draw(st.lists(st.text(letters, min_size=1, max_size=longest), max_size=6, unique=True))
    names = [f"{number}-{base}" for number, base in enumerate(bases)]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=WRITERS[form]) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            data = draw(st.binary(max_size=1500))
            info.type = draw(
                st.sampled_from([tarfile.REGTYPE] * 3 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE])
            )
            info.mode, info.uid = draw(st.integers(0, 0o7777)), draw(st.integers(0, 0o7777777))
            info.gid, info.mtime = draw(st.integers(0, 0o7777777)), draw(st.integers(0, 1 << 32))
            info.linkname = draw(st.text(letters, min_size=1, max_size=longest)) if info.issym() else ""
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue(), names


def read_tarfile(raw: bytes) -> list[Row]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return [
            Row(
                (info.name + "/" if info.isdir() else info.name).encode("utf-8", "surrogateescape"),
                info.type.decode(),
                info.size,
                info.mode,
                info.uid,
                info.gid,
                int(info.mtime),
                info.linkname.encode("utf-8", "surrogateescape"),
            )
            for info in archive
        ]


@settings(max_examples=150, deadline=None)
@given(made=archives())
def test_sound_archives_against_tarfile(made: tuple[bytes, list[str]]) -> None:
    ours, kept = read_ours(made[0])
    assert ours == read_tarfile(made[0])
    with tarfile.open(fileobj=io.BytesIO(made[0])) as archive:
        for number, info in enumerate(archive):
            if info.isreg() and info.size:
                content = archive.extractfile(info)
                assert content
                assert kept[number] == content.read()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=archives())
def test_sound_archives_against_go(made: tuple[bytes, list[str]], go: GoReader) -> None:
    assert check_contract(made[0], go) is None


def list_with(program: str) -> Callable[[Path], list[bytes]]:
    tool = shutil.which(program)
    if not tool:
        pytest.skip(f"no {program}")
    version = subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
    if program == "tar" and b"GNU tar" not in version:
        pytest.skip("tar is not GNU tar")
    words = (
        [tool, "-tvf"]
        if program == "bsdtar"
        else [tool, "--quoting-style=literal", "--numeric-owner", "-tvf"]
    )

    def run(path: Path) -> list[bytes]:
        done = subprocess.run(
            [*words, path], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        return done.stdout.splitlines()

    return run


LISTED = ("S1_three_files", "S2_gnu_long", "S6_v7", "S8_xattrs", "T070_tarmageddon", "S9_devices", "S3_gnu_sparse",
          "S4_pax_sparse_0.0", "S4_pax_sparse_0.1", "S4_pax_sparse_1.0", "B63_prefix_and_name")  # fmt: skip


LETTER_OF = {"2": b"l", "3": b"c", "4": b"b", "5": b"d", "6": b"p"}


@pytest.mark.parametrize("program", ["tar", "bsdtar"])
@pytest.mark.parametrize("row", LISTED)
def test_sound_rows_against_command(program: str, row: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.id == row)
    path = tmp_path / "a.tar"
    path.write_bytes(case.raw)
    lines = list_with(program)(path)
    rows, _ = read_ours(case.raw)
    assert len(lines) == len(rows)
    for line, member in zip(lines, rows, strict=True):
        words = line.split()
        assert line[:1] == LETTER_OF.get(member.kind, b"-")
        assert member.name in words
        if member.kind in "0S":
            assert b"%d" % member.size in words
