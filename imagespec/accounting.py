"""Entries, bytes and names, counted over a tree or a merged view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping

import attrs

from imagespec.nodes import Inode, Stack, merged_children


@attrs.frozen
class LayerUsage:
    """What one layer adds, in bytes as Docker counts them: each inode once, links by their target's length."""

    apparent_bytes: int
    entries: int


def measure(root: Stack, linked: Container[Inode], inode_bytes: Callable[[Inode], int]) -> LayerUsage:
    """Return the entries below a directory and their bytes; ``linked`` are the inodes that may have several names."""
    entries = total = 0
    shared = set()
    pending = [root]
    while pending:
        children = merged_children(pending.pop())
        entries += len(children)
        for node in children.values():
            if not isinstance(node, int):
                pending.append(node)
            elif node in linked:
                shared.add(node)
            else:
                total += inode_bytes(node)
    return LayerUsage(total + sum(map(inode_bytes, shared)), entries)


def count_names(root: Stack, linked: Container[Inode]) -> Mapping[Inode, int]:
    """Return how many names below a directory each of the inodes ``linked`` has that has any."""
    return Counter(inode for inode in _inodes(root) if inode in linked) if linked else {}


def _inodes(root: Stack) -> Iterator[Inode]:
    pending = [root]
    while pending:
        for node in merged_children(pending.pop()).values():
            if isinstance(node, int):
                yield node
            else:
                pending.append(node)
