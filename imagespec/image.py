"""An image: a config and its layers, wherever they were read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from imagespec.digest import BlobDigest
from imagespec.documents.config import ImageConfig
from imagespec.layer import Layer
from imagespec.scan import ScanRequest

if TYPE_CHECKING:
    from imagespec.imagepath import ImagePath
    from imagespec.rootfs import RootFs, SymlinkParents


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

    def rootfs(self, *, symlink_parents: SymlinkParents = "replace") -> RootFs:
        """
        Return the merged view of the layers: what a container started from the image would see.

        Layers are read when a question needs them, the uppermost first; keep the view while you have questions. One
        that cannot be read does not raise: see `RootFs.unread` and `RootFs.complete`.
        """
        from imagespec.layerscans import LayerScans  # noqa: PLC0415 - reading documents needs none of this
        from imagespec.rootfs import RootFs  # noqa: PLC0415

        request = attrs.evolve(self.request, want=None)
        scans = LayerScans(self.layers, request)
        return RootFs(
            scans,
            request.limits,
            errors=scans.errors,
            layers=self.layers,
            search_path=self.config.environment().get("PATH"),
            symlink_parents=symlink_parents,
        )

    def root(self) -> ImagePath:
        """Return the root directory of the merged view, to go on from like a `pathlib.Path`."""
        from imagespec.imagepath import ImagePath  # noqa: PLC0415

        return ImagePath(self.rootfs())
