"""The merged view, case by case: what a container would see, and the finding where storage drivers differ."""

from __future__ import annotations

import tarfile

import attrs
import pytest

from imagespec.entry import EntryKind
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from tests.build import (
    Item,
    directory,
    file,
    hardlink,
    layer,
    opaque,
    program,
    rootfs,
    scan,
    symlink,
    whiteout,
)

NEW, OLD = b"new", b"old!"


def device(path: str, major: int, minor: int) -> Item:
    return Item(path, tarfile.CHRTYPE, device=(major, minor))


def tree(view: RootFs) -> dict[str, object]:
    """Return path → content, link target, or kind."""
    shown: dict[str, object] = {}
    for entry in view.walk():
        if entry.kind is EntryKind.FILE:
            shown[entry.path] = view.content(entry)
        elif entry.kind is EntryKind.SYMLINK:
            shown[entry.path] = "→" + entry.link_target
        else:
            shown[entry.path] = entry.kind.value
    return shown


DIR = "directory"
Layers = list[list[Item]]

CASES: dict[str, tuple[Layers, dict[str, object], set[str]]] = {
    "plain": ([[file("a", OLD)]], {"a": OLD}, set()),
    "upper file replaces lower": ([[file("a", OLD)], [file("a", NEW)]], {"a": NEW}, set()),
    "directories merge": (
        [[directory("d"), file("d/a", OLD)], [directory("d"), file("d/b", NEW)]],
        {"d": DIR, "d/a": OLD, "d/b": NEW},
        set(),
    ),
    "file replaces directory and all in it": ([[file("d/x/y", OLD)], [file("d", NEW)]], {"d": NEW}, set()),
    "directory replaces file": (
        [[file("d", OLD)], [directory("d"), file("d/x", NEW)]],
        {"d": DIR, "d/x": NEW},
        set(),
    ),
    "symlink replaces directory": ([[file("d/x", OLD)], [symlink("d", "e")]], {"d": "→e"}, set()),
    "whiteout": ([[file("a", OLD), file("b", OLD)], [whiteout("a")]], {"b": OLD}, set()),
    "whiteout of a directory": ([[file("d/a", OLD), file("b", OLD)], [whiteout("d")]], {"b": OLD}, set()),
    "whiteout of nothing that is there": ([[file("a", OLD)], [whiteout("b")]], {"a": OLD}, set()),
    "whiteout before a new file of its layer": (
        [[file("a", OLD)], [whiteout("a"), file("a", NEW)]],
        {"a": NEW},
        set(),
    ),
    "whiteout behind a new file of its layer": (
        [[file("a", OLD)], [file("a", NEW), whiteout("a")]],
        {"a": NEW},
        {"fs.whiteout-after-file"},
    ),
    "whiteout and re-created directory": (
        [[file("d/old", OLD)], [whiteout("d"), directory("d"), file("d/new", NEW)]],
        {"d": DIR, "d/new": NEW},
        {"fs.whiteout-and-recreate"},
    ),
    "opaque first": (
        [[file("d/old", OLD)], [opaque("d"), file("d/new", NEW)]],
        {"d": DIR, "d/new": NEW},
        set(),
    ),
    "opaque last": (
        [[file("d/old", OLD)], [file("d/new", NEW), opaque("d")]],
        {"d": DIR, "d/new": NEW},
        set(),
    ),
    "opaque hides deep and not beside": (
        [[file("d/e/f", OLD), file("g", OLD)], [opaque("d")]],
        {"d": DIR, "g": OLD},
        set(),
    ),
    "opaque in a directory that nobody listed": (
        [[file("d/old", OLD)], [opaque("d/e")]],
        {"d": DIR, "d/e": DIR, "d/old": OLD},
        {"fs.whiteout-of-nothing"},
    ),
    "the name behind the prefix is the name": (
        [[file(".wh.a.wh.b", b"")], [file("x", NEW)]],
        {"x": NEW},
        set(),
    ),
    "bare whiteout": ([[file("d/a", OLD)], [file("d/.wh.")]], {"d": DIR, "d/a": OLD}, {"fs.whiteout-empty"}),
    "whiteout of dot dot": (
        [[file("d/a", OLD)], [file("d/.wh...")]],
        {"d": DIR, "d/a": OLD},
        {"fs.whiteout-empty"},
    ),
    "AUFS leftovers": (
        [[file(".wh..wh.plnk/1.2", OLD), file("a", NEW)]],
        {".wh..wh.plnk": DIR, ".wh..wh.plnk/1.2": OLD, "a": NEW},
        {"fs.entry-under-whiteout"},
    ),
    "AUFS marker": ([[file(".wh..wh.aufs", OLD), file("a", NEW)]], {"a": NEW}, {"fs.aufs-metadata"}),
    "hard link": ([[file("a", NEW), hardlink("b", "a")]], {"a": NEW, "b": NEW}, set()),
    "hard link with an absolute target": (
        [[file("d/a", NEW), hardlink("b", "/d/a")]],
        {"d": DIR, "d/a": NEW, "b": NEW},
        set(),
    ),
    "hard link to a symlink": ([[symlink("a", "x"), hardlink("b", "a")]], {"a": "→x", "b": "→x"}, set()),
    "hard link keeps its content when the other name is replaced": (
        [[file("a", OLD), hardlink("b", "a")], [file("a", NEW)]],
        {"a": NEW, "b": OLD},
        set(),
    ),
    "hard link keeps its content when the other name is deleted": (
        [[file("a", OLD), hardlink("b", "a")], [whiteout("a")]],
        {"b": OLD},
        set(),
    ),
    "hard link before its target": (
        [[hardlink("b", "a"), file("a", NEW)]],
        {"a": NEW, "b": NEW},
        {"fs.hardlink-forward"},
    ),
    "hard link into a lower layer": (
        [[file("a", OLD)], [hardlink("b", "a")]],
        {"a": OLD, "b": OLD},
        {"fs.hardlink-cross-layer"},
    ),
    "hard link to nothing": ([[hardlink("b", "a"), file("c", NEW)]], {"c": NEW}, {"fs.hardlink-broken"}),
    "hard link to itself": ([[hardlink("b", "b")]], {}, {"fs.hardlink-broken"}),
    "hard links in a circle": ([[hardlink("a", "b"), hardlink("b", "a")]], {}, {"fs.hardlink-broken"}),
    "hard link to a directory": ([[directory("d"), hardlink("b", "d")]], {"d": DIR}, {"fs.hardlink-broken"}),
    "hard link that climbs": (
        [[file("etc/shadow", OLD), hardlink("b", "../../etc/shadow")]],
        {"etc": DIR, "etc/shadow": OLD, "b": OLD},
        set(),
    ),
    "last of two files of a name": ([[file("a", OLD), file("a", NEW)]], {"a": NEW}, {"fs.duplicate-path"}),
    "duplicate after a hard link": (
        [[file("a", OLD), hardlink("b", "a"), file("a", NEW)]],
        {"a": NEW, "b": OLD},
        {"fs.duplicate-path"},
    ),
    "file then directory of a name": (
        [[file("a", OLD), directory("a"), file("a/x", NEW)]],
        {"a": DIR, "a/x": NEW},
        {"fs.duplicate-path"},
    ),
    "directory then symlink of a name": (
        [[file("a/x", OLD), symlink("a", "b")]],
        {"a": "→b"},
        set(),
    ),
    "entries under a file": (
        [[file("a", OLD), file("a/x", NEW)]],
        {"a": DIR, "a/x": NEW},
        {"fs.parent-not-a-directory"},
    ),
    "parent is a symlink of the same layer": (
        [[directory("usr/lib"), symlink("lib", "usr/lib"), file("lib/b", NEW)]],
        {"lib": "→usr/lib", "usr": DIR, "usr/lib": DIR, "usr/lib/b": NEW},
        set(),
    ),
    "parent is an absolute symlink of the same layer": (
        [[symlink("lib", "/../usr/lib"), file("lib/b", NEW)]],
        {"lib": "→/../usr/lib", "usr": DIR, "usr/lib": DIR, "usr/lib/b": NEW},
        {"fs.parent-behind-link"},
    ),
    "parent is a symlink of a lower layer": (
        [[file("usr/lib/a", OLD), symlink("lib", "usr/lib")], [file("lib/b", NEW)]],
        {"lib": DIR, "lib/b": NEW, "usr": DIR, "usr/lib": DIR, "usr/lib/a": OLD},
        {"fs.path-through-symlink"},
    ),
    "directory entry over a symlink of a lower layer": (
        [[file("usr/lib/a", OLD), symlink("lib", "usr/lib")], [directory("lib"), file("lib/b", NEW)]],
        {"lib": DIR, "lib/b": NEW, "usr": DIR, "usr/lib": DIR, "usr/lib/a": OLD},
        set(),
    ),
    "whiteout through a symlink of a lower layer": (
        [[file("usr/x", OLD), symlink("u", "usr")], [whiteout("u/x")]],
        {"u": DIR, "usr": DIR, "usr/x": OLD},
        {"fs.path-through-symlink"},
    ),
    "symlinks in a circle on the way": (
        [[symlink("a", "b"), symlink("b", "a"), file("a/x", NEW), file("c", NEW)]],
        {"a": "→b", "b": "→a", "c": NEW},
        {"fs.symlink-loop"},
    ),
    "names are cleaned": (
        [[file("./a//b/./c", NEW), file("/d", NEW)]],
        {"a": DIR, "a/b": DIR, "a/b/c": NEW, "d": NEW},
        set(),
    ),
    "names that climb stop at the root": (
        [[file("../../etc/x", NEW)]],
        {"etc": DIR, "etc/x": NEW},
        {"fs.path-escape"},
    ),
    "names that climb inside": ([[file("a/../b", NEW)]], {"b": NEW}, {"fs.path-escape"}),
    "root entry": ([[directory("./", 0o700), file("a", NEW)]], {"a": NEW}, set()),
    "root entry that is a link": (
        [[symlink(".", "/etc"), file("etc/x", NEW)]],
        {"etc": DIR, "etc/x": NEW},
        {"fs.root-not-a-directory"},
    ),
    "overlay whiteout device": (
        [[file("a", OLD)], [device("a", 0, 0)]],
        {"a": "char-device"},
        {"fs.overlay-whiteout-device"},
    ),
    "ordinary device": ([[device("null", 1, 3)]], {"null": "char-device"}, set()),
    "overlay xattr": (
        [[Item("d", tarfile.DIRTYPE, mode=0o755, pax={"SCHILY.xattr.trusted.overlay.opaque": "y"})]],
        {"d": DIR},
        {"fs.overlay-xattr"},
    ),
    "names that are no UTF-8": ([[file("caf\udce9", NEW)]], {"caf\udce9": NEW}, set()),
}


@pytest.mark.parametrize("name", CASES)
def test_merging(name: str) -> None:
    layers, wanted, codes = CASES[name]
    view = rootfs(*layers)
    assert tree(view) == wanted
    assert {finding.code for _, finding in view.findings} == codes


def test_attributes_come_from_the_last_layer_that_lists_a_directory() -> None:
    view = rootfs([directory("d", 0o700, uid=5), file("d/a")], [file("d/b")], [directory("e")])
    entry = view.lookup("d")
    assert entry
    assert (entry.mode, entry.uid, entry.layer) == (0o700, 5, 0)
    changed = rootfs([directory("d", 0o700), file("d/a")], [directory("d", 0o755)]).lookup("d")
    assert changed
    assert (changed.mode, changed.layer) == (0o755, 1)


def test_a_directory_that_no_layer_lists_belongs_to_root() -> None:
    entry = rootfs([file("a/b", uid=7)]).lookup("a")
    assert entry
    assert (entry.mode, entry.uid, entry.gid, entry.layer) == (0o755, 0, 0, 0)


def test_mode_bits() -> None:
    entry = rootfs([file("su", b"x", 0o4755)]).lookup("su")
    assert entry
    assert entry.is_setid
    assert entry.is_executable
    assert entry.mode == 0o4755


LINKS = [
    file("etc/hostname", NEW),
    symlink("etc/passwd", "../../../../etc/hostname"),
    symlink("abs", "/etc/hostname"),
    symlink("dangling", "nowhere"),
    symlink("loop", "loop"),
    symlink("etc-link", "etc"),
    symlink("empty", ""),
    program("usr/bin/python3.11"),
    symlink("usr/bin/python3", "python3.11"),
    symlink("bin", "usr/bin"),
    symlink("usr/bin/java", "/etc/alternatives/java"),
]


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("etc/passwd", "etc/hostname"),
        ("abs", "etc/hostname"),
        ("/abs", "etc/hostname"),
        ("etc-link/passwd", "etc/hostname"),
        ("etc-link/../abs", "etc/hostname"),
        ("../../abs", "etc/hostname"),
        ("bin/python3", "usr/bin/python3.11"),
        ("etc/./hostname", "etc/hostname"),
        ("dangling", None),
        ("loop", None),
        ("empty", None),
        ("etc/hostname/x", None),
        ("usr/bin/java", None),
        ("", ""),
        ("/", ""),
    ],
)
def test_resolving(path: str, real: str | None) -> None:
    entry = rootfs(LINKS).resolve(path)
    assert (entry.path if entry else None) == real


@pytest.mark.parametrize(("hops", "found"), [(40, True), (41, False)])
def test_links_are_followed_as_often_as_the_kernel_does(hops: int, found: bool) -> None:
    chain = [file("0", NEW), *(symlink(str(number), str(number - 1)) for number in range(1, hops + 1))]
    assert bool(rootfs(chain).resolve(str(hops))) is found


def test_exponential_links_end_at_once() -> None:
    links = [
        directory("l0"),
        *(symlink(f"l{number}", f"l{number - 1}/l{number - 1}") for number in range(1, 64)),
    ]
    assert rootfs(links).resolve("l63") is None


def test_listing() -> None:
    view = rootfs(LINKS)
    assert [entry.path for entry in view.list("etc-link")] == ["etc/hostname", "etc/passwd"]
    assert view.list("etc/hostname") == []
    assert view.list("nowhere") == []
    assert [entry.path for entry in view.walk("bin")] == [
        "usr/bin/java",
        "usr/bin/python3",
        "usr/bin/python3.11",
    ]


def test_sizes() -> None:
    """Docker counts what later layers hide; hard links once; links by their targets; whiteouts not at all."""
    view = rootfs(
        [file("a", b"1234"), hardlink("b", "a"), symlink("c", "12345"), directory("d")],
        [file("a", b"12"), whiteout("c")],
    )
    assert [usage.apparent_bytes for usage in view.usage if usage] == [9, 2]
    assert view.merged_bytes() == 6


def test_a_layer_that_could_not_be_read_is_told() -> None:
    view = RootFs([scan(layer(file("a", OLD))), None])
    assert not view.complete
    assert tree(view) == {"a": OLD}
    assert view.usage[1] is None


def test_findings_are_bounded() -> None:
    raw = layer(*(file(f".wh..wh.{number}") for number in range(50)))
    view = RootFs([scan(raw)], attrs.evolve(Limits(), findings=10))
    assert len(view.findings) == 11
    assert view.findings[-1][1].message == "40 more findings than are kept"


@pytest.mark.parametrize("depth", [20_000])
def test_deep_trees_need_no_recursion(depth: int) -> None:
    view = rootfs([file("d/" * depth + "x", NEW)])
    assert sum(1 for _ in view.walk()) == depth + 1
    assert view.merged_bytes() == len(NEW)


def test_content_is_what_was_kept() -> None:
    raw = layer(file("a", b"0123456789"), file("b", b"xyz"), file("e"))
    view = RootFs([scan(raw, lambda name, _size, _mode: 4 if name == b"a" else 0)])
    a, b, e = (view.lookup(name) for name in "abe")
    assert a
    assert b
    assert e
    assert (view.content(a), view.content(b), view.content(e)) == (b"0123", None, b"")
