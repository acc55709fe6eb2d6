"""The view looks into as few layers as an answer needs, answers the same, and stays linear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagespec.compression import Codec
from imagespec.layerhistory import Hidden
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan
from imagespec.tar import header
from imagespec.tar.index import IndexBuilder
from tests.build import Item, directory, file, hardlink, layer, opaque, scan, symlink, whiteout


class Watched(Sequence[LayerScan | None]):
    """Scans that remember which of them were asked for."""

    def __init__(self, scans: Sequence[LayerScan | None]) -> None:
        self._scans = scans
        self.asked: set[int] = set()

    def __len__(self) -> int:
        return len(self._scans)

    @overload
    def __getitem__(self, key: int) -> LayerScan | None: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[LayerScan | None]: ...
    def __getitem__(self, key: int | slice) -> LayerScan | Sequence[LayerScan | None] | None:
        if isinstance(key, slice):
            self.asked |= set(range(len(self))[key])
        else:
            self.asked.add(key)
        return self._scans[key]


BASE = [
    file("etc/passwd", b"root"),
    file("etc/group", b"g"),
    symlink("lib", "usr/lib"),
    file("usr/lib/a", b"a"),
]


@pytest.mark.parametrize(
    ("path", "upper", "asked"),
    [
        ("etc/passwd", [file("etc/passwd", b"new")], {1}),
        ("etc/passwd", [whiteout("etc/passwd")], {1}),
        ("etc/passwd", [whiteout("etc")], {1}),
        ("etc/passwd", [file("etc", b"a file")], {1}),
        ("etc/passwd", [opaque("etc")], {1}),
        ("etc", [directory("etc")], {1}),
        ("etc", [file("etc/new", b"")], {0, 1}),  # its attributes are the base's
        ("etc/passwd", [file("etc/new", b"")], {0, 1}),
        ("lib/a", [file("lib/b", b"")], {0, 1}),
        ("new", [hardlink("new", "/etc/passwd")], {0, 1}),
        ("a", [file("a", b""), hardlink("new", "/etc/passwd")], {0, 1}),
    ],
)
def test_layers_that_cannot_matter_are_not_looked_into(path: str, upper: list[Item], asked: set[int]) -> None:
    scans = Watched([scan(layer(*BASE)), scan(layer(*upper))])
    found = RootFs(scans).lookup(path)
    assert scans.asked == asked
    whole = RootFs(Watched([scan(layer(*BASE)), scan(layer(*upper))]))
    assert whole.complete
    assert found == whole.lookup(path)


def test_an_unreadable_layer_that_was_not_needed_is_not_told() -> None:
    view = RootFs([None, scan(layer(file("a/b", b"x"))), None])
    assert view.after(1).lookup("a/b")
    assert view.after(1).unread == []
    assert view.lookup("a/b")
    assert view.unread == [2]
    assert view.lookup("c") is None
    assert view.unread == [0, 2]
    assert view.problems == ["layer 0 could not be read", "layer 2 could not be read"]


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.one_of(PATHS, PATHS.map("/{}".format), PATHS.map("../{}".format))
ITEMS = st.one_of(
    st.builds(file, PATHS, st.just(b"x")),
    st.builds(directory, PATHS, st.sampled_from([0o700, 0o755])),
    st.builds(symlink, PATHS, TARGETS),
    st.builds(hardlink, PATHS, PATHS),
    st.builds(whiteout, PATHS),
    st.builds(opaque, PATHS),
)
LAYERS = st.lists(st.lists(ITEMS, max_size=5), min_size=1, max_size=4)


@given(
    LAYERS,
    st.lists(st.one_of(PATHS, TARGETS), min_size=1, max_size=4),
    st.sampled_from(["replace", "follow"]),
)
@settings(max_examples=150, deadline=None)
def test_a_lookup_answers_as_the_whole_view_does(
    layers: list[list[Item]], paths: list[str], parents: str
) -> None:
    scans = [scan(layer(*items)) for items in layers]
    whole = RootFs(scans, symlink_parents=parents)  # type: ignore[arg-type]
    listed = {entry.path: entry for entry in whole.walk()}
    lazy = RootFs(scans, symlink_parents=parents)  # type: ignore[arg-type]
    for path in paths:
        alone = RootFs(scans, symlink_parents=parents)  # type: ignore[arg-type]
        assert lazy.lookup(path) == alone.lookup(path) == whole.lookup(path)
        assert lazy.resolve(path) == alone.resolve(path) == whole.resolve(path)
    for path, entry in listed.items():
        assert RootFs(scans, symlink_parents=parents).lookup(path) == entry  # type: ignore[arg-type]


@given(LAYERS)
@settings(max_examples=100, deadline=None)
def test_states_changes_and_sizes_agree(layers: list[list[Item]]) -> None:
    view = RootFs([scan(layer(*items)) for items in layers])
    changes = view.changes()
    before: dict[str, object] = {}
    for number, change in enumerate(changes.layers):
        state = view.after(number)
        after = {entry.path: entry for entry in state.walk()}
        assert change.added - change.removed == len(after) - len(before)
        assert state.merged_bytes() <= sum(usage.apparent_bytes for usage in state.usage if usage)
        before = dict(after)
    for path in ("a", "a/b", "b/c", "a/b/c"):
        entry, versions = view.lookup(path), view.versions(path)
        visible = [item for item in versions if item.hidden_by is None]
        in_place = view.lookup(path.rpartition("/")[0]) if "/" in path else None
        if in_place is None or in_place.path == path.rpartition("/")[0]:
            assert bool(entry and entry.path == path) == bool(visible)
        for item in versions:
            assert view.after(item.layer).lookup(path) == attrs.evolve(item.entry, path=path) or (
                item.entry.kind.value == "directory"
            )


def test_what_hides_a_path() -> None:
    view = RootFs(
        [
            scan(layer(*items))
            for items in (
                [file("d/a", b"1")],
                [file("d/a", b"22")],
                [whiteout("d/a")],
                [file("d/a", b"333")],
                [opaque("d"), file("d/a", b"4444")],
                [whiteout("d")],
                [file("d/a", b"55555")],
                [file("d", b"file")],
            )
        ]
    )
    assert [(v.layer, v.entry.size_bytes, v.hidden_by, v.hidden_how) for v in view.versions("/d/a")] == [
        (0, 1, 1, Hidden.REPLACED),
        (1, 2, 2, Hidden.WHITEOUT),
        (3, 3, 4, Hidden.OPAQUE),
        (4, 4, 5, Hidden.PARENT_REMOVED),
        (6, 5, 7, Hidden.PARENT_REPLACED),
    ]
    assert [v.hidden_by for v in view.versions("d")] == [5, 5, 5, 5, 5, 7, None]
    changes = view.changes(most_waste=2)
    assert [layer.wasted_bytes for layer in changes.layers] == [1, 2, 0, 3, 4, 0, 5, 0]
    assert [(item.path, item.size_bytes, item.layer, item.hidden_by) for item in changes.waste] == [
        ("d/a", 5, 6, 7),
        ("d/a", 4, 4, 5),
    ]
    assert [(c.added, c.replaced, c.removed) for c in changes.layers] == [
        (2, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 2), (2, 0, 0), (0, 1, 1),
    ]  # fmt: skip


def test_an_inode_is_wasted_when_no_name_of_it_is_left() -> None:
    base = [file("a", b"1234"), hardlink("b", "a"), hardlink("c", "a")]
    one_left = RootFs([scan(layer(*base)), scan(layer(whiteout("a"), file("b", b"12")))])
    assert [change.wasted_bytes for change in one_left.changes().layers] == [0, 0]
    entry = one_left.lookup("c")
    assert entry
    assert one_left.link_count(entry) == 1
    none_left = RootFs([scan(layer(*base)), scan(layer(whiteout("a"), file("b"), file("c")))])
    assert [change.wasted_bytes for change in none_left.changes().layers] == [4, 0]
    first = none_left.after(0).lookup("b")
    assert first
    assert none_left.after(0).link_count(first) == 3


def test_following_links_of_lower_layers() -> None:
    base = [file("usr/lib/a", b"old"), symlink("lib", "usr/lib"), symlink("u", "/usr")]
    layers = [base, [file("lib/b", b"new"), whiteout("u/lib/a")], [directory("lib")]]
    view = RootFs([scan(layer(*items)) for items in layers], symlink_parents="follow")
    state = view.after(1)
    assert [entry.path for entry in state.walk()] == ["lib", "u", "usr", "usr/lib", "usr/lib/b"]
    assert {finding.code for _, finding in state.findings} == {"fs.path-through-symlink"}
    replaced = view.lookup("lib")
    assert replaced
    assert replaced.kind.value == "directory"


# Width and depth.


def listing(rows: Iterator[tuple[bytes, bytes]]) -> LayerScan:
    """Return a scan of members given as (name, type)."""
    columns = IndexBuilder()
    columns.extend([(name, kind[0], (0o755, 0, 0), 0, 0.0, 0, 0) for name, kind in rows], {})
    return LayerScan(columns.build(), {}, (), Codec.PLAIN, 0, 0)


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_siblings(count: int) -> None:
    names = (b"d/%d" % number for number in range(count))
    view = RootFs([listing((name, header.REGULAR) for name in names)])
    assert view.lookup(f"d/{count - 1}")
    assert len(view.list("d")) == count
    assert view.usage[0]
    assert view.usage[0].entries == count + 1


def test_a_hundred_thousand_opaque_directories() -> None:
    count = 100_000
    lower = listing((b"%d/old" % number, header.REGULAR) for number in range(count))
    upper = listing((b"%d/.wh..wh..opq" % number, header.REGULAR) for number in range(count))
    view = RootFs([lower, upper])
    assert sum(1 for _ in view.walk()) == count
    assert sum(change.removed for change in view.changes().layers) == count


@pytest.mark.parametrize("depth", [100_000])
def test_nested_directories(depth: int) -> None:
    path = "d/" * depth + "x"
    view = RootFs([listing(iter([(path.encode(), header.REGULAR)]))] * 2)
    assert view.lookup(path)
    assert view.lookup(path + "/" + "../" * depth) is None
    assert view.merged_bytes() == 0
    assert not view.findings
    assert len(view.versions(path)) == 2
    assert [change.replaced for change in view.changes().layers] == [0, 1]


def test_many_layers_over_one_directory() -> None:
    base = listing((b"d/%d" % number, header.REGULAR) for number in range(20_000))
    uppers = [listing(iter([(b"d/new%d" % number, header.REGULAR)])) for number in range(400)]
    view = RootFs([base, *uppers])
    assert len(view.list("d")) == 20_400
    assert view.lookup("d/0")
    assert sum(change.added for change in view.changes().layers) == 20_401


def test_links_without_end_make_the_view_incomplete() -> None:
    """A layer that costs more than its limit counts as one that could not be read."""
    items = [
        symlink("a", "/".join(["b/.."] * 20 + ["b"])),
        directory("b"),
        *(file(f"a/{n}/x") for n in range(20)),
    ]
    view = RootFs([scan(layer(*items))], attrs.evolve(Limits(), link_steps=300))
    assert not view.complete
    assert [finding.code for _, finding in view.findings] == ["fs.endless-links"]
    assert "link_steps" in view.problems[0]
    assert RootFs([scan(layer(*items))]).lookup("b/3/x")
