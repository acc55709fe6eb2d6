"""
The merged view: the file system that a container started from the image would see under overlayfs.

Every layer is first built into an *upper* tree of its own and then merged into what the lower layers made, as the
overlay drivers of the engines do it. So whiteouts and opaque markers touch lower layers only, wherever they stand in
their layer (image-spec v1.1 layer.md, "Whiteouts"). Names map to inodes, so a hard link keeps its content when the
other name is replaced. Nothing here recurses: depth and width are the attacker's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from imagespec.entry import Entry, EntryKind
from imagespec.layertree import Inode, LayerTree, as_text, split_path
from imagespec.limits import Limits
from imagespec.scan import LayerScan
from imagespec.tar import Finding


@attrs.frozen
class LayerUsage:
    """What one layer adds, in bytes as Docker counts them: each inode once, links by their target's length."""

    apparent_bytes: int
    entries: int


class RootFs:
    """
    A read-only view of the file system after all layers.

    Paths are relative to the root; a leading slash is allowed. ``complete`` is False when a layer could not be read:
    then neither presence nor absence of anything is certain.
    """

    def __init__(self, scans: Sequence[LayerScan | None], limits: Limits | None = None) -> None:
        self._scans = scans
        self._limits = limits or Limits()
        self._root = Inode(EntryKind.DIRECTORY, None, None)
        self.findings: list[tuple[int, Finding]] = []
        """(layer number, finding) for each construct on which storage drivers differ."""
        self.usage: list[LayerUsage | None] = []
        """One for each layer; None where it could not be read."""
        for number, scan in enumerate(scans):
            self.usage.append(self._apply(number, scan) if scan else None)

    @property
    def complete(self) -> bool:
        """Tell whether every layer could be read."""
        return all(scan is not None for scan in self._scans)

    # Queries.

    def lookup(self, path: str) -> Entry | None:
        """Return what ``path`` names, without following it when it is a link; None when nothing is there."""
        return self._find(path, follow=False)

    def resolve(self, path: str) -> Entry | None:
        """Return what ``path`` leads to through all links, inside the root; None when that is nothing."""
        return self._find(path, follow=True)

    def list(self, path: str) -> list[Entry]:
        """Return the entries of a directory, by name; empty when it is none."""
        found = self._locate(path, follow=True)
        if not found or found[1].children is None:
            return []
        real, inode = found
        prefix = real + "/" if real else ""
        return [self._entry(prefix + name, child) for name, child in sorted(inode.children.items())]  # type: ignore[union-attr]

    def walk(self, top: str = "") -> Iterator[Entry]:
        """Yield everything below ``top``, parents first and siblings by name; links are not followed."""
        found = self._locate(top, follow=True)
        if not found:
            return
        stack = [found]
        while stack:
            path, inode = stack.pop()
            if inode is not found[1]:
                yield self._entry(path, inode)
            if inode.children:
                prefix = path + "/" if path else ""
                stack.extend(
                    (prefix + name, inode.children[name]) for name in sorted(inode.children, reverse=True)
                )

    def content(self, entry: Entry) -> bytes | None:
        """
        Return the kept bytes of a file: all of it, or the first ones that were asked for.

        None when nothing of it was kept; compare the length with ``entry.size_bytes`` to see whether it is all.
        """
        if entry.kind is not EntryKind.FILE or entry.layer is None or entry.member is None:
            return None
        scan = self._scans[entry.layer]
        assert scan is not None
        return b"" if entry.size_bytes == 0 else scan.kept.get(entry.member)

    def merged_bytes(self) -> int:
        """Return the bytes visible in the view: each inode once, links by their target's length."""
        return self._measure(self._root).apparent_bytes

    def find(self, path: str) -> Inode | None:
        """Return what ``path`` names, without following it; for the trees of the layers above."""
        located = self._locate(path, follow=False)
        return located[1] if located else None

    def _find(self, path: str, *, follow: bool) -> Entry | None:
        found = self._locate(path, follow=follow)
        return self._entry(*found) if found else None

    def _locate(self, path: str, *, follow: bool) -> tuple[str, Inode] | None:
        trail: list[tuple[str, Inode]] = [("", self._root)]
        pending = split_path(path)[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            here, inode = trail[-1]
            if part == "..":
                del trail[1 if len(trail) == 1 else -1 :]
                continue
            child = (inode.children or {}).get(part)
            if child is None:
                return None
            if child.kind is EntryKind.SYMLINK and (pending or follow):
                hops += 1
                target = self.link_target(child)
                if hops > self._limits.symlink_hops or not target:
                    return None
                if target.startswith("/"):
                    del trail[1:]
                pending.extend(split_path(target)[::-1])
                continue
            trail.append((f"{here}/{part}" if here else part, child))
        return trail[-1]

    def link_target(self, inode: Inode) -> str:
        """Return the target of a symlink; for the trees of the layers above."""
        assert inode.layer is not None
        assert inode.member is not None
        scan = self._scans[inode.layer]
        assert scan is not None
        return as_text(scan.index.links.get(inode.member, b""))

    def _entry(self, path: str, inode: Inode) -> Entry:
        if inode.layer is None or inode.member is None:
            return Entry(path, inode.kind, 0o755, 0, 0, 0, 0.0, "", inode.layer, None)
        scan, member = self._scans[inode.layer], inode.member
        assert scan is not None
        index = scan.index
        return Entry(
            path,
            inode.kind,
            index.modes[member],
            index.uids[member],
            index.gids[member],
            index.sizes[member],
            index.mtimes[member],
            self.link_target(inode) if inode.kind is EntryKind.SYMLINK else "",
            inode.layer,
            member,
        )

    # Building.

    def _apply(self, number: int, scan: LayerScan) -> LayerUsage:
        upper = LayerTree(number, scan.index, self, self._limits.findings)
        upper.build()
        usage = self._measure(upper.root)
        self._merge(upper)
        self.findings.extend((number, finding) for finding in upper.findings)
        return usage

    def _merge(self, upper: LayerTree) -> None:
        if upper.root.member is not None:
            self._root.layer, self._root.member = upper.root.layer, upper.root.member
        stack = [(self._root, upper.root)]
        while stack:
            lower, above = stack.pop()
            assert lower.children is not None
            assert above.children is not None
            for name in upper.whiteouts.get(above, ()):
                lower.children.pop(name, None)
            if above in upper.opaque:
                lower.children.clear()
            for name, child in above.children.items():
                old = lower.children.get(name)
                if old is None or old.children is None or child.children is None:
                    if (
                        old
                        and old.kind is EntryKind.SYMLINK
                        and child.children is not None
                        and child.member is None
                    ):
                        upper.find(
                            "fs.path-through-symlink",
                            f"files under {name!r}, a link of a lower layer that overlay drivers replace by a directory",
                        )
                    lower.children[name] = child
                else:
                    if child.member is not None:  # a directory that the layer lists brings its attributes
                        old.layer, old.member = child.layer, child.member
                    stack.append((old, child))

    def _measure(self, root: Inode) -> LayerUsage:
        seen: set[Inode] = set()
        total = entries = 0
        stack = [root]
        while stack:
            for child in (stack.pop().children or {}).values():
                entries += 1
                if child.children is not None:
                    stack.append(child)
                elif child not in seen:
                    seen.add(child)
                    total += self._inode_bytes(child)
        return LayerUsage(total, entries)

    def _inode_bytes(self, inode: Inode) -> int:
        if inode.kind is EntryKind.SYMLINK:
            return len(self.link_target(inode).encode("utf-8", "surrogateescape"))
        if inode.kind is not EntryKind.FILE or inode.layer is None or inode.member is None:
            return 0
        scan = self._scans[inode.layer]
        assert scan is not None
        return scan.index.sizes[inode.member]
