"""`imagespec check` on the large image in each form, from a file and from a pipe, against scanning alone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks import contenders, inputs, measure
from benchmarks.measure import Contender

_ARCHIVES = ("large-docker.tar", "large-oci-gzip.tar", "large-oci-zstd.tar")
_CHECK = (sys.executable, "-m", "imagespec", "check")
_VERDICTS = (0, 1)  # both mean that everything was read


def scenarios() -> list[measure.Scenario]:
    """Return one comparison for each archive."""
    return [_scenario(inputs.large(name)) for name in _ARCHIVES]


def _scenario(path: Path) -> measure.Scenario:
    file = str(path)
    checks = (
        Contender("check", (*_CHECK, file), statuses=_VERDICTS),
        Contender("check --verify", (*_CHECK, "--verify", file), statuses=_VERDICTS),
        Contender("check, pipe", (*_CHECK, "-"), piped_from=path, statuses=_VERDICTS),
        Contender("check --verify, pipe", (*_CHECK, "--verify", "-"), piped_from=path, statuses=_VERDICTS),
    )
    return measure.Scenario(
        f"check of {path.name}",
        (
            contenders.subject("scan-archive", file, label="scan alone"),
            contenders.subject("scan-archive", file, "verify", label="scan alone, verify"),
            *(contender for check in checks for contender in contenders.each_backend(check)),
            *_others(path),
        ),
        "scan alone",
        (
            f"{path.stat().st_size:,} bytes",
            "skopeo inspect reads no layer: it is here as the time to find the config",
        ),
    )


def _others(path: Path) -> list[Contender]:
    if not shutil.which("skopeo"):
        return []
    transport = "oci-archive" if "oci" in path.name else "docker-archive"
    return [Contender("skopeo inspect", ("skopeo", "inspect", f"{transport}:{path}"))]


if __name__ == "__main__":
    measure.main("check_large", scenarios, rounds=3)
