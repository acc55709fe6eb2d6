"""
One layer as a tree of its own: what an overlay driver finds in the layer's upper directory.

Members are placed in their order, whiteouts and opaque markers are collected beside the tree, so that their place in
the layer cannot matter (image-spec v1.1 layer.md, "Whiteouts"). Nothing here recurses: depth and width are the
attacker's.
"""

from __future__ import annotations

from typing import Protocol

from imagespec.entry import EntryKind
from imagespec.tar import Finding, LayerIndex, header

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


class Inode:
    """What a name means; hard links share one. ``children`` is None for anything but a directory."""

    __slots__ = ("children", "kind", "layer", "member")

    def __init__(self, kind: EntryKind, layer: int | None, member: int | None) -> None:
        self.kind = kind
        self.layer = layer
        self.member = member
        self.children: dict[str, Inode] | None = {} if kind is EntryKind.DIRECTORY else None


class LowerView(Protocol):
    """What a layer must know of those below it."""

    def find(self, path: str) -> Inode | None:
        """Return what ``path`` names in the merged lower layers; the last link is not followed."""

    def link_target(self, inode: Inode) -> str:
        """Return the target of a symlink of any layer."""


class LayerTree:
    """One layer's own tree, before it is merged."""

    def __init__(self, number: int, index: LayerIndex, lower: LowerView, most_findings: int) -> None:
        self.findings: list[Finding] = []
        self.root = Inode(EntryKind.DIRECTORY, number, None)
        self.whiteouts: dict[Inode, set[str]] = {}
        self.opaque: set[Inode] = set()
        self._lower = lower
        self._most_findings = most_findings
        self._found = 0
        self._number = number
        self._index = index
        self._parents: dict[str, Inode] = {}
        self._pending_links: list[tuple[Inode, str, int]] = []

    def find(self, code: str, message: str, member: int | None = None) -> None:
        """Record a finding of this layer."""
        self._found += 1
        if len(self.findings) < self._most_findings:
            offset = self._index.header_offsets[member] if member is not None else None
            self.findings.append(Finding(code, message, offset))

    def build(self) -> None:
        """Make the tree of all members."""
        for member, name in enumerate(self._index.iter_names()):
            self._add(member, as_text(name))
        for parent, base, member in self._pending_links:
            self._bind(parent, base, member, forward=True)
        for parent, names in self.whiteouts.items():
            for hidden in names:
                again = (parent.children or {}).get(hidden)
                if again is not None and again.children is not None:
                    message = f"{hidden!r} is whited out and made anew in one layer; overlay drivers keep its old files"
                    self.find("fs.whiteout-and-recreate", message)
        dropped = self._found - len(self.findings)
        if dropped:
            self.findings.append(Finding("fs.more-findings", f"{dropped:,} more findings than are kept"))

    def _add(self, member: int, name: str) -> None:
        typeflag = self._index.typeflag(member)
        if typeflag == header.PAX_GLOBAL:
            return  # Go gives it as a member; engines skip it
        head, _, base = name.rstrip("/").rpartition("/")
        if base in {"", ".", ".."} or ".." in head:
            parts = _clamp(split_path(name))
            if ".." in split_path(name):
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

    def _put(self, parent: Inode, base: str, kind: EntryKind, member: int) -> None:
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
        children[base] = Inode(kind, self._number, member)
        if kind is EntryKind.CHAR_DEVICE and self._index.devices.get(member, (0, 0)) == (0, 0):
            self.find(
                "fs.overlay-whiteout-device",
                f"{base!r} is a device 0:0, a deletion to overlay drivers",
                member,
            )
        xattrs = self._index.xattrs.get(member)
        if xattrs and any(key.startswith(("trusted.overlay.", "user.overlay.")) for key in xattrs):
            self.find(
                "fs.overlay-xattr", f"{base!r} has an extended attribute that steers overlay drivers", member
            )

    def _add_whiteout(self, parent: Inode, base: str, member: int) -> None:
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

    def _bind(self, parent: Inode, base: str, member: int, *, forward: bool) -> None:
        """Let a hard link's name mean its target's inode: of this layer, else of the lower ones."""
        target = as_text(self._index.links.get(member, b""))
        inode = self._walk(_clamp(split_path(target)))
        if inode is None and not forward:
            self._pending_links.append((parent, base, member))
            return
        code = "fs.hardlink-forward" if inode else "fs.hardlink-cross-layer"
        if inode is None:
            inode = self._lower.find(target)
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

    def _walk(self, parts: list[str]) -> Inode | None:
        """Return what a path names in this layer's own tree; the last link is not followed."""
        trail = self._descend("/".join(parts[:-1]), None, create=False) if parts else None
        return (trail.children or {}).get(parts[-1]) if trail else None

    def _descend(self, path: str, member: int | None, *, create: bool) -> Inode | None:
        """
        Return the directory ``path`` of this layer; with ``create`` it is made where no member listed it.

        Links of this layer are followed inside the root, as engines do while they unpack it; links of lower layers
        are not seen, because each layer is unpacked on its own.
        """
        trail = [self.root]
        pending = split_path(path)[::-1]
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
                target = self._lower.link_target(child)
                if target.startswith("/"):
                    del trail[1:]
                pending.extend(split_path(target)[::-1])
                continue
            if child is None or child.children is None:
                if not create:
                    return None
                if child is not None:
                    self.find(
                        "fs.parent-not-a-directory", f"{part!r} is no directory but has entries", member
                    )
                child = children[part] = Inode(EntryKind.DIRECTORY, self._number, None)
            trail.append(child)
        return trail[-1]


def as_text(name: bytes) -> str:
    """Return a name as text; bytes that are no UTF-8 are kept as surrogates."""
    return name.decode("utf-8", "surrogateescape")


def split_path(path: str) -> list[str]:
    """Return the components of a path, ``..`` among them."""
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
