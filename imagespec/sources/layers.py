"""What a config says of its layers, and where the layers that were found say otherwise."""

from __future__ import annotations

from imagespec.digest import DiffId
from imagespec.documents.config import ImageConfig
from imagespec.image import Defect


def count_defects(layers: int, config: ImageConfig) -> tuple[Defect, ...]:
    """Return the defect of a config that counts other layers than the manifest."""
    if layers == len(config.diff_ids):
        return ()
    message = f"the manifest lists {layers} layers, the config {len(config.diff_ids)} diff_ids"
    return (Defect("layer-count", message),)


def diff_id_of(config: ImageConfig, number: int) -> DiffId | None:
    """Return what the config says a layer's uncompressed tar hashes to."""
    return config.diff_ids[number] if number < len(config.diff_ids) else None


def platform_of(config: ImageConfig, told: str | None = None) -> str | None:
    """Return ``os/architecture[/variant]`` as the config says it; what the index told where it says nothing."""
    if not config.os and not config.architecture:
        return told
    parts = (config.os or "unknown", config.architecture or "unknown", config.variant or "")
    return "/".join(part for part in parts if part)


def history_line(config: ImageConfig, number: int) -> str | None:
    """Return the history line of a layer, None where the history does not fit the layers."""
    # Squashed and hand-made images have other counts; a wrong line would be worse than none.
    lines = [line.created_by for line in config.history if not line.empty_layer]
    return lines[number] if number < len(lines) == len(config.diff_ids) else None
