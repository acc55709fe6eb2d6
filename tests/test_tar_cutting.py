"""The same stream cut anywhere, hopped over, or cut short."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from itertools import pairwise

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagespec.access import FileAccess
from imagespec.errors import ImageSpecError, TarError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, ScanRequest
from imagespec.tar import Finding, Scanner, backends
from tests.hostile_tars import Case, catalogue
from tests.rawtar import BLOCK, END, long, member, pax
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations

CASES = catalogue()
TINY = [case for case in CASES if len(case.raw) <= 5 * BLOCK]
SMALL = [case for case in CASES if len(case.raw) <= 1 << 16]


def keep_all(_name: bytes, size: int, _mode: int) -> int:
    return size


@attrs.frozen
class Outcome:
    """Everything that a scan yields."""

    columns: tuple[object, ...] = ()
    findings: tuple[Finding, ...] = ()
    kept: tuple[tuple[int, bytes], ...] = ()
    error: str = ""


def scan_pieces(raw: bytes, pieces: Iterable[bytes], limits: Limits | None = None) -> Outcome:
    """Scan as a pipe's driver does, which gives every piece that is asked for."""
    scanner, offset, wanted = Scanner(limits or Limits(), keep_all), 0, 0
    try:
        for piece in pieces:
            if offset + len(piece) > wanted:
                wanted = scanner.feed(piece, offset)
                assert wanted >= offset + len(piece)
            offset += len(piece)
        assert offset == len(raw)
        index = scanner.close(offset)
    except ImageSpecError as error:
        return Outcome(findings=tuple(scanner.findings), error=repr(error))
    columns = attrs.astuple(index, recurse=False)
    return Outcome(columns, tuple(scanner.findings), tuple(sorted(scanner.kept.items())))


def whole(raw: bytes) -> Outcome:
    return scan_pieces(raw, [raw] if raw else [])


def cut_at(raw: bytes, cuts: Iterable[int]) -> list[bytes]:
    marks = [0, *sorted(cuts), len(raw)]
    return [raw[start:end] for start, end in pairwise(marks)]


def scan_by_hopping(raw: bytes, window: int) -> Outcome:
    scanner, offset = Scanner(Limits(), keep_all), 0
    try:
        while offset < len(raw):
            offset = scanner.feed(raw[offset : offset + window], offset)
        index = scanner.close(len(raw))
    except ImageSpecError as error:
        return Outcome(findings=tuple(scanner.findings), error=repr(error))
    columns = attrs.astuple(index, recurse=False)
    return Outcome(columns, tuple(scanner.findings), tuple(sorted(scanner.kept.items())))


@pytest.mark.parametrize("case", TINY, ids=[case.id for case in TINY])
def test_cut_at_every_byte(case: Case) -> None:
    expected = whole(case.raw)
    for cut in range(len(case.raw) + 1):
        assert scan_pieces(case.raw, cut_at(case.raw, [cut])) == expected


@pytest.mark.parametrize("case", SMALL, ids=[case.id for case in SMALL])
@pytest.mark.parametrize("size", [1, 7, 512, 513, 1000])
def test_pieces_of_one_size(case: Case, size: int) -> None:
    expected = whole(case.raw)
    if size >= 512 or len(case.raw) < 10_000:
        assert scan_pieces(case.raw, cut_at(case.raw, range(size, len(case.raw), size))) == expected
    assert scan_by_hopping(case.raw, size) == expected


@settings(max_examples=300, deadline=None)
@given(case=st.sampled_from(SMALL), data=st.data())
def test_cut_anywhere(case: Case, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(case.raw)), max_size=8))
    assert scan_pieces(case.raw, cut_at(case.raw, cuts)) == whole(case.raw)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_fast_path_agrees_with_the_scanner_proper(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = whole(case.raw)
    monkeypatch.setattr(backends.DEFAULT, "capacity", 0)
    assert whole(case.raw) == expected


def test_the_driver_of_layers_hops_the_same_way() -> None:
    raw = b"".join(member(b"f%d" % number, b"x" * (number * 700)) for number in range(200)) + END
    hopped = AccessBlob(FileAccess(io.BytesIO(raw))).scan(ScanRequest(want=keep_all))
    assert attrs.astuple(hopped.index, recurse=False) == whole(raw).columns
    assert tuple(sorted(hopped.kept.items())) == whole(raw).kept


# Truncation.

ARCHIVE = (
    member(b"one", b"1" * 700)
    + pax((b"path", b"two-long"), (b"mtime", b"1.5"))
    + member(b"two", b"2" * 100)
    + long(b"three-long")
    + member(b"three", b"")
    + END
)


def complete_ends() -> dict[int, int]:
    """Return the lengths at which the prefix is whole by Go's rules, and how many members it has."""
    one = BLOCK + 700
    after_one = BLOCK + 1024
    two = after_one + 1024 + BLOCK + 100
    after_two = after_one + 1024 + 1024
    three = after_two + 1024 + BLOCK
    ends = {
        0: 0,
        **dict.fromkeys(range(one, after_one + 1), 1),
        **dict.fromkeys(range(two, after_two + 1), 2),
    }
    # The header of an extended header is followed by its body; from the end of that on, only a dangling one is left.
    ends |= dict.fromkeys(range(after_one + BLOCK + 30, after_one + 1025), 1)
    ends |= dict.fromkeys(range(after_two + BLOCK + 10, after_two + 1025), 2)
    return ends | {three: 3, three + BLOCK: 3, three + 2 * BLOCK: 3}


def test_every_prefix_is_whole_or_truncated() -> None:
    ends = complete_ends()
    for length in range(len(ARCHIVE) + 1):
        prefix = ARCHIVE[:length]
        scanner = Scanner(Limits())
        scanner.feed(prefix, 0)
        if length in ends:
            assert len(scanner.close(length)) == ends[length], length
            continue
        with pytest.raises(TruncatedTarError) as caught:
            scanner.close(length)
        assert caught.value.offset == length
        assert caught.value.code == "tar.truncated"


def promptly(scan: Callable[[], object], seconds: float = 2.0) -> None:
    start = time.process_time()
    scan()
    assert time.process_time() - start < seconds


@pytest.mark.parametrize(
    "row", ["T021_b256_2e63-1", "T024_octal_12_digits", "T131_pax_claims_8GiB", "T140_x_chain"]
)
def test_huge_claims_are_refused_at_once(row: str) -> None:
    raw = next(case.raw for case in CASES if case.id == row)
    promptly(lambda: whole(raw), 0.5)


def test_time_is_bounded_by_length() -> None:
    # Each member costs the reader the most it can per byte: findings, records, headers without bodies.
    records = pax(body=b"".join(b"6 %c=b\n" % (97 + number % 26) for number in range(20_000)))
    promptly(lambda: whole(records + member() + END))
    odd = member(b"a\0b", b"", kind=b"\0", magic=bytes(8)) * 2000
    promptly(lambda: whole(odd + END))
    # A meta header's body in pieces of one byte: what a decoder of tiny members gives.
    body = pax((b"comment", b"c" * 200_000)) + member() + END
    promptly(lambda: scan_pieces(body, cut_at(body, range(1, len(body)))))


def test_errors_know_their_offset() -> None:
    raw = member(b"one", b"1" * 700) + bytes(1) + b"x" * 511
    with pytest.raises(TarError) as caught:
        Scanner(Limits()).feed(raw, 0)
    assert caught.value.offset == 3 * BLOCK
