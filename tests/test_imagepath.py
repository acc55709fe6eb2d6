"""Paths of an image, used like pathlib's."""

from __future__ import annotations

import pytest

from imagespec.errors import PathError
from imagespec.imagepath import ImagePath
from imagespec.layer import Layer
from imagespec.rootdiff import diff_views
from imagespec.rootfs import RootFs
from tests.build import directory, file, hardlink, layer, program, rootfs, scan, symlink, whiteout

ITEMS = [
    file("etc/os-release.d/x.conf", b"x"),
    file("etc/.hidden", b""),
    symlink("etc/link", "os-release.d"),
    symlink("etc/dangling", "nowhere"),
    symlink("loop", "loop"),
    file("usr/lib/python3.11/site-packages/a.dist-info/METADATA", b""),
    file("usr/lib/python3.11/site-packages/b.dist-info/METADATA", b""),
    file("usr/lib/python3.9/site-packages/c.dist-info/METADATA", b""),
    symlink("lib", "usr/lib"),
    file("caf\udce9/new\nline", b""),
]


@pytest.fixture
def root() -> ImagePath:
    return ImagePath(rootfs(ITEMS))


def test_parts_of_a_path(root: ImagePath) -> None:
    path = root / "etc/./os-release.d" / "x.conf"
    assert (str(path), path.name, path.stem, path.suffix) == (
        "/etc/os-release.d/x.conf",
        "x.conf",
        "x",
        ".conf",
    )
    assert path.parts == ("etc", "os-release.d", "x.conf")
    assert str(path.parent.parent.parent.parent) == "/"
    assert (root.name, str(root)) == ("", "/")
    assert str(path / "/usr") == "/usr"
    assert (root / ".hidden").suffix == ""
    assert root / b"caf\xe9" == root / "caf\udce9"
    assert len({root / "a", root / "./a"}) == 1


def test_what_is_there(root: ImagePath) -> None:
    link, dangling = root / "etc/link", root / "etc/dangling"
    assert link.is_symlink()
    assert link.is_dir()
    assert not link.is_file()
    assert link.readlink() == "os-release.d"
    assert str(link.resolve()) == "/etc/os-release.d"
    assert (link / "x.conf").is_file()
    assert str((link / "../.hidden").resolve()) == "/etc/.hidden"
    assert dangling.is_symlink()
    assert not dangling.exists()
    assert link.stat().kind.value == "directory"
    assert link.lstat().kind.value == "symlink"
    assert (root / "caf\udce9" / "new\nline").exists()


@pytest.mark.parametrize("name", ["stat", "lstat", "resolve", "read_bytes", "open", "readlink"])
def test_nothing_there(root: ImagePath, name: str) -> None:
    with pytest.raises(PathError, match=r"^/none: no such file or directory$"):
        getattr(root / "none", name)()


def test_wrong_kinds(root: ImagePath) -> None:
    with pytest.raises(PathError, match="/etc: no link"):
        (root / "etc").readlink()
    with pytest.raises(PathError, match=r"/etc/\.hidden: no directory"):
        list((root / "etc/.hidden").iterdir())
    with pytest.raises(PathError, match="/loop: no such file"):
        (root / "loop").stat()


def test_listing(root: ImagePath) -> None:
    assert [str(path) for path in (root / "etc/link").iterdir()] == ["/etc/link/x.conf"]
    assert [path.name for path in (root / "etc").iterdir()] == [".hidden", "dangling", "link", "os-release.d"]
    assert [str(path) for path in (root / "lib/python3.9").walk()] == [
        "/lib/python3.9/site-packages",
        "/lib/python3.9/site-packages/c.dist-info",
        "/lib/python3.9/site-packages/c.dist-info/METADATA",
    ]
    assert list((root / "etc/.hidden").walk()) == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("etc", ["/etc"]),
        ("none", []),
        ("etc/none", []),
        ("e?c/.h*", ["/etc/.hidden"]),
        ("etc/[a-l]*", ["/etc/dangling", "/etc/link"]),
        ("etc/*/x.conf", ["/etc/link/x.conf", "/etc/os-release.d/x.conf"]),
        ("etc/**/x.conf", ["/etc/os-release.d/x.conf"]),  # ** follows no links
        ("usr/**/METADATA", [
            "/usr/lib/python3.11/site-packages/a.dist-info/METADATA",
            "/usr/lib/python3.11/site-packages/b.dist-info/METADATA",
            "/usr/lib/python3.9/site-packages/c.dist-info/METADATA",
        ]),
        ("lib/python3.9/site-packages/*.dist-info", ["/lib/python3.9/site-packages/c.dist-info"]),
        ("**/**/python3.9", ["/usr/lib/python3.9"]),
        ("caf?/*", ["/caf\udce9/new\nline"]),
        ("usr/lib/**", [
            "/usr/lib", "/usr/lib/python3.11", "/usr/lib/python3.11/site-packages",
            "/usr/lib/python3.11/site-packages/a.dist-info", "/usr/lib/python3.11/site-packages/b.dist-info",
            "/usr/lib/python3.9", "/usr/lib/python3.9/site-packages",
            "/usr/lib/python3.9/site-packages/c.dist-info",
        ]),
    ],
)  # fmt: skip
def test_glob(root: ImagePath, pattern: str, found: list[str]) -> None:
    assert [str(path) for path in root.glob(pattern)] == found


def test_rglob(root: ImagePath) -> None:
    assert [path.parent.name for path in root.rglob("METADATA")] == [
        "a.dist-info",
        "b.dist-info",
        "c.dist-info",
    ]


def test_which_and_origin() -> None:
    scans = [
        scan(layer(program("usr/bin/tool"), program("opt/bin/tool"))),
        scan(layer(program("opt/bin/tool"))),
    ]
    layers = [Layer(number=number, diff_id=None, created_by=f"step {number}") for number in range(2)]
    view = RootFs(scans, layers=layers, search_path="/opt/bin:/usr/bin")
    tool = view.which("tool")
    assert tool
    assert tool.path == "opt/bin/tool"
    other = view.which("tool", "/usr/bin")
    assert other
    assert other.path == "usr/bin/tool"
    origin = view.origin("opt/bin/tool")
    assert origin
    assert origin.created_by == "step 1"
    assert view.origin("none") is None


def test_differences() -> None:
    base = [
        file("a", b"1234"), file("same", b"x"), directory("d"), file("d/x", b"1"), file("mode", b"1"), symlink("l", "a"),
    ]  # fmt: skip
    upper = [
        file("a", b"5678"), whiteout("d/x"), file("d-e", b""), file("mode", b"1", 0o600, uid=3), symlink("l", "b"),
        hardlink("same2", "mode", mode=0o600, uid=3),
    ]  # fmt: skip
    view = rootfs(base, upper)
    found = [(item.path, item.kind.value, item.changed) for item in diff_views(view.after(0), view)]
    assert found == [
        ("d/x", "removed", ()),
        ("d-e", "added", ()),
        ("l", "modified", ("link_target",)),
        ("mode", "modified", ("mode", "uid")),
        ("same2", "added", ()),
    ]
    read = [item.path for item in diff_views(rootfs(base), rootfs(base[:1], upper), contents=True)]
    assert read == ["a", "d", "d/x", "d-e", "l", "mode", "same", "same2"]
    changed = {item.path: item.changed for item in diff_views(rootfs(base), rootfs(upper), contents=True)}
    assert changed["a"] == ("content",)
    assert list(diff_views(rootfs(base), rootfs(base), contents=True)) == []
