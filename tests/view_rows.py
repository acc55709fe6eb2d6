"""
The catalogue of the merged view: layers on which engines, storage drivers and tools are known to differ.

``V…`` are the file-system rows of the project's catalogue of hostile inputs; the others are the rows of its comparison
of implementations, by the case. Each has what our view must show and every finding that must be there.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence

import attrs

from tests.build import Item, directory, file, hardlink, opaque, symlink, whiteout
from tests.rawtar import END, GNU, ZERO, gnu_sparse, header, long, member, pax, pax_sparse

NEW, OLD = b"new", b"old!"
DIR = "directory"
CHAR, FIFO, OTHER = "char-device", "fifo", "other"

Layers = Sequence[bytes | Sequence[Item]]


@attrs.frozen
class Row:
    """Layers, and what the view shows: path → content, ``→`` and a link's target, or the kind."""

    id: str
    layers: Layers
    view: Mapping[str, bytes | str]
    findings: frozenset[str]


def row(name: str, layers: Layers, view: Mapping[str, bytes | str], *findings: str) -> Row:
    return Row(name, layers, view, frozenset(findings))


def device(path: str, major: int, minor: int) -> Item:
    return Item(path, tarfile.CHRTYPE, device=(major, minor))


def fifo(path: str) -> Item:
    return Item(path, tarfile.FIFOTYPE)


def with_xattrs(item: Item, **attributes: str) -> Item:
    """Return the item with extended attributes; two underscores in a keyword stand for a dot."""
    names = {f"SCHILY.xattr.{name.replace('__', '.')}": value for name, value in attributes.items()}
    return attrs.evolve(item, pax={**item.pax, **names})


LOWER_D = [directory("d"), file("d/old", OLD)]
USR_LIB = [directory("usr"), directory("usr/lib"), file("usr/lib/a", OLD)]
USR_LIB_VIEW: Mapping[str, bytes | str] = {"usr": DIR, "usr/lib": DIR, "usr/lib/a": OLD}


def whiteouts() -> list[Row]:
    """Return the rows about whiteouts and opaque markers."""
    return [
        row("V01", [[file("a", OLD)], [whiteout("a"), file("a", NEW)]], {"a": NEW}),
        row("V02", [[file("a", OLD)], [file("a", NEW), whiteout("a")]], {"a": NEW}, "fs.whiteout-after-file"),
        row("V03", [LOWER_D, [directory("d"), opaque("d"), file("d/new", NEW)]], {"d": DIR, "d/new": NEW}),
        row("V04", [LOWER_D, [directory("d"), file("d/new", NEW), opaque("d")]], {"d": DIR, "d/new": NEW}),
        row("V05", [LOWER_D, [file("d/.wh.")]], {"d": DIR, "d/old": OLD}, "fs.whiteout-empty"),
        row("V06", [LOWER_D, [file("d/.wh...")]], {"d": DIR, "d/old": OLD}, "fs.whiteout-empty"),
        row("V06 one dot", [LOWER_D, [file("d/.wh..")]], {"d": DIR, "d/old": OLD}, "fs.whiteout-empty"),
        row(
            "V30",
            [LOWER_D, [whiteout("d"), directory("d"), file("d/new", NEW)]],
            {"d": DIR, "d/new": NEW},
            "fs.whiteout-and-recreate",
        ),
        row(
            "V31",
            [LOWER_D, [directory("d"), file("d/new", NEW), whiteout("d")]],
            {"d": DIR, "d/new": NEW},
            *("fs.whiteout-and-recreate", "fs.whiteout-after-file"),
        ),
        row(
            "V41",
            [
                [
                    directory(".wh..wh.plnk"),
                    file(".wh..wh.plnk/1.2", OLD),
                    file(".wh..wh.aufs"),
                    file("a", NEW),
                ]
            ],
            {".wh..wh.plnk": DIR, ".wh..wh.plnk/1.2": OLD, "a": NEW},
            *("fs.aufs-metadata", "fs.entry-under-whiteout"),
        ),
        row(
            "V42 directory",
            [[file("a", OLD), file("b", OLD)], [directory(".wh.a")]],
            {"b": OLD},
            "fs.whiteout-not-a-file",
        ),
        row(
            "V42 symlink",
            [[file("a", OLD), file("b", OLD)], [symlink(".wh.a", "b")]],
            {"b": OLD},
            "fs.whiteout-not-a-file",
        ),
        row(
            "V42 content",
            [[file("a", OLD), file("b", OLD)], [file(".wh.a", NEW)]],
            {"b": OLD},
            "fs.whiteout-not-a-file",
        ),
        row(
            "V42 child",
            [[file("a", OLD), file("b", OLD)], [file(".wh.a/child", NEW)]],
            {"a": OLD, "b": OLD, ".wh.a": DIR, ".wh.a/child": NEW},
            "fs.entry-under-whiteout",
        ),
        row(
            "whiteout, then entries without the directory",
            [LOWER_D, [whiteout("d"), file("d/new", NEW)]],
            {"d": DIR, "d/new": NEW},
            "fs.whiteout-and-recreate",
        ),
        row(
            "whiteout, then a whiteout inside",
            [LOWER_D, [whiteout("d"), whiteout("d/old")]],
            {},
            "fs.whiteout-in-whiteout",
        ),
        row(
            "opaque marker behind an implied parent's children",
            [[file("a/b/c", OLD), file("a/b/old", OLD)], [file("a/b/c", NEW), opaque("a")]],
            {"a": DIR, "a/b": DIR, "a/b/c": NEW},
            "fs.opaque-after-implied",
        ),
        row("opaque marker, directory not in the layer", [LOWER_D, [opaque("d")]], {"d": DIR}),
    ]


def links() -> list[Row]:
    """Return the rows about symbolic and hard links."""
    circle = [symlink("l", "usr/lib"), *USR_LIB]
    return [
        row(
            "V07",
            [[*USR_LIB, symlink("lib", "/usr/lib")], [file("lib/b", NEW)]],
            {**USR_LIB_VIEW, "lib": DIR, "lib/b": NEW},
            "fs.path-through-symlink",
        ),
        row(
            "V08",
            [[*USR_LIB, symlink("lib", "usr/lib")], [file("lib/b", NEW)]],
            {**USR_LIB_VIEW, "lib": DIR, "lib/b": NEW},
            "fs.path-through-symlink",
        ),
        row(
            "V09",
            [[*USR_LIB, symlink("lib", "usr/lib"), file("lib/b", NEW)]],
            {**USR_LIB_VIEW, "lib": "→usr/lib", "usr/lib/b": NEW},
        ),
        row(
            "V10",
            [[file("a", OLD), hardlink("b", "a"), file("a", NEW)]],
            {"a": NEW, "b": OLD},
            "fs.duplicate-path",
        ),
        row("V11", [[file("a", OLD)], [hardlink("b", "a")]], {"a": OLD, "b": OLD}, "fs.hardlink-cross-layer"),
        row("V12", [[hardlink("b", "a"), file("a", NEW)]], {"a": NEW, "b": NEW}, "fs.hardlink-forward"),
        row("V17", [[directory("d"), file("d/x", OLD)], [symlink("d", "e")]], {"d": "→e"}),
        row(
            "V33",
            [[directory("usr"), file("usr/x", OLD), symlink("u", "usr")], [whiteout("u/x")]],
            {"u": DIR, "usr": DIR, "usr/x": OLD},
            "fs.path-through-symlink",
        ),
        row(
            "V34",
            [[directory("c"), file("c/host", OLD), symlink("c/passwd", "../../../../c/host")]],
            {"c": DIR, "c/host": OLD, "c/passwd": "→../../../../c/host"},
        ),
        row("directory entry over a link to one", [circle, [directory("l")]], {**USR_LIB_VIEW, "l": DIR}),
        row(
            "hard link whose target an upper layer replaces",
            [[file("a", OLD), hardlink("b", "a")], [file("a", NEW)]],
            {"a": NEW, "b": OLD},
        ),
        row(
            "hard link to a symlink",
            [[file("x", NEW), symlink("a", "x"), hardlink("b", "a")]],
            {"x": NEW, "a": "→x", "b": "→x"},
        ),
    ]


def replacements() -> list[Row]:
    """Return the rows about entries in the way of others."""
    return [
        row(
            "V15",
            [[file("a", OLD), directory("a"), file("a/x", NEW)]],
            {"a": DIR, "a/x": NEW},
            "fs.duplicate-path",
        ),
        row("V16", [[directory("d"), file("d/x/y", OLD)], [file("d", NEW)]], {"d": NEW}),
        row("V23", [[file("x", OLD), file("x", NEW)]], {"x": NEW}, "fs.duplicate-path"),
        row("V32", [[file("a/b/c", NEW)]], {"a": DIR, "a/b": DIR, "a/b/c": NEW}),
        row("V44", [[file("a", OLD, 0o644)], [file("a", OLD, 0o600)]], {"a": OLD}),
        row(
            "parent is a regular file",
            [[file("a", OLD), file("a/x", NEW)]],
            {"a": DIR, "a/x": NEW},
            "fs.parent-not-a-directory",
        ),
        row(
            "parent is missing, a lower layer has it with attributes",
            [[directory("t", 0o1777), directory("p", 0o700, uid=5)], [file("t/x", NEW), file("p/x", NEW)]],
            {"t": DIR, "t/x": NEW, "p": DIR, "p/x": NEW},
            "fs.implied-directory",
        ),
    ]


def names() -> list[Row]:
    """Return the rows about names."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    return [
        row("V18", [[file("../../esc", NEW)]], {"esc": NEW}, "fs.path-escape"),
        row("V19", [[file("/abs", NEW)]], {"abs": NEW}),
        row(
            "V20",
            [[symlink(".", "/c"), file("c/x", NEW)]],
            {"c": DIR, "c/x": NEW},
            "fs.root-not-a-directory",
        ),
        row(
            "V40",
            [[file(composed, b"1"), file(decomposed, b"2"), file("Case", b"3"), file("case", b"4")]],
            {composed: b"1", decomposed: b"2", "Case": b"3", "case": b"4"},
        ),
        row(
            "names to clean",
            [[file("/x", NEW), file("./y", NEW), directory("a/"), file("a//b", NEW), directory("c//")]],
            {"x": NEW, "y": NEW, "a": DIR, "a/b": NEW, "c": DIR},
        ),
        row("root entry", [[directory("./", 0o700), file("a", NEW)]], {"a": NEW}),
        row(
            "AUFS leftovers",
            [[file("d/.wh..wh.plnk/1.2", OLD), file(".wh..wh.orph"), file(".wh..wh.aufs"), file("a", NEW)]],
            {"d": DIR, "d/.wh..wh.plnk": DIR, "d/.wh..wh.plnk/1.2": OLD, "a": NEW},
            *("fs.aufs-metadata", "fs.entry-under-whiteout"),
        ),
    ]


def attributes() -> list[Row]:
    """Return the rows about devices, extended attributes and modes."""
    opaque_d = with_xattrs(directory("d"), trusted__overlay__opaque="y")
    moved_d = with_xattrs(directory("d"), trusted__overlay__redirect="/elsewhere")
    elsewhere = [*LOWER_D, directory("elsewhere"), file("elsewhere/x", OLD)]
    return [
        row("V13", [[file("a", OLD)], [device("a", 0, 0)]], {"a": CHAR}, "fs.overlay-whiteout-device"),
        row("V14", [LOWER_D, [opaque_d]], {"d": DIR, "d/old": OLD}, "fs.overlay-xattr"),
        row(
            "V14 redirect",
            [elsewhere, [moved_d]],
            {"d": DIR, "d/old": OLD, "elsewhere": DIR, "elsewhere/x": OLD},
            "fs.overlay-xattr",
        ),
        row("V43", [member(b"a", NEW, mode=0o7777777) + END], {"a": NEW}),
        row(
            "extended attributes of libarchive",
            [[attrs.evolve(file("a", NEW), pax={"LIBARCHIVE.xattr.user.x": "eA"})]],
            {"a": NEW},
            "tar.meta-ambiguous",
        ),
    ]


def streams() -> list[Row]:
    """Return the rows about the tar stream below."""
    return [
        row("V21", [member(b"a", NEW, b"7") + END], {"a": NEW}, "tar.type-unsupported-by-runtime"),
        row("V22", [member(b"a", NEW, b"Z") + END], {"a": OTHER}, "tar.type-unsupported-by-runtime"),
        row(
            "V24",
            [pax((b"path", b"global"), kind=b"g") + member(b"orig", NEW) + END],
            {"orig": NEW},
            "tar.pax-global-override",
        ),
        row(
            "V26", [member(b"a", NEW) + END + member(b"b", NEW) + END], {"a": NEW}, "tar.data-after-eoa"
        ),
        row(
            "V27",
            [member(b"leaf", NEW, magic=GNU, prefix=b"pre") + END],
            {"pre": DIR, "pre/leaf": NEW},
            "tar.meta-ambiguous",
        ),
        row(
            "V28",
            [header(b"l", 512, b"2", link=b"target") + member(b"smuggled", b"") + END],
            {"l": "→target", "smuggled": b""},
            "tar.header-only-size",
        ),
        row(
            "V29",
            [pax_sparse(b"evil.sh", NEW, [(0, 3)], 3) + END],
            {"evil.sh": NEW},
            "tar.sparse",
        ),
        row(
            "V35",
            [long(b"x/\0") + header(b"x", 0, b"\0") + member(b"b", NEW) + END],
            {"x": DIR, "b": NEW},
            "tar.type-ambiguous",
        ),
        row("global header", [pax((b"comment", b"c"), kind=b"g") + member(b"a", NEW) + END], {"a": NEW}),
        row(
            "sparse file",
            [gnu_sparse(b"s", b"abc", [(0, 3), (60, 0)], 60) + END],
            {"s": b"abc".ljust(60, b"\0")},
            "tar.sparse",
        ),
    ]  # fmt: skip


ROWS = [*whiteouts(), *links(), *replacements(), *names(), *attributes(), *streams()]
BROKEN_STREAM = member(b"a", NEW) + ZERO + member(b"b", NEW) + END
"""V25: a stray block of zeros in the middle."""
