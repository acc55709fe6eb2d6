"""
Our view of hand-made layers against what real engines saw of them (fixtures/make_view_fixtures.py recorded it).

The overlay drivers are right where they agree; where engines differ from one another, a finding must say so. What
differs is read from the recorded answers, never listed here; listed are the few stacks where our view departs from
the overlay drivers on purpose.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

import pytest

from tests.engine_answers import FOLDER, OVERLAY, Answer, Row, Seen, Tree, answers, seen, seen_in
from tests.view_stacks import stacks

STACKS = stacks()
ANSWERS = answers()

_INHERITED = "containerd keeps the attributes of a lower layer's directory, Docker resets them"
_REMADE = "the image specification hides what is below; overlay drivers forget to"
_SHOWN = "devices 0:0 and overlay attributes are shown as what they are"

# Stack → (the engine that our view equals instead, why).
DEPARTURES: Mapping[str, tuple[str, str]] = {
    "V30": ("umoci", _REMADE),
    "whiteout and re-created directory": ("umoci", _REMADE),
    "parent is missing, a lower layer has it with attributes": ("containerd-overlayfs", _INHERITED),
    "implied parents take the lower attributes": ("containerd-overlayfs", _INHERITED),
    "whiteout in an implied directory": ("containerd-overlayfs", _INHERITED),
    "whiteout with an absolute name": ("containerd-overlayfs", _INHERITED),
    "whiteout of a whited-out directory's child": ("umoci", _INHERITED),
    "overlay whiteout attribute": ("containerd-overlayfs", _INHERITED),
    "V13": ("podman-vfs", _SHOWN),
    "overlay whiteout device": ("podman-vfs", _SHOWN),
    "device 0:0 in the base": ("podman-vfs", _SHOWN),
    "device 0:0 over a directory": ("podman-vfs", _SHOWN),
    "device 0:0 for another in its layer": ("podman-vfs", _SHOWN),
    "V14": ("containerd-overlayfs", _SHOWN),
    "V14 redirect": ("containerd-overlayfs", _SHOWN),
    "whiteout in the base layer": ("umoci", "a whiteout hides nothing of its own layer"),
}
# The scanner drops global headers before the view sees them; all but Docker make the directory above one.
UNTOLD = {"global header"}


# What the rows of `view_rows` do not name: stack → the finding that must be there.
NAMED = {
    "opaque root": "fs.opaque-root",
    "opaque twice in a layer": "fs.duplicate-path",
    "opaque through a link of the layer": "fs.opaque-through-symlink",
    "whiteout twice in a layer": "fs.duplicate-path",
    "whiteout under a file": "fs.path-through-file",
    "whiteout in a directory that is nowhere": "fs.whiteout-of-nothing",
    "whiteout of a whited-out directory's child": "fs.whiteout-in-whiteout",
    "implied parent over a file": "fs.path-through-file",
    "implied parents take the lower attributes": "fs.implied-directory",
    "opaque directory whose attributes were not told": "fs.implied-directory",
    "hard link with attributes of its own": "fs.hardlink-attributes",
    "hard link to a file that its layer whites out": "fs.hardlink-to-whiteout",
    "link to nowhere as a parent": "fs.parent-behind-link",
    "link of the layer to a directory of a lower one": "fs.parent-behind-link",
}


@functools.cache
def ours(name: str) -> Seen:
    return seen(STACKS[name])


def comparable(tree: Tree, *, times: bool) -> dict[str, Row]:
    """
    Return a tree without what not every answer has: the root, and attributes that `docker export` leaves out.

    Times are compared where the layer has them: Docker takes none before 1970.
    """
    rows = {}
    for path, row in tree.items():
        kept = {key: value for key, value in row.items() if key not in {"mtime", "xattrs"}}
        if times and "mtime" in row:
            kept["mtime"] = max(row["mtime"], 0)
        if capability := row.get("xattrs", {}).get("security.capability"):
            kept["capability"] = capability
        if path:
            rows[path] = kept
    return rows


def reference(given: Mapping[str, Answer]) -> str | None:
    """Return the overlay engine to compare with: the first that took the image."""
    return next((engine for engine in OVERLAY if given[engine].tree is not None), None)


def accepted(given: Mapping[str, Answer]) -> dict[str, dict[str, Row]]:
    return {
        engine: comparable(answer.tree, times=False)
        for engine, answer in given.items()
        if answer.tree is not None
    }


def assert_same(mine: Tree, theirs: Tree, *, times: bool) -> None:
    """Compare entry by entry; directories that no layer lists have the time of the recording, so none is said."""
    wanted, found = comparable(theirs, times=times), comparable(mine, times=times)
    for path in wanted.keys() & found.keys():
        if "mtime" not in wanted[path] or "mtime" not in found[path]:
            wanted[path].pop("mtime", None)
            found[path].pop("mtime", None)
    assert found == wanted


def test_every_stack_was_asked_about() -> None:
    assert ANSWERS.keys() == STACKS.keys()
    assert all(given.keys() == ANSWERS["V01"].keys() for given in ANSWERS.values())
    assert set(OVERLAY) < ANSWERS["V01"].keys()


@pytest.mark.parametrize("name", STACKS)
def test_our_view_is_the_overlay_drivers(name: str) -> None:
    given = ANSWERS[name]
    engine = DEPARTURES[name][0] if name in DEPARTURES else reference(given)
    if engine is None:
        assert all(given[overlay].refused for overlay in OVERLAY)
        return
    theirs = given[engine].tree
    assert theirs is not None
    # containerd sets the times of directories last, also of what took a directory's place.
    assert_same(ours(name).tree, theirs, times=engine.startswith(("docker", "podman")))


@pytest.mark.parametrize("name", STACKS)
def test_where_engines_differ_a_finding_says_so(name: str) -> None:
    given = ANSWERS[name]
    trees = accepted(given)
    agreed = (
        len(trees) == len(given) and len({json.dumps(tree, sort_keys=True) for tree in trees.values()}) == 1
    )
    if agreed or name in UNTOLD:
        return
    assert ours(name).problems or any(
        code.startswith(("fs.", "tar.", "name.")) for code in ours(name).findings
    )


@pytest.mark.parametrize("name", NAMED)
def test_the_finding_says_what_it_is(name: str) -> None:
    assert NAMED[name] in ours(name).findings


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_departure_is_one_and_is_told(name: str) -> None:
    engine = reference(ANSWERS[name])
    assert engine
    theirs = ANSWERS[name][engine].tree
    assert theirs is not None
    assert comparable(ours(name).tree, times=False) != comparable(theirs, times=False)
    assert any(code.startswith("fs.") for code in ours(name).findings)


@pytest.mark.parametrize("name", ["extended attributes", "extended attributes taken away", "capability"])
def test_extended_attributes_are_the_engines(name: str) -> None:
    """`docker export` leaves out all but capabilities, a mounted image has them."""
    theirs = ANSWERS[name]["podman-overlay"].tree
    assert theirs is not None
    attributes = {path: row["xattrs"] for path, row in theirs.items() if "xattrs" in row}
    assert {path: row["xattrs"] for path, row in ours(name).tree.items() if "xattrs" in row} == attributes


def test_a_built_image_is_seen_as_the_engine_sees_it() -> None:
    """Layers that Docker made itself: deleted, replaced, made again, linked, opaque, changed in mode and owner."""
    exported = json.loads((FOLDER / "changes-export.json").read_text(encoding="utf-8"))
    found = seen_in(FOLDER / "changes-docker-20.10.tar")
    assert_same(found.tree, exported, times=True)
    assert not {code for code in found.findings if code.startswith("fs.")}
