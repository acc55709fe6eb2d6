"""Manifests and indexes of OCI and Docker schema 2 (image-spec v1.1 manifest.md, image-index.md, descriptor.md)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec import mediatypes
from imagespec.digest import BlobDigest, Digest, sha256_of
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError
from imagespec.limits import Limits


@attrs.frozen(kw_only=True)
class Descriptor:
    """The name of a blob: media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size_bytes: int | None
    """None where a registry's link names the blob, which says no size."""
    annotations: Mapping[str, str] = attrs.field(factory=dict)
    platform: str | None = None
    """``os/architecture[/variant]``; None where the descriptor does not say."""
    urls: tuple[str, ...] = ()
    artifact_type: str | None = None
    data: str | None = attrs.field(default=None, repr=False)
    """The blob itself in base64, where it is small."""

    @property
    def is_image_like(self) -> bool:
        """Tell whether this may name an image: neither an attestation nor another artifact."""
        return (
            mediatypes.ATTESTATION_ANNOTATION not in self.annotations
            and self.platform != "unknown/unknown"
            and _may_be_image(self.artifact_type)
        )


@attrs.frozen(kw_only=True)
class Manifest:
    """The manifest of one image."""

    digest: BlobDigest
    """Of the document's bytes."""
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str | None

    @property
    def is_image(self) -> bool:
        """Tell an image from an artifact stored like one (moby daemon/containerd `IsPseudoImage`)."""
        if not _may_be_image(self.artifact_type) or self.config.media_type not in mediatypes.CONFIG_TYPES:
            return False
        return not self.layers or any(
            layer.media_type in mediatypes.OTHER_LAYER_TYPES
            or mediatypes.layer_kind(layer.media_type) is not mediatypes.LayerKind.UNKNOWN
            for layer in self.layers
        )


def _may_be_image(artifact_type: str | None) -> bool:
    # image-spec v1.1 descriptor.md: the type of an artifact is its config's; go-containerregistry 0.22 writes it into
    # every descriptor, also of images.
    return not artifact_type or artifact_type in mediatypes.CONFIG_TYPES


@attrs.frozen
class Index:
    """A list of manifests and further indexes."""

    manifests: tuple[Descriptor, ...]


def parse_manifest_or_index(raw: bytes, document: str, limits: Limits) -> Manifest | Index:
    """
    Parse either document by its shape; ``document`` is its name in errors.

    Raises DocumentError, also where the document could be read as both (CVE-2021-41190), and LimitError.
    """
    tree = Node(load_json(raw, document, limits), document)
    media_type = tree.optional_text("mediaType")
    has_manifests = "manifests" in tree.value
    if has_manifests and (tree.value.keys() & {"layers", "config", "fsLayers"}):
        raise DocumentError(
            document, "is a manifest and an index in one, so that readers may see different images"
        )
    if "fsLayers" in tree.value:
        raise DocumentError(
            document, "is a Docker schema 1 manifest, which engines no longer load; export again"
        )
    if media_type in (mediatypes.MANIFEST_TYPES if has_manifests else mediatypes.INDEX_TYPES):
        raise DocumentError(document, f"calls itself {media_type} but has the other shape")
    if has_manifests:
        descriptors = tuple(_descriptor(item) for item in tree.nodes("manifests"))
        if len(descriptors) > limits.manifests:
            raise DocumentError(
                document, f"lists {len(descriptors):,} manifests, more than {limits.manifests:,}"
            )
        return Index(descriptors)
    if "config" not in tree.value:
        raise DocumentError(
            document, "is neither a manifest nor an index: it has no 'config' and no 'manifests'"
        )
    return Manifest(
        digest=BlobDigest(sha256_of(raw)),
        config=_descriptor(tree.node("config")),
        layers=tuple(_descriptor(item) for item in tree.nodes("layers")),
        artifact_type=tree.optional_text("artifactType"),
    )


def _descriptor(node: Node) -> Descriptor:
    annotations = node.mapping("annotations")
    return Descriptor(
        media_type=node.text("mediaType", ""),
        digest=node.digest("digest"),
        size_bytes=node.size("size"),
        annotations={key: value for key, value in annotations.items() if isinstance(value, str)},
        platform=_platform(node.node("platform")) if node.mapping("platform") else None,
        urls=node.texts("urls"),
        artifact_type=node.optional_text("artifactType"),
        data=node.optional_text("data"),
    )


def _platform(node: Node) -> str:
    parts = [node.text("os", "unknown"), node.text("architecture", "unknown"), node.text("variant", "")]
    return "/".join(part for part in parts if part)
