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
from imagespec.limits import Limits
from imagespec.scan import LayerScan
from imagespec.tar import Finding, header

_WHITEOUT = ".wh."  # image-spec v1.1 layer.md, "Whiteouts"
_WHITEOUT_META = ".wh..wh."  # AUFS's own files, left in old images (moby pkg/archive/whiteouts.go)
_OPAQUE = ".wh..wh..opq"
_PARENT_HOPS = 255  # links followed to a member's parent: as containerd's fs.RootPath does

_KINDS = {
    header.REGULAR: EntryKind.FILE,
    header.CONTIGUOUS: EntryKind.FILE,
    header.GNU_SPARSE: EntryKind.FILE,
    header.DIRECTORY: EntryKind.DIRECTORY,
    header.SYMLINK: EntryKind.SYMLINK,
    header.CHAR: EntryKind.CHAR_DEVICE,
    header.BLOCK_DEVICE: EntryKind.BLOCK_DEVICE,
    header.FIFO: EntryKind.FIFO,
}


class _Inode:
    """What a name means; hard links share one. ``children`` is None for anything but a directory."""

    __slots__ = ("children", "kind", "layer", "member")

    def __init__(self, kind: EntryKind, layer: int | None, member: int | None) -> None:
        self.kind = kind
        self.layer = layer
        self.member = member
        self.children: dict[str, _Inode] | None = {} if kind is EntryKind.DIRECTORY else None


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
        self._root = _Inode(EntryKind.DIRECTORY, None, None)
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

    def _find(self, path: str, *, follow: bool) -> Entry | None:
        found = self._locate(path, follow=follow)
        return self._entry(*found) if found else None

    def _locate(self, path: str, *, follow: bool) -> tuple[str, _Inode] | None:
        trail: list[tuple[str, _Inode]] = [("", self._root)]
        pending = _split(path)[::-1]
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
                target = self._link(child)
                if hops > self._limits.symlink_hops or not target:
                    return None
                if target.startswith("/"):
                    del trail[1:]
                pending.extend(_split(target)[::-1])
                continue
            trail.append((f"{here}/{part}" if here else part, child))
        return trail[-1]

    def _link(self, inode: _Inode) -> str:
        assert inode.layer is not None
        assert inode.member is not None
        scan = self._scans[inode.layer]
        assert scan is not None
        return _text(scan.index.links.get(inode.member, b""))

    def _entry(self, path: str, inode: _Inode) -> Entry:
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
            self._link(inode) if inode.kind is EntryKind.SYMLINK else "",
            inode.layer,
            member,
        )

    # Building.

    def _apply(self, number: int, scan: LayerScan) -> LayerUsage:
        upper = _Upper(self, number, scan)
        upper.build()
        usage = self._measure(upper.root)
        self._merge(upper)
        return usage

    def _merge(self, upper: _Upper) -> None:
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

    def _measure(self, root: _Inode) -> LayerUsage:
        seen: set[_Inode] = set()
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

    def _inode_bytes(self, inode: _Inode) -> int:
        if inode.kind is EntryKind.SYMLINK:
            return len(self._link(inode).encode("utf-8", "surrogateescape"))
        if inode.kind is not EntryKind.FILE or inode.layer is None or inode.member is None:
            return 0
        scan = self._scans[inode.layer]
        assert scan is not None
        return scan.index.sizes[inode.member]


class _Upper:
    """One layer's own tree, before it is merged."""

    def __init__(self, view: RootFs, number: int, scan: LayerScan) -> None:
        self.root = _Inode(EntryKind.DIRECTORY, number, None)
        self.whiteouts: dict[_Inode, set[str]] = {}
        self.opaque: set[_Inode] = set()
        self._view = view
        self._number = number
        self._index = scan.index
        self._parents: dict[str, _Inode] = {}
        self._pending_links: list[tuple[_Inode, str, int]] = []
        self._found = 0

    def find(self, code: str, message: str, member: int | None = None) -> None:
        """Record a finding of this layer."""
        self._found += 1
        if self._found <= self._view._limits.findings:  # noqa: SLF001 - one algorithm in two classes
            offset = self._index.header_offsets[member] if member is not None else None
            self._view.findings.append((self._number, Finding(code, message, offset)))

    def build(self) -> None:
        """Make the tree of all members."""
        for member, name in enumerate(self._index.iter_names()):
            self._add(member, _text(name))
        for parent, base, member in self._pending_links:
            self._bind(parent, base, member, forward=True)
        for parent, names in self.whiteouts.items():
            for hidden in names:
                again = (parent.children or {}).get(hidden)
                if again is not None and again.children is not None:
                    message = f"{hidden!r} is whited out and made anew in one layer; overlay drivers keep its old files"
                    self.find("fs.whiteout-and-recreate", message)

    def _add(self, member: int, name: str) -> None:
        typeflag = self._index.typeflag(member)
        if typeflag == header.PAX_GLOBAL:
            return  # Go gives it as a member; engines skip it
        head, _, base = name.rstrip("/").rpartition("/")
        if base in {"", ".", ".."} or ".." in head:
            parts = _clamp(_split(name))
            if ".." in _split(name):
                self.find("fs.path-escape", f"{name!r} climbs with '..'", member)
            if not parts:
                self._add_root(member, typeflag)
                return
            head, base = "/".join(parts[:-1]), parts[-1]
        if f"/{head}".find(f"/{_WHITEOUT}") >= 0:
            self.find(
                "fs.entry-under-whiteout", f"{name!r} lies in a whiteout; engines ignore or refuse it", member
            )
            return
        parent = self._parents.get(head) or self._descend(head, member, create=True)
        if parent is None:
            self.find(
                "fs.symlink-loop",
                f"{name!r} lies behind links that go in a circle; engines refuse it",
                member,
            )
            return
        self._parents[head] = parent
        if base.startswith(_WHITEOUT):
            self._add_whiteout(parent, base, member)
        elif typeflag == header.HARD_LINK:
            self._bind(parent, base, member, forward=False)
        else:
            self._put(parent, base, _KINDS.get(typeflag, EntryKind.OTHER), member)

    def _add_root(self, member: int, typeflag: bytes) -> None:
        if typeflag == header.DIRECTORY:
            self.root.member = member
        else:
            self.find("fs.root-not-a-directory", "the layer replaces the root by something else", member)

    def _put(self, parent: _Inode, base: str, kind: EntryKind, member: int) -> None:
        children = parent.children
        assert children is not None
        old = children.get(base)
        if old is not None:
            if old.member is not None:
                self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)
            if old.children is not None and kind is EntryKind.DIRECTORY:
                old.layer, old.member = self._number, member
                return
            self._parents.clear()  # a directory or link on the way to later members may be gone
        children[base] = _Inode(kind, self._number, member)
        if kind is EntryKind.CHAR_DEVICE and self._index.devices.get(member, (0, 0)) == (0, 0):
            self.find(
                "fs.overlay-whiteout-device",
                f"{base!r} is a device 0:0, a deletion to overlay drivers",
                member,
            )
        if any(
            key.startswith(("trusted.overlay.", "user.overlay."))
            for key in self._index.xattrs.get(member, ())
        ):
            self.find(
                "fs.overlay-xattr", f"{base!r} has an extended attribute that steers overlay drivers", member
            )

    def _add_whiteout(self, parent: _Inode, base: str, member: int) -> None:
        if base == _OPAQUE:
            self.opaque.add(parent)
        elif base.startswith(_WHITEOUT_META):
            self.find("fs.aufs-metadata", f"{base!r} is a leftover of AUFS; engines ignore it", member)
        elif base[len(_WHITEOUT) :] in {"", ".", ".."}:
            self.find("fs.whiteout-empty", f"{base!r} is a whiteout of nothing, which engines refuse", member)
        else:
            hidden = base[len(_WHITEOUT) :]
            assert parent.children is not None
            if hidden in parent.children:
                self.find(
                    "fs.whiteout-after-file", f"{hidden!r} is added and whited out in one layer", member
                )
            self.whiteouts.setdefault(parent, set()).add(hidden)

    def _bind(self, parent: _Inode, base: str, member: int, *, forward: bool) -> None:
        """Let a hard link's name mean its target's inode: of this layer, else of the lower ones."""
        target = _text(self._index.links.get(member, b""))
        inode = self._walk(_clamp(_split(target)))
        if inode is None and not forward:
            self._pending_links.append((parent, base, member))
            return
        code = "fs.hardlink-forward" if inode else "fs.hardlink-cross-layer"
        if inode is None:
            located = self._view._locate(target, follow=False)  # noqa: SLF001 - one algorithm in two classes
            inode = located[1] if located else None
        if inode is None or inode.children is not None:
            self.find(
                "fs.hardlink-broken", f"{base!r} is a hard link to {target!r}, which is no file", member
            )
            return
        if forward:
            self.find(code, f"{base!r} is a hard link to {target!r}, which engines may refuse", member)
        assert parent.children is not None
        if parent.children.get(base) is not None:
            self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)
            self._parents.clear()
        parent.children[base] = inode

    def _walk(self, parts: list[str]) -> _Inode | None:
        """Return what a path names in this layer's own tree; the last link is not followed."""
        trail = self._descend("/".join(parts[:-1]), None, create=False) if parts else None
        return (trail.children or {}).get(parts[-1]) if trail else None

    def _descend(self, path: str, member: int | None, *, create: bool) -> _Inode | None:
        """
        Return the directory ``path`` of this layer; with ``create`` it is made where no member listed it.

        Links of this layer are followed inside the root, as engines do while they unpack it; links of lower layers
        are not seen, because each layer is unpacked on its own.
        """
        trail = [self.root]
        pending = _split(path)[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del trail[1 if len(trail) == 1 else -1 :]
                continue
            children = trail[-1].children
            assert children is not None
            child = children.get(part)
            if child is not None and child.kind is EntryKind.SYMLINK:
                hops += 1
                if hops > _PARENT_HOPS:
                    return None
                target = self._view._link(child)  # noqa: SLF001 - one algorithm in two classes
                if target.startswith("/"):
                    del trail[1:]
                pending.extend(_split(target)[::-1])
                continue
            if child is None or child.children is None:
                if not create:
                    return None
                if child is not None:
                    self.find(
                        "fs.parent-not-a-directory", f"{part!r} is no directory but has entries", member
                    )
                child = children[part] = _Inode(EntryKind.DIRECTORY, self._number, None)
            trail.append(child)
        return trail[-1]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]


def _clamp(parts: list[str]) -> list[str]:
    """Return ``parts`` with ``..`` applied, stopping at the root."""
    clean: list[str] = []
    for part in parts:
        if part == "..":
            del clean[-1:]
        else:
            clean.append(part)
    return clean
