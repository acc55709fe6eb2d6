"""What an input is made of: a directory, a tar with random access (a file, a URL), or a stream that is read once."""

from __future__ import annotations

import contextlib
import os
from typing import IO

from imagespec import compression, tar
from imagespec.access import AccessReader, FileAccess, RandomAccess, Rewound
from imagespec.compression import Codec, CountingReader, Reader
from imagespec.errors import UnknownFormatError, UsageError
from imagespec.scan import ScanRequest
from imagespec.sources.location import is_url
from imagespec.sources.store import Store, TarStore

_HEAD = 512


def open_store(
    source: str | os.PathLike[str] | IO[bytes], request: ScanRequest, resources: contextlib.ExitStack
) -> Store:
    """
    Open what a path or a URL names, or take an open file; ``resources`` closes what was opened.

    Raises UsageError where there is nothing, ImageSpecError where it is no tar, and OSError.
    """
    if isinstance(source, (str, os.PathLike)):
        if is_url(source):
            return _open_url(os.fspath(source), request, resources)
        # Without pathlib, which takes a twentieth of the time of a short command.
        path = os.fspath(source)
        if os.path.isdir(path):  # noqa: PTH112
            from imagespec.sources.directory import DirectoryStore  # noqa: PLC0415 - files need none of it

            return _entered(DirectoryStore(path, request.limits), resources)
        if not os.path.exists(path):  # noqa: PTH110
            raise UsageError(f"{path or '(no name)'}: no such file or directory")
        source = resources.enter_context(open(path, "rb"))  # noqa: PTH123, SIM115
    if source.seekable():
        return _open_access(FileAccess(source), request, resources)
    head = b""
    while len(head) < _HEAD and (more := source.read(_HEAD - len(head))):
        head += more
    _check_head(head)
    return _open_stream(head, Rewound(head, source), request, resources)


def _open_url(url: str, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    from imagespec.sources.remote import RemoteAccess, open_url  # noqa: PLC0415 - files need none of it

    found = open_url(url, request.limits)
    if isinstance(found, RemoteAccess):
        return _open_access(found, request, resources)
    return _entered(found, resources)


def _open_access(access: RandomAccess, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    head = access.pread(_HEAD, 0)
    _check_head(head)
    if compression.sniff(head) is Codec.PLAIN:
        return _entered(TarStore(access, request.limits), resources)
    return _open_stream(head, AccessReader(access), request, resources)


def _open_stream(head: bytes, reader: Reader, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    from imagespec.sources.pipe import PipeStore  # noqa: PLC0415 - files need none of it

    counted = CountingReader(reader, lambda data: request.progress(len(data)) if request.progress else None)
    decoded = compression.open_decoder(counted, compression.sniff(head), request.limits)
    return _entered(PipeStore(decoded, request), resources)


def _entered(store: Store, resources: contextlib.ExitStack) -> Store:
    resources.callback(store.close)
    return store


def _check_head(head: bytes) -> None:
    """Raise UnknownFormatError, with what the input is, unless it may be a tar."""
    if not head:
        raise UnknownFormatError("the file is empty; export the image again")
    if compression.sniff(head) is not Codec.PLAIN or tar.is_header(head):
        return
    if not any(head):
        what = "an archive without members"
    elif head.lstrip()[:1] in (b"{", b"["):
        what = "a JSON document"
    elif _is_text(head):
        what = "a text file"
    elif len(head) < _HEAD:
        what = "too short to be an archive"
    else:
        what = "no tar archive (its first block is no tar header)"
    raise UnknownFormatError(f"this is {what}, not an image; save one with `docker save IMAGE -o FILE`")


def _is_text(head: bytes) -> bool:
    return not set(head) & (set(range(32)) - set(b"\t\n\f\r\x1b"))
