"""Damaged archives end in a report or a documented error, never in a crash, and never in a silent pass."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imagespec
from imagespec.errors import ImageSpecError
from tests.build import Pipe
from tests.layouts import BUILDERS, make_image, pack
from tests.rawtar import BLOCK, seal
from tests.sampleimage import sample

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parent / "fixtures").glob("*.tar"))]
SEEDS += [sample().archive(kind) for kind in ("docker", "oci", "both")]

LAYOUTS = ("docker-1.9", "docker-1.12-links", "containerd", "apko", "dir-list", "registry", "zarf")
SEEDS += [pack(BUILDERS[name](make_image())) for name in LAYOUTS]

PIECES = st.one_of(
    st.binary(min_size=1, max_size=8), st.sampled_from([b'"', b"{", b"]", b"\0" * 512, b"../", b"9" * 12])
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return an archive with some bytes replaced, removed or added, checksums of tar headers made right again."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        piece = draw(PIECES)
        how = draw(st.sampled_from(["replace", "replace", "seal", "insert", "remove", "cut"]))
        if how in {"replace", "seal"}:
            data[at : at + len(piece)] = piece
        elif how == "insert":
            data[at:at] = piece
        elif how == "remove":
            del data[at : at + draw(st.sampled_from([1, BLOCK, 3 * BLOCK]))]
        else:
            del data[at:]
        start = at - at % BLOCK
        if how == "seal" and len(data) >= start + BLOCK:
            data[start : start + BLOCK] = seal(bytes(data[start : start + BLOCK]))
    return bytes(data)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    data=damaged(), piped=st.booleans(), service=st.sampled_from(["batch", "real-time"]), verify=st.booleans()
)
def test_damage_ends_in_a_report_or_an_error(data: bytes, piped: bool, service: str, verify: bool) -> None:
    source: Any = Pipe(data) if piped else io.BytesIO(data)
    try:
        report = imagespec.check(source, service=service, verify=verify)
    except ImageSpecError:
        return
    problems = [problem for item in report.inputs for image in item.images for problem in image.problems]
    assert [problem for problem in problems if problem.slug == "internal"] == []
    if problems:
        assert report.exit_code() == 3
    assert report.to_dict()
