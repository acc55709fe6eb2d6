"""Opening an input: from what a user names to images."""

from __future__ import annotations

import contextlib
import os
import sys
from types import TracebackType
from typing import IO, Self

import attrs

from imagespec.errors import InputError, LimitError, TruncatedTarError, UsageError
from imagespec.image import Image, UnreadableImage
from imagespec.scan import ScanRequest
from imagespec.sources.detect import read_images
from imagespec.sources.inputs import open_store
from imagespec.sources.layout import Listed
from imagespec.sources.location import Location, parse_location, shown_location
from imagespec.sources.views import WithBlobs

_NOTES_TOLD = 4


@attrs.define(eq=False)
class Archive:
    """The images of one input; a context manager that closes what it opened."""

    name: str
    """What the user called the input."""
    container: str
    """Layout and store: ``docker-archive``, ``oci-archive``, ``oci-dir`` …"""
    images: tuple[Image, ...]
    verify: bool = False
    """Whether the layers' digests are computed."""
    notes: tuple[str, ...] = ()
    """What the archive lists and does not hold, as exports of one platform of several do."""
    unreadable: tuple[UnreadableImage, ...] = ()
    """Images that it lists and that cannot be read."""
    _resources: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack, repr=False)

    def close(self) -> None:
        """Close the input; layers cannot be read afterwards."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_archive(
    source: str | os.PathLike[str] | IO[bytes],
    request: ScanRequest,
    *,
    image: str | None = None,
    platform: str | None = None,
    blobs: str | os.PathLike[str] | None = None,
) -> Archive:
    """
    Open a path, a URL, a binary file or a pipe and read its images' documents.

    ``image`` and ``platform`` say which images are meant, ``blobs`` where else their blobs may lie. A pipe is read to
    its end here, layers included. Raises ImageSpecError, with a message that names the input, and
    OSError where the system cannot read it.
    """
    name = _name_of(source)
    location = parse_location(source) if isinstance(source, str) else Location("")
    with contextlib.ExitStack() as resources:
        try:
            where = sys.stdin.buffer if location.layouts and location.path == "-" else location.path
            store = open_store(where or source, request, resources)
            if blobs is not None:
                store = WithBlobs(store, open_store(blobs, request, resources))
            container, listed = read_images(store, request, location.layouts)
            images, unreadable = _choose(name, listed, _wanted(location, image), platform)
        except TruncatedTarError as error:
            raise InputError(
                f"{name}: the archive is truncated: {error.reason}, at byte {error.offset:,}; "
                "copy or export it again"
            ) from error
        except (InputError, LimitError) as error:
            error.args = (f"{name}: {error}",)
            raise
        return Archive(name, container, images, request.verify, listed.notes, unreadable, resources.pop_all())


def _wanted(location: Location, image: str | None) -> str | None:
    if location.image and image and location.image != image:
        raise UsageError(f"two images are asked for: {location.image} behind the path and --image {image}")
    return location.image or image


def _choose(
    name: str, listed: Listed, image: str | None, platform: str | None
) -> tuple[tuple[Image, ...], tuple[UnreadableImage, ...]]:
    if image is None and platform is None:
        return listed.images, listed.unreadable
    from imagespec.choosing import narrow  # noqa: PLC0415 - most archives hold one image
    from imagespec.references import names_image  # noqa: PLC0415

    unreadable = tuple(
        item
        for item in listed.unreadable
        if image is None or not item.references or any(names_image(image, name) for name in item.references)
    )
    try:
        return narrow(listed.images, image=image, platform=platform), unreadable
    except UsageError as error:
        meant = [item.error for item in unreadable if item.references and image is not None]
        if meant:
            raise meant[0] from None
        # What is asked for may be listed and not there.
        raise UsageError("; ".join((f"{name}: {error}", *listed.notes[:_NOTES_TOLD]))) from None


def _name_of(source: str | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(source, (str, os.PathLike)):
        return shown_location(os.fspath(source))
    name = getattr(source, "name", None)
    if not isinstance(name, str):
        return "the stream"
    return "standard input" if name == "<stdin>" else name
