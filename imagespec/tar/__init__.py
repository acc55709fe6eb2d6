"""
Tar streams: bytes to members. Knows nothing of images.

`Scanner` is fed bytes and yields a `LayerIndex`; ``backend`` names the implementation that runs.
"""

from imagespec.tar.header import is_header
from imagespec.tar.index import Finding, LayerIndex
from imagespec.tar.plain import Want
from imagespec.tar.scanner import Scanner

backend = "python"

__all__ = ["Finding", "LayerIndex", "Scanner", "Want", "backend", "is_header"]
