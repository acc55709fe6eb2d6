"""
Where images are read from: a *store* (archive, directory, pipe) times a *layout* (docker-archive, OCI layout …).

`inputs` finds the store, `detect` the layout, each by content and never by name; `join` brings together what two
documents of one archive say; `archive` is what callers get.
"""

from __future__ import annotations

from imagespec.sources.archive import Archive, open_archive

__all__ = ["Archive", "open_archive"]
