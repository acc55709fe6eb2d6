"""Each limit that concerns tar streams is reached, and holds exactly at its bound."""

from __future__ import annotations

import io
from collections.abc import Callable

import attrs
import pytest

from imagespec.access import FileAccess
from imagespec.errors import LimitError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, ScanRequest, scan_stream
from imagespec.tar import LayerIndex, Scanner
from tests.rawtar import END, decimal_map, gnu_sparse, header, long, member, pax, pax_sparse
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations

Make = Callable[[int], bytes]
"""A stream that needs the limit to be at least so much."""


def scan(raw: bytes, limits: Limits) -> LayerIndex:
    scanner = Scanner(limits)
    scanner.feed(raw, 0)
    return scanner.close(len(raw))


def xattr(count: int) -> bytes:
    # "a.txt" and the attribute's name "u" with count - 6 bytes.
    return pax((b"SCHILY.xattr.u", b"v" * (count - 6))) + member() + END


CASES: dict[str, tuple[str, Make, int]] = {
    "members": ("layer_members", lambda count: member() * count + END, 5000),
    "members with extended headers": (
        "layer_members",
        lambda count: (pax((b"a", b"b")) + member()) * count + END,
        5,
    ),
    "names": ("names_bytes", lambda count: member(b"n" * 100) * (count // 100) + END, 5000),
    "link targets": (
        "names_bytes",
        lambda count: header(b"n", 0, b"2", link=b"l" * 99) * (count // 100) + END,
        5000,
    ),
    "attributes": ("names_bytes", xattr, 5000),
    "sparse maps": (
        "names_bytes",
        lambda count: gnu_sparse(b"s", b"", [(0, 0)] * (count // 128), 9) + END,
        12800 + 1,
    ),
    "one name": ("name_bytes", lambda count: long(b"n" * count) + member() + END, 300),
    "one short name": ("name_bytes", lambda count: member(b"n" * count) + END, 50),
    "one link target": ("name_bytes", lambda count: long(b"l" * count, b"K") + header(kind=b"2") + END, 300),
    "PAX body": ("meta_header_bytes", lambda count: pax((b"c", b"c" * (count - 8))) + member() + END, 3000),
    "long name body": ("meta_header_bytes", lambda count: long(b"n" * count) + member() + END, 3000),
    "chain": ("meta_header_chain", lambda count: long(b"n") * count + member() + END, 16),
    "PAX 1.0 map": ("sparse_entries", lambda count: pax_sparse(b"s", b"", [(0, 0)] * count, 9) + END, 100),
    "PAX 0.1 map": (
        "sparse_entries",
        lambda count: pax_sparse(b"s", b"", [(0, 0)] * count, 9, "0.1") + END,
        100,
    ),
    "GNU map": ("sparse_entries", lambda count: gnu_sparse(b"s", b"", [(0, 0)] * count, 9) + END, 210),
}


@pytest.mark.parametrize("case", CASES)
def test_limit_holds_exactly(case: str) -> None:
    limit, make, count = CASES[case]
    raw = make(count)
    assert scan(raw, attrs.evolve(Limits(), **{limit: count}))
    with pytest.raises(LimitError) as caught:
        scan(raw, attrs.evolve(Limits(), **{limit: count - 1}))
    assert caught.value.limit == limit
    assert caught.value.allowed == count - 1
    assert caught.value.seen > count - 1


def test_default_limits_admit_what_real_images_need() -> None:
    assert scan(pax((b"path", b"d/" * 2000 + b"f")) + member() + END, Limits()).name(0).endswith(b"/f")
    assert len(scan(pax_sparse(b"s", b"", [(0, 0)] * 10_000, 9) + END, Limits()).sparse[0]) == 10_000


def test_kept_contents_are_bounded() -> None:
    raw = member(b"a", b"a" * 100) + member(b"b", b"b" * 100) + member(b"c", b"c" * 30) + END
    scanner = Scanner(Limits(kept_file_bytes=60, kept_bytes=100), lambda _name, size, _mode: size)
    scanner.feed(raw, 0)
    scanner.close(len(raw))
    # What does not fit is not kept at all, so that the rules know that they did not see it.
    assert scanner.kept == {0: b"a" * 60, 2: b"c" * 30}


def test_findings_are_bounded_and_counted() -> None:
    raw = member(b"a\0b") * 10 + member(b"ctrl\n") * 10 + END
    scanner = Scanner(Limits(findings=4))
    scanner.feed(raw, 0)
    scanner.close(len(raw))
    assert len(scanner.findings) == 4
    assert scanner.dropped_findings == 16


def test_layer_bytes() -> None:
    raw = member() + END
    request = ScanRequest(limits=Limits(layer_bytes=len(raw) - 1))
    with pytest.raises(LimitError, match="layer_bytes"):
        AccessBlob(FileAccess(io.BytesIO(raw))).scan(request)
    with pytest.raises(LimitError, match="layer_bytes"):
        scan_stream(io.BytesIO(raw), request)


def test_sparse_expansion_costs_nothing() -> None:
    raw = pax_sparse(b"s", b"data", [(0, 4)], 1 << 62) + END
    index = scan(raw, Limits())
    assert index.sizes[0] == 1 << 62
    assert decimal_map([(0, 4)]) in raw
