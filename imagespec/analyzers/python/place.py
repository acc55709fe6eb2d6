"""Places in the source files of the image."""

from __future__ import annotations

import attrs

from imagespec.verdict import Evidence


@attrs.frozen
class Place:
    """A line of a source file of the image."""

    path: str
    line: int | None
    layer: int | None

    def evidence(self, message: str, **values: str | None) -> Evidence:
        """Return evidence at this place."""
        return Evidence(message=message, path=self.path, line=self.line, layer=self.layer, **values)
