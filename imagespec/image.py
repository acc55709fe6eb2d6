"""An image: a config and its layers, wherever they were read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from imagespec.digest import BlobDigest, Digest
from imagespec.documents.config import ImageConfig
from imagespec.errors import ImageSpecError
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


@attrs.frozen(eq=False)
class UnreadableImage:
    """An image that an archive lists and that cannot be read; the others are read all the same."""

    error: ImageSpecError
    references: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Return the error's sentence, behind the image's names."""
        return f"{', '.join(self.references)}: {self.error}" if self.references else str(self.error)


@attrs.frozen(kw_only=True, eq=False)
class Image:
    """One image of an archive."""

    references: tuple[str, ...]
    """Names as the archive writes them, such as ``registry/name:tag``; empty where it has none."""
    config: ImageConfig
    layers: tuple[Layer, ...]
    """Base first."""
    number: int = 0
    """The place in the archive, from 0."""
    image_id: Digest | None = None
    """The config's digest, computed; None before Docker 1.10, whose configs name no layers."""
    manifest_digest: BlobDigest | None = None
    """None: a docker-archive has no manifest."""
    index_digests: tuple[Digest, ...] = ()
    """Of the indexes that lead to the manifest, outermost first; ``index.json`` itself has no digest that counts."""
    platform: str | None = None
    """``os/architecture[/variant]``."""
    defects: tuple[Defect, ...] = ()
    """Contradictions found while the image's documents were read."""
    checked: tuple[str, ...] = ()
    """What was compared while they were read."""
    unchecked: tuple[str, ...] = ()
    """What could not be compared, because the archive does not say what it should be."""
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
