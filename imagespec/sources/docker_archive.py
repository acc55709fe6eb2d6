"""The docker-archive layout: a docker ``manifest.json`` that names configs and layers (Docker 1.10 and newer)."""

from __future__ import annotations

import re

from imagespec.digest import DiffId
from imagespec.documents.config import ImageConfig, parse_config
from imagespec.documents.docker import DockerImage, parse_docker_manifest
from imagespec.errors import LimitError
from imagespec.image import Defect, Image
from imagespec.layer import Layer, LayerState
from imagespec.scan import ScanRequest
from imagespec.sources.members import clean_name
from imagespec.sources.store import Store

MANIFEST = "manifest.json"
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_images(store: Store, request: ScanRequest) -> list[Image]:
    """Return the images in the order of the document; raises ImageSpecError."""
    rows = parse_docker_manifest(store.read(MANIFEST, "the archive"), MANIFEST, request.limits)
    return [_read_image(store, row, request) for row in rows]


def _read_image(store: Store, row: DockerImage, request: ScanRequest) -> Image:
    name = clean_name(row.config.encode("utf-8", "surrogateescape"))
    config = parse_config(store.read(name, MANIFEST), name, request.limits)
    if len(row.layers) > request.limits.layers:
        raise LimitError("layers", request.limits.layers, len(row.layers), MANIFEST)
    return Image(
        references=row.repo_tags,
        config=config,
        layers=tuple(_read_layer(store, row.layers, number, config) for number in range(len(row.layers))),
        platform=platform_of(config),
        defects=(*_config_defects(name, config), *count_defects(len(row.layers), config)),
        request=request,
    )


def _read_layer(store: Store, names: tuple[str, ...], number: int, config: ImageConfig) -> Layer:
    name = clean_name(names[number].encode("utf-8", "surrogateescape"))
    blob = store.blob(name)
    return Layer(
        number=number,
        diff_id=diff_id_of(config, number),
        stored_name=name,
        created_by=history_line(config, number),
        state=LayerState.PRESENT if blob else LayerState.MISSING,
        blob=blob,
    )


def _config_defects(name: str, config: ImageConfig) -> tuple[Defect, ...]:
    # Docker names the config by its digest (`<hex>.json`, `blobs/sha256/<hex>`, ggcr `sha256:<hex>`).
    claimed = _HEX_DIGEST.search(name)
    if claimed and not config.digest.endswith(claimed.group()):
        return (
            Defect("config-digest", f"{name} is named after another digest than its own, {config.digest}"),
        )
    return ()


def count_defects(layers: int, config: ImageConfig) -> tuple[Defect, ...]:
    """Return the defect of a config that counts other layers than the manifest."""
    if layers == len(config.diff_ids):
        return ()
    message = f"the manifest lists {layers} layers, the config {len(config.diff_ids)} diff_ids"
    return (Defect("layer-count", message),)


def diff_id_of(config: ImageConfig, number: int) -> DiffId | None:
    """Return what the config says a layer's uncompressed tar hashes to."""
    return config.diff_ids[number] if number < len(config.diff_ids) else None


def platform_of(config: ImageConfig) -> str:
    """Return ``os/architecture[/variant]`` as the config says it."""
    parts = (config.os or "unknown", config.architecture or "unknown", config.variant or "")
    return "/".join(part for part in parts if part)


def history_line(config: ImageConfig, number: int) -> str | None:
    """Return the history line of a layer, None where the history does not fit the layers."""
    # Squashed and hand-made images have other counts; a wrong line would be worse than none.
    lines = [line.created_by for line in config.history if not line.empty_layer]
    return lines[number] if number < len(lines) == len(config.diff_ids) else None
