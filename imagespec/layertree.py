"""
One layer as a tree of its own: what an overlay driver finds in the layer's upper directory.

Members are placed in their order, whiteouts and opaque markers are collected beside the children, so that their place
in the layer cannot matter (image-spec v1.1 layer.md, "Whiteouts"). Nothing here recurses: depth and width are the
attacker's.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagespec.errors import LimitError
from imagespec.limits import Limits
from imagespec.nodes import (
    LAYER_SHIFT,
    MEMBER_MASK,
    Directory,
    Inode,
    LowerView,
    Node,
    Stack,
    as_text,
    clamp,
    merged_child,
    split_path,
    texts_of,
)
from imagespec.tar import Finding, LayerIndex, header

_WHITEOUT = ".wh."  # image-spec v1.1 layer.md, "Whiteouts"
_WHITEOUT_META = ".wh..wh."  # AUFS's own files, left in old images (moby pkg/archive/whiteouts.go)
_OPAQUE = ".wh..wh..opq"
_PARENT_HOPS = 255  # links followed to a member's parent: as containerd's fs.RootPath does
IMPLIED = {
    "fs.path-through-symlink": "files under {!r}, a link of a lower layer that overlay drivers replace by a directory",
    "fs.path-through-file": "files or whiteouts under {!r}, a file of a lower layer that overlay drivers replace by"
    " a directory and others do not",
    "fs.implied-directory": "{!r} is not listed in the layer; Docker and Podman give it to root with mode 0755,"
    " containerd keeps what a lower layer says",
    "fs.whiteout-of-nothing": "whiteouts in {!r}, a directory that no layer has; overlay drivers make it",
}

_DIRECTORY, _SYMLINK = header.DIRECTORY[0], header.SYMLINK[0]
_ORDINARY = frozenset(
    header.REGULAR
    + header.CONTIGUOUS
    + header.GNU_SPARSE
    + header.SYMLINK
    + header.BLOCK_DEVICE
    + header.FIFO
)
"""Types that are placed without further questions."""


class LayerTree:
    """
    One layer's own tree: `build` it, then `bind` it once all lower layers are bound.

    With ``follow`` a parent that is a link of a lower layer is followed, as drivers without an upper directory of
    their own do; then all lower layers must be bound before it is built.
    """

    def __init__(
        self, number: int, index: LayerIndex, lower: LowerView, limits: Limits, *, follow: bool = False
    ) -> None:
        self.findings: list[Finding] = []
        self.root = Directory(number, None)
        self.linked: dict[Inode, int] = {}
        """Inodes that hard links of this layer name, and the last link's member."""
        self.has_implied = False
        """Whether some directory stands in the tree that no member lists."""
        self._lower = lower
        self._limits = limits
        self._follow = follow
        self._found = 0
        self._steps = 0
        self._number = number
        self._index = index
        self._parents: dict[str, Directory] = {"": self.root}
        self._recreated: list[tuple[Directory, str]] = []
        self._pending: list[tuple[Directory, str, int]] = []

    @property
    def needs_lower(self) -> bool:
        """Tell whether `bind` will look into lower layers."""
        return bool(self._pending)

    def find(self, code: str, message: str, member: int | None = None) -> None:
        """Record a finding of this layer."""
        self._found += 1
        if len(self.findings) < self._limits.findings:
            offset = self._index.header_offsets[member] if member is not None else None
            self.findings.append(Finding(code, message, offset))

    def build(self) -> None:
        """Place all members; raises LimitError where links on the way to them go on and on."""
        index, parents = self._index, self._parents
        first = self._number << LAYER_SHIFT
        inodes = range(first, first + len(index))
        # One loop for nearly all members; what needs a second look goes through `_place`.
        for inode, typeflag, name in zip(inodes, index.types, texts_of(index), strict=True):
            head, _, base = name.rpartition("/")
            path = name
            if not base:
                path = name[:-1]
                head, _, base = path.rpartition("/")
            parent = parents.get(head)
            if parent is None or not base or base[0] == "." or base in parent.children:
                self._place(inode - first, typeflag, name)
            elif typeflag in _ORDINARY:
                parent.children[base] = inode
            elif typeflag == _DIRECTORY:
                parent.children[base] = parents[path] = Directory(self._number, inode - first)
            else:
                self._place(inode - first, typeflag, name)
        self._look_at_attributes()

    def bind(self) -> None:
        """Bind the hard links whose target no earlier member is, and look at what is whited out and there."""
        for link in self._pending:
            self._bind(link.parent, link.base, link.member, forward=True)
        for directory, hidden in self._recreated:
            child = directory.children.get(hidden)
            if not isinstance(child, Directory):
                continue
            if child.holds_entries():
                message = (
                    f"{hidden!r} is whited out and made anew in one layer; overlay drivers keep its old files"
                )
                self.find("fs.whiteout-and-recreate", message)
            else:  # nothing but whiteouts made it
                del directory.children[hidden]
                message = f"whiteouts below {hidden!r}, which the layer whites out; some engines refuse it"
                self.find("fs.whiteout-in-whiteout", message)
        self._pending, self._parents = [], {}

    def all_findings(self, implied: Sequence[tuple[str, str]]) -> list[Finding]:
        """Return the findings, with (code, name) of directories that no member lists and that meet lower layers."""
        room = self._limits.findings - len(self.findings)
        found = self.findings + [Finding(code, IMPLIED[code].format(name)) for code, name in implied[:room]]
        if dropped := self._found + len(implied) - len(found):
            found.append(Finding("fs.more-findings", f"{dropped:,} more findings than are kept"))
        return found

    # Placing one member.

    def _place(self, member: int, typeflag: int, name: str) -> None:
        if typeflag == header.PAX_GLOBAL[0]:
            return  # Go gives it as a member; engines skip it
        head, _, base = name.rstrip("/").rpartition("/")
        if base in {"", ".", ".."} or ".." in head:
            parts = split_path(name)
            if ".." in parts:
                self.find("fs.path-escape", f"{name!r} climbs with '..'", member)
                parts = clamp(parts)
            if not parts:
                self._place_root(member, typeflag)
                return
            head, base = "/".join(parts[:-1]), parts[-1]
        if f"/{head}".find(f"/{_WHITEOUT}") >= 0:
            message = f"{name!r} lies in a directory named like a whiteout; overlay drivers show it, others need not"
            self.find("fs.entry-under-whiteout", message, member)
        parent = self._parents.get(head) or self._descend(head, member, create=True)
        if parent is None:
            message = f"{name!r} lies behind links that go in a circle; engines refuse it"
            self.find("fs.symlink-loop", message, member)
            return
        self._parents[head] = parent
        if base.startswith(_WHITEOUT):
            self._look_at_marker(parent, base, member)
            if base == _OPAQUE:
                self._look_at_opaque(parent, head, member)
            self._place_whiteout(parent, base, member)
        elif typeflag == header.HARD_LINK[0]:
            self._bind(parent, base, member, forward=False)
        else:
            self._put(parent, base, typeflag, member)

    def _place_root(self, member: int, typeflag: int) -> None:
        if typeflag == _DIRECTORY:
            self.root.member = member
        else:
            self.find("fs.root-not-a-directory", "the layer replaces the root by something else", member)

    def _put(self, parent: Directory, base: str, typeflag: int, member: int) -> None:
        old = parent.children.get(base)
        if old is not None:
            if isinstance(old, int) or old.member is not None:
                self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)
            if isinstance(old, Directory) and typeflag == _DIRECTORY:
                old.member = member
                return
            self._forget(old)
        if typeflag == _DIRECTORY:
            parent.children[base] = Directory(self._number, member)
        else:
            parent.children[base] = self._number << LAYER_SHIFT | member
        if typeflag == header.CHAR[0] and self._index.devices.get(member, (0, 0)) == (0, 0):
            message = f"{base!r} is a device 0:0, a deletion to overlay drivers"
            self.find("fs.overlay-whiteout-device", message, member)

    def _forget(self, old: Node) -> None:
        """Forget where names lead once a directory or link on the way to later members may be gone."""
        if isinstance(old, Directory) or self._lower.link_target(old):
            self._parents.clear()
            self._parents[""] = self.root

    def _place_whiteout(self, parent: Directory, base: str, member: int) -> None:
        hidden = base[len(_WHITEOUT) :]
        if base == _OPAQUE and parent is self.root and self._number and not self._follow:
            message = "the root is marked opaque, which overlay drivers do not heed and others do"
            self.find("fs.opaque-root", message, member)
        elif base == _OPAQUE:
            parent.opaque = True
        elif base.startswith(_WHITEOUT_META):
            self.find("fs.aufs-metadata", f"{base!r} is a leftover of AUFS; engines ignore it", member)
        elif hidden in {"", ".", ".."}:
            self.find("fs.whiteout-empty", f"{base!r} is a whiteout of nothing, which engines refuse", member)
        else:
            if hidden in parent.children:
                message = f"{hidden!r} is added and whited out in one layer"
                self.find("fs.whiteout-after-file", message, member)
            parent.hide(hidden)
            self._recreated.append((parent, hidden))

    def _look_at_marker(self, parent: Directory, base: str, member: int) -> None:
        """Record what is odd about a whiteout or marker as a member."""
        if base.startswith(_WHITEOUT_META) and base != _OPAQUE:
            return
        if self._index.types[member] != header.REGULAR[0] or self._index.sizes[member]:
            message = f"{base!r} is a whiteout and not an empty file; engines look at its name alone"
            self.find("fs.whiteout-not-a-file", message, member)
        if parent.opaque if base == _OPAQUE else base[len(_WHITEOUT) :] in parent.whiteouts:
            self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)

    def _look_at_opaque(self, parent: Directory, head: str, member: int) -> None:
        """Record where drivers that unpack into one directory take an opaque marker differently."""
        if parent.opaque or not self._number:
            return
        if any(isinstance(node, Directory) and node.member is None for node in parent.children.values()):
            message = f"{head!r} is marked opaque behind files whose directories are not listed; some drivers delete them"
            self.find("fs.opaque-after-implied", message, member)
        plain: Node | None = self.root
        for part in split_path(head):
            plain = plain.children.get(part) if isinstance(plain, Directory) else None
        if plain is not parent:
            message = f"{head!r} is marked opaque through a link, which some drivers do not follow"
            self.find("fs.opaque-through-symlink", message, member)

    def _look_at_attributes(self) -> None:
        for member, attributes in self._index.xattrs.items():
            if any(key.startswith(("trusted.overlay.", "user.overlay.")) for key in attributes):
                name = as_text(self._index.name(member))
                message = f"{name!r} has an extended attribute that steers overlay drivers"
                self.find("fs.overlay-xattr", message, member)

    def _bind(self, parent: Directory, base: str, member: int, *, forward: bool) -> None:
        """Let a hard link's name mean its target's inode: of this layer, else of the lower ones."""
        target = as_text(self._index.links.get(member, b""))
        node: Node | Stack | None = self._walk(clamp(split_path(target)))
        if node is None and not forward:
            self._pending.append((parent, base, member))
            return
        code = "fs.hardlink-forward" if node is not None else "fs.hardlink-cross-layer"
        if node is None and not self._follow and self._is_whited_out(clamp(split_path(target))):
            parent.hide(base)
            message = f"{base!r} is a hard link to {target!r}, a whiteout, and so is one to overlay drivers"
            self.find("fs.hardlink-to-whiteout", message, member)
            return
        if node is None:
            node = self._lower.find_below(self._number, target)
        if not isinstance(node, int):
            message = f"{base!r} is a hard link to {target!r}, which is no file"
            self.find("fs.hardlink-broken", message, member)
            return
        if forward:
            message = f"{base!r} is a hard link to {target!r}, which engines may refuse"
            self.find(code, message, member)
        old = parent.children.get(base)
        if old is not None:
            self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)
            self._forget(old)
        parent.children[base] = node
        if forward:  # no engine gets so far as to set attributes
            self.linked.setdefault(node, node & MEMBER_MASK)
        else:
            self._share(node, base, member)

    def _share(self, node: Inode, base: str, member: int) -> None:
        """Let a hard link's owner, mode and time be its inode's: engines set them of each name that they unpack."""
        index, before = self._index, self.linked.get(node, node & MEMBER_MASK)
        self.linked[node] = member
        is_link = index.types[node & MEMBER_MASK] == _SYMLINK
        if (index.uids[before], index.gids[before], is_link or index.modes[before]) != (
            index.uids[member],
            index.gids[member],
            is_link or index.modes[member],
        ):
            message = f"{base!r} is a hard link with another owner or mode than its file's; the last name counts"
            self.find("fs.hardlink-attributes", message, member)

    def _walk(self, parts: list[str]) -> Node | None:
        """Return what a path names in this layer's own tree; the last link is not followed."""
        parent = self._parent_of(parts)
        return parent.children.get(parts[-1]) if parent else None

    def _is_whited_out(self, parts: list[str]) -> bool:
        parent = self._parent_of(parts)
        return parent is not None and parts[-1] in parent.whiteouts

    def _parent_of(self, parts: list[str]) -> Directory | None:
        """Return this layer's directory above a path, None where it has none."""
        if not parts:
            return None
        head = "/".join(parts[:-1])
        return self._parents.get(head) or self._descend(head, None, create=False)

    def _descend(self, path: str, member: int | None, *, create: bool) -> Directory | None:
        """
        Return the directory ``path`` of this layer; with ``create`` it is made where no member listed it.

        Links of this layer are followed inside the root, as engines do while they unpack it; links of lower layers
        are not seen, because each layer is unpacked on its own (unless ``follow``). None where links lead in circles.
        """
        trail = [(self.root, self._lower.root_below(self._number) if self._follow else [])]
        pending = split_path(path)[::-1]
        hops = lent = 0  # lent: how many of the pending parts links gave
        while pending:
            part = pending.pop()
            is_lent, lent = lent > 0, max(lent - 1, 0)
            if part == "..":
                del trail[1 if len(trail) == 1 else -1 :]
                continue
            here, below = trail[-1]
            child = here.children.get(part)
            lower = merged_child(below, part) if below and not here.hides(part) else None
            link = child if child is not None else lower
            if isinstance(link, int) and (target := self._lower.link_target(link)):
                if child is None:
                    code = "fs.path-through-symlink"
                    self.find(code, IMPLIED[code].format(part), member)
                hops += 1
                if hops > _PARENT_HOPS:
                    return None
                if target.startswith("/"):
                    del trail[1:]
                parts = split_path(target)
                self._count_steps(len(parts))
                lent += len(parts)
                pending.extend(reversed(parts))
                continue
            if not isinstance(child, Directory):
                if not create:
                    return None
                if is_lent and child is None:
                    message = f"{part!r} is where a link leads and not in the layer; Docker refuses what lies behind"
                    self.find("fs.parent-behind-link", message, member)
                child = self._imply(here, part, child, member)
            trail.append((child, lower if isinstance(lower, list) else []))
        return trail[-1][0]

    def _imply(self, parent: Directory, name: str, old: Node | None, member: int | None) -> Directory:
        """Make a directory that no member lists."""
        if old is not None:
            self.find("fs.parent-not-a-directory", f"{name!r} is no directory but has entries", member)
        self.has_implied = True
        made = parent.children[name] = Directory(self._number, None)
        return made

    def _count_steps(self, steps: int) -> None:
        self._steps += steps
        if self._steps > self._limits.link_steps:
            raise LimitError("link_steps", self._limits.link_steps, self._steps, f"layer {self._number}")
