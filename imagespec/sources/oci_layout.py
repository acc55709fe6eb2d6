"""The OCI image layout: ``index.json`` and ``blobs/`` (image-spec v1.1 image-layout.md)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagespec import mediatypes
from imagespec.digest import BlobDigest, Digest, digest_matches
from imagespec.documents.config import ImageConfig, parse_config
from imagespec.documents.oci import Descriptor, Index, Manifest, parse_manifest_or_index
from imagespec.errors import DigestMismatchError, DocumentError, InputError, LayerCountError, LimitError
from imagespec.image import Image
from imagespec.layer import Layer, LayerState, ScanRequest
from imagespec.mediatypes import LayerKind
from imagespec.sources.docker_archive import history_line, platform_of
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
    names: dict[Digest, list[str]] = {}
    manifests: dict[Digest, tuple[Descriptor, Manifest]] = {}
    absent: list[Descriptor] = []
    for descriptor, manifest in _walk(store, index, request):
        if manifest is None:
            absent.append(descriptor)
            continue
        manifests.setdefault(descriptor.digest, (descriptor, manifest))
        names.setdefault(descriptor.digest, []).extend(_names(descriptor))
    images = tuple(
        _read_image(store, descriptor, manifest, tuple(dict.fromkeys(names[descriptor.digest])), request)
        for descriptor, manifest in manifests.values()
    )
    return Listed(images, tuple(absent))


def _walk(store: Store, index: Index, request: ScanRequest) -> Iterator[tuple[Descriptor, Manifest | None]]:
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
        document = parse_manifest_or_index(_read(store, descriptor, INDEX), name, limits)
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
    store: Store, descriptor: Descriptor, manifest: Manifest, names: tuple[str, ...], request: ScanRequest
) -> Image:
    document = _blob_name(manifest.config.digest)
    config = parse_config(
        _read(store, manifest.config, _blob_name(manifest.digest)), document, request.limits
    )
    if len(manifest.layers) > request.limits.layers:
        raise LimitError("layers", request.limits.layers, len(manifest.layers), document)
    if len(manifest.layers) != len(config.diff_ids):
        raise LayerCountError(len(manifest.layers), len(config.diff_ids))
    layers = tuple(_read_layer(store, item, number, config) for number, item in enumerate(manifest.layers))
    return Image(
        references=names,
        config=config,
        layers=layers,
        manifest_digest=BlobDigest(descriptor.digest),
        platform=platform_of(config),
        verified=("manifest digest", "config digest"),
        request=request,
    )


def _read_layer(store: Store, descriptor: Descriptor, number: int, config: ImageConfig) -> Layer:
    name = _blob_name(descriptor.digest)
    state = _STATES[mediatypes.layer_kind(descriptor.media_type)]
    blob = store.blob(name)
    if blob and blob.size_bytes != descriptor.size_bytes:
        raise DigestMismatchError(f"the size of {name}", f"{descriptor.size_bytes:,}", f"{blob.size_bytes:,}")
    if blob is None and state is LayerState.PRESENT:
        state = LayerState.MISSING
    elif blob is not None and state is LayerState.FOREIGN:
        state = LayerState.PRESENT  # its bytes were exported all the same
    return Layer(
        number=number,
        diff_id=config.diff_ids[number],
        blob_digest=BlobDigest(descriptor.digest),
        media_type=descriptor.media_type,
        stored_name=name,
        created_by=history_line(config, number),
        state=state,
        blob=blob,
    )


def _read(store: Store, descriptor: Descriptor, named_by: str) -> bytes:
    """Read a document and check it against its descriptor: size first, then digest (descriptor.md, "Verification")."""
    name = _blob_name(descriptor.digest)
    raw = store.read(name, named_by)
    if len(raw) != descriptor.size_bytes:
        raise DigestMismatchError(f"the size of {name}", f"{descriptor.size_bytes:,}", f"{len(raw):,}")
    if not digest_matches(descriptor.digest, raw):
        raise InputError(f"{name} does not have the digest that it is named after; the archive is damaged")
    return raw


def _blob_name(digest: Digest) -> str:
    return "blobs/" + digest.replace(":", "/")
