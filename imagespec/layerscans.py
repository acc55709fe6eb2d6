"""The scans of an image's layers, made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import attrs

from imagespec.errors import ImageSpecError
from imagespec.layer import UNREADABLE, Layer, LayerState
from imagespec.parallel import scan_all
from imagespec.scan import LayerScan, ScanRequest


class LayerScans(Sequence[LayerScan | None]):
    """
    One scan for each layer, None where it cannot be read; ``errors`` then says why, by its number.

    A layer is scanned when it is first asked for; those of a slice are scanned together.
    """

    def __init__(self, layers: Sequence[Layer], request: ScanRequest) -> None:
        self.errors: dict[int, str] = {}
        self._layers = layers
        self._request = request
        self._scans: dict[int, LayerScan] = {}

    def __len__(self) -> int:
        return len(self._layers)

    @overload
    def __getitem__(self, key: int) -> LayerScan | None: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[LayerScan | None]: ...
    def __getitem__(self, key: int | slice) -> LayerScan | Sequence[LayerScan | None] | None:
        numbers = range(len(self._layers))[key]
        if isinstance(numbers, int):
            # A look at a few paths; most files lie in the base, where more reads would take longer than more bytes.
            self._load([numbers], thrifty=numbers > 0)
            return self._scans.get(numbers)
        self._load(numbers)
        return [self._scans.get(number) for number in numbers]

    def _load(self, numbers: Sequence[int], *, thrifty: bool = False) -> None:
        request = attrs.evolve(self._request, thrifty=thrifty)
        blobs, order = [], []
        for number in numbers:
            layer = self._layers[number]
            if number in self._scans or number in self.errors:
                continue
            if layer.state is not LayerState.PRESENT or layer.blob is None:
                self.errors[number] = f"{layer.title} {UNREADABLE[layer.state][1]}"
                continue
            order.append(number)
            blobs.append(layer.blob)
        for number, result in zip(order, scan_all(blobs, request), strict=True):
            if isinstance(result, ImageSpecError):
                self.errors[number] = f"{self._layers[number].title}: {result}"
            else:
                self._scans[number] = result
