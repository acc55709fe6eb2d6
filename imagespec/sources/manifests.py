"""
Images by their manifests: everything that OCI layouts, registries and ``dir:`` directories share.

Documents name one another by digest; a layout says under which names a store may hold the bytes of a digest.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagespec import mediatypes
from imagespec.digest import BlobDigest, Digest, digest_matches
from imagespec.documents.config import ImageConfig, parse_config
from imagespec.documents.oci import Descriptor, Index, Manifest, parse_manifest_or_index
from imagespec.errors import DocumentError, ImageSpecError, LimitError, MissingBlobError
from imagespec.image import Defect, Image, UnreadableImage
from imagespec.layer import Layer, LayerState
from imagespec.mediatypes import LayerKind
from imagespec.scan import AccessBlob, ScanRequest
from imagespec.sources.layers import count_defects, diff_id_of, history_line, platform_of
from imagespec.sources.layout import Listed
from imagespec.sources.store import Store

_STATES = {
    LayerKind.TAR: LayerState.PRESENT,
    LayerKind.FOREIGN: LayerState.FOREIGN,
    LayerKind.ENCRYPTED: LayerState.ENCRYPTED,
    LayerKind.UNKNOWN: LayerState.UNKNOWN_TYPE,
}


class Blobs:
    """A store whose files are named by digest; ``names_of`` gives the names that a digest may have."""

    def __init__(self, store: Store, names_of: Callable[[Digest], tuple[str, ...]]) -> None:
        self.store = store
        self.names_of = names_of

    def name(self, digest: Digest) -> str:
        """Return the name under which the bytes are there, the usual one where they are not."""
        names = self.names_of(digest)
        return next((name for name in names if self.store.has(name)), names[0])

    def has(self, digest: Digest) -> bool:
        """Tell whether the bytes are there."""
        return self.store.has(self.name(digest))

    def read(self, descriptor: Descriptor, named_by: str, defects: list[Defect]) -> bytes:
        """Return a document, compared with its descriptor (image-spec v1.1 descriptor.md, "Verification")."""
        name = self.name(descriptor.digest)
        raw = _embedded(descriptor) if not self.store.has(name) else None
        raw = self.store.read(name, named_by) if raw is None else raw
        defects += _size_defects(name, descriptor, len(raw))
        if not digest_matches(descriptor.digest, raw):
            message = f"{name} does not have the digest {descriptor.digest} that names it"
            defects.append(Defect("digest-mismatch", message))
        return raw


@attrs.frozen(kw_only=True, eq=False)
class Pending:
    """A manifest or index that is still to be read."""

    descriptor: Descriptor
    names: tuple[str, ...] = ()
    named_by: str
    """The document that lists it, as messages call it."""
    depth: int = 0
    """How many indexes lie above it."""
    indexes: tuple[Digest, ...] = ()
    """The digests of those that have one."""
    defects: tuple[Defect, ...] = ()
    """Of the documents above it."""


class ManifestReader:
    """Collects the images that descriptors lead to, each once, with all its names."""

    def __init__(self, blobs: Blobs, request: ScanRequest) -> None:
        self.blobs = blobs
        self.request = request
        self.artifacts: set[str] = set()
        """Types of what is listed and is no image."""
        self._images: dict[Digest, Image] = {}
        self._notes: dict[str, None] = {}
        self._unreadable: list[UnreadableImage] = []

    def listed(self) -> Listed:
        """Return what was collected."""
        return Listed(tuple(self._images.values()), tuple(self._notes), tuple(self._unreadable))

    def add(self, *tops: Pending) -> None:
        """Collect what one list leads to. Raises LimitError where it is longer or deeper than `Limits` allow."""
        stack, seen = list(reversed(tops)), 0
        while stack:
            item = stack.pop()
            seen += 1
            if seen > self.request.limits.manifests:
                raise LimitError("manifests", self.request.limits.manifests, seen, item.named_by)
            if not item.descriptor.is_image_like:
                self.artifacts.add(item.descriptor.artifact_type or item.descriptor.media_type)
                continue
            known = self._images.get(item.descriptor.digest)
            if known:
                self._images[item.descriptor.digest] = _with_names(known, item)
                continue
            try:
                stack += reversed(self._read(item))
            except ImageSpecError as error:
                self._unreadable.append(UnreadableImage(error, item.names))

    def add_document(self, raw: bytes, item: Pending) -> list[Pending]:
        """Take a document that lies outside the blobs, or was read from them; return what it lists."""
        name = item.named_by if item.depth == 0 else self.blobs.name(item.descriptor.digest)
        document = parse_manifest_or_index(raw, name, self.request.limits)
        if isinstance(document, Index):
            return self._children(item, document, name)
        self._add_image(item, document, name)
        return []

    def _read(self, item: Pending) -> list[Pending]:
        if not self.blobs.has(item.descriptor.digest) and item.descriptor.data is None:
            self._absent(item)
            return []
        defects: list[Defect] = []
        raw = self.blobs.read(item.descriptor, item.named_by, defects)
        item = attrs.evolve(item, depth=item.depth + 1, defects=(*item.defects, *defects))
        return self.add_document(raw, item)

    def _children(self, item: Pending, index: Index, name: str) -> list[Pending]:
        if item.depth >= self.request.limits.index_depth:
            raise LimitError("index_depth", self.request.limits.index_depth, item.depth + 1, name)
        # A name given to an index is the name of the images in it.
        return [
            Pending(
                descriptor=child,
                names=names_in(child) or item.names,
                named_by=name,
                depth=item.depth,
                indexes=(*item.indexes, item.descriptor.digest),
                defects=item.defects,
            )
            for child in index.manifests
        ]

    def _absent(self, item: Pending, what: str = "") -> None:
        descriptor = item.descriptor
        where = item.named_by
        if item.depth:
            where = f"the index of {item.names[0]}" if item.names else "an index"
        text = f"{where} lists {descriptor.digest} ({descriptor.platform or 'no platform given'}), "
        self._notes[text + (what or "which the archive does not hold")] = None

    def _add_image(self, item: Pending, manifest: Manifest, name: str) -> None:
        if not manifest.is_image:
            self.artifacts.add(manifest.artifact_type or manifest.config.media_type)
            return
        here = self.blobs.has(manifest.config.digest) or manifest.config.data is not None
        if not here and not any(self.blobs.has(layer.digest) for layer in manifest.layers):
            # Docker's containerd store exports the manifests of all platforms, and the bytes of those it has.
            self._absent(item, "of which the archive holds the manifest alone")
            return
        # The key is what lists call it; the manifest's own digest is computed.
        key = item.descriptor.digest
        self._images[key] = _with_names(self._image(item, manifest, name), item)

    def _image(self, item: Pending, manifest: Manifest, name: str) -> Image:
        defects = list(item.defects)
        document = self.blobs.name(manifest.config.digest)
        config = parse_config(self.blobs.read(manifest.config, name, defects), document, self.request.limits)
        if len(manifest.layers) > self.request.limits.layers:
            raise LimitError("layers", self.request.limits.layers, len(manifest.layers), name)
        defects += count_defects(len(manifest.layers), config)
        defects += _platform_defects(item.descriptor, config)
        # Annotations can be relied on where the manifest has the digest that names it.
        vouches = manifest.digest == item.descriptor.digest
        layers = tuple(
            self._layer(row, number, config, defects, vouches=vouches)
            for number, row in enumerate(manifest.layers)
        )
        return Image(
            references=(),
            config=config,
            layers=layers,
            image_id=config.digest,
            manifest_digest=manifest.digest,
            index_digests=item.indexes,
            platform=platform_of(config, item.descriptor.platform),
            defects=tuple(defects),
            checked=_checked(item, layers),
            request=self.request,
        )

    def _layer(
        self,
        descriptor: Descriptor,
        number: int,
        config: ImageConfig,
        defects: list[Defect],
        *,
        vouches: bool,
    ) -> Layer:
        name = self.blobs.name(descriptor.digest)
        state = _STATES[mediatypes.layer_kind(descriptor.media_type)]
        blob = self.blobs.store.blob(name)
        if blob is None and state is LayerState.PRESENT:
            state = LayerState.MISSING
        elif blob is not None:
            defects += _size_defects(name, descriptor, blob.size_bytes)
            if state is LayerState.FOREIGN:
                state = LayerState.PRESENT  # its bytes were exported all the same
        has_table = mediatypes.names_a_table(descriptor.annotations)
        if has_table and vouches and isinstance(blob, AccessBlob):
            from imagespec.toc.layers import TableBlob  # noqa: PLC0415 - few layers have a table

            blob = TableBlob(blob, descriptor.annotations)
        return Layer(
            number=number,
            diff_id=diff_id_of(config, number),
            blob_digest=BlobDigest(descriptor.digest),
            media_type=descriptor.media_type,
            stored_name=name,
            created_by=history_line(config, number),
            has_table=has_table,
            state=state,
            blob=blob,
        )


def names_in(descriptor: Descriptor) -> tuple[str, ...]:
    """Return the name that a descriptor's annotations give, the fullest one."""
    found = (descriptor.annotations.get(key) for key in mediatypes.NAME_ANNOTATIONS)
    return tuple(name for name in found if name)[:1]


def read_index(raw: bytes, document: str, request: ScanRequest) -> Index:
    """Parse a document that must be an index; raises DocumentError or LimitError."""
    index = parse_manifest_or_index(raw, document, request.limits)
    if not isinstance(index, Index):
        raise DocumentError(document, "should be an index, but is a manifest")
    return index


def _with_names(image: Image, item: Pending) -> Image:
    references = tuple(dict.fromkeys((*image.references, *item.names)))
    indexes = tuple(dict.fromkeys((*image.index_digests, *item.indexes)))
    return attrs.evolve(image, references=references, index_digests=indexes)


def _embedded(descriptor: Descriptor) -> bytes | None:
    # image-spec v1.1 descriptor.md, "Embedded Content".
    if descriptor.data is None:
        return None
    import base64  # noqa: PLC0415 - few descriptors have data
    import binascii  # noqa: PLC0415

    try:
        return base64.b64decode(descriptor.data, validate=True)
    except binascii.Error:
        raise MissingBlobError(descriptor.digest, "a descriptor with broken embedded data") from None


def _size_defects(name: str, descriptor: Descriptor, size_bytes: int) -> list[Defect]:
    if size_bytes == descriptor.size_bytes or descriptor.size_bytes is None:
        return []
    message = f"{name} has {size_bytes:,} bytes, its descriptor says {descriptor.size_bytes:,}"
    return [Defect("size-mismatch", message)]


def _platform_defects(descriptor: Descriptor, config: ImageConfig) -> list[Defect]:
    told = platform_of(config)
    if descriptor.platform is None or descriptor.platform == told:
        return []
    if not config.os or not config.architecture or told is None:
        return []
    from imagespec.references import platform_fits  # noqa: PLC0415 - most descriptors say what the config says

    try:
        if platform_fits(descriptor.platform, told) or platform_fits(told, descriptor.platform):
            return []
    except ValueError:
        pass
    message = f"the index says {descriptor.platform}, the config {told}, so tools may choose different images"
    return [Defect("platform-mismatch", message)]


def _checked(item: Pending, layers: tuple[Layer, ...]) -> tuple[str, ...]:
    present = sum(layer.blob is not None for layer in layers)
    documents = ["index"] * bool(item.indexes) + ["manifest"] * bool(item.depth) + ["config"]
    return (
        f"digest of the {' and of the '.join(documents)}, and the size where what names it gives one",
        f"stored sizes of {present} of {len(layers)} layers, against the manifest",
    )
