"""
What the worst of the tests' hostile streams cost: seconds for each megabyte, and memory.

    python3 -m benchmarks.hostile [FOLDER ...]

FOLDER holds further streams, the corpus of a fuzzer for example. A stream counts as 64 KiB at least, because a smaller
one costs what any call does. Prints the worst ones; nothing is compared, because other readers crash or refuse.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from imagespec import tar
from imagespec.access import FileAccess
from imagespec.errors import ImageSpecError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, ScanRequest
from tests.hostile_tars import catalogue

_LEAST = 1 << 16
_SHOWN = 8


def measure(raw: bytes, watch: Callable[[], float]) -> float:
    """Return what `watch` says of a scan that keeps every file, in the quickest or smallest of three."""
    results = []
    for _ in range(3):
        before = watch()
        with contextlib.suppress(ImageSpecError):
            AccessBlob(FileAccess(io.BytesIO(raw))).scan(
                ScanRequest(lambda _n, size, _m: size, limits=Limits())
            )
        results.append(watch() - before)
    return min(results)


def peak_of(raw: bytes) -> float:
    """Return the most bytes that a scan held at once."""
    tracemalloc.start()
    measure(raw, lambda: 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(peak)


def main(folders: list[str]) -> None:
    """Print the streams that take longest and those that need most memory."""
    streams = [(case.id, case.raw) for case in catalogue()]
    streams += [
        (path.name, path.read_bytes()) for folder in folders for path in sorted(Path(folder).iterdir())
    ]
    seconds = [(measure(raw, time.process_time) * 1e6 / max(len(raw), _LEAST), name) for name, raw in streams]
    peaks = [(peak_of(raw) / 1e6, name) for name, raw in streams]
    print(f"{len(streams):,} streams, backend {tar.backend}")
    for title, rows in (("seconds a megabyte", seconds), ("peak, MB", peaks)):
        print(f"\n{title}")
        for value, name in sorted(rows, reverse=True)[:_SHOWN]:
            print(f"{value:9.3f}  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
