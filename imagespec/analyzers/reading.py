"""Whole files of the view, from what the scan kept or else from their layers, within a bound."""

from __future__ import annotations

from imagespec.entry import Entry
from imagespec.errors import ImageSpecError
from imagespec.limits import MIB
from imagespec.rootfs import RootFs

MOST_BYTES = 64 * MIB
"""Of one file: large package databases and programs have some thirty."""


def read_whole(rootfs: RootFs, entry: Entry, most_bytes: int = MOST_BYTES) -> bytes | None:
    """
    Return the content of a regular file; None where it is larger than ``most_bytes`` or cannot be read.

    What the scan kept costs nothing; else the layer is read, and decoded up to the file where it is compressed.
    """
    kept = rootfs.content(entry)
    if kept is not None and len(kept) == entry.size_bytes:
        return kept
    try:
        return rootfs.read(entry, most_bytes)
    except ImageSpecError:  # the layer passed by in a pipe, or is damaged behind what the scan needed
        return None
