"""One layer of an image: its place, what names it, and whether its bytes are there."""

from __future__ import annotations

import enum

import attrs

from imagespec.digest import BlobDigest, DiffId
from imagespec.scan import LayerBlob


class LayerState(enum.Enum):
    """Whether a layer's content can be looked at."""

    PRESENT = "present"
    MISSING = "missing"
    FOREIGN = "foreign"
    ENCRYPTED = "encrypted"
    UNKNOWN_TYPE = "unknown-type"


UNREADABLE = {
    LayerState.MISSING: ("missing-blob", "is named by the manifest but is not in the archive"),
    LayerState.FOREIGN: ("unsupported", "is a foreign layer, whose bytes are not in the archive"),
    LayerState.ENCRYPTED: ("unsupported", "is encrypted"),
    LayerState.UNKNOWN_TYPE: ("unsupported", "has a media type that is not known"),
}
"""Slug and words for each state but the first."""


@attrs.frozen(kw_only=True, eq=False)
class Layer:
    """One changeset of an image; `number` 0 is the base. None means that the archive does not say."""

    number: int
    diff_id: DiffId | None
    """As the config says it, not computed."""
    blob_digest: BlobDigest | None = None
    """As the manifest says it; a docker-archive does not."""
    media_type: str | None = None
    stored_name: str = ""
    """What the archive calls the bytes."""
    created_by: str | None = None
    """The history line."""
    state: LayerState = LayerState.PRESENT
    has_table: bool = False
    """Whether the manifest names a table of contents of the layer (`imagespec.toc`)."""
    blob: LayerBlob | None = None

    @property
    def title(self) -> str:
        """Return how messages call it."""
        return f"layer {self.number} ({self.stored_name})"
