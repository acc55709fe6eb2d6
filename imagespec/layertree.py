"""
One layer as a tree of its own: what an overlay driver finds in the layer's upper directory.

Members are placed in their order, whiteouts and opaque markers are collected beside the children, so that their place
in the layer cannot matter (image-spec v1.1 layer.md, "Whiteouts"). Nothing here recurses: depth and width are the
attacker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imagespec import layeroddities
from imagespec.errors import LimitError
from imagespec.layeroddities import IMPLIED, OPAQUE, WHITEOUT, WHITEOUT_META
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

_PARENT_HOPS = 255  # links followed to a member's parent: as containerd's fs.RootPath does
_DIRECTORY = header.DIRECTORY[0]
_ORDINARY = frozenset(map(ord, (header.REGULAR, header.CONTIGUOUS, header.GNU_SPARSE, header.SYMLINK)))
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
        self.marked: set[Directory] = set()
        """Those of them that whiteouts or opaque markers are in."""
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

    def _find_all(self, oddities: Iterable[layeroddities.Oddity], member: int) -> None:
        for code, message in oddities:
            self.find(code, message, member)

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
        for member, oddity in layeroddities.of_attributes(index):
            self.find(*oddity, member)

    def bind(self) -> None:
        """Bind the hard links whose target no earlier member is, and look at what is whited out and there."""
        for parent, base, member in self._pending:
            self._bind(parent, base, member, forward=True)
        for directory, hidden in self._recreated:
            child = directory.children.get(hidden)
            if isinstance(child, Directory):
                self.find(*layeroddities.of_whited_out(child, hidden))
                if not child.holds_entries():
                    del directory.children[hidden]
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
        head, _, base = name.rstrip("/").rpartition("/")
        if base in {"", ".", ".."} or ".." in head:
            parts = split_path(name)
            if ".." in parts:
                self.find("fs.path-escape", f"{name!r} climbs with '..'", member)
                parts = clamp(parts)
            if not parts:
                if typeflag == _DIRECTORY:
                    self.root.member = member
                else:
                    self.find(
                        "fs.root-not-a-directory", "the layer replaces the root by something else", member
                    )
                return
            head, base = "/".join(parts[:-1]), parts[-1]
        if f"/{head}".find(f"/{WHITEOUT}") >= 0:
            self.find(*layeroddities.of_entry_under_whiteout(name), member)
        parent = self._parents.get(head) or self._descend(head, member, create=True)
        if parent is None:
            self.find(*layeroddities.of_loop(name), member)
            return
        self._parents[head] = parent
        if base.startswith(WHITEOUT):
            self._place_whiteout(parent, head, base, member)
        elif typeflag == header.HARD_LINK[0]:
            self._bind(parent, base, member, forward=False)
        else:
            self._put(parent, base, typeflag, member)

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

    def _place_whiteout(self, parent: Directory, head: str, base: str, member: int) -> None:
        hidden = base[len(WHITEOUT) :]
        if parent.member is None:
            self.marked.add(parent)
        self._find_all(layeroddities.of_marker(self._index, parent, base, member), member)
        if base == OPAQUE and parent is self.root and self._number and not self._follow:
            message = "the root is marked opaque, which overlay drivers do not heed and others do"
            self.find("fs.opaque-root", message, member)
        elif base == OPAQUE:
            if self._number:
                self._find_all(layeroddities.of_opaque(self.root, parent, head), member)
            parent.opaque = True
        elif base.startswith(WHITEOUT_META):
            self.find("fs.aufs-metadata", f"{base!r} is a leftover of AUFS; engines ignore it", member)
        elif hidden in {"", ".", ".."}:
            self.find("fs.whiteout-empty", f"{base!r} is a whiteout of nothing, which engines refuse", member)
        else:
            if hidden in parent.children:
                message = f"{hidden!r} is added and whited out in one layer"
                self.find("fs.whiteout-after-file", message, member)
            parent.hide(hidden)
            self._recreated.append((parent, hidden))

    def _bind(self, parent: Directory, base: str, member: int, *, forward: bool) -> None:
        """Let a hard link's name mean its target's inode: of this layer, else of the lower ones."""
        target = as_text(self._index.links.get(member, b""))
        parts = clamp(split_path(target))
        own = self._parent_of(parts)
        node: Node | Stack | None = own.children.get(parts[-1]) if own else None
        if node is None and not forward:
            self._pending.append((parent, base, member))
            return
        code = "fs.hardlink-forward"
        if node is None:
            code, node = "fs.hardlink-cross-layer", self._lower.find_below(self._number, target)
            if own and parts[-1] in own.whiteouts and not self._follow:
                code, node = "fs.hardlink-to-whiteout", None
                parent.hide(base)
                self._recreated.append((parent, base))
        if not isinstance(node, int):
            code = code if code == "fs.hardlink-to-whiteout" else "fs.hardlink-broken"
            self.find(code, layeroddities.HARD_LINKS[code].format(base, target), member)
            return
        if forward:
            self.find(code, layeroddities.HARD_LINKS[code].format(base, target), member)
        old = parent.children.get(base)
        if old is not None:
            self.find("fs.duplicate-path", f"{base!r} comes twice in one directory of the layer", member)
            self._forget(old)
        parent.children[base] = node
        before = self.linked.setdefault(node, node & MEMBER_MASK)
        if not forward:  # engines set a name's owner, mode and time when they unpack it, and so the inode's
            self._find_all(layeroddities.of_link(self._index, node, before, member), member)
            self.linked[node] = member

    def _parent_of(self, parts: list[str]) -> Directory | None:
        """Return this layer's directory above a path, None where it has none."""
        head = "/".join(parts[:-1])
        return (self._parents.get(head) or self._descend(head, None, create=False)) if parts else None

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
                    self.find(
                        "fs.path-through-symlink", IMPLIED["fs.path-through-symlink"].format(part), member
                    )
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
                if is_lent and link is None and not lower:
                    self.find("fs.parent-behind-link", IMPLIED["fs.parent-behind-link"].format(part), member)
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
