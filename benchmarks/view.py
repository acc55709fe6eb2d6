"""What the merged view costs: building it over the scan, walking it, and one file out of the whole archive."""

from __future__ import annotations

import json
import shlex
import sys
import tarfile
from pathlib import Path

from benchmarks import contenders, inputs, measure
from benchmarks.measure import Contender

_FILE = "home/run.sh"


def scenarios() -> list[measure.Scenario]:
    """Return the comparison with the scan, and with unpacking one layer after the other through pipes."""
    path = inputs.large("large-docker.tar")
    cat = Contender("imagespec cat", (sys.executable, "-m", "imagespec", "cat", str(path), f"/{_FILE}"))
    return [
        measure.Scenario(
            "The merged view",
            (
                contenders.subject("scan-archive", str(path), label="scan alone"),
                contenders.subject("view", str(path), "build", label="build the view"),
                contenders.subject("view", str(path), "walk", label="build and walk it"),
            ),
            "scan alone",
            (f"{path.name}; the view is built over scans that are there already",),
        ),
        measure.Scenario(
            "One file of the merged view",
            (*contenders.each_backend(cat), _with_tar(path)),
            "tar, layer by layer",
            (
                f"/{_FILE}; tar looks from the uppermost layer down and stops where it is, without whiteouts or links",
            ),
        ),
    ]


def _with_tar(path: Path) -> Contender:
    with tarfile.open(path) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        layers = json.load(manifest)[0]["Layers"]
    steps = (
        f"tar -xOf {shlex.quote(str(path))} {shlex.quote(layer)} | tar -xOf - {_FILE} 2>/dev/null"
        for layer in reversed(layers)
    )
    return Contender("tar, layer by layer", ("sh", "-c", " || ".join(steps)))


if __name__ == "__main__":
    measure.main("view", scenarios, rounds=7)
