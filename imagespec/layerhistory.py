"""
What became of every name from layer to layer: its states, what hid each of them, and the bytes that were wasted.

A *column* is what the layers say of one name, base first. Work is linear in what the layers list: a part of the tree
that one layer alone has is never looked at name by name.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable, Container, Iterator, Sequence

import attrs

from imagespec.entry import Entry
from imagespec.layertree import LayerTree
from imagespec.nodes import LAYER_SHIFT, Directory, Inode, Merged, Node


class Hidden(enum.Enum):
    """What hides a state of a path from the layers above."""

    REPLACED = "replaced"
    WHITEOUT = "whiteout"
    OPAQUE = "opaque directory"
    PARENT_REMOVED = "parent removed"
    PARENT_REPLACED = "parent replaced"


Column = list[tuple[int, Node | Hidden]]
"""(layer, what it puts at a name or why it hides what lower ones put there), base first."""


@attrs.frozen
class Version:
    """A path as one layer has it, and how it went away."""

    layer: int
    entry: Entry
    hidden_by: int | None = None
    """The layer that hides it; None for what the view shows, and for a part of a directory that it shows."""
    hidden_how: Hidden | None = None


@attrs.frozen
class Waste:
    """A file or link that later layers hide and the image still carries."""

    path: str
    layer: int
    size_bytes: int
    hidden_by: int
    hidden_how: Hidden


@attrs.define
class LayerChange:
    """What one layer does to the names below it; directories that it lists once more count as nothing."""

    added: int = 0
    replaced: int = 0
    removed: int = 0
    """Names that were there and are gone, each file below a removed directory among them."""
    wasted_bytes: int = 0
    """Of the files and links that this layer brings and the view does not show."""


@attrs.frozen
class Changes:
    """What the layers do to one another."""

    layers: tuple[LayerChange, ...]
    waste: tuple[Waste, ...]
    """The hidden files and links that take most bytes, largest first."""


def find_versions(
    trees: Sequence[LayerTree | None], parts: Sequence[str], entry: Callable[[Merged], Entry]
) -> list[Version]:
    """Return the states of a path, base first; ``entry`` makes an entry of what a layer has there."""
    column = _root_column(trees)
    for part in parts:
        column = _child_columns(_inside(column), only=part).get(part, [])
    versions = []
    for place, (layer, state) in enumerate(column):
        if isinstance(state, Hidden):
            continue
        by, how = None, None
        for layer_after, after in column[place + 1 :]:
            if not (isinstance(after, Directory) and isinstance(state, Directory)):
                by, how = layer_after, after if isinstance(after, Hidden) else Hidden.REPLACED
                break
        made = entry([state] if isinstance(state, Directory) else state)
        versions.append(Version(layer, made, by, how))
    return versions


def find_implied(
    trees: Sequence[LayerTree | None],
    is_link: Callable[[Inode], bool],
    is_plain: Callable[[Directory], bool],
) -> Iterator[tuple[int, str, str]]:
    """
    Yield (layer, code, name) of directories that no member lists, where drivers differ on what they make of them.

    ``is_plain`` tells whether a listed directory has the attributes that engines give to those that are not.
    """
    implied = {number for number, tree in enumerate(trees) if tree and tree.has_implied}
    marked = {directory for tree in trees if tree for directory in tree.marked}
    pending = [_root_column(trees)] if implied else []
    while pending:
        for name, column in _child_columns(_inside(pending.pop())).items():
            before: Node | Hidden | None = None
            listed: Directory | None = None
            for layer, state in column:
                if not isinstance(state, Directory):
                    listed = None
                elif state.member is not None:
                    listed = state
                elif isinstance(before, int):
                    yield (
                        layer,
                        "fs.path-through-symlink" if is_link(before) else "fs.path-through-file",
                        name,
                    )
                elif listed and not is_plain(listed):
                    yield layer, "fs.implied-directory", name
                elif before is None and state in marked and not state.holds_entries():
                    yield layer, "fs.whiteout-of-nothing", name
                before = state
            if len(column) > 1 or (column[0][0] in implied and isinstance(column[0][1], Directory)):
                pending.append(column)


def find_changes(
    trees: Sequence[LayerTree | None],
    measure: Callable[[Inode], int],
    visible_links: Container[Inode],
    most_waste: int,
) -> Changes:
    """
    Return what each layer does to those below.

    ``measure`` gives the bytes of an inode; ``visible_links`` are the inodes that hard links of the view name.
    """
    survey = _Survey([LayerChange() for _ in trees], measure)
    pending = [("", _root_column(trees))]
    while pending:
        path, parent = pending.pop()
        prefix = path + "/" if path else ""
        for name, column in _child_columns(_inside(parent)).items():
            survey.look(prefix + name, column)
            if len(column) > 1 and any(isinstance(state, Directory) for _, state in column):
                pending.append((prefix + name, column))
    return survey.finish(visible_links, most_waste)


class _Survey:
    """Adds up what columns say."""

    def __init__(self, changes: list[LayerChange], measure: Callable[[Inode], int]) -> None:
        self._changes = changes
        self._measure = measure
        self._hidden: list[tuple[Inode, str, int, Hidden]] = []

    def look(self, path: str, column: Column) -> None:
        """Take the column of one name; parts of the tree that one layer alone has are counted with it."""
        before: Node | None = None
        at = 0
        while at < len(column):
            layer, state = column[at]
            how = state if isinstance(state, Hidden) else Hidden.REPLACED
            if isinstance(state, Hidden) and at + 1 < len(column) and column[at + 1][0] == layer:
                at += 1  # hidden and made anew by one layer
                state = column[at][1]
            after = None if isinstance(state, Hidden) else state
            self._count(self._changes[layer], before, after)
            if isinstance(before, int) and before != after:
                self._hidden.append((before, path, layer, how))
            before = after
            at += 1
        if len(column) == 1 and isinstance(before, Directory):
            self._changes[column[0][0]].added += _count_below(before)

    @staticmethod
    def _count(change: LayerChange, before: Node | None, after: Node | None) -> None:
        if before is None:
            change.added += after is not None
        elif after is None:
            change.removed += 1
        elif not (isinstance(before, Directory) and isinstance(after, Directory)):
            change.replaced += 1

    def finish(self, visible_links: Container[Inode], most_waste: int) -> Changes:
        """Return the sums; an inode is wasted when no name of it is visible, and once."""
        hidden = {
            item[0]: (self._measure(item[0]), item) for item in self._hidden if item[0] not in visible_links
        }
        for inode, (size, _) in hidden.items():
            self._changes[inode >> LAYER_SHIFT].wasted_bytes += size
        largest = heapq.nsmallest(most_waste, hidden.values(), key=lambda item: (-item[0], item[1][1]))
        waste = (
            Waste(path, inode >> LAYER_SHIFT, size, layer, how)
            for size, (inode, path, layer, how) in largest
            if size
        )
        return Changes(tuple(self._changes), tuple(waste))


def _root_column(trees: Sequence[LayerTree | None]) -> Column:
    return [(number, tree.root) for number, tree in enumerate(trees) if tree]


def _inside(column: Column) -> Column:
    """Return what a name's column means for the names below it."""
    inside: Column = []
    for layer, state in column:
        if isinstance(state, Directory):
            inside.append((layer, state))
        elif inside and not isinstance(inside[-1][1], Hidden):
            is_replaced = state is Hidden.PARENT_REPLACED or isinstance(state, int)
            inside.append((layer, Hidden.PARENT_REPLACED if is_replaced else Hidden.PARENT_REMOVED))
    return inside


def _child_columns(column: Column, only: str | None = None) -> dict[str, Column]:
    """Return the columns of all names (or of ``only`` one) below a name with this column."""
    columns: dict[str, Column] = {}
    live: set[str] = set()
    for layer, state in column:
        how = state if isinstance(state, Hidden) else Hidden.OPAQUE
        if isinstance(state, Hidden) or (isinstance(state, Directory) and state.opaque):
            gone = live
        else:
            assert isinstance(state, Directory)
            gone, how = live & state.whiteouts, Hidden.WHITEOUT
        for name in gone:
            columns[name].append((layer, how))
        if gone is live:
            live = set()
        else:
            live -= gone
        if isinstance(state, Directory):
            children = state.children
            if only is not None:
                children = {only: children[only]} if only in children else {}
            for name, node in children.items():
                columns.setdefault(name, []).append((layer, node))
            live |= children.keys()
    return columns


def _count_below(directory: Directory) -> int:
    count, pending = 0, [directory]
    while pending:
        children = pending.pop().children
        count += len(children)
        pending.extend(node for node in children.values() if isinstance(node, Directory))
    return count
