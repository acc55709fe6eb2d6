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
