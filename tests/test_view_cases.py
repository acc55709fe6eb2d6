"""
Every row of the catalogues of odd file systems, by its name: what the view shows, and the finding that must be there.

Rows that layers and a view can say stand in `view_rows`; the others are functions here, named after theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import pytest

from imagespec.entry import EntryKind
from imagespec.errors import TarError
from imagespec.rootfs import RootFs
from tests import test_view_linear
from tests.build import directory, file, layer, program, rootfs, scan, symlink, whiteout
from tests.engine_answers import seen
from tests.view_rows import BROKEN_STREAM, NEW, OLD, ROWS, Row, device, fifo

FROM_THE_CATALOGUE = {f"V{number:02}" for number in range(1, 46)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Row) -> None:
    found = seen(tuple(part if isinstance(part, bytes) else layer(*part) for part in row.layers))
    assert {path: shown(entry) for path, entry in found.tree.items()} == {
        path: hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else content
        for path, content in row.view.items()
    }
    assert found.findings == row.findings


def shown(entry: Mapping[str, object]) -> object:
    """Return what a row says of an entry: a file's digest, a link's target, or the kind."""
    if "sha256" in entry:
        return entry["sha256"]
    return f"→{entry['target']}" if "target" in entry else entry["type"]


def test_every_row_of_the_catalogue_is_here() -> None:
    named = {row.id.split()[0] for row in ROWS}
    functions = [*globals(), *vars(test_view_linear)]
    named |= {found[1].upper() for name in functions if (found := re.match(r"test_(v\d\d)_", name))}
    assert named >= FROM_THE_CATALOGUE


def test_v25_a_stray_block_of_zeros_ends_in_an_error() -> None:
    with pytest.raises(TarError) as error:
        scan(BROKEN_STREAM)
    assert error.value.code == "tar.stray-zero-block"


@pytest.mark.parametrize("links", [40, 41])
def test_v36_links_are_followed_as_often_as_the_kernel_does(links: int) -> None:
    chain = [file("0", NEW), *(symlink(str(at), str(at - 1)) for at in range(1, links + 1))]
    assert (rootfs(chain).resolve(str(links)) is not None) == (links <= 40)


def test_v37_links_that_double_at_each_step_end() -> None:
    links = [directory("l0"), *(symlink(f"l{at}", f"l{at - 1}/l{at - 1}") for at in range(1, 65))]
    assert rootfs(links).resolve("l64") is None


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (fifo("c/passwd"), EntryKind.FIFO),
        (directory("c/passwd"), EntryKind.DIRECTORY),
        (device("c/passwd", 1, 3), EntryKind.CHAR_DEVICE),
        (symlink("c/passwd", "/p"), EntryKind.SYMLINK),
    ],
    ids=lambda value: value.value if isinstance(value, EntryKind) else "",
)
def test_v38_what_is_no_file_has_no_content(item: object, kind: EntryKind) -> None:
    view = rootfs([item])  # type: ignore[list-item]
    entry = view.lookup("c/passwd")
    assert entry
    assert entry.kind is kind
    assert view.content(entry) is None


def test_v38_a_file_over_the_bound_is_not_taken_for_its_first_bytes() -> None:
    view = RootFs([scan(layer(file("big", b"0123456789")), lambda *_: 4)])
    entry = view.lookup("big")
    assert entry
    kept = view.content(entry)
    assert kept is not None
    assert len(kept) < entry.size_bytes


def test_v38_a_missing_file_is_nothing() -> None:
    assert rootfs([file("a")]).lookup("c/passwd") is None


def test_v44_attributes_are_those_of_the_last_layer() -> None:
    entry = rootfs([program("a", OLD)], [file("a", OLD, 0o600, uid=3)]).lookup("a")
    assert entry
    assert (entry.mode, entry.uid, entry.layer) == (0o600, 3, 1)


def test_v43_only_the_mode_bits_of_the_kernel_are_seen() -> None:
    (found,) = (row for row in ROWS if row.id == "V43")
    entry = rootfs(*found.layers).lookup("a")
    assert entry
    assert entry.mode == 0o7777


def test_v45_what_a_later_layer_deletes_is_still_told() -> None:
    view = rootfs([file("secret", OLD)], [whiteout("secret")])
    (version,) = view.versions("secret")
    assert view.lookup("secret") is None
    assert (version.layer, version.hidden_by) == (0, 1)
    assert view.content(version.entry) == OLD


def test_what_deletes_a_directory_hides_every_layers_part_of_it() -> None:
    view = rootfs([file("d/a", OLD)], [directory("d", 0o700)], [whiteout("d")])
    assert [(version.layer, version.hidden_by) for version in view.versions("d")] == [(0, 2), (1, 2)]
