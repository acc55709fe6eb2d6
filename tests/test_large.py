"""
The large realistic image of benchmarks/make_images.py, where it was made: `pytest -m slow`.

It is looked for in `$IMAGESPEC_BENCH_DIR`, else in `~/.cache/imagespec-bench`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import imagespec
from imagespec.engine import scan_layers
from imagespec.rootfs import RootFs
from tests.comparing import differences

FOLDER = Path(os.environ.get("IMAGESPEC_BENCH_DIR") or Path.home() / ".cache" / "imagespec-bench")
ARCHIVES = ("large-docker.tar", "large-oci-gzip.tar", "large-oci-zstd.tar")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FOLDER / ARCHIVES[0]).exists(), reason="run benchmarks/make_images.py first"),
]


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_merged_view_is_what_the_engine_exports(name: str) -> None:
    with imagespec.open(FOLDER / name) as archive:
        scans, problems = scan_layers(archive.images[0])
    view = RootFs(scans)
    assert not problems
    assert differences(view, FOLDER / "large-export.tar") == {}
    (inspected,) = json.loads((FOLDER / "large-inspect.json").read_text())
    assert sum(usage.apparent_bytes for usage in view.usage if usage) == inspected["Size"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_rule_passes(name: str) -> None:
    report = imagespec.check(FOLDER / name, service="batch", verify=True)
    (image,) = report.inputs[0].images
    assert {result.rule: result.outcome.verdict.value for result in image.results} == {
        **dict.fromkeys((result.rule for result in image.results), "pass"),
        "malicious-code": "unknown",
    }
