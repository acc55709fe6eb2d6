"""What real engines saw of the stacks of `view_stacks` (fixtures/view/answers.json), and our view in the same words."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

import imagespec
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from tests.fixtures.listings import of_content
from tests.view_stacks import archive

FOLDER = Path(__file__).parent / "fixtures" / "view"

Row = dict[str, Any]
Tree = Mapping[str, Row]

# The overlay drivers, the one that is asked first in front; each is asked what the ones before it refused.
OVERLAY = ("docker-overlay2", "containerd-overlayfs", "podman-overlay")


@attrs.frozen
class Answer:
    """What one engine made of an image: its tree, or the reason why it refused it."""

    tree: Tree | None
    refused: str = ""


def answers() -> dict[str, dict[str, Answer]]:
    """Return stack → engine → answer."""
    document = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
    return {
        name: {engine: _answer(given) for given in groups for engine in given["engines"]}
        for name, groups in document["stacks"].items()
    }


def _answer(given: Mapping[str, Any]) -> Answer:
    if "refused" in given:
        return Answer(None, given["refused"])
    return Answer({path: {"uid": 0, "gid": 0, **row} for path, row in given["entries"].items()})


@attrs.frozen
class Seen:
    """Our view of an image: the tree, the codes of all findings, and why layers could not be read."""

    tree: Tree
    findings: frozenset[str]
    problems: tuple[str, ...]


def seen(layers: tuple[bytes, ...]) -> Seen:
    """Return what our own pipeline makes of an image of these layers."""
    return seen_in(io.BytesIO(archive(layers)))


def seen_in(source: Path | io.BytesIO) -> Seen:
    """Return what our own pipeline makes of the first image of an archive."""
    with imagespec.open(source) as opened:
        view = opened.images[0].rootfs()
        codes = {finding.code for _, finding in view.findings}
        scans = view._stack.scans
        codes |= {finding.code for scan in scans if scan for finding in scan.findings}
        return Seen(tree_of(view), frozenset(codes), tuple(view.problems))


def tree_of(view: RootFs) -> Tree:
    """Return a view in the words of an engine's listing (fixtures/listings.py)."""
    entries = list(view.walk())
    names: dict[tuple[int | None, int | None], list[str]] = {}
    for entry in entries:
        if entry.kind is not EntryKind.DIRECTORY:
            names.setdefault((entry.layer, entry.member), []).append(entry.path)
    rows = {entry.path: _row(view, entry) for entry in entries}
    for group in names.values():
        if len(group) > 1:
            for path in group:
                rows[path]["links"] = sorted(group)
    return rows


def _row(view: RootFs, entry: Entry) -> Row:
    row: Row = {"type": entry.kind.value, "mode": f"{entry.mode:04o}", "uid": entry.uid, "gid": entry.gid}
    if entry.member is not None:
        row["mtime"] = int(entry.mtime // 1)
    if xattrs := view.xattrs(entry):
        row["xattrs"] = {name: xattrs[name].hex() for name in sorted(xattrs)}
    match entry.kind:
        case EntryKind.SYMLINK:
            row["target"] = entry.link_target
        case EntryKind.FILE:
            row |= of_content(view.read(entry))
        case EntryKind.CHAR_DEVICE | EntryKind.BLOCK_DEVICE:
            assert entry.layer is not None
            assert entry.member is not None
            row["device"] = list(view._stack.scan(entry.layer).index.devices.get(entry.member, (0, 0)))
    return row
