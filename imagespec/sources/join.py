"""What ``manifest.json`` and ``index.json`` of one archive say, joined."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from imagespec.image import Defect, Image
from imagespec.references import may_be_same
from imagespec.sources.layout import Listed

_CHECKED = "manifest.json and index.json, against one another"


def join(docker: Listed, oci: Listed) -> Listed:
    """
    Join the two lists by the configs' digests.

    Which images there are, and the order of their layers, is taken from ``manifest.json``: Docker 25 releases got
    ``index.json`` wrong (moby#47065, #51389). What the two say differently becomes a defect of the image. Images that
    only the index lists are of other platforms (containerd writes the preferred one alone into manifest.json).
    """
    left = list(oci.images)
    joined = []
    for image in docker.images:
        other = _partner(image, left)
        if other:
            left.remove(other)
            joined.append(_merge(image, other))
        elif oci.images:
            message = f"manifest.json lists the image {image.config.digest}, index.json does not"
            joined.append(_with_defect(image, message))
        else:
            joined.append(image)
    notes = (*docker.notes, *oci.notes)
    return Listed((*joined, *left), notes, (*docker.unreadable, *oci.unreadable), docker.reason)


def _partner(image: Image, others: Sequence[Image]) -> Image | None:
    same = [other for other in others if other.config.digest == image.config.digest]
    return next((other for other in same if _names(other) == _names(image)), same[0] if same else None)


def _names(image: Image) -> list[str]:
    return [layer.stored_name for layer in image.layers]


def _merge(image: Image, other: Image) -> Image:
    if _names(image) != _names(other):
        message = "manifest.json and index.json list different layers, so tools may see different images"
        return _with_defect(image, message)
    merged = attrs.evolve(
        other,
        references=image.references or other.references,
        defects=tuple(dict.fromkeys((*image.defects, *other.defects))),
        checked=(*other.checked, _CHECKED),
    )
    pairs = [(one, another) for one in image.references for another in other.references]
    if pairs and not any(may_be_same(one, another) for one, another in pairs):
        message = f"manifest.json calls the image {', '.join(image.references)}, index.json {', '.join(other.references)}"
        return _with_defect(merged, message)
    return merged


def _with_defect(image: Image, message: str) -> Image:
    return attrs.evolve(image, defects=(*image.defects, Defect("index-disagrees", message)))
