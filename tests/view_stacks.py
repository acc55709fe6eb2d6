"""
The hand-made images that real engines were given (fixtures/make_view_fixtures.py) and that our view is held against.

To the rows of `view_rows` and `test_rootfs` come stacks that need no row, because the engines' own answers say what
is right. Every member has a time of its own, so that an answer shows which member it took.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence

import attrs

from tests.build import (
    Item,
    config,
    directory,
    docker_archive,
    file,
    hardlink,
    layer,
    oci_members,
    opaque,
    symlink,
    whiteout,
)
from tests.rawtar import END, gnu_sparse, header, long, member, pax, pax_sparse, record
from tests.test_rootfs import CASES
from tests.view_rows import NEW, OLD, ROWS, device, fifo, with_xattrs

Layers = Sequence[bytes | Sequence[Item]]

NAME = "view"
_START = 1_500_000_000
_CAPABILITY = "\x01\0\0\2\0\x20" + "\0" * 14  # cap_net_raw=ep, struct vfs_ns_cap_data of revision 2
_BASE = [directory("d", 0o750, uid=3, gid=4), file("d/old", OLD), directory("d/e"), file("d/e/f", OLD)]
_USR = [directory("usr"), directory("usr/lib"), file("usr/lib/a", OLD)]


def _kinds(path: str) -> dict[str, list[Item]]:
    """Return every kind of entry under one path."""
    return {
        "file": [file(path, NEW)],
        "dir": [directory(path), file(f"{path}/in", NEW)],
        "link": [symlink(path, "target")],
        "dirlink": [symlink(path, "usr/lib")],
        "fifo": [fifo(path)],
        "device": [device(path, 1, 3)],
        "hard": [hardlink(path, "usr/lib/a")],
    }


def _replacing() -> dict[str, Layers]:
    """Return each kind over each other kind: by a later layer, and by a later member."""
    pairs = [(old, new) for old in _kinds("") for new in _kinds("")]
    path = "{}-to-{}".format
    lower = [*_USR, *(item for old, new in pairs for item in _kinds(path(old, new))[old])]
    upper = [*_USR, *(item for old, new in pairs for item in _kinds(path(old, new))[new])]
    stacks: dict[str, Layers] = {"each kind over each": [lower, upper]}
    for old, new in pairs:
        target = _USR if {old, new} & {"dirlink", "hard"} else []
        stacks[f"twice in a layer: {old}, {new}"] = [[*target, *_kinds("x")[old], *_kinds("x")[new]]]
    return stacks


def _whiteouts() -> dict[str, Layers]:
    siblings = [file("a", OLD), file("ab", OLD), file("b", OLD), directory("a.d"), file("a.d/x", OLD)]
    return {
        "whiteouts between siblings": [siblings, [file("0", NEW), whiteout("a"), file("ab", NEW)]],
        "whiteout of a directory with a longer sibling": [
            [directory("d"), file("d/x", OLD), directory("d2"), file("d2/x", OLD)],
            [whiteout("d")],
        ],
        "whiteout of a symlink": [[*_USR, symlink("l", "usr")], [whiteout("l")]],
        "whiteout of what a link leads to": [[*_USR, symlink("l", "usr")], [directory("usr"), whiteout("usr/lib")]],
        "whiteout in an implied directory": [_BASE, [whiteout("d/old")]],
        "whiteout in a directory that is nowhere": [_BASE, [whiteout("n/x")]],
        "whiteout under a file": [[file("a", OLD)], [whiteout("a/x")]],
        "whiteout in the base layer": [[file("a", OLD), whiteout("a"), whiteout("b")], [file("c", NEW)]],
        "deleted and made again two layers later": [_BASE, [whiteout("d")], [directory("d"), file("d/new", NEW)]],
        "deleted twice": [_BASE, [whiteout("d")], [whiteout("d")]],
        "whiteout and a file of its name deeper": [_BASE, [directory("d"), whiteout("d/e"), file("d/e", NEW)]],
        "whiteout of a directory and an opaque marker in it": [_BASE, [whiteout("d"), opaque("d"), file("d/n", NEW)]],
        "whiteout of a directory, then a file below it": [_BASE, [whiteout("d"), file("d/e/n", NEW)]],
        "whiteout of a directory, then the same tree": [_BASE, [whiteout("d"), *_BASE]],
        "whiteout of a directory, then a link": [_BASE, [whiteout("d"), symlink("d", "x")]],
        "whiteout of a file, then a directory": [[file("a", OLD)], [whiteout("a"), directory("a"), file("a/x", NEW)]],
        "whiteout of a whited-out directory's child": [_BASE, [whiteout("d/e"), whiteout("d/e/f")]],
        "whiteout twice in a layer": [_BASE, [whiteout("d"), whiteout("d")]],
        "whiteout with an absolute name": [_BASE, [whiteout("/d/old")]],
        "whiteout that climbs": [_BASE, [file("d/../.wh.d")]],
        "names that look like whiteouts": [[file(".wha", OLD), file("x.wh.y", OLD), file(".whx/y", OLD)], [file("z")]],
    }  # fmt: skip


def _opaque() -> dict[str, Layers]:
    return {
        "opaque root": [_BASE, [file(".wh..wh..opq"), file("a", NEW)]],
        "opaque base layer": [[directory("d"), opaque("d"), file("d/x", NEW)]],
        "opaque twice in a layer": [_BASE, [directory("d"), opaque("d"), opaque("d")]],
        "opaque in two layers": [
            _BASE,
            [directory("d"), opaque("d"), file("d/1", OLD)],
            [directory("d"), file("d/2", NEW), opaque("d")],
        ],
        "opaque, then more in the next layer": [_BASE, [opaque("d")], [file("d/n", NEW)]],
        "opaque inside an opaque": [_BASE, [opaque("d"), opaque("d/e"), file("d/e/n", NEW)]],
        "opaque below, new above": [_BASE, [directory("d"), file("d/n", NEW), directory("d/e"), opaque("d/e")]],
        "opaque where a file was": [[file("d", OLD)], [directory("d"), opaque("d"), file("d/x", NEW)]],
        "opaque where a file was, implied": [[file("d", OLD)], [opaque("d")]],
        "opaque where a link was": [[*_USR, symlink("d", "usr")], [directory("d"), opaque("d"), file("d/x", NEW)]],
        "opaque through a link of the layer": [
            [*_USR, *_BASE],
            [directory("usr"), symlink("l", "usr"), opaque("l"), file("usr/n", NEW)],
        ],
        "opaque through a link of a lower layer": [[*_USR, symlink("l", "usr")], [opaque("l")]],
        "opaque and a whiteout of the same directory's child": [_BASE, [opaque("d"), whiteout("d/old"), file("d/n", NEW)]],
        "opaque directory that is listed last": [_BASE, [file("d/n", NEW), opaque("d"), directory("d", 0o700)]],
        "opaque directory whose attributes were not told": [_BASE, [opaque("d"), file("d/n", NEW)]],
        "opaque and deleted by the next": [_BASE, [opaque("d"), file("d/n", NEW)], [whiteout("d")]],
        "opaque deletes a hard link's other name": [
            [directory("d"), file("d/a", OLD), hardlink("b", "d/a")],
            [directory("d"), opaque("d")],
        ],
    }  # fmt: skip


def _hard_links() -> dict[str, Layers]:
    three = [file("a", OLD), hardlink("b", "a"), hardlink("c", "b")]
    own = hardlink("b", "a", mode=0o600, uid=7, gid=8)
    return {
        "three names": [three],
        "three names, one replaced": [three, [file("a", NEW)]],
        "three names, one deleted": [three, [whiteout("a")]],
        "three names, one changed in mode": [three, [file("a", OLD, 0o600)]],
        "three names, all made again": [three, [file("a", NEW), hardlink("b", "a"), hardlink("c", "a")]],
        "three names, two made again": [three, [file("b", NEW), hardlink("c", "b")]],
        "hard link with attributes of its own": [[file("a", OLD), own]],
        "hard link to a symlink with attributes of its own": [
            [file("x", OLD), symlink("a", "x"), attrs.evolve(own, mode=0o777)]
        ],
        "hard link to a fifo and to a device": [
            [fifo("p"), hardlink("q", "p"), device("n", 1, 3), hardlink("m", "n")]
        ],
        "hard link through a link of the layer": [[*_USR, symlink("lib", "usr/lib"), hardlink("h", "lib/a")]],
        "hard link placed through a link of the layer": [[*_USR, symlink("lib", "usr/lib"), hardlink("lib/h", "usr/lib/a")]],
        "hard link through a link of a lower layer": [[*_USR, symlink("lib", "usr/lib")], [file("usr/lib/b", NEW), hardlink("h", "lib/b")]],
        "hard link over a lower directory": [_BASE, [file("a", NEW), hardlink("d", "a")]],
        "hard link over a lower symlink": [[symlink("l", "x")], [file("a", NEW), hardlink("l", "a")]],
        "hard link over a directory of its layer, and more below it": [
            [file("a", OLD), directory("d"), file("d/x", OLD), hardlink("d", "a"), file("d/y", NEW)]
        ],
        "hard link in an implied directory": [[file("a", NEW), hardlink("n/m/b", "a")]],
        "hard link to a file that its layer whites out": [[file("a", OLD)], [whiteout("a"), hardlink("b", "a")]],
        "hard link to a file that an opaque marker hides": [_BASE, [opaque("d"), hardlink("b", "d/old")]],
        "hard link to a lower file, that is made again behind it": [[file("a", OLD)], [hardlink("b", "a"), file("a", NEW)]],
        "hard link to its own name in a lower layer": [[file("a", OLD)], [hardlink("a", "a")]],
        "hard link with a target to clean": [[directory("x"), file("x/a", OLD), hardlink("b", "./x/../x//a")]],
        "hard link to an empty name": [[file("a", OLD), hardlink("b", "")]],
        "hard link with a body": [
            member(b"a", OLD) + pax((b"size", b"3")) + header(b"b", 3, b"1", link=b"a") + NEW.ljust(512, b"\0") + END
        ],
        "hard links across directories": [
            [*_BASE, hardlink("d/e/g", "d/old"), hardlink("h", "d/e/g")],
            [directory("d", 0o700), whiteout("d/old")],
        ],
    }  # fmt: skip


def _parents() -> dict[str, Layers]:
    return {
        "implied parents take the lower attributes": [_BASE, [file("d/e/n", NEW)]],
        "implied parents of nothing below": [[file("n/m/x", NEW, 0o600, uid=5, gid=6)]],
        "implied parent, then listed": [[file("n/x", NEW), directory("n", 0o700, uid=5)]],
        "implied parent over a file": [[file("n", OLD)], [file("n/x", NEW)]],
        "directory without permissions": [[directory("n", 0), file("n/x", NEW)]],
        "directory listed twice": [[directory("n", 0o700), file("n/x", NEW), directory("n", 0o711)]],
        "link to nowhere as a parent": [[symlink("lib", "no/where"), file("lib/b", NEW)]],
        "link that climbs as a parent": [[*_USR, symlink("usr/l", "../../../usr/lib"), file("usr/l/b", NEW)]],
        "links to links as parents": [
            [*_USR, symlink("1", "usr"), symlink("2", "1/lib"), symlink("3", "/2/."), file("3/b", NEW)]
        ],
        "link of the layer to a directory of a lower one": [_USR, [symlink("lib", "usr/lib"), file("lib/b", NEW)]],
        "link as a parent, then a directory": [[*_USR, symlink("l", "usr"), file("l/x", OLD), directory("l"), file("l/y", NEW)]],
        "whiteout through a link of the layer": [_USR, [directory("usr"), symlink("l", "usr"), whiteout("l/lib")]],
        "link of a lower layer on the way": [
            [directory("a"), *_USR, symlink("a/b", "/usr")],
            [file("a/b/lib/n", NEW)],
        ],
        "link of a lower layer, to nowhere": [[symlink("l", "no/where")], [file("l/x", NEW)]],
        "link to a file as a parent": [[file("a", OLD), symlink("l", "a"), file("l/x", NEW)]],
        "replaced twice": [_BASE, [file("d", OLD)], [directory("d"), file("d/x", NEW)]],
        "each layer another kind": [_BASE, [symlink("d", "x")], [directory("d", 0o711)], [file("d", NEW)]],
    }  # fmt: skip


def _attributes() -> dict[str, Layers]:
    user = with_xattrs(file("u", OLD), user__one="1", user__two="2")
    return {
        "modes": [
            [
                *(file(f"f{mode:o}", NEW, mode) for mode in (0, 0o4755, 0o2755, 0o1644, 0o7777, 0o6000)),
                *(directory(f"d{mode:o}", mode) for mode in (0, 0o1777, 0o2755, 0o4755, 0o7777)),
            ]
        ],
        "modes change": [_BASE, [directory("d", 0o2711, uid=1, gid=2), file("d/old", OLD, 0o4711, uid=1, gid=2)]],
        "only the owner changes": [[file("a", OLD, 0o4755)], [file("a", OLD, 0o4755, uid=9, gid=9)]],
        "large numbers for owners": [[file("a", uid=65534, gid=65534), file("b", uid=3_000_000, gid=4_000_000)]],
        "times": [
            pax((b"mtime", b"1500000000.75")) + member(b"half", NEW)
            + pax((b"mtime", b"-1.5")) + member(b"before", NEW)
            + member(b"zero", NEW, mtime=0) + member(b"n/implied", NEW) + member(b"d/", b"", b"5", mode=0o755) + END
        ],
        "capability": [[with_xattrs(file("p", NEW, 0o755), security__capability=_CAPABILITY)]],
        "capability taken away": [
            [with_xattrs(file("p", NEW, 0o755), security__capability=_CAPABILITY)],
            [file("p", NEW, 0o755)],
        ],
        "extended attributes": [[user, with_xattrs(directory("d"), user__one="1")]],
        "extended attributes taken away": [[user, with_xattrs(directory("d"), user__one="1")], [file("u"), directory("d")]],
        "extended attributes and an implied directory": [[with_xattrs(directory("d"), user__one="1")], [file("d/x")]],
        "user.overlay attributes": [_BASE, [with_xattrs(directory("d"), user__overlay__opaque="y")]],
        "overlay whiteout attribute": [_BASE, [with_xattrs(file("d/old"), trusted__overlay__whiteout="y")]],
        "device 0:0 in the base": [[device("a", 0, 0), file("b", NEW)]],
        "device 0:0 over a directory": [_BASE, [device("d", 0, 0)]],
        "device 0:0 for another in its layer": [[file("a", OLD)], [device("a", 0, 0), hardlink("b", "a")]],
        "block device 0:0": [[file("a", OLD)], [Item("a", tarfile.BLKTYPE, device=(0, 0))]],
        "devices": [[device("n", 1, 3), device("big", 259, 1_000_000), Item("b", tarfile.BLKTYPE, device=(8, 1)), fifo("p")]],
    }  # fmt: skip


def _names() -> dict[str, Layers]:
    deep = "/".join(["directory-with-a-name"] * 12)
    odd = (
        "new\nline",
        "tab\t",
        "back\\slash",
        " leading",
        "trailing ",
        "quo\"te'",
        "a:b",
        "*",
        "..x",
        "...",
        "\u6570\u636e",
    )
    raw_name = b"caf\xe9"
    return {
        "odd names": [[file(f"n/{name}", name) for name in odd]],
        "long names": [
            [file("x" * 255, NEW), file(f"{deep}/file", NEW), symlink("long-link", f"{deep}/file"), hardlink("h", f"{deep}/file")],
            [whiteout(f"{deep}/file"), file("y" * 101, OLD)],
        ],
        "long names of GNU tar": [
            long(b"n/" + b"g" * 200 + b"\0") + member(b"short", NEW) + long(b"t" * 150 + b"\0", b"K") + header(b"l", 0, b"2", link=b"t") + END
        ],
        "names that are no UTF-8": [
            member(raw_name, OLD) + header(b"l\xff", 0, b"2", link=raw_name) + header(b"h\xfe", 0, b"1", link=raw_name) + END,
            member(b".wh.l\xff", b"") + END,
        ],
        "names that are no UTF-8, in PAX": [pax((b"path", raw_name)) + member(b"x", NEW) + END],
        "names in PAX": [
            pax(body=record(b"path", b"real/name") + record(b"size", b"3")) + member(b"x", NEW)
            + pax((b"linkpath", b"real/name")) + header(b"l", 0, b"2", link=b"y") + END
        ],
        "names to clean, everywhere": [
            [directory("./"), directory("a/"), file("./a/./b", NEW), file("//c", NEW), directory("d//e/")],
            [whiteout("./a/b"), opaque("/d")],
        ],
        "names that climb inside": [[directory("a"), directory("a/b"), file("a/b/../c", NEW), file("/../e", NEW)]],
        "names that climb through a link": [[*_USR, symlink("l", "usr/lib"), file("l/../x", NEW)]],
        "a regular file with a slash behind its name": [member(b"a/", b"", b"0") + member(b"b/", b"", b"\0") + END],
        "root with attributes": [[directory("./", 0o700, uid=5, gid=6), file("a", NEW)], [file("b", NEW)]],
        "AUFS hard links": [
            [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", OLD), hardlink("a", ".wh..wh.plnk/1.2")]
        ],
        "AUFS directories": [[directory(".wh..wh.orph"), directory(".wh..wh.aufs"), directory("d"), file("d/.wh..wh.x", OLD)]],
    }  # fmt: skip


def _contents() -> dict[str, Layers]:
    big = bytes(range(256)) * 300
    return {
        "larger files": [[file("a", big), file("b", big[::-1]), file("c", b"")], [file("b", big[:70_001])]],
        "sparse files": [
            gnu_sparse(b"s", b"abc", [(0, 3), (60, 0)], 60) + pax_sparse(b"p", b"xyz", [(5, 3)], 20) + member(b"e", OLD) + END
        ],
        "empty layers": [END, [file("a", NEW)], END],
        "nothing": [END],
        "old regular files": [member(b"a", NEW, b"\0") + END],
    }  # fmt: skip


def _stamped(layers: Layers) -> tuple[bytes, ...]:
    """Return the layers as tar, with another time for every member that is not raw."""
    clock: Iterator[int] = iter(range(_START, _START + 10_000_000, 1000))
    return tuple(
        part if isinstance(part, bytes) else layer(*(attrs.evolve(item, mtime=next(clock)) for item in part))
        for part in layers
    )


def stacks() -> dict[str, tuple[bytes, ...]]:
    """Return every hand-made stack of layers by its name."""
    plain: dict[str, Layers] = {row.id: row.layers for row in ROWS}
    plain |= {name: layers for name, (layers, _, _) in CASES.items()}
    for more in (_replacing, _whiteouts, _opaque, _hard_links, _parents, _attributes, _names, _contents):
        plain |= more()
    return {name: _stamped(layers) for name, layers in plain.items()}


def archive(layers: Sequence[bytes]) -> bytes:
    """Return the image as docker-archive; it has a command, without which no engine makes a container."""
    return docker_archive(layers, config(layers, {"Cmd": ["/x"]}), [f"{NAME}:1"])


def layout(layers: Sequence[bytes]) -> Mapping[str, bytes]:
    """Return the files of the same image as OCI layout."""
    return oci_members(layers, config(layers, {"Cmd": ["/x"]}), "gzip", "1")
