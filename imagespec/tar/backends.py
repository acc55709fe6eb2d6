"""
Which implementation of the fast path runs.

The environment variable ``IMAGESPEC_EXTENSION`` says whether the C function is to be used: ``1`` must, ``0`` never,
and unset if it was built. setup.py reads it likewise, when building.
"""

from __future__ import annotations

import os

from imagespec.tar.plain import MakeReader
from imagespec.tar.pure import PureReader


def choose_backend(setting: str | None) -> tuple[str, MakeReader]:
    """Return the name and the reader that ``setting`` asks for; raises ImportError where it must and cannot be."""
    if setting != "0":
        try:
            from imagespec.tar.native import NativeReader  # noqa: PLC0415 - what it needs may not have been built
        except ImportError:
            if setting == "1":
                raise
        else:
            return "c", NativeReader
    return "python", PureReader


NAME, DEFAULT = choose_backend(os.environ.get("IMAGESPEC_EXTENSION"))
