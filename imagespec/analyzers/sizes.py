"""How large an image is, by each definition that people use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from imagespec.compression import Codec
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan

DEFINITIONS = {
    "docker_bytes": "what `docker images` shows with the overlay2 driver: for each layer, the sizes of its files (each "
    "inode once) and the lengths of its links; files that later layers hide count, too",
    "compressed_bytes": "what a registry stores and transfers: the sum of the layers as stored, where all are "
    "compressed; null where the archive holds them uncompressed",
    "tar_bytes": "the sum of the uncompressed layer archives, headers and padding included",
    "merged_bytes": "the sizes of the files and links that a container sees, each inode once",
    "wasted_bytes": "the part of docker_bytes that later layers replaced or deleted: docker_bytes - merged_bytes",
}


@attrs.frozen(kw_only=True)
class ImageSizes:
    """Sizes in bytes as `DEFINITIONS` defines them; None where the archive does not say."""

    docker_bytes: int | None
    compressed_bytes: int | None
    tar_bytes: int | None
    merged_bytes: int | None
    wasted_bytes: int | None
    readable_docker_bytes: int
    """``docker_bytes`` of the layers that could be read: a lower bound when one could not."""


def _sum(sizes: Iterable[int | None]) -> int | None:
    """Return the sum, None where one is not known."""
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total


def measure(scans: Sequence[LayerScan | None], rootfs: RootFs) -> ImageSizes:
    """Return the sizes of an image with these layers."""
    readable = sum(usage.apparent_bytes for usage in rootfs.usage if usage)
    known = [scan for scan in scans if scan]
    if len(known) < len(scans):
        return ImageSizes(
            docker_bytes=None,
            compressed_bytes=None,
            tar_bytes=None,
            merged_bytes=None,
            wasted_bytes=None,
            readable_docker_bytes=readable,
        )
    packed = all(scan.codec is not Codec.PLAIN or not scan.stored_bytes for scan in known) and bool(known)
    merged = rootfs.merged_bytes()
    return ImageSizes(
        docker_bytes=readable,
        compressed_bytes=sum(scan.stored_bytes for scan in known) if packed else None,
        tar_bytes=_sum(scan.tar_bytes for scan in known),
        merged_bytes=merged,
        wasted_bytes=readable - merged,
        readable_docker_bytes=readable,
    )
