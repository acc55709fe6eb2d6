"""
Tar streams: bytes to members. Knows nothing of images.

`Scanner` is fed bytes and yields a `LayerIndex`; ``backend`` names the implementation that runs.
"""

from imagespec.tar.backends import NAME as backend  # noqa: N811 - not a constant's name outside
from imagespec.tar.contents import Room, Want
from imagespec.tar.header import is_header
from imagespec.tar.hopping import FileSpan
from imagespec.tar.index import Finding, LayerIndex
from imagespec.tar.scanner import Scanner

__all__ = ["FileSpan", "Finding", "LayerIndex", "Room", "Scanner", "Want", "backend", "is_header"]
