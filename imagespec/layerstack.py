"""
The layers of an image as trees over one another: which layer is looked into, when, and where a path leads.

Layers are looked into from the uppermost down, and only as far as an answer needs; a layer that was looked into stays
so. Nothing here recurses: depth and width are the attacker's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from imagespec.entry import KINDS, Entry, EntryKind
from imagespec.errors import LimitError, UsageError
from imagespec.layertree import LayerTree
from imagespec.limits import Limits
from imagespec.nodes import (
    LAYER_SHIFT,
    MEMBER_MASK,
    OPEN,
    Directory,
    Inode,
    Merged,
    Stack,
    UndecidedError,
    as_text,
    listed,
    merged_child,
    split_path,
)
from imagespec.scan import LayerScan
from imagespec.tar import header

_SYMLINK, _FILES = header.SYMLINK[0], frozenset(header.REGULAR + header.CONTIGUOUS + header.GNU_SPARSE)
_LINK_MODE = 0o777  # as the kernel shows every symlink (symlink(7)), whatever a header says
_Answer = TypeVar("_Answer")


class LayerStack:
    """
    The first ``count`` layers of an image.

    With ``follow`` a parent that is a link of a lower layer is followed and not replaced by a directory.
    """

    def __init__(self, scans: Sequence[LayerScan | None], limits: Limits, *, follow: bool) -> None:
        self.scans = scans
        self.count = len(scans)
        self.follow = follow
        self.limits = limits
        self.reasons: dict[int, str] = {}
        """Why layers that could be read could not be built."""
        self._trees: dict[int, LayerTree | None] = {}
        self._below = self.count - 1  # the uppermost layer that was not looked into
        self.root: Stack = [OPEN] if self.count else []
        """The root as the layers make it that were looked into."""

    def after(self, layer: int) -> LayerStack:
        """Return the stack of the layers up to ``layer``, which shares this one's trees."""
        if not 0 <= layer < self.count:
            raise UsageError(f"there is no layer {layer}: the image has layers 0 to {self.count - 1}")
        lower = LayerStack(self.scans, self.limits, follow=self.follow)
        lower.count, lower._below = layer + 1, layer
        lower._trees, lower.reasons = self._trees, self.reasons
        return lower

    @property
    def unread(self) -> list[int]:
        """Return the layers that were needed so far and could not be read."""
        return [number for number in range(self.count) if number in self._trees and not self._trees[number]]

    # For the trees of the layers.

    def root_below(self, layer: int) -> Stack:
        """Return the root as the layers below ``layer`` make it."""
        stack: Stack = []
        for number in range(layer - 1, -1, -1):
            tree = self.tree(number)
            if tree:
                stack.append(tree.root)
                if tree.root.opaque:
                    break
        return stack

    def find_below(self, layer: int, path: str) -> Merged | None:
        """Return what ``path`` names in the merged lower layers; the last link is not followed."""
        found = self.locate(self.root_below(layer), path, follow=False)
        return found[1] if found else None

    def link_target(self, inode: Inode) -> str:
        """Return the target of a symlink of any layer, empty where it is none."""
        index, member = self.scan(inode >> LAYER_SHIFT).index, inode & MEMBER_MASK
        return as_text(index.links.get(member, b"")) if index.types[member] == _SYMLINK else ""

    # Looking into layers.

    def scan(self, layer: int) -> LayerScan:
        """Return the scan of a layer that could be read."""
        scan = self.scans[layer]
        assert scan is not None
        return scan

    def tree(self, number: int) -> LayerTree | None:
        """Return the tree of a layer, None where it could not be read."""
        if number not in self._trees:
            self._trees[number] = self._build(number)
        return self._trees[number]

    def _build(self, number: int) -> LayerTree | None:
        scan = self.scans[number]
        if scan is None:
            return None
        if self.follow:
            self._build_below(number)
        tree = LayerTree(number, scan.index, self, self.limits, follow=self.follow)
        try:
            tree.build()
            if tree.needs_lower:
                self._build_below(number)
            tree.bind()
        except LimitError as error:
            self.reasons[number] = str(error)
            return None
        return tree

    def _build_below(self, number: int) -> None:
        for lower in range(number):  # from the base, so that none of them must look further down
            self.tree(lower)

    def all_trees(self) -> list[LayerTree | None]:
        """Return the trees of all layers, base first."""
        self._scan_together(self.count)
        return [self.tree(number) for number in range(self.count)]

    def _scan_together(self, count: int) -> None:
        self.scans[:count]  # where layers are scanned on demand, those of a slice are scanned at once

    def _look_further(self) -> None:
        """Look into one layer more."""
        self.root.pop()
        tree = self.tree(self._below)
        self._below -= 1
        if tree:
            self.root.append(tree.root)
            if tree.root.opaque:
                self._below = -1
        if self._below >= 0:
            self.root.append(OPEN)

    def decide(self, question: Callable[[], _Answer]) -> _Answer:
        """Return the answer from as few layers as it takes; those were looked into for good."""
        while True:
            try:
                return question()
            except UndecidedError:
                self._look_further()

    def whole(self) -> Stack:
        """Return the root as all layers make it."""
        self._scan_together(self._below + 1)
        while self.root and self.root[-1] is OPEN:
            self._look_further()
        return self.root

    def locate(self, root: Stack, path: str, *, follow: bool) -> tuple[str, Merged] | None:
        """
        Return the real path that ``path`` leads to from ``root``, and what is there; None when that is nothing.

        ``follow`` says whether the last name is followed when it is a link. Raises UndecidedError.
        """
        names: list[str] = []
        trail: list[Merged] = [root]
        pending = split_path(path)[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            here = trail[-1]
            if isinstance(here, int):
                return None
            if part == "..":
                del names[-1:], trail[1 if len(trail) == 1 else -1 :]
                continue
            child = merged_child(here, part)
            if child is None:
                return None
            if isinstance(child, int) and (pending or follow) and self.is_link(child):
                hops += 1
                target = self.link_target(child)
                if hops > self.limits.symlink_hops or not target:
                    return None
                if target.startswith("/"):
                    del names[:], trail[1:]
                pending.extend(split_path(target)[::-1])
                continue
            names.append(part)
            trail.append(child)
        return "/".join(names), trail[-1]

    def is_link(self, inode: Inode) -> bool:
        """Tell whether an inode is a symlink."""
        return self.scan(inode >> LAYER_SHIFT).index.types[inode & MEMBER_MASK] == _SYMLINK

    def is_plain(self, directory: Directory) -> bool:
        """Tell whether a listed directory has the attributes that engines give to those that no member lists."""
        assert directory.member is not None
        index = self.scan(directory.layer).index
        found = index.modes[directory.member], index.uids[directory.member], index.gids[directory.member]
        return found == (0o755, 0, 0)

    # What inodes are.

    def entry(self, path: str, node: Merged) -> Entry:
        """Return the entry for what is at ``path``; raises UndecidedError."""
        if isinstance(node, list):
            directory = listed(node) if node else Directory(0, None)
            layer, member = directory.layer, directory.member
            if member is None:
                return Entry(
                    path, EntryKind.DIRECTORY, 0o755, 0, 0, 0, 0.0, "", layer if path else None, None
                )
        else:
            layer, member = node >> LAYER_SHIFT, node & MEMBER_MASK
        index = self.scan(layer).index
        typeflag = index.typeflag(member)
        tree = self._trees.get(layer)
        # The last hard link of the layer has the attributes that count.
        last = tree.linked.get(node, member) if tree and tree.linked and isinstance(node, int) else member
        return Entry(
            path,
            KINDS.get(typeflag, EntryKind.OTHER),
            index.modes[last] if typeflag != header.SYMLINK else _LINK_MODE,
            index.uids[last],
            index.gids[last],
            index.sizes[member],
            index.mtimes[last] if typeflag != header.SYMLINK else index.mtimes[member],
            as_text(index.links.get(member, b"")) if typeflag == header.SYMLINK else "",
            layer,
            member,
        )

    def inode_bytes(self, inode: Inode) -> int:
        """Return the size of a file or the length of a link's target."""
        index, member = self.scan(inode >> LAYER_SHIFT).index, inode & MEMBER_MASK
        typeflag = index.types[member]
        if typeflag == _SYMLINK:
            return len(index.links.get(member, b""))
        return index.sizes[member] if typeflag in _FILES else 0
