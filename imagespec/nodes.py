"""What the trees of layers are made of, and how paths are taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

from imagespec.tar import LayerIndex

_NOTHING: frozenset[str] = frozenset()

Inode = int
"""
Anything but a directory: its layer's number above `LAYER_SHIFT`, its row in that layer's index below.

A number and no object: a million of them cost a third of the time and the memory. Hard links share one.
"""
LAYER_SHIFT = 32
MEMBER_MASK = (1 << LAYER_SHIFT) - 1


class Directory:
    """A directory of one layer, and what the layer hides of the same directory in lower ones."""

    __slots__ = ("children", "layer", "member", "opaque", "whiteouts")

    def __init__(self, layer: int, member: int | None) -> None:
        self.layer = layer
        self.member = member
        """None where no member lists it."""
        self.children: dict[str, Node] = {}
        self.whiteouts: frozenset[str] | set[str] = _NOTHING
        self.opaque = False

    def hides(self, name: str) -> bool:
        """Tell whether a name in the same directory of lower layers is hidden, beside what takes its place."""
        return self.opaque or name in self.whiteouts

    def hide(self, name: str) -> None:
        """Hide a name of the same directory in lower layers."""
        if not self.whiteouts:
            self.whiteouts = set()
        assert isinstance(self.whiteouts, set)
        self.whiteouts.add(name)

    def holds_entries(self) -> bool:
        """Tell whether a member lists it or anything below it, beside whiteouts."""
        pending = [self]
        while pending:
            directory = pending.pop()
            if directory.member is not None:
                return True
            for node in directory.children.values():
                if isinstance(node, int):
                    return True
                pending.append(node)
        return False


Node = Inode | Directory

Stack = list[Directory]
"""
One directory as several layers make it, uppermost first, down to the layer that hides all below it.

Its last one may be `OPEN`: there are lower layers that nobody has looked into yet.
"""
Merged = Inode | Stack

OPEN = Directory(-1, None)


class UndecidedError(Exception):
    """The answer lies in layers that nobody has looked into yet."""


class LowerView(Protocol):
    """What a layer must know of those below it."""

    def root_below(self, layer: int) -> Stack:
        """Return the root as the layers below ``layer`` make it."""

    def find_below(self, layer: int, path: str) -> Merged | None:
        """Return what ``path`` names in the merged lower layers; the last link is not followed."""

    def link_target(self, inode: Inode) -> str:
        """Return the target of a symlink of any layer, empty where it is none."""


def merged_child(stack: Stack, name: str) -> Merged | None:
    """Return what a name in a merged directory means; raises UndecidedError where the layers at hand do not tell."""
    found: Stack = []
    for directory in stack:
        if directory is OPEN:
            if not found:
                raise UndecidedError
            found.append(OPEN)
            break
        node = directory.children.get(name)
        if isinstance(node, int):
            return found or node
        if node is not None:
            found.append(node)
            if node.opaque:
                break
        if name in directory.whiteouts:
            break
    return found or None


def merged_children(stack: Stack) -> dict[str, Merged]:
    """Return all names of a merged directory, of which no layer may be `OPEN`."""
    if len(stack) == 1:
        return {name: node if isinstance(node, int) else [node] for name, node in stack[0].children.items()}
    merged: dict[str, Merged] = {}
    closed: set[str] = set()  # names to which lower layers add nothing
    for directory in stack:
        for name, node in directory.children.items():
            if name in closed:
                continue
            current = merged.get(name)
            if isinstance(node, int):
                if current is None:
                    merged[name] = node
                closed.add(name)
                continue
            if isinstance(current, list):
                current.append(node)
            else:
                merged[name] = [node]
            if node.opaque:
                closed.add(name)
        closed |= directory.whiteouts
    return merged


def listed(stack: Stack) -> Directory:
    """Return the directory that gives a merged one its attributes: the uppermost that a member lists, else the last."""
    for directory in stack:
        if directory is OPEN:
            raise UndecidedError
        if directory.member is not None:
            return directory
    return stack[-1]


def as_text(name: bytes) -> str:
    """Return a name as text; bytes that are no UTF-8 are kept as surrogates."""
    return name.decode("utf-8", "surrogateescape")


def split_path(path: str) -> list[str]:
    """Return the components of a path, ``..`` among them."""
    return [part for part in path.split("/") if part and part != "."]


def clamp(parts: list[str]) -> list[str]:
    """Return ``parts`` with ``..`` applied, stopping at the root."""
    clean: list[str] = []
    for part in parts:
        if part == "..":
            del clean[-1:]
        else:
            clean.append(part)
    return clean


def texts_of(index: LayerIndex) -> Iterator[str]:
    """Yield every name as text: slices of one string, because decoding each costs more than all else here."""
    names = index.names.decode("latin-1")
    slices = map(slice, chain((0,), index.name_ends), index.name_ends)
    texts: Iterable[str] = map(names.__getitem__, slices)
    return iter(texts) if names.isascii() else map(_decoded, texts)


def _decoded(name: str) -> str:
    return name if name.isascii() else as_text(name.encode("latin-1"))
