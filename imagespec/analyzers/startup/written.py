"""
Files that commands of the start command write before servers read them, where what is written is known.

The view of the image with these files over it answers the questions that analyzers ask of a file system, and shares
everything else with the image's own view.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

import attrs

from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

LIMIT_FILES = 30
LIMIT_BYTES = 64 << 10
"""Of one file."""
_LIMIT_LINKS = 8


@attrs.frozen
class Written:
    """What a path names after a command: a file, of unknown content where that is None, or nothing any more."""

    data: bytes | None = None
    gone: bool = False
    mode: int = 0o644
    """Of a file that was not there before."""


class WrittenView(RootFs):
    """
    The view of an image with written files over it; ``written`` is by real absolute path.

    The content of what lies below a ``spoiled`` directory is not known.
    """

    def __init__(self, image: RootFs, written: Mapping[str, Written], spoiled: Iterable[str] = ()) -> None:
        super().__init__((), layers=image.layers)
        self._stack = image._stack  # noqa: SLF001 - the same view, with other answers for a few paths
        self._search_path, self._errors, self._limits = image._search_path, image._errors, image._limits  # noqa: SLF001
        self._image = image
        self._written = dict(written)
        self._spoiled = tuple(path.rstrip("/") + "/" for path in spoiled)

    def lookup(self, path: str) -> Entry | None:
        """Return what ``path`` names, without following it when it is a link."""
        real = real_path(self._image, path)
        one = self._written.get(real) if real is not None else None
        return super().lookup(path) if one is None or real is None else self._entry(real, one)

    def resolve(self, path: str) -> Entry | None:
        """Return what ``path`` leads to through all links."""
        for _ in range(_LIMIT_LINKS):
            own = real_path(self._image, path)
            found = super().resolve(path)
            for real in (own, "/" + found.path if found is not None else own):
                if real is not None and real in self._written:
                    return self._entry(real, self._written[real])
            link = super().lookup(path) if found is None else None
            if own is None or link is None or link.kind is not EntryKind.SYMLINK:
                return found
            path = posixpath.join(posixpath.dirname(own), link.link_target)  # to what may have been written
        return None

    def list(self, path: str) -> list[Entry]:
        """Return the entries of a directory, by name."""
        folder = super().resolve(path)
        entries = {entry.path: entry for entry in super().list(path)}
        for name, one in self._written.items():
            if folder is None or posixpath.dirname(name).strip("/") != folder.path:
                continue
            entry = self._entry(name, one)
            entries.pop(name[1:], None)
            if entry is not None:
                entries[name[1:]] = entry
        return [entry for _, entry in sorted(entries.items())]

    def content(self, entry: Entry) -> bytes | None:
        """Return the bytes of a file that are known."""
        one = self._written.get("/" + entry.path)
        if one is None and ("/" + entry.path).startswith(self._spoiled):
            return None
        return super().content(entry) if one is None else one.data

    def _entry(self, real: str, one: Written) -> Entry | None:
        """Return the entry of a written file, with the layer of the file or directory that was there."""
        if one.gone:
            return None
        before = super().resolve(real) or super().resolve(posixpath.dirname(real))
        assert before is not None
        plain = before.kind is EntryKind.FILE
        return attrs.evolve(
            before,
            path=real[1:],
            kind=EntryKind.FILE,
            mode=before.mode if plain else one.mode,
            uid=before.uid if plain else 0,
            gid=before.gid if plain else 0,
            size_bytes=len(one.data) if one.data is not None else 1,
            member=None,
        )


def real_path(view: RootFs, path: str) -> str | None:
    """Return where a file of this path would be made: its real directory and its name; None where there is none."""
    folder, _, base = posixpath.normpath(path).rpartition("/")
    entry = view.resolve(folder or "/")
    if entry is None or entry.kind is not EntryKind.DIRECTORY or not base or base in {".", ".."}:
        return None
    return posixpath.join("/", entry.path, base)
