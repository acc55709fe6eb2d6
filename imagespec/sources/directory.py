"""A directory as a store, and its files as layers."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from imagespec.errors import LimitError, MissingBlobError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, LayerBlob
from imagespec.sources.members import other_target
from imagespec.sources.store import check_document
from imagespec.tar import FileSpan

# What is named by digest is looked up by name and never listed: a registry holds millions of such files.
_UNLISTED = frozenset(("blobs", "_layers", "_uploads"))


_OPEN_FILES = 64  # a registry has more layers than a process may have open files; more than are read at once


class PathAccess:
    """Random access to a file that is opened when it is read, and may be closed in between."""

    def __init__(self, path: Path, opened: OpenFiles) -> None:
        self.size_bytes = path.stat().st_size
        self._path = path
        self._opened = opened
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        with self._lock:
            new = self._file is None
            file = self._file = self._file or self._path.open("rb", buffering=0)
            data = os.pread(file.fileno(), size, offset)
        if new:
            self._opened.add(self)
        return data

    def locate(self) -> FileSpan:
        """Return the whole file."""
        return FileSpan(self.pread, 0, self.size_bytes)

    def release(self) -> None:
        """Close the file until it is read again."""
        with self._lock:
            if self._file:
                self._file.close()
            self._file = None


class OpenFiles:
    """The files that are open, the first opened first; no lock is held while another is waited for."""

    def __init__(self) -> None:
        self._files: deque[PathAccess] = deque()

    def add(self, access: PathAccess) -> None:
        """Note a file that was opened, and close the one that has been open longest where there are too many."""
        self._files.append(access)
        if len(self._files) > _OPEN_FILES:
            self._files.popleft().release()

    def close(self) -> None:
        """Close all."""
        while self._files:
            self._files.popleft().release()


class DirectoryStore:
    """A directory; links are followed only while they stay inside it."""

    kind = "dir"
    end_bytes: int | None = None

    def __init__(self, path: str, limits: Limits) -> None:
        self._path = Path(path).resolve()
        self._limits = limits
        self._names: tuple[str, ...] | None = None
        self._opened = OpenFiles()

    def names(self) -> Collection[str]:
        """Return the names of the files that are not named by digest."""
        if self._names is None:
            self._names = tuple(sorted(self._list()))
        return self._names

    def _list(self) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self._path):
            folders[:] = [name for name in folders if name not in _UNLISTED]
            count += len(files) + len(folders)
            if count > self._limits.archive_members:
                raise LimitError("archive_members", self._limits.archive_members, count, str(self._path))
            yield from ((Path(folder) / file).relative_to(self._path).as_posix() for file in files)

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return self._inside(name) is not None

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        path = self._inside(name)
        if path is None:
            raise MissingBlobError(name, named_by)
        check_document(name, path.stat().st_size, self._limits)
        with path.open("rb") as file:
            raw = file.read(self._limits.document_bytes + 1)
        check_document(name, len(raw), self._limits)
        return raw

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        path = self._inside(name)
        return AccessBlob(PathAccess(path, self._opened)) if path else None

    def _inside(self, name: str) -> Path | None:
        try:
            path = self._path / name
            inner = path.resolve()
            if not inner.exists() and path.is_symlink():
                inner = (self._path / other_target(path.readlink().as_posix())).resolve()
            return inner if inner.is_relative_to(self._path) and inner.is_file() else None
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a loop of links
            return None

    def close(self) -> None:
        """Close the files that are open."""
        self._opened.close()
