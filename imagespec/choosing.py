"""Choosing among the images of an archive, in one way for every command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagespec.errors import UsageError
from imagespec.image import Image
from imagespec.references import Reference, names_image, platform_fits
from imagespec.text import printable

_NUMBER = re.compile(r"@?([0-9]{1,9})")
_SHORT_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")
_LISTED = 20


def narrow(
    images: Sequence[Image], *, image: str | None = None, platform: str | None = None
) -> tuple[Image, ...]:
    """
    Return the images that are asked for; all where nothing is.

    ``image`` is a reference as users write it, an image ID (12 hex digits are enough), the digest of a manifest or of
    the index that lists it, or a number as ``@0``; ``platform`` is ``os/architecture[/variant]``. Raises UsageError,
    which lists what is there, where nothing fits.
    """
    found = _of_platform(images, platform) if platform else tuple(images)
    if image is not None:
        found = _named(found, image)
    if not found:
        asked = " and ".join(
            [f"--image {image}"] * (image is not None) + [f"--platform {platform}"] * (platform is not None)
        )
        raise UsageError(f"no image fits {printable(asked)}; it holds {listing(images)}")
    return found


def only(images: Sequence[Image], name: str) -> Image:
    """Return the image of the archive ``name``, which must hold one; raises UsageError, which lists what is there."""
    if len(images) == 1:
        return images[0]
    raise UsageError(
        f"{name}: one image is needed; choose it with --image or --platform: the archive holds {listing(images)}"
    )


def listing(images: Sequence[Image]) -> str:
    """Return words that name every image by number, reference, platform and digest."""
    rows = [_row(image) for image in images[:_LISTED]]
    more = [f"and {len(images) - _LISTED} more"] if len(images) > _LISTED else []
    return f"{len(images)} image{'s' * (len(images) != 1)}: {'; '.join(rows + more)}"


def _row(image: Image) -> str:
    digest = image.manifest_digest or image.image_id or ""
    words = (", ".join(image.references) or "(untagged)", image.platform or "", digest)
    return f"@{image.number} " + printable(" ".join(word for word in words if word))


def _of_platform(images: Sequence[Image], platform: str) -> tuple[Image, ...]:
    try:
        return tuple(item for item in images if platform_fits(platform, item.platform or ""))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _named(images: Sequence[Image], wanted: str) -> tuple[Image, ...]:
    """Return what a word of the user means: exact names first, so that an image may be called ``1``."""
    for fits in (_is_called, _means, _has_digest, _has_number):
        found = tuple(item for item in images if fits(item, wanted))
        if found:
            return found
    return ()


def _is_called(image: Image, wanted: str) -> bool:
    return wanted in image.references


def _means(image: Image, wanted: str) -> bool:
    return any(names_image(wanted, reference) for reference in image.references)


def _has_digest(image: Image, wanted: str) -> bool:
    digests = [digest for digest in (image.image_id, image.manifest_digest, *image.index_digests) if digest]
    match = _SHORT_ID.fullmatch(wanted)
    if match:
        return any(digest.startswith(f"sha256:{match.group(1)}") for digest in digests)
    name, at, digest = wanted.partition("@")
    if not at or digest not in digests:
        return wanted in digests
    # With a name before it, the digest must be of an image of that name, unless the archive gives it none.
    full = Reference.parse(name)
    others = [Reference.parse(reference) for reference in image.references]
    return not name or not others or any((o.domain, o.path) == (full.domain, full.path) for o in others)


def _has_number(image: Image, wanted: str) -> bool:
    match = _NUMBER.fullmatch(wanted)
    return match is not None and image.number == int(match.group(1))
