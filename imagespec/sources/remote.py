"""
Archives and layout directories behind a URL: object storage and web servers, through fsspec.

Only what is needed is asked for, by range. Every request costs some ten milliseconds whatever its size, so a request
brings a little more than was asked; and where reads go on near each other, each brings twice as much as the one before.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

from imagespec.access import RandomAccess
from imagespec.errors import LimitError, MissingBlobError, ReadError, UsageError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, LayerBlob
from imagespec.sources.location import without_secrets
from imagespec.sources.store import check_document
from imagespec.tar import FileSpan

_LEAST_BYTES = 1 << 14
_MOST_BYTES = 1 << 22  # what comes in the time that a request costs
_NEAR_BYTES = 1 << 20  # a read so far behind the last one is a hop over a file's body
_NO_RANGES = "the server does not serve parts of files; download it and check the file"
_HTTP_NOT_FOUND = 404
_SPANS = 16  # answers kept: more than there are layers read at once


def open_url(url: str, limits: Limits) -> RemoteAccess | RemoteDirectory:
    """Open what a URL names; raises UsageError where it or the library for it is missing, and ReadError."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra, and 50 ms
    except ImportError:
        message = f"{without_secrets(url)} is a URL, which needs fsspec: pip install 'imagespec[fsspec]'"
        raise UsageError(message) from None
    try:
        files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:  # fsspec's words for what to install, or for an unknown scheme
        raise UsageError(f"{without_secrets(url)}: {without_secrets(str(error))}") from None
    name = without_secrets(url)
    try:
        info = _told(name, lambda: files.info(path))
    except FileNotFoundError as error:
        # fsspec's HTTP says so for every failure, too, and gives the real one as its cause.
        cause = error.__cause__
        if cause is None or getattr(cause, "status", None) == _HTTP_NOT_FOUND:
            raise UsageError(f"{name}: there is no such file") from None
        raise _unreadable(name, cause) from error
    if info.get("type") == "directory":
        return RemoteDirectory(files, path, name, limits)
    if info.get("partial") is False:  # a web server's `Accept-Ranges: none`
        raise UsageError(f"{name}: {_NO_RANGES}")
    return RemoteAccess(files, path, name, _size_of(info, name))


def _told(name: str, ask: Callable[[], Any]) -> Any:
    """Return the answer of a file system; raises ReadError for everything that libraries of networks raise."""
    try:
        return ask()
    except FileNotFoundError:
        raise
    except Exception as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: BaseException) -> ReadError:
    reason = without_secrets(str(error)) or "no reason given"
    return ReadError(f"{name} could not be read ({type(error).__name__}: {reason}); try again")


def _size_of(info: dict[str, Any], name: str) -> int:
    size = info.get("size")
    if not isinstance(size, int):
        raise UsageError(f"{name}: its size is not told; download it and check the file")
    return size


class RemoteAccess:
    """Random access to a file of an fsspec file system, with the last answers kept."""

    def __init__(self, files: Any, path: str, name: str, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._files = files
        self._path = path
        self._name = name
        self._lock = threading.Lock()
        self._spans: OrderedDict[int, bytes] = OrderedDict()
        """Answers by their offset, the latest last."""

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; raises ReadError."""
        end = min(offset + size, self.size_bytes)
        pieces = []
        with self._lock:
            while offset < end and (piece := self._kept(offset, end)):
                pieces.append(piece)
                offset += len(piece)
            ahead = self._plan(offset)
        if offset < end:
            # Outside the lock, so that several layers are fetched at once.
            data = self._fetch(offset, min(max(end, offset + ahead), self.size_bytes))
            pieces.append(data[: end - offset])
            with self._lock:
                self._spans[offset] = data
                while len(self._spans) > _SPANS:
                    self._spans.popitem(last=False)
        return b"".join(pieces)

    def locate(self) -> FileSpan:
        """Return the whole file."""
        return FileSpan(self.pread, 0, self.size_bytes)

    def _kept(self, offset: int, end: int) -> bytes:
        for start, data in reversed(self._spans.items()):
            if start <= offset < start + len(data):
                self._spans.move_to_end(start)
                return data[offset - start : end - start]
        return b""

    def _plan(self, offset: int) -> int:
        """Return how much to ask for at ``offset``: twice as much as the answer that ends shortly before it."""
        for start, data in reversed(self._spans.items()):
            if 0 <= offset - start - len(data) <= _NEAR_BYTES:
                return min(2 * len(data), _MOST_BYTES)
        return _LEAST_BYTES

    def _fetch(self, start: int, end: int) -> bytes:
        try:
            data = bytes(_told(self._name, lambda: self._files.cat_file(self._path, start=start, end=end)))
        except FileNotFoundError as error:
            raise ReadError(f"{self._name} disappeared while it was read") from error
        if len(data) > end - start:
            raise ReadError(f"{self._name}: {_NO_RANGES}")
        if len(data) < end - start:
            raise ReadError(
                f"{self._name}: {end - start:,} bytes were asked for at byte {start:,} and {len(data):,} came; "
                "it may have changed while it was read: try again"
            )
        return data


class RemoteDirectory:
    """A directory of an fsspec file system: a layout in a bucket."""

    kind = "dir"
    end_bytes: int | None = None

    def __init__(self, files: Any, path: str, name: str, limits: Limits) -> None:
        self._files = files
        self._name = name
        self._limits = limits
        try:
            found = _told(name, lambda: files.find(path, detail=True))
        except FileNotFoundError:
            raise UsageError(f"{name}: there is no such directory") from None
        if len(found) > limits.archive_members:
            raise LimitError("archive_members", limits.archive_members, len(found), name)
        top = path.rstrip("/") + "/"
        self._infos = {item.removeprefix(top): info for item, info in found.items() if item.startswith(top)}

    def names(self) -> Collection[str]:
        """Return the names of all files."""
        return self._infos.keys()

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return name in self._infos

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        access = self._access(name)
        if access is None:
            raise MissingBlobError(name, named_by)
        check_document(name, access.size_bytes, self._limits)
        return access.pread(access.size_bytes, 0)

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        access = self._access(name)
        return None if access is None else AccessBlob(access)

    def _access(self, name: str) -> RandomAccess | None:
        info = self._infos.get(name)
        if info is None:
            return None
        where = f"{self._name.rstrip('/')}/{name}"
        return RemoteAccess(self._files, info["name"], where, _size_of(info, where))

    def close(self) -> None:
        """Nothing to release: fsspec keeps its connections."""
