"""Random layers, merged by our view and by plain system calls on a real directory: both must show the same."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from tests.build import Item, directory, file, hardlink, layer, opaque, scan, symlink, whiteout
from tests.naive_overlay import NaiveOverlay, Shown
from tests.view_rows import fifo

MEMORY = Path("/dev/shm")  # removing directories is what takes the time
NAMES = st.sampled_from("ab")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.sampled_from(["a", "b", "/a", "a/b", "../b", "/c/../a", "..", ".", "/", "b/c", "nowhere"])
FILE_MODES = st.sampled_from([0o644, 0o600, 0o4755, 0o2710, 0])
DIRECTORY_MODES = st.sampled_from([0o755, 0o700, 0o1777, 0o2750])


class LayerStacks(RuleBasedStateMachine):
    """Grows a layer, an item at a time, and closes it over what lies below."""

    def __init__(self) -> None:
        super().__init__()
        self.resources = contextlib.ExitStack()
        work = self.resources.enter_context(
            tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        )
        self.naive = NaiveOverlay(Path(work))
        self.items: list[Item] = []
        self.layers: list[bytes] = []
        self.states: list[Shown] = []
        self.contents = 0
        self.closed = True

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.closed = False

    @rule(path=PATHS, mode=FILE_MODES)
    def add_file(self, path: str, mode: int) -> None:
        self.contents += 1
        self.add(file(path, f"content {self.contents}", mode))

    @rule(path=PATHS, mode=DIRECTORY_MODES)
    def add_directory(self, path: str, mode: int) -> None:
        self.add(directory(path, mode))

    @rule(path=PATHS, link=TARGETS)
    def add_symlink(self, path: str, link: str) -> None:
        self.add(symlink(path, link))

    @rule(path=PATHS, link=PATHS, mode=FILE_MODES)
    def add_hard_link(self, path: str, link: str, mode: int) -> None:
        self.add(hardlink(path, link, mode=mode))

    @rule(path=PATHS)
    def add_fifo(self, path: str) -> None:
        self.add(fifo(path))

    @rule(path=PATHS)
    def add_whiteout(self, path: str) -> None:
        self.add(whiteout(path))

    @rule(path=PATHS)
    def add_opaque(self, path: str) -> None:
        self.add(opaque(path))

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.add(data.draw(st.sampled_from(self.items)))

    @precondition(lambda self: self.items)
    @rule()
    def close_layer(self) -> None:
        self.naive.apply(self.items)
        self.layers.append(layer(*self.items))
        self.states.append(self.naive.shown())
        self.items, self.closed = [], True

    @precondition(lambda self: self.states and self.closed)
    @invariant()
    def same(self) -> None:
        assert shown(RootFs([scan(raw) for raw in self.layers])) == self.states[-1]

    def teardown(self) -> None:
        with self.resources:
            if self.items:
                self.close_layer()
                self.same()
            scans = [scan(raw) for raw in self.layers]
            for path, state in self.states[-1].items() if self.states else ():
                found = RootFs(scans).lookup(path)  # of layers that nobody has looked into yet
                assert found
                assert found.kind.value == state[0]
            view = RootFs(scans)
            for number, known in reversed(list(enumerate(self.states))):
                assert shown(view.after(number)) == known


def shown(view: RootFs) -> Shown:
    """Return what our view shows, in the naive one's words."""
    entries = list(view.walk())
    names: dict[object, list[str]] = {}
    for entry in entries:
        names.setdefault(_inode(entry), []).append(entry.path)
    return {entry.path: (*_describe(view, entry), tuple(sorted(names[_inode(entry)]))) for entry in entries}


def _inode(entry: Entry) -> object:
    return entry.path if entry.kind is EntryKind.DIRECTORY else (entry.layer, entry.member)


def _describe(view: RootFs, entry: Entry) -> tuple[object, ...]:
    match entry.kind:
        case EntryKind.SYMLINK:
            return entry.kind.value, None, entry.link_target
        case EntryKind.FILE:
            return entry.kind.value, entry.mode, view.content(entry)
    return entry.kind.value, entry.mode, None


@pytest.mark.parametrize(
    "examples", [80, pytest.param(5_000, marks=pytest.mark.slow)], ids=["some", "thousands"]
)
def test_random_layers_are_merged_as_on_a_real_directory(examples: int) -> None:
    run_state_machine_as_test(
        LayerStacks,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # shrinking takes minutes: add it to understand a failure
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
