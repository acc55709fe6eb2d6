"""List a plain layer that is not in the page cache: the disk is the floor, and how it is asked shows."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from benchmarks import contenders, inputs, machine, measure


def forget(path: Path) -> None:
    """Drop the file's pages; of this file alone, so that other work on the machine is left in peace."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # pages that wait to be written are not dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for the real layer; each run begins with its pages dropped."""
    path = inputs.large("large-layer.tar")
    before = functools.partial(forget, path)
    forget(path)
    left = machine.output_of("fincore", "--bytes", "--noheadings", "--output", "RES", str(path))
    return [
        measure.Scenario(
            "List a plain layer, page cache cold",
            (
                *contenders.ours("ours", str(path), before=before),
                *contenders.tools(("tar", "-tf", str(path)), ("cat", str(path)), before=before),
                *contenders.go_lister(path, before=before),
            ),
            "tar -tf",
            (
                f"bytes still cached after dropping (fincore): {left or 'unknown'}",
                "caches below the system, as of a virtual disk, stay as they are",
            ),
        )
    ]


if __name__ == "__main__":
    measure.main("cold_plain", scenarios, rounds=3)
