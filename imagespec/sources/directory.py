"""A directory as a store, and its files as layers."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import attrs

from imagespec.access import FileAccess
from imagespec.errors import LimitError, MissingBlobError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, LayerBlob, LayerScan, ScanRequest
from imagespec.sources.members import other_target
from imagespec.sources.store import check_document

# What is named by digest is looked up by name and never listed: a registry holds millions of such files.
_UNLISTED = frozenset(("blobs", "_layers", "_uploads"))


@attrs.frozen
class FileBlob:
    """A layer in a file of its own, opened while it is scanned: a registry has more layers than files may be open."""

    path: Path
    size_bytes: int

    def scan(self, request: ScanRequest) -> LayerScan:
        """List the members."""
        with self.path.open("rb") as file:
            return AccessBlob(FileAccess(file)).scan(request)


class DirectoryStore:
    """A directory; links are followed only while they stay inside it."""

    kind = "dir"
    end_bytes: int | None = None

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path.resolve()
        self._limits = limits
        self._names: tuple[str, ...] | None = None

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
        return FileBlob(path, path.stat().st_size) if path else None

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
        """Nothing to release: files are open only while they are read."""
