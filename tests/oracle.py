"""
What must hold for any bytes: a result or an error that is documented, and the same from both implementations of the
scanner, however the stream is cut.

tests/test_fuzz.py asks it of what hypothesis makes, and tests/fuzz.py of what libFuzzer makes.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import zlib
from pathlib import Path

import attrs

from imagespec.access import FileAccess
from imagespec.engine import check_archive
from imagespec.errors import ImageSpecError, UsageError
from imagespec.limits import Limits
from imagespec.profiles import load_profile
from imagespec.rules.base import Service
from imagespec.scan import ScanRequest, scan_stream
from imagespec.sources import open_archive
from imagespec.tar import Scanner, backends
from imagespec.tar.plain import MakeReader
from tests.hostile_tars import catalogue

FIXTURES = Path(__file__).parent / "fixtures"
_SMALL = Limits(
    layer_members=50,
    names_bytes=4096,
    name_bytes=300,
    meta_header_bytes=2000,
    meta_header_chain=3,
    sparse_entries=30,
    kept_bytes=3000,
    kept_file_bytes=700,
    findings=5,
    expansion_free_bytes=1 << 16,
)


@attrs.frozen
class Seen:
    """What one implementation makes of a stream."""

    members: tuple[object, ...] = ()
    findings: tuple[object, ...] = ()
    kept: tuple[object, ...] = ()
    error: str = ""


def readers() -> list[MakeReader]:
    """Return the implementations that there are."""
    found = [backends.choose_backend(setting)[1] for setting in ("0", None)]
    return found[: len({id(reader) for reader in found})]


def look(raw: bytes, cuts: list[int] | None, limits: Limits, reader: MakeReader) -> Seen:
    """Return what the scanner makes of a stream, errors included: fed in pieces or, without cuts, read from a file."""
    scanner = Scanner(limits, lambda name, size, _mode: min(size, 1 + len(name) * 7), reader=reader)
    try:
        if cuts is None:
            _hop(raw, scanner)
        else:
            _feed(raw, [*cuts, len(raw)], scanner)
        index = scanner.close(len(raw))
    except ImageSpecError as error:
        return Seen(findings=tuple(scanner.findings), error=repr(error))
    assert len(index) <= limits.layer_members
    assert sum(map(len, scanner.kept.values())) <= limits.kept_bytes
    return Seen(
        attrs.astuple(index, recurse=False), tuple(scanner.findings), tuple(sorted(scanner.kept.items()))
    )


def _feed(raw: bytes, cuts: list[int], scanner: Scanner) -> None:
    offset = wanted = 0
    for cut in cuts:
        if cut > wanted:
            wanted = scanner.feed(raw[offset:cut], offset)
        offset = cut


def _hop(raw: bytes, scanner: Scanner) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        span, offset = FileAccess(file).locate(), 0
        while offset < len(raw):
            before, offset = offset, scanner.hop(span, offset)
            assert offset > before


def check_layer(raw: bytes) -> None:
    """Hold a layer's bytes against the oracle."""
    dice = zlib.crc32(raw)  # cuts and limits follow from the bytes, so that a crash can be repeated
    limits = _SMALL if dice % 3 == 0 else Limits()
    cuts = sorted((dice >> shift) % (len(raw) + 1) for shift in (2, 5, 9))
    seen = [look(raw, pieces, limits, reader) for reader in readers() for pieces in ([], cuts, None)]
    assert all(other == seen[0] for other in seen), seen
    with contextlib.suppress(ImageSpecError):
        scan_stream(io.BytesIO(raw), ScanRequest(lambda *_: 100, limits=_SMALL))


def check_whole(raw: bytes) -> None:
    """Hold an archive's bytes against the oracle: a report without an internal error, or a documented error."""
    try:
        with open_archive(io.BytesIO(raw), ScanRequest(lambda _n, size, _m: size, limits=_SMALL)) as archive:
            report = check_archive(archive, load_profile("modelarts"), Service.REAL_TIME)
    except UsageError:
        raise
    except ImageSpecError:
        return
    problems = [problem for image in report.images for problem in image.problems]
    assert all(problem.slug != "internal" for problem in problems), problems


def seeds(target: str) -> list[bytes]:
    """Return what the corpus begins with."""
    if target == "layer":
        return [case.raw for case in catalogue() if len(case.raw) <= 1 << 16]
    return [path.read_bytes() for path in FIXTURES.glob("*.tar")]


TARGETS = {"layer": check_layer, "archive": check_whole}
