"""
Paths of an image, to be used like `pathlib.Path`.

::

    with imagespec.open("image.tar") as archive:
        root = archive.images[0].root()
        print((root / "etc/os-release").read_text())
        for path in root.glob("usr/lib/python3*/site-packages/*.dist-info"):
            print(path, path.stat().layer)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import BinaryIO

import attrs

from imagespec.entry import Entry, EntryKind
from imagespec.errors import PathError
from imagespec.nodes import as_text, split_path
from imagespec.rootfs import RootFs

_MAGIC = frozenset("*?[")


@attrs.frozen(order=False)
class ImagePath:
    """
    A path of a merged view; always absolute, and nothing needs to be there.

    Links are followed inside the image, as in a container, except where a method says otherwise. Names that are not
    UTF-8 have surrogates for their bytes, as `os.fsdecode` makes them.
    """

    view: RootFs = attrs.field(repr=False)
    parts: tuple[str, ...] = ()
    """The names on the way from the root."""

    def __str__(self) -> str:
        return "/" + "/".join(self.parts)

    def __truediv__(self, other: str | bytes) -> ImagePath:
        other = as_text(other) if isinstance(other, bytes) else other
        below = () if other.startswith("/") else self.parts
        return ImagePath(self.view, (*below, *split_path(other)))

    @property
    def name(self) -> str:
        """The last name; empty for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def suffix(self) -> str:
        """The last name's ending, with its dot."""
        stem, dot, ending = self.name.rpartition(".")
        return dot + ending if stem.strip(".") and ending else ""

    @property
    def stem(self) -> str:
        """The last name without its `suffix`."""
        return self.name[: len(self.name) - len(self.suffix)]

    @property
    def parent(self) -> ImagePath:
        """The path without its last name; the root's is the root."""
        return ImagePath(self.view, self.parts[:-1])

    # What is there.

    def stat(self) -> Entry:
        """Return what the path leads to; raises PathError where that is nothing."""
        entry = self.view.resolve(str(self))
        if entry is None:
            raise self._missing()
        return entry

    def lstat(self) -> Entry:
        """Return what the path names, the link itself where it is one; raises PathError where that is nothing."""
        entry = self.view.lookup(str(self))
        if entry is None:
            raise self._missing()
        return entry

    def exists(self) -> bool:
        """Tell whether the path leads to something."""
        return self.view.resolve(str(self)) is not None

    def is_file(self) -> bool:
        """Tell whether it leads to a regular file."""
        return self._leads_to(EntryKind.FILE)

    def is_dir(self) -> bool:
        """Tell whether it leads to a directory."""
        return self._leads_to(EntryKind.DIRECTORY)

    def is_symlink(self) -> bool:
        """Tell whether the path itself is a link."""
        entry = self.view.lookup(str(self))
        return entry is not None and entry.kind is EntryKind.SYMLINK

    def readlink(self) -> str:
        """Return a link's target as it is written; raises PathError where the path is no link."""
        entry = self.lstat()
        if entry.kind is not EntryKind.SYMLINK:
            raise PathError(f"{self}: no link ({entry.kind.value})")
        return entry.link_target

    def resolve(self) -> ImagePath:
        """Return the path that this one leads to, without links; raises PathError where that is nothing."""
        return ImagePath(self.view, tuple(split_path(self.stat().path)))

    # Directories.

    def iterdir(self) -> Iterator[ImagePath]:
        """Yield what a directory holds, by name; raises PathError where it is none."""
        entry = self.stat()
        if entry.kind is not EntryKind.DIRECTORY:
            raise PathError(f"{self}: no directory ({entry.kind.value})")
        for child in self.view.list(entry.path):
            yield self / child.path.rpartition("/")[2]

    def walk(self) -> Iterator[ImagePath]:
        """Yield everything below a directory, parents first; links are not followed."""
        return (path for path, _ in self.walk_entries())

    def walk_entries(self) -> Iterator[tuple[ImagePath, Entry]]:
        """Yield everything below a directory with its entry; as `walk`."""
        top = self.view.resolve(str(self))
        if top:
            skip = len(split_path(top.path))
            for entry in self.view.walk(top.path):
                yield ImagePath(self.view, (*self.parts, *entry.path.split("/")[skip:])), entry

    def glob(self, pattern: str) -> Iterator[ImagePath]:
        """
        Yield the paths below this one that match, each once.

        ``*``, ``?`` and ``[…]`` stand for parts of a name, ``**`` for any number of directories, links not followed.
        """
        steps = split_path(pattern)
        seen: set[tuple[str, ...]] = set()
        pending: list[tuple[ImagePath, int]] = [(self, 0)]
        while pending:
            path, at = pending.pop()
            if at == len(steps):
                if path.parts not in seen and path.view.lookup(str(path)):
                    seen.add(path.parts)
                    yield path
                continue
            pending.extend((found, at + 1) for found in reversed(list(_step(path, steps[at]))))

    def rglob(self, pattern: str) -> Iterator[ImagePath]:
        """Yield the paths anywhere below this one that match."""
        return self.glob(f"**/{pattern}")

    # Content.

    def open(self) -> BinaryIO:
        """
        Open a regular file for reading.

        Raises PathError where it is none, NotKeptError where its bytes passed by in a pipe; reading raises what the
        bytes of its layer raise.
        """
        return self.view.open(self.stat())

    def read_bytes(self, max_bytes: int | None = None) -> bytes:
        """Return a file's content; raises LimitError where that is more than ``max_bytes`` (`Limits.content_bytes`)."""
        return self.view.read(self.stat(), max_bytes)

    def read_text(self, encoding: str = "utf-8", errors: str = "strict", max_bytes: int | None = None) -> str:
        """Return a file's content as text; as `read_bytes`."""
        return self.read_bytes(max_bytes).decode(encoding, errors)

    def _leads_to(self, kind: EntryKind) -> bool:
        entry = self.view.resolve(str(self))
        return entry is not None and entry.kind is kind

    def _missing(self) -> PathError:
        return PathError(f"{self}: no such file or directory{self._doubt()}")

    def _doubt(self) -> str:
        unread = ", ".join(str(number) for number in self.view.unread)
        return f", but layer {unread} could not be read" if unread else ""


def _step(path: ImagePath, step: str) -> Iterator[ImagePath]:
    """Yield what one part of a pattern may lead to."""
    if step == "**":
        yield path
        yield from (found for found, entry in path.walk_entries() if entry.kind is EntryKind.DIRECTORY)
    elif not _MAGIC & set(step):
        yield path / step
    else:
        matches = re.compile(fnmatch.translate(step)).match
        names = (entry.path.rpartition("/")[2] for entry in path.view.list(str(path)))
        yield from (path / name for name in names if matches(name))
