"""
The merged view: the file system that a container started from the image would see under overlayfs.

Every layer is a tree of its own (`layertree`), and a directory of the view is the stack of that directory in every
layer that has it, as the overlay drivers of the engines put them over one another. So whiteouts and opaque markers
touch lower layers only, wherever they stand in their layer (image-spec v1.1 layer.md, "Whiteouts"). Names map to
inodes, so a hard link keeps its content when the other name is replaced.

Layers are looked into from the uppermost down, and only as far as an answer needs. Nothing here recurses: depth and
width are the attacker's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Literal

from imagespec.accounting import LayerUsage, count_names, measure
from imagespec.content import LayerFiles
from imagespec.entry import Entry, EntryKind
from imagespec.errors import LimitError, PathError
from imagespec.layer import Layer
from imagespec.layerhistory import Changes, Version, find_changes, find_implied, find_versions
from imagespec.layerstack import LayerStack
from imagespec.limits import Limits
from imagespec.nodes import (
    LAYER_SHIFT,
    Inode,
    Merged,
    Stack,
    merged_children,
    split_path,
)
from imagespec.scan import LayerBlob, LayerScan
from imagespec.tar import Finding

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What the engine sets when the image has no PATH (moby pkg/system/path.go, defaultUnixPathEnv)."""

SymlinkParents = Literal["replace", "follow"]


class RootFs:
    """
    A read-only view of the file system after all layers.

    Paths are relative to the root; a leading slash is allowed. ``complete`` is False when a layer could not be read:
    then neither presence nor absence of anything is certain. ``symlink_parents`` says what becomes of a link of a
    lower layer when an upper one has files under its name: overlay drivers ``replace`` it by a directory, drivers
    that write all layers into one directory ``follow`` it. ``layers`` are needed for `origin` and `open` alone, and
    ``search_path`` (the image's PATH) for `which`; ``errors`` say why layers could not be read.
    """

    def __init__(
        self,
        scans: Sequence[LayerScan | None],
        limits: Limits | None = None,
        *,
        layers: Sequence[Layer] = (),
        search_path: str | None = None,
        errors: Mapping[int, str] | None = None,
        symlink_parents: SymlinkParents = "replace",
    ) -> None:
        self.layers = layers
        self._search_path = search_path
        self._errors = {} if errors is None else errors  # one that fills as layers are read
        self._limits = limits or Limits()
        self._stack = LayerStack(scans, self._limits, follow=symlink_parents == "follow")

    def after(self, layer: int) -> RootFs:
        """
        Return the view of the state after layer ``layer``, 0 being the base; it shares this one's work.

        Raises UsageError where there is no such layer.
        """
        view = RootFs(
            (), self._limits, layers=self.layers, search_path=self._search_path, errors=self._errors
        )
        view._stack = self._stack.after(layer)
        return view

    def shares_layers(self, other: RootFs) -> bool:
        """Tell whether the other view is of the same layers, so that equal inodes are one file."""
        return self._stack.scans is other._stack.scans

    @functools.cached_property
    def complete(self) -> bool:
        """Tell whether every layer could be read."""
        return all(self._stack.all_trees())

    @property
    def unread(self) -> list[int]:
        """Return the layers that were needed so far and could not be read."""
        return self._stack.unread

    @property
    def problems(self) -> Sequence[str]:
        """Return why layers that were needed so far could not be read, a sentence each."""
        reasons = {**self._stack.reasons, **self._errors}
        return [reasons.get(number, f"layer {number} could not be read") for number in self.unread]

    # Queries.

    def lookup(self, path: str) -> Entry | None:
        """Return what ``path`` names, without following it when it is a link; None when nothing is there."""
        return self._stack.decide(lambda: self._find(path, follow=False))

    def resolve(self, path: str) -> Entry | None:
        """Return what ``path`` leads to through all links, inside the root; None when that is nothing."""
        return self._stack.decide(lambda: self._find(path, follow=True))

    def list(self, path: str) -> list[Entry]:
        """Return the entries of a directory, by name; empty when it is none."""
        found = self._directory(path)
        if not found:
            return []
        real, stack = found
        prefix = real + "/" if real else ""
        return [
            self._stack.entry(prefix + name, node) for name, node in sorted(merged_children(stack).items())
        ]

    def walk(self, top: str = "") -> Iterator[Entry]:
        """Yield everything below ``top``, parents first and siblings by name; links are not followed."""
        found = self._directory(top)
        pending: list[tuple[str, Merged]] = [found] if found else []
        while pending:
            path, node = pending.pop()
            if not found or node is not found[1]:
                yield self._stack.entry(path, node)
            if isinstance(node, list):
                prefix = path + "/" if path else ""
                names = sorted(merged_children(node).items(), reverse=True)
                pending.extend((prefix + name, child) for name, child in names)

    def content(self, entry: Entry) -> bytes | None:
        """
        Return the kept bytes of a file: all of it, or the first ones that were asked for.

        None when nothing of it was kept; compare the length with ``entry.size_bytes`` to see whether it is all.
        """
        if entry.kind is not EntryKind.FILE or entry.layer is None or entry.member is None:
            return None
        return b"" if entry.size_bytes == 0 else self._stack.scan(entry.layer).kept.get(entry.member)

    def open(self, entry: Entry) -> BinaryIO:
        """
        Open a regular file of the view for reading.

        Raises PathError where it is none, NotKeptError where its layer passed by in a pipe and it was not kept;
        reading raises ImageSpecError where the layer is damaged.
        """
        if entry.kind is not EntryKind.FILE or entry.layer is None or entry.member is None:
            raise PathError(f"/{entry.path}: no regular file ({entry.kind.value})")
        return LayerFiles(self._blob(entry.layer), self._stack.scan(entry.layer), self._limits).open(entry)

    def open_all(self, entries: Iterable[Entry]) -> Iterator[tuple[Sequence[Entry], BinaryIO]]:
        """
        Open many regular files for reading, one after the other, in the order in which their layers hold them.

        Each comes with its entries: those that hard links share are one file. Read it before you ask for the next.
        Compressed layers are decoded once. Raises as `open`.
        """
        by_layer: dict[int, dict[int, list[Entry]]] = {}
        for entry in entries:
            assert entry.layer is not None
            assert entry.member is not None
            by_layer.setdefault(entry.layer, {}).setdefault(entry.member, []).append(entry)
        for layer, members in sorted(by_layer.items()):
            files = LayerFiles(self._blob(layer), self._stack.scan(layer), self._limits)
            for _, same in sorted(members.items()):
                yield same, files.open(same[0])

    def _blob(self, layer: int) -> LayerBlob | None:
        return self.layers[layer].blob if self.layers else None

    def read(self, entry: Entry, max_bytes: int | None = None) -> bytes:
        """Return a regular file's content; raises LimitError above ``max_bytes`` (None: `Limits.content_bytes`)."""
        limit = self._limits.content_bytes if max_bytes is None else max_bytes
        if entry.size_bytes > limit:
            name = "content_bytes" if max_bytes is None else "max_bytes"
            advice = (
                None if max_bytes is None else "open the file and read it piece by piece, or ask for more"
            )
            raise LimitError(name, limit, entry.size_bytes, f"/{entry.path}", advice=advice)
        with self.open(entry) as file:
            return file.read(entry.size_bytes)

    def which(self, name: str, path: str | None = None, cwd: str = "/") -> Entry | None:
        """
        Return the file that ``name`` starts, after all links, as execvp(3) finds it; None when there is none.

        A name with a slash means that file, whatever it is. Any other is looked for in the directories of ``path``
        (None: the image's PATH, else `DEFAULT_PATH`): the first regular file with an execute bit; an empty directory
        name means ``cwd``.
        """
        if not name:
            return None
        if "/" in name:
            return self.resolve(_join(cwd, name))
        path = self._search_path if path is None else path
        for directory in (DEFAULT_PATH if path is None else path).split(":"):
            entry = self.resolve(_join(_join(cwd, directory), name))
            if entry and entry.is_executable:
                return entry
        return None

    def origin(self, path: str) -> Layer | None:
        """Return the layer that ``path`` (not followed when it is a link) comes from, None when nothing is there."""
        entry = self.lookup(path)
        return self.layers[entry.layer] if entry and entry.layer is not None else None

    def link_count(self, entry: Entry) -> int:
        """Return how many names of the view share the entry's inode; 1 for a directory."""
        if entry.layer is None or entry.member is None:
            return 1
        inode = entry.layer << LAYER_SHIFT | entry.member
        return self._link_counts.get(inode, 1)

    @functools.cached_property
    def _link_counts(self) -> Mapping[Inode, int]:
        return count_names(self._stack.whole(), self._linked)

    def xattrs(self, entry: Entry) -> Mapping[str, bytes]:
        """Return the extended attributes that the entry's layer gives it."""
        if entry.layer is None or entry.member is None:
            return {}
        return self._stack.scan(entry.layer).index.xattrs.get(entry.member, {})

    def versions(self, path: str) -> Sequence[Version]:
        """
        Return every state of ``path`` in the layers, base first, and what hid each from the layer above.

        The path is taken as it is written: a link on the way is not followed.
        """
        return find_versions(
            self._stack.all_trees(), split_path(path), lambda node: self._stack.entry(path.strip("/"), node)
        )

    def hiding(self, entry: Entry) -> str:
        """Return which later layer hides a file of some layer, as an addition in parentheses; empty for a visible one."""
        for version in self.versions(entry.path):
            if version.layer == entry.layer and version.hidden_by is not None:
                return f" (in no container's view: layer {version.hidden_by} hides it)"
        return ""

    # Accounting.

    @functools.cached_property
    def usage(self) -> Sequence[LayerUsage | None]:
        """One for each layer; None where it could not be read."""
        return [self._measure([tree.root]) if tree else None for tree in self._stack.all_trees()]

    @functools.cached_property
    def findings(self) -> Sequence[tuple[int, Finding]]:
        """(layer number, finding) for each construct on which storage drivers differ."""
        trees = self._stack.all_trees()
        implied: dict[int, list[tuple[str, str]]] = {}
        if not self._stack.follow:
            for number, code, name in find_implied(trees, self._stack.is_link, self._stack.is_plain):
                implied.setdefault(number, []).append((code, name))
        found = []
        for number, tree in enumerate(trees):
            if tree:
                found += [(number, item) for item in tree.all_findings(implied.get(number, ()))]
            elif number in self._stack.reasons:
                found.append((number, Finding("fs.endless-links", self._stack.reasons[number])))
        return found

    def merged_bytes(self) -> int:
        """Return the bytes visible in the view: each inode once, links by their target's length."""
        return self._measure(self._stack.whole()).apparent_bytes

    def changes(self, most_waste: int = 20) -> Changes:
        """Return what each layer adds, replaces, removes and wastes, with the ``most_waste`` largest hidden files."""
        return find_changes(self._stack.all_trees(), self._stack.inode_bytes, self._link_counts, most_waste)

    # Finding the way.

    def _directory(self, path: str) -> tuple[str, Stack] | None:
        found = self._stack.locate(self._stack.whole(), path, follow=True)
        return (found[0], found[1]) if found and isinstance(found[1], list) else None

    def _find(self, path: str, *, follow: bool) -> Entry | None:
        found = self._stack.locate(self._stack.root, path, follow=follow)
        return self._stack.entry(*found) if found else None

    def _measure(self, root: Stack) -> LayerUsage:
        return measure(root, self._linked, self._stack.inode_bytes)

    @functools.cached_property
    def _linked(self) -> set[Inode]:
        return {inode for tree in self._stack.all_trees() if tree for inode in tree.linked}


def _join(cwd: str, path: str) -> str:
    return path if path.startswith("/") else f"{cwd}/{path}"
