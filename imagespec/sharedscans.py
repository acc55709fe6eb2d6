"""The layers that several images of an archive share, scanned once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from imagespec.errors import ImageSpecError
from imagespec.image import Image
from imagespec.layer import Layer, LayerState
from imagespec.limits import Limits
from imagespec.parallel import scan_all
from imagespec.scan import LayerScan, ScanRequest
from imagespec.tar import Room

Result = LayerScan | ImageSpecError


class SharedScans:
    """
    Scans the images of an archive, each layer for the first image that has it.

    A layer's scan is kept until the last of those images was scanned, within the bounds of what one image may keep.
    The results are those of scanning each image for itself.
    """

    def __init__(self, images: Iterable[Image]) -> None:
        self._uses = Counter(_name(layer) for image in images for layer in image.layers)
        self._kept: dict[str, Result] = {}

    def scan(self, image: Image) -> dict[int, Result]:
        """Return the scan, or the error, of each layer of an image whose bytes are there, by its number."""
        request = image.request
        layers = [layer for layer in image.layers if layer.state is LayerState.PRESENT and layer.blob]
        known = {layer.number: self._kept[_name(layer)] for layer in layers if _name(layer) in self._kept}
        room = Room(request.limits.kept_bytes)
        for result in known.values():
            room.take(_kept_bytes(result))
        found = known | _scan([layer for layer in layers if layer.number not in known], request, room)
        if room.was_short and known:
            # What then finds room is decided in the order of the layers.
            found = _scan(layers, request, Room(request.limits.kept_bytes))
        for layer in layers:
            self._count(layer, found[layer.number], request.limits, is_whole=not room.was_short)
        return found

    def _count(self, layer: Layer, result: Result, limits: Limits, *, is_whole: bool) -> None:
        name = _name(layer)
        self._uses[name] -= 1
        if not self._uses[name]:
            self._kept.pop(name, None)
        elif is_whole and name and name not in self._kept:
            all_kept = [*self._kept.values(), result]
            if (
                sum(map(_kept_bytes, all_kept)) <= limits.kept_bytes
                and sum(map(_members, all_kept)) <= limits.layer_members
            ):
                self._kept[name] = result


def _scan(layers: Sequence[Layer], request: ScanRequest, room: Room) -> dict[int, Result]:
    blobs = [layer.blob for layer in layers if layer.blob]
    return dict(zip((layer.number for layer in layers), scan_all(blobs, request, room), strict=True))


def _name(layer: Layer) -> str:
    # One with a table of contents is scanned as the manifest says that vouches for the table.
    return "" if layer.has_table else layer.stored_name


def _kept_bytes(result: Result) -> int:
    return sum(map(len, result.kept.values())) if isinstance(result, LayerScan) else 0


def _members(result: Result) -> int:
    return len(result.index) if isinstance(result, LayerScan) else 0
