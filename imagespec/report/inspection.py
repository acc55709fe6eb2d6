"""What the documents of an archive say, as JSON values and as text: of `imagespec inspect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from imagespec.documents.config import ImageConfig
from imagespec.image import Image
from imagespec.layer import Layer
from imagespec.sources import Archive
from imagespec.text import human_bytes, printable, shorten

Line = tuple[tuple[str, Literal["", "bold", "dim"]], ...]
"""Pieces of one line of text, each with its style; everything in it is printable."""

_HEAD = f"{'layer':>7}{'stored':>11}  {'diff_id':<14}"
_TYPE_WIDTH = 35
_SHORT_DIGEST = 12  # hexadecimal digits, as docker shows them


def inspection_to_dict(archive: Archive) -> dict[str, Any]:
    """Return plain JSON values; names are made printable, and ``config`` is the config document as it is."""
    return {
        "name": printable(archive.name),
        "container": archive.container,
        "problems": [
            {"slug": item.error.slug, "message": printable(item.message)} for item in archive.unreadable
        ],
        "notes": [printable(note) for note in archive.notes],
        "images": [_image(image) for image in archive.images],
    }


def _image(image: Image) -> dict[str, Any]:
    return {
        "references": [printable(reference) for reference in image.references],
        "number": image.number,
        "image_id": image.image_id,
        "manifest_digest": image.manifest_digest,
        "platform": _text(image.platform),
        "layers": [_layer(layer) for layer in image.layers],
        "defects": [{"slug": item.slug, "message": printable(item.message)} for item in image.defects],
        "checked": [printable(what) for what in image.checked],
        "unchecked": [printable(what) for what in image.unchecked],
        "config": json.loads(image.config.raw),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "number": layer.number,
        "diff_id": layer.diff_id,
        "blob_digest": layer.blob_digest,
        "media_type": _text(layer.media_type),
        "state": layer.state.value,
        "stored_name": printable(layer.stored_name),
        "stored_bytes": layer.blob.size_bytes if layer.blob else None,
        "created_by": _text(layer.created_by),
    }


def _text(value: str | None) -> str | None:
    return None if value is None else printable(value)


def inspection_lines(archive: Archive, width: int) -> Iterator[Line]:
    """Yield the text of `imagespec inspect`; history lines are cut to ``width`` columns."""
    yield (printable(archive.name), "bold"), (f"  {archive.container}", "dim")
    for item in archive.unreadable:
        yield ("PROBLEM  ", "bold"), (printable(item.message), "")
    for note in archive.notes:
        yield ("NOTE     ", "bold"), (printable(note), "")
    for image in archive.images:
        yield ()
        yield from _identity_lines(image, several=len(archive.images) > 1)
        yield ()
        yield from _content_lines(image, width)


def _identity_lines(image: Image, *, several: bool) -> Iterator[Line]:
    name = ", ".join(map(printable, image.references)) or "(untagged)"
    yield ("image  ", "dim"), (name, "bold"), (f"  @{image.number}" if several else "", "dim")
    lines = [f"{image.image_id or '(no image ID)'}  {printable(image.platform or '')}"]
    if image.manifest_digest:
        lines.append(f"manifest {image.manifest_digest}")
    stored = [layer.blob.size_bytes if layer.blob else None for layer in image.layers]
    known = [size for size in stored if size is not None]
    lacking = f", {len(stored) - len(known)} of them not in the archive" if len(known) < len(stored) else ""
    lines.append(f"{len(stored)} layers, {human_bytes(sum(known))} stored{lacking}")
    lines += [f"compared: {printable(what)}" for what in image.checked]
    lines += [f"not compared: {printable(what)}" for what in image.unchecked]
    for line in lines:
        yield ((f"       {line}", "dim"),)
    for defect in image.defects:
        yield ("DEFECT   ", "bold"), (printable(defect.message), "")


def _content_lines(image: Image, width: int) -> Iterator[Line]:
    for name, value in _config_lines(image.config):
        yield (f"  {name:<12}", "dim"), (printable(value), "")
    yield ()
    has_types = any(layer.media_type for layer in image.layers)
    yield ((f"{_HEAD}{'media type':<{_TYPE_WIDTH}}history" if has_types else f"{_HEAD}history", "dim"),)
    for layer in image.layers:
        yield ((_layer_row(layer, width, has_types=has_types), ""),)


def _config_lines(config: ImageConfig) -> list[tuple[str, str]]:
    lines = [
        ("entrypoint", json.dumps(list(config.entrypoint)) if config.entrypoint else ""),
        ("cmd", json.dumps(list(config.cmd)) if config.cmd else ""),
        ("workdir", config.working_dir),
        ("user", config.user),
        ("ports", ", ".join(config.exposed_ports)),
        ("volumes", ", ".join(config.volumes)),
        ("created", config.created or ""),
    ]
    lines += [("env", item) for item in config.env]
    lines += [("label", f"{key}={value}") for key, value in config.labels.items()]
    return [(name, value) for name, value in lines if value]


def _layer_row(layer: Layer, width: int, *, has_types: bool) -> str:
    size = human_bytes(layer.blob.size_bytes if layer.blob else None)
    digest = (layer.diff_id or "?").rpartition(":")[2][:_SHORT_DIGEST]
    row = f"{layer.number:>7}{size:>11}  {digest:<14}"
    if has_types:
        # What all of them begin with tells nothing.
        row += f"{printable(layer.media_type or '?').removeprefix('application/vnd.'):<{_TYPE_WIDTH}}"
    history = printable(" ".join((layer.created_by or "").split()))
    if layer.state.value != "present":
        history = f"({layer.state.value}) {history}"
    return (row + shorten(history, max(width - len(row), 20))).rstrip()
