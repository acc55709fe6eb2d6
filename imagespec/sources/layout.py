"""What a layout is: what the names in a store mean. `imagespec.sources.detect` lists those there are."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagespec.image import Image, UnreadableImage
from imagespec.scan import ScanRequest
from imagespec.sources.store import Store


@attrs.frozen(eq=False)
class Listed:
    """What a layout's documents lead to."""

    images: tuple[Image, ...] = ()
    notes: tuple[str, ...] = ()
    """What is listed and was not exported, as the other platforms of an image."""
    unreadable: tuple[UnreadableImage, ...] = ()
    reason: str = "the archive lists no image"
    """Why there is no image, where there is none."""


@attrs.frozen(eq=False)
class Layout:
    """A layout: how it is recognised, and how its images are read from any store."""

    name: str
    """The first half of a container's name, as in ``oci-archive``."""
    is_here: Callable[[Store], bool]
    """Tell whether a store has this layout at its root; raises ImageSpecError where a document is out of bounds."""
    read: Callable[[Store, ScanRequest], Listed]
    """Return the images; raises ImageSpecError where the document that lists them cannot be read."""
