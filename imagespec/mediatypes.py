"""Media types, with the document or tool that defines each."""

from __future__ import annotations

import enum
from collections.abc import Mapping

# image-spec v1.1 media-types.md, and the Docker types it lists as compatible.
INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        # Pushed by Docker 1.10 (moby#22378), and pulled by its successors as a config.
        "application/octet-stream",
    }
)

# image-spec v1.1 layer.md; the Docker zstd forms are written by BuildKit and seen in the wild.
_LAYER_PREFIXES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
)
_FOREIGN_PREFIXES = (
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
)
# Layers that are no tar, which make an image all the same: apko, Singularity, Nydus.
OTHER_LAYER_TYPES = frozenset(
    {
        "application/vnd.erofs.layer.v1",
        "application/vnd.sylabs.sif.layer.v1.squashfs",
        "application/vnd.oci.image.layer.nydus.blob.v1",
    }
)
_COMPRESSION_SUFFIXES = ("", ".gzip", "+gzip", ".zstd", "+zstd")

# BuildKit's provenance and SBOM manifests (docs/attestations/attestation-storage.md).
ATTESTATION_ANNOTATION = "vnd.docker.reference.type"

# What names an image in an index, the fullest first: containerd core/images/archive (the full reference), image-spec
# annotations.md (the tag or the reference).
NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


# What names a layer's table of contents: `imagespec.toc.vouchers` has the sources.
STARGZ_DIGEST_ANNOTATION = "containerd.io/snapshot/stargz/toc.digest"
CHUNKED_PREFIXES = ("io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.")


def names_a_table(annotations: Mapping[str, str]) -> bool:
    """Tell whether the annotations of a layer's descriptor have a digest of a table of contents."""
    digests = (STARGZ_DIGEST_ANNOTATION, *(prefix + "manifest-checksum" for prefix in CHUNKED_PREFIXES))
    return any(key in annotations for key in digests)


class LayerKind(enum.Enum):
    """What a layer's media type says about it."""

    TAR = "tar"
    FOREIGN = "foreign"
    ENCRYPTED = "encrypted"
    UNKNOWN = "unknown"


def layer_kind(media_type: str | None) -> LayerKind:
    """
    Classify a layer by its media type; None (a docker-archive does not say) is a tar.

    The compression is not taken from here: mislabelled layers exist, so it is told by the first bytes.
    """
    if media_type is None:
        return LayerKind.TAR
    base, encrypted, _ = media_type.partition("+encrypted")  # ocicrypt: a suffix on any layer type
    for prefixes, kind in ((_LAYER_PREFIXES, LayerKind.TAR), (_FOREIGN_PREFIXES, LayerKind.FOREIGN)):
        for prefix in prefixes:
            known = base.removeprefix(prefix)
            if known != base and known in {*_COMPRESSION_SUFFIXES, ".gz"}:
                return LayerKind.ENCRYPTED if encrypted else kind
    return LayerKind.UNKNOWN
