"""What real engines saw of the stacks of `view_stacks` (fixtures/view/answers.json), and our view in the same words."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from imagespec.engine import scan_layers
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan, ScanRequest
from imagespec.sources import open_archive
from tests.build import keep_everything
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
    """Our view of an image: the tree, and the codes of all findings; ``unread`` are the layers that are refused."""

    tree: Tree
    findings: frozenset[str]
    unread: tuple[str, ...]


def seen(layers: tuple[bytes, ...]) -> Seen:
    """Return what our own pipeline makes of an image of these layers."""
    return seen_in(io.BytesIO(archive(layers)))


def seen_in(source: Any) -> Seen:
    """Return what our own pipeline makes of an archive's first image."""
    with open_archive(source, ScanRequest(want=keep_everything)) as opened:
        scans, problems = scan_layers(opened.images[0])
        view = RootFs(scans)
        codes = {finding.code for _, finding in view.findings}
        codes |= {finding.code for scan in scans if scan for finding in scan.findings}
        return Seen(tree_of(view, scans), frozenset(codes), tuple(problem.slug for problem in problems))


def tree_of(view: RootFs, scans: list[LayerScan | None]) -> Tree:
    """Return a view in the words of an engine's listing (fixtures/listings.py)."""
    entries = list(view.walk())
    names: dict[tuple[int | None, int | None], list[str]] = {}
    for entry in entries:
        if entry.kind is not EntryKind.DIRECTORY:
            names.setdefault((entry.layer, entry.member), []).append(entry.path)
    rows = {entry.path: _row(view, entry, scans) for entry in entries}
    for group in names.values():
        if len(group) > 1:
            for path in group:
                rows[path]["links"] = sorted(group)
    return rows


def _row(view: RootFs, entry: Entry, scans: list[LayerScan | None]) -> Row:
    row: Row = {
        "type": entry.kind.value,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
    }
    if entry.layer is not None and entry.member is not None:
        scan = scans[entry.layer]
        assert scan
        row["mtime"] = int(entry.mtime // 1)
        if xattrs := scan.index.xattrs.get(entry.member):
            row["xattrs"] = {name: xattrs[name].hex() for name in sorted(xattrs)}
        if "device" in entry.kind.value:
            row["device"] = list(scan.index.devices.get(entry.member, (0, 0)))
    if entry.kind is EntryKind.SYMLINK:
        row["target"] = entry.link_target
    if entry.kind is EntryKind.FILE:
        content = view.content(entry)
        assert content is not None, entry.path
        row |= of_content(content)
    return row
