"""A line on standard error that tells how far a long read is; silent when it is short or nobody watches."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Self

_QUIET_SECONDS = 1.0


class ProgressLine:
    """A context manager; `advance` is told the bytes dealt with."""

    def __init__(self, name: str) -> None:
        self._name = os.path.basename(name)  # noqa: PTH119 - may be no path
        self._total = os.path.getsize(name) if os.path.isfile(name) else None  # noqa: PTH113, PTH202
        self._count = 0
        self._start = time.monotonic()
        self._watched = sys.stderr.isatty()
        self._line: _Line | None = None

    def advance(self, count: int) -> None:
        """Count further bytes, and show the line once the work has taken a second."""
        self._count += count
        if not self._watched:
            return
        if self._line is None:
            if time.monotonic() - self._start < _QUIET_SECONDS:
                return
            self._line = _Line(self._name, self._total)
        self._line.show(self._count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line:
            self._line.close()


class _Line:
    def __init__(self, name: str, total: int | None) -> None:
        from rich.console import Console  # noqa: PLC0415 - only for work that takes long
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from imagespec.text import printable  # noqa: PLC0415

        columns = (TextColumn("{task.description}", markup=False), DownloadColumn(), TransferSpeedColumn())
        bar = (BarColumn(), TimeRemainingColumn()) if total else ()
        self._progress = Progress(*columns, *bar, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(printable(name), total=total)
        self._progress.start()

    def show(self, count: int) -> None:
        self._progress.update(self._task, completed=count)

    def close(self) -> None:
        self._progress.stop()
