"""
What is measured inside a Python process: ``python -m benchmarks.subjects NAME [ARGUMENT...]``.

Each function does one thing inside the context manager that it is given, which measures it: so neither starting
Python nor importing counts.
"""

from __future__ import annotations

import importlib
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks import inputs
from imagespec import tar
from imagespec.access import FileAccess
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, ScanRequest

_WINDOW = 3 << 17  # a multiple of one member with its PAX header, so that windows can repeat
_WINDOWS = 16  # different ones: 6 MiB, which leave the processor's nearer caches


Watch = AbstractContextManager[object]


def list_ours(watch: Watch, path: str) -> None:
    """List a layer, compressed or not."""
    with Path(path).open("rb") as file, watch:
        AccessBlob(FileAccess(file)).scan(ScanRequest())


def list_tarfile(watch: Watch, path: str, mode: str = "r:") -> None:
    """List a layer with the standard library."""
    with watch, tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for _ in archive:
            archive.members.clear()  # as everybody does who lists long archives: else it keeps them all


def list_libarchive(watch: Watch, path: str) -> None:
    """List a layer with libarchive."""
    libarchive = importlib.import_module("libarchive")  # which is not everywhere
    with watch, libarchive.file_reader(path) as archive:
        for entry in archive:
            entry.pathname  # noqa: B018 - the name is made when asked for


def list_memory(watch: Watch, kind: str) -> None:
    """Scan 1,000,000 members that are in memory."""
    size = 3 if kind == "pax" else 1
    count = _WINDOW // (512 * size)
    blocks = b"".join(inputs.members(count * _WINDOWS, with_pax=kind == "pax"))
    windows = [blocks[start : start + _WINDOW] for start in range(0, len(blocks), _WINDOW)]
    rounds, rest = divmod(inputs.MEMBERS, count)
    plan = [(number * _WINDOW, windows[number % _WINDOWS]) for number in range(rounds)]
    plan.append((rounds * _WINDOW, windows[rounds % _WINDOWS][: rest * 512 * size] + bytes(1024)))
    with watch:
        scanner = tar.Scanner(Limits())
        for offset, window in plan:
            scanner.feed(window, offset)
        index = scanner.close(sum(len(window) for _, window in plan))
    assert len(index) == inputs.MEMBERS


def scan_archive(watch: Watch, path: str, verify: str = "") -> None:
    """Open an image archive and scan its layers with what `imagespec check` asks for, and no more."""
    from imagespec import sources  # noqa: PLC0415 - the other subjects' memory should not show these
    from imagespec.analyzers.facts import WANTED  # noqa: PLC0415
    from imagespec.analyzers.wanted import compile_wanted  # noqa: PLC0415
    from imagespec.engine import scan_layers  # noqa: PLC0415

    request = ScanRequest(compile_wanted(WANTED), bool(verify))
    with watch, sources.open_archive(path, request) as archive:
        for image in archive.images:
            _, problems = scan_layers(image)
            assert not problems


def build_view(watch: Watch, path: str, question: str) -> None:
    """Build the merged view of an image whose layers were scanned, and ask it for everything in it."""
    from imagespec import sources  # noqa: PLC0415 - as above
    from imagespec.engine import scan_layers  # noqa: PLC0415
    from imagespec.rootfs import RootFs  # noqa: PLC0415

    with sources.open_archive(path, ScanRequest()) as archive:
        scans, _ = scan_layers(archive.images[0])
        with watch:
            view = RootFs(scans)
            assert view.complete
            if question == "walk":
                assert sum(1 for _ in view.walk()) > 1


_SUBJECTS: dict[str, Callable[..., None]] = {
    "ours": list_ours,
    "tarfile": list_tarfile,
    "libarchive": list_libarchive,
    "memory": list_memory,
    "scan-archive": scan_archive,
    "view": build_view,
}


@contextmanager
def stopwatch() -> Iterator[None]:
    """Print wall-clock and CPU time of what happens inside, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print("seconds", time.perf_counter() - wall, time.process_time() - cpu)


if __name__ == "__main__":
    _SUBJECTS[sys.argv[1]](stopwatch(), *sys.argv[2:])
