"""The OCI image layout: ``index.json`` and ``blobs/`` (image-spec v1.1 image-layout.md)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagespec import mediatypes
from imagespec.digest import BlobDigest, Digest, digest_matches
from imagespec.documents.config import ImageConfig, parse_config
from imagespec.documents.node import Node
from imagespec.documents.oci import Descriptor, Index, Manifest, parse_manifest_or_index
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError, LimitError
from imagespec.image import Defect, Image
from imagespec.layer import Layer, LayerState
from imagespec.mediatypes import LayerKind
from imagespec.scan import AccessBlob, ScanRequest
from imagespec.sources.docker_archive import count_defects, diff_id_of, history_line, platform_of
from imagespec.sources.store import Store

INDEX = "index.json"
LAYOUT = "oci-layout"

_STATES = {
    LayerKind.TAR: LayerState.PRESENT,
    LayerKind.FOREIGN: LayerState.FOREIGN,
    LayerKind.ENCRYPTED: LayerState.ENCRYPTED,
    LayerKind.UNKNOWN: LayerState.UNKNOWN_TYPE,
}


@attrs.frozen
class Listed:
    """What an index leads to: the images, and the descriptors whose documents the archive does not hold."""

    images: tuple[Image, ...]
    absent: tuple[Descriptor, ...]


def read_images(store: Store, request: ScanRequest) -> Listed:
    """Return the images in the order of the index, one for each manifest; raises ImageSpecError."""
    raw = store.read(INDEX, "the archive")
    index = parse_manifest_or_index(raw, INDEX, request.limits)
    if not isinstance(index, Index):
        raise DocumentError(INDEX, "should be an index, but is a manifest")
    defects = _layout_defects(store, request)
    names: dict[Digest, list[str]] = {}
    manifests: dict[Digest, tuple[Descriptor, Manifest]] = {}
    absent: list[Descriptor] = []
    for descriptor, manifest in _walk(store, index, request, defects):
        if manifest is None:
            absent.append(descriptor)
            continue
        manifests.setdefault(descriptor.digest, (descriptor, manifest))
        names.setdefault(descriptor.digest, []).extend(_names(descriptor))
    images = tuple(
        _read_image(
            store,
            manifest,
            tuple(dict.fromkeys(names[descriptor.digest])),
            request,
            defects,
            vouches=manifest.digest == descriptor.digest,
        )
        for descriptor, manifest in manifests.values()
    )
    return Listed(images, tuple(absent))


def _layout_defects(store: Store, request: ScanRequest) -> list[Defect]:
    # image-spec v1.1 image-layout.md, "oci-layout file". Tools leave it out (hauler, apko) and are read all the same.
    if LAYOUT not in store.names():
        return []
    raw = store.read(LAYOUT, "the archive")
    version = Node(load_json(raw, LAYOUT, request.limits), LAYOUT).optional_text("imageLayoutVersion")
    if version == "1.0.0":
        return []
    return [
        Defect(
            "layout-version", f"{LAYOUT} has version {version!r} instead of '1.0.0', so readers may refuse it"
        )
    ]


def _walk(
    store: Store, index: Index, request: ScanRequest, defects: list[Defect]
) -> Iterator[tuple[Descriptor, Manifest | None]]:
    """Yield the images' manifests of an index and the indexes below it; None for one that is not there."""
    limits, seen = request.limits, 0
    stack = [(descriptor, 1) for descriptor in reversed(index.manifests)]
    while stack:
        descriptor, depth = stack.pop()
        seen += 1
        if seen > limits.manifests:
            raise LimitError("manifests", limits.manifests, seen, INDEX)
        if not descriptor.is_image_like:
            continue
        name = _blob_name(descriptor.digest)
        if name not in store.names():
            yield descriptor, None
            continue
        document = parse_manifest_or_index(_read(store, descriptor, INDEX, defects), name, limits)
        if isinstance(document, Manifest):
            if document.is_image:
                yield descriptor, document
            continue
        if depth >= limits.index_depth:
            raise LimitError("index_depth", limits.index_depth, depth + 1, name)
        # A name given to an index is the name of the images in it.
        inherited = {**descriptor.annotations}
        stack.extend(
            (attrs.evolve(child, annotations={**inherited, **child.annotations}), depth + 1)
            for child in reversed(document.manifests)
        )


def _names(descriptor: Descriptor) -> list[str]:
    annotations = descriptor.annotations
    name = annotations.get(mediatypes.CONTAINERD_NAME_ANNOTATION) or annotations.get(
        mediatypes.REF_NAME_ANNOTATION
    )
    return [name] if name else []


def _read_image(
    store: Store,
    manifest: Manifest,
    names: tuple[str, ...],
    request: ScanRequest,
    shared: list[Defect],
    *,
    vouches: bool,
) -> Image:
    # `vouches`: the manifest has the digest that names it, so that its annotations can be relied on.
    defects = list(shared)
    document = _blob_name(manifest.config.digest)
    raw = _read(store, manifest.config, _blob_name(manifest.digest), defects)
    config = parse_config(raw, document, request.limits)
    if len(manifest.layers) > request.limits.layers:
        raise LimitError("layers", request.limits.layers, len(manifest.layers), document)
    defects += count_defects(len(manifest.layers), config)
    layers = tuple(
        _read_layer(store, item, number, config, defects, vouches=vouches)
        for number, item in enumerate(manifest.layers)
    )
    return Image(
        references=names,
        config=config,
        layers=layers,
        manifest_digest=manifest.digest,
        platform=platform_of(config),
        defects=tuple(defects),
        request=request,
    )


def _read_layer(
    store: Store,
    descriptor: Descriptor,
    number: int,
    config: ImageConfig,
    defects: list[Defect],
    *,
    vouches: bool,
) -> Layer:
    name = _blob_name(descriptor.digest)
    state = _STATES[mediatypes.layer_kind(descriptor.media_type)]
    blob = store.blob(name)
    if blob is None and state is LayerState.PRESENT:
        state = LayerState.MISSING
    elif blob is not None:
        _check_size(name, descriptor, blob.size_bytes, defects)
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


def _read(store: Store, descriptor: Descriptor, named_by: str, defects: list[Defect]) -> bytes:
    """Read a document and compare it with its descriptor (image-spec v1.1 descriptor.md, "Verification")."""
    name = _blob_name(descriptor.digest)
    raw = store.read(name, named_by)
    _check_size(name, descriptor, len(raw), defects)
    if not digest_matches(descriptor.digest, raw):
        defects.append(Defect("digest-mismatch", f"{name} does not have the digest that it is named after"))
    return raw


def _check_size(name: str, descriptor: Descriptor, size_bytes: int, defects: list[Defect]) -> None:
    if size_bytes != descriptor.size_bytes:
        message = f"{name} has {size_bytes:,} bytes, its descriptor says {descriptor.size_bytes:,}"
        defects.append(Defect("size-mismatch", message))


def _blob_name(digest: Digest) -> str:
    return "blobs/" + digest.replace(":", "/")
