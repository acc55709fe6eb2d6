"""
The docker-archive layout: a docker ``manifest.json`` that names configs and layers (Docker 1.10 and newer).

Its names are the writer's own: ``<id>/layer.tar`` (Docker before 25, containers/image), ``blobs/sha256/<hex>`` (Docker
25, containerd), ``sha256:<hex>`` and ``<hex>.tar.gz`` (go-containerregistry, jib), ``blobs/sha256/<hex>.tar.gz`` on
plain tars (rules_oci). So nothing is concluded from a layer's name.
"""

from __future__ import annotations

import re

import attrs

from imagespec.documents.config import ImageConfig, parse_config
from imagespec.documents.docker import DockerImage, parse_docker_manifest
from imagespec.errors import ImageSpecError, LimitError
from imagespec.image import Defect, Image, UnreadableImage
from imagespec.layer import Layer, LayerState
from imagespec.mediatypes import LayerKind, layer_kind
from imagespec.scan import ScanRequest
from imagespec.sources.layers import count_defects, diff_id_of, history_line, platform_of
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.members import clean_name
from imagespec.sources.store import Store

MANIFEST = "manifest.json"
_HEX_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def is_here(store: Store) -> bool:
    """Tell whether ``manifest.json`` is an array; that of a ``dir:`` directory is an object."""
    return store.has(MANIFEST) and not store.read(MANIFEST, "the archive").lstrip().startswith(b"{")


def read(store: Store, request: ScanRequest) -> Listed:
    """Return the images in the order of the document, rows of the same image as one; raises ImageSpecError."""
    rows = parse_docker_manifest(store.read(MANIFEST, "the archive"), MANIFEST, request.limits)
    merged: dict[tuple[str, tuple[str, ...]], DockerImage] = {}
    for row in rows:
        known = merged.setdefault((row.config, row.layers), row)
        tags = tuple(dict.fromkeys((*known.repo_tags, *row.repo_tags)))
        merged[row.config, row.layers] = attrs.evolve(known, repo_tags=tags)
    images, unreadable = [], []
    for row in merged.values():
        try:
            images.append(_read_image(store, row, request))
        except ImageSpecError as error:
            unreadable.append(UnreadableImage(error, row.repo_tags))
    return Listed(tuple(images), unreadable=tuple(unreadable))


def _read_image(store: Store, row: DockerImage, request: ScanRequest) -> Image:
    name = clean_name(row.config.encode("utf-8", "surrogateescape"))
    config = parse_config(store.read(name, MANIFEST), name, request.limits)
    if len(row.layers) > request.limits.layers:
        raise LimitError("layers", request.limits.layers, len(row.layers), MANIFEST)
    claimed = _HEX_DIGEST.search(name)
    what = "digest of the config, against its name"
    return Image(
        references=row.repo_tags,
        config=config,
        layers=tuple(_read_layer(store, row, number, config) for number in range(len(row.layers))),
        image_id=config.digest,
        platform=platform_of(config),
        defects=(*_config_defects(name, claimed, config), *count_defects(len(row.layers), config)),
        checked=(what,) if claimed else (),
        unchecked=() if claimed else (f"{what} ({name}, which holds none)",),
        request=request,
    )


def _read_layer(store: Store, row: DockerImage, number: int, config: ImageConfig) -> Layer:
    name = clean_name(row.layers[number].encode("utf-8", "surrogateescape"))
    blob = store.blob(name)
    diff_id = diff_id_of(config, number)
    media_type = row.layer_types.get(diff_id or "")
    # Windows base layers are not exported, and `LayerSources` says where they are instead.
    absent = LayerState.FOREIGN if layer_kind(media_type) is LayerKind.FOREIGN else LayerState.MISSING
    return Layer(
        number=number,
        diff_id=diff_id,
        media_type=media_type,
        stored_name=name,
        created_by=history_line(config, number),
        state=LayerState.PRESENT if blob else absent,
        blob=blob,
    )


def _config_defects(name: str, claimed: re.Match[str] | None, config: ImageConfig) -> tuple[Defect, ...]:
    # Docker names the config by its digest (`<hex>.json`, `blobs/sha256/<hex>`, ggcr `sha256:<hex>`).
    if claimed and not config.digest.endswith(claimed.group()):
        return (
            Defect("config-digest", f"{name} is named after another digest than its own, {config.digest}"),
        )
    return ()


LAYOUT = Layout("docker", is_here, read)
