"""
The view's work grows with the size of the layers and no faster, and its depth is nobody's stack.

Work is counted in bytecode instructions, so that a busy machine changes nothing; the large sizes show what no count
of instructions can see.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan
from tests.build import Item, directory, file, hardlink, layer, opaque, scan, symlink, whiteout
from tests.rawtar import END, header

SMALL, LARGE = 50, 150


def work(function: Callable[[], object]) -> int:
    """Return how many instructions of Python ``function`` takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def siblings(count: int) -> list[list[Item]]:
    return [[file(f"d/{at}") for at in range(count)], [whiteout(f"d/{at}") for at in range(count)]]


def nested(count: int) -> list[list[Item]]:
    """Return directories in one another, each listed by both layers."""
    items = [directory("/".join(["d"] * depth)) for depth in range(1, count + 1)]
    return [items, items]


def opaque_markers(count: int) -> list[list[Item]]:
    return [[file(f"{at}/x") for at in range(count)], [opaque(str(at)) for at in range(count)]]


def nested_opaque_markers(count: int) -> list[list[Item]]:
    paths = ["/".join(["d"] * depth) for depth in range(1, count + 1)]
    return [[file(f"{path}/x") for path in paths], [opaque(path) for path in paths]]


def duplicates(count: int) -> list[list[Item]]:
    kinds: list[list[Item]] = [[file("a/b"), directory("a"), file("a/b/c"), file("a")] for _ in range(count)]
    return [[item for items in kinds for item in items]]


def hard_links(count: int) -> list[list[Item]]:
    """Return chains of hard links, forward links, and links to lower layers."""
    chain = [file("0"), *(hardlink(str(at), str(at - 1)) for at in range(1, count))]
    forward = [hardlink(f"f{at}", "last") for at in range(count)]
    return [[*chain, *forward, file("last")], [hardlink(f"u{at}", str(at)) for at in range(count)]]


def links_as_parents(count: int) -> list[list[Item]]:
    return [[directory("real"), symlink("l", "real"), *(file(f"l/{at}") for at in range(count))]]


def layers(count: int) -> list[list[Item]]:
    """Return layers that each whiteout, replace and add in one directory."""
    return [[file(f"d/{at}"), file("d/same"), whiteout(f"d/{at - 1}")] for at in range(count)]


SHAPES = [
    *(siblings, nested, opaque_markers, nested_opaque_markers),
    *(duplicates, hard_links, links_as_parents, layers),
]


def scans_of(stack: Sequence[Sequence[Item]]) -> list[LayerScan]:
    return [scan(layer(*items)) for items in stack]


def size(scans: Sequence[LayerScan]) -> int:
    """Return what a layer's tree is made from: the bytes of all names and links, and something for each member."""
    return sum(
        len(found.index.names) + sum(map(len, found.index.links.values())) + 16 * len(found.index)
        for found in scans
    )


def everything(scans: Sequence[LayerScan]) -> None:
    """Ask a view everything that looks at all of it."""
    view = RootFs(scans)
    for _ in view.walk():
        pass
    assert len(view.usage) == len(scans)
    view.merged_bytes()
    view.changes()
    list(view.findings)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_v39_work_grows_with_the_input(shape: Callable[[int], list[list[Item]]]) -> None:
    small, large = scans_of(shape(SMALL)), scans_of(shape(LARGE))
    everything(small)  # so that nothing is imported or cached while it is counted
    ratio = size(large) / size(small)
    assert work(lambda: everything(large)) <= 1.3 * ratio * work(lambda: everything(small))


def deep(levels: int, each: int) -> list[Item]:
    """Return directories nested ``levels`` times ``each``, by links, because names have a bound."""
    long = "/".join(["d"] * each)
    items: list[Item] = [directory(long)]
    for level in range(1, levels):
        items += [
            symlink(f"l{level}", f"l{level - 1}/{long}" if level > 1 else long),
            directory(f"l{level}/{long}"),
        ]
    return items


@pytest.mark.parametrize(
    ("levels", "each"), [(2, 5_000), pytest.param(4, 25_000, marks=pytest.mark.slow)], ids=["10^4", "10^5"]
)
def test_v39_nested_directories_are_no_recursion(levels: int, each: int) -> None:
    (found,) = scans_of([deep(levels, each)])
    view = RootFs([found, found])
    assert view.merged_bytes() == sum(len(target) for target in found.index.links.values())
    assert [usage.entries for usage in view.usage if usage] == 2 * [levels * each + levels - 1]
    bottom = view.lookup(f"l{levels - 1}/" + "d/" * each)
    assert bottom
    assert bottom.path == "/".join(["d"] * levels * each)
    assert not view.findings


@pytest.mark.slow
def test_v39_a_million_siblings() -> None:
    count = 1_000_000
    raw = b"".join(header(b"d/%d" % at) for at in range(count)) + END
    lower, upper = scan(raw), scan(raw)
    view = RootFs([lower, upper])
    assert len(view.list("d")) == count
    assert view.changes().layers[1].replaced == count
    assert not view.findings


@pytest.mark.slow
def test_v39_a_hundred_thousand_opaque_markers() -> None:
    count = 100_000
    files = b"".join(header(b"%d/x" % at) for at in range(count)) + END
    markers = b"".join(header(b"%d/.wh..wh..opq" % at) for at in range(count)) + END
    view = RootFs([scan(files), scan(markers)])
    assert sum(1 for _ in view.walk()) == count
    assert view.changes().layers[1].removed == count
