"""Opening archives: the library's first verb, which costs no import of what judges them."""

from __future__ import annotations

import os
from typing import IO, Literal, get_args

from imagespec.errors import UsageError
from imagespec.limits import Limits
from imagespec.scan import Progress, ScanRequest
from imagespec.sources import Archive, open_archive
from imagespec.tar import Want

Toc = Literal["ignored", "trusted"]
"""What layers' tables of contents are good for: nothing, or listing the layer without inflating it."""

Source = str | os.PathLike[str] | IO[bytes]


def open(  # noqa: A001, PLR0913 - `imagespec.open` is the name that users expect; each parameter is an option
    source: Source,
    *,
    image: str | None = None,
    platform: str | None = None,
    blobs: str | os.PathLike[str] | None = None,
    verify: bool = False,
    toc: Toc = "ignored",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Archive:
    """
    Open an image archive or layout: a path, a URL, a binary file, or a pipe, which is read to its end here.

    URLs such as ``s3://bucket/image.tar`` need the extra ``fsspec``; only the bytes that are needed are asked for.
    A path given as text may have a prefix that forces the layout, and an image's name behind it
    (``docker-archive:image.tar:app:1.0``; `imagespec.sources.location`). ``image`` and ``platform`` choose among
    several images (`imagespec.choosing.narrow`); ``blobs`` is a directory where an OCI layout's blobs lie that are not
    in it.

    ``verify`` computes the digests of every layer, and compares layers with their tables of contents. ``toc`` is
    ``trusted`` to list eStargz and zstd:chunked layers from their tables of contents, without inflating them, where a
    digest in the manifest vouches for the table. ``progress`` is told how many more bytes have been dealt with.

    Raises `imagespec.errors.ImageSpecError`, and OSError where the system cannot read the input.
    """
    if toc not in get_args(Toc):
        raise UsageError(f"toc is {toc!r}, and can be {' or '.join(map(repr, get_args(Toc)))}")
    request = ScanRequest(
        AnalyzersWant(), verify, limits or Limits(), progress, trust_tables=toc == "trusted"
    )
    return open_archive(source, request, image=image, platform=platform, blobs=blobs)


class AnalyzersWant:
    """What the analyzers want kept of a scan; they are imported when the first file is scanned."""

    def __init__(self) -> None:
        self._want: Want | None = None

    def __call__(self, name: bytes, size: int, mode: int) -> int:
        """Return how many bytes of a file to keep."""
        if self._want is None:
            from imagespec.analyzers.facts import WANTED  # noqa: PLC0415 - most of the library hangs on it
            from imagespec.analyzers.wanted import compile_wanted  # noqa: PLC0415

            self._want = compile_wanted(WANTED)
        return self._want(name, size, mode)
