"""
Constructs of a layer on which engines and storage drivers differ: when they are there, and what a finding says of them.

Each was seen to differ: tests/fixtures/view/answers.json holds what Docker 20.10, containerd 1.6, Podman 4.3 and
umoci 0.4 made of it. Oddities are (code, message).
"""

from __future__ import annotations

from collections.abc import Iterator

from imagespec.nodes import MEMBER_MASK, Directory, Inode, Node, as_text, split_path
from imagespec.tar import LayerIndex, header

WHITEOUT = ".wh."  # image-spec v1.1 layer.md, "Whiteouts"
WHITEOUT_META = ".wh..wh."  # AUFS's own files, left in old images (moby pkg/archive/whiteouts.go)
OPAQUE = ".wh..wh..opq"

IMPLIED = {
    "fs.path-through-symlink": "files under {!r}, a link of a lower layer that overlay drivers replace by a directory",
    "fs.path-through-file": "files or whiteouts under {!r}, a file of a lower layer that overlay drivers replace by"
    " a directory and others do not",
    "fs.implied-directory": "{!r} is not listed in the layer; Docker and Podman give it to root with mode 0755,"
    " containerd keeps what a lower layer says",
    "fs.parent-behind-link": "{!r} is where a link leads and not in the layer; Docker refuses what lies behind",
    "fs.whiteout-of-nothing": "whiteouts in {!r}, a directory that no layer has; overlay drivers make it",
}
"""What directories that no member lists do to lower layers, by code; the name belongs into the braces."""

HARD_LINKS = {
    "fs.hardlink-forward": "{!r} is a hard link to {!r}, which comes later; engines refuse it",
    "fs.hardlink-cross-layer": "{!r} is a hard link to {!r} of a lower layer, which overlay drivers refuse",
    "fs.hardlink-to-whiteout": "{!r} is a hard link to {!r}, a whiteout, and so is one to overlay drivers",
    "fs.hardlink-broken": "{!r} is a hard link to {!r}, which is no file",
}
"""What hard links are whose target no earlier member of their layer is, by code: name, target."""

Oddity = tuple[str, str]


def of_marker(index: LayerIndex, parent: Directory, base: str, member: int) -> Iterator[Oddity]:
    """Yield what is odd about a whiteout or opaque marker before it is placed in ``parent``."""
    if base.startswith(WHITEOUT_META) and base != OPAQUE:
        return
    if index.types[member] != header.REGULAR[0] or index.sizes[member]:
        message = f"{base!r} is a whiteout and not an empty file; engines look at its name alone"
        yield "fs.whiteout-not-a-file", message
    if parent.opaque if base == OPAQUE else base[len(WHITEOUT) :] in parent.whiteouts:
        yield "fs.duplicate-path", f"{base!r} comes twice in one directory of the layer"


def of_opaque(root: Directory, parent: Directory, head: str) -> Iterator[Oddity]:
    """Yield where drivers that unpack into one directory take the opaque marker of ``parent``, at ``head``, differently."""
    if parent.opaque:
        return
    if any(isinstance(node, Directory) and node.member is None for node in parent.children.values()):
        message = f"{head!r} is marked opaque behind files whose directories are not listed; some drivers delete them"
        yield "fs.opaque-after-implied", message
    plain: Node | None = root
    for part in split_path(head):
        plain = plain.children.get(part) if isinstance(plain, Directory) else None
    if plain is not parent:
        message = f"{head!r} is marked opaque through a link, which some drivers do not follow"
        yield "fs.opaque-through-symlink", message


def of_entry_under_whiteout(name: str) -> Oddity:
    """Return what is odd about an entry below a name like a whiteout's."""
    message = f"{name!r} lies in a directory named like a whiteout; overlay drivers show it, others need not"
    return "fs.entry-under-whiteout", message


def of_loop(name: str) -> Oddity:
    """Return what is odd about an entry whose parent cannot be found."""
    return "fs.symlink-loop", f"{name!r} lies behind links that go in a circle; engines refuse it"


def of_whited_out(directory: Directory, name: str) -> Oddity:
    """Return what is odd about a directory that its layer whites out, too."""
    if directory.holds_entries():
        message = f"{name!r} is whited out and made anew in one layer; overlay drivers keep its old files"
        return "fs.whiteout-and-recreate", message
    return (
        "fs.whiteout-in-whiteout",
        f"whiteouts below {name!r}, which the layer whites out; some engines refuse it",
    )


def of_link(index: LayerIndex, inode: Inode, before: int, member: int) -> Iterator[Oddity]:
    """Yield whether a hard link's member has another owner or mode than ``before``, the last member of its inode."""
    old = index.uids[before], index.gids[before], index.modes[before]
    new = index.uids[member], index.gids[member], index.modes[member]
    if index.types[inode & MEMBER_MASK] == header.SYMLINK[0]:
        old, new = (*old[:2], 0), (*new[:2], 0)
    if old != new:
        name = as_text(index.name(member))
        message = f"{name!r} is a hard link with another owner or mode than its file's; the last name counts"
        yield "fs.hardlink-attributes", message


def of_attributes(index: LayerIndex) -> Iterator[tuple[int, Oddity]]:
    """Yield (member, oddity) of the extended attributes that steer overlay drivers."""
    for member, attributes in index.xattrs.items():
        if any(key.startswith(("trusted.overlay.", "user.overlay.")) for key in attributes):
            name = as_text(index.name(member))
            message = f"{name!r} has an extended attribute that steers overlay drivers"
            yield member, ("fs.overlay-xattr", message)
