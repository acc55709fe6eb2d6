"""An image: a config and its layers, wherever they were read from."""

from __future__ import annotations

import attrs

from imagespec.digest import BlobDigest
from imagespec.documents.config import ImageConfig
from imagespec.layer import Layer
from imagespec.scan import ScanRequest


@attrs.frozen
class Defect:
    """Something in an archive that contradicts itself; ``slug`` is stable."""

    slug: str
    message: str


@attrs.frozen(kw_only=True, eq=False)
class Image:
    """One image of an archive."""

    references: tuple[str, ...]
    """Names as the archive writes them, such as ``registry/name:tag``; empty where it has none."""
    config: ImageConfig
    layers: tuple[Layer, ...]
    """Base first."""
    manifest_digest: BlobDigest | None = None
    """None: a docker-archive has no manifest."""
    platform: str | None = None
    """``os/architecture[/variant]``."""
    defects: tuple[Defect, ...] = ()
    """Contradictions found while the image's documents were read."""
    request: ScanRequest = attrs.field(factory=ScanRequest, repr=False)
    """How the layers are to be scanned."""
