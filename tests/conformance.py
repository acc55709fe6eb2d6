"""What must hold of one image in whatever container: the same layers, the same config, the same entries, the same report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs

from imagespec.engine import check_image, scan_layers
from imagespec.image import Image
from imagespec.profiles import load_profile
from imagespec.rootfs import RootFs
from imagespec.rules.base import Service
from imagespec.scan import ScannedBlob
from imagespec.verdict import Verdict
from tests.build import digest
from tests.comparing import Row, merged

PROFILE = load_profile("modelarts")
# It tells what the container could be compared with, and so differs from one to the next.
OF_THE_CONTAINER = "archive-integrity"


@attrs.frozen(kw_only=True)
class Expected:
    """What every container of an image must give."""

    diff_ids: tuple[str, ...]
    document: bytes
    entries: dict[str, Row]
    report: dict[str, Any]


def conforms(image: Image, *, defects: Collection[str] = ()) -> RootFs:
    """Check what must hold of every image by itself, however it was read; return its merged view."""
    assert [layer.number for layer in image.layers] == list(range(len(image.layers)))
    assert image.config.digest == digest(image.config.raw)
    assert image.image_id in (None, image.config.digest)
    assert [defect.slug for defect in image.defects] == list(defects)
    scans, problems = scan_layers(image)
    assert not problems
    for each, scan in zip(image.layers, scans, strict=True):
        assert scan
        assert each.diff_id in (None, scan.diff_id)
        assert each.blob_digest in (None, scan.blob_digest)
        assert each.blob
        assert scan.stored_bytes == each.blob.size_bytes
    return RootFs(scans)


def expected_of(image: Image) -> Expected:
    """Return what one container gives, as the measure for the others."""
    view = conforms(image)
    return Expected(
        diff_ids=tuple(str(layer.diff_id) for layer in image.layers),
        document=image.config.raw,
        entries=merged(view),
        report=_report(image)[0],
    )


def conforms_to(
    expected: Expected, image: Image, *, config: bool = True, v1: bool = False, defects: Collection[str] = ()
) -> None:
    """
    Check that an image is the expected one.

    ``config`` says whether the writer kept the config's bytes; ``v1`` archives have neither those nor diff_ids.
    """
    view = conforms(image, defects=defects)
    told = tuple(layer.diff_id for layer in image.layers)
    assert told == ((None,) * len(expected.diff_ids) if v1 else expected.diff_ids)
    scans, _ = scan_layers(image)
    assert tuple(scan.diff_id for scan in scans if scan) == expected.diff_ids
    assert (image.config.raw == expected.document) == (config and not v1)
    assert merged(view) == expected.entries
    report, integrity = _report(image)
    assert report == expected.report
    # What passed by in a pipe cannot be compared with its table of contents.
    is_open = v1 or any(each.has_table and isinstance(each.blob, ScannedBlob) for each in image.layers)
    assert integrity == ("fail" if defects else "unknown" if is_open else "pass")


def _report(image: Image) -> tuple[dict[str, Any], Verdict]:
    """Return what a report says of an image itself, and what of its container."""
    report = check_image(image, PROFILE, Service.BATCH)
    assert report.problems == ()
    found = {
        "results": [item for item in report.results if item.rule != OF_THE_CONTAINER],
        # Whether registries would store so many bytes is not said by plain layers.
        "sizes": attrs.evolve(report.sizes, compressed_bytes=None),
        "layers": [(layer.number, layer.tar_bytes, layer.entries) for layer in report.layers],
        "findings": report.findings,
        "platform": report.platform,
    }
    return found, report.verdict(OF_THE_CONTAINER)
