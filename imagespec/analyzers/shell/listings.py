"""What ``find DIRECTORY`` prints, which entrypoints read line by line (GNU findutils 4.9, busybox 1.36; ``sort -V``)."""

from __future__ import annotations

import re

from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.shell.tree import Literal, Loop, Simple, Statement, Word
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import EntryKind

_LIMIT_FILES = 30
_PASSED = {
    ("-follow",),
    ("-L",),
    ("-print",),
    ("-quit",),
    ("-type", "f"),
    ("-mindepth", "1"),
    ("-maxdepth", "1"),
}


def read_by(stage: Statement) -> str | None:
    """Return the variable of ``read NAME`` or of ``while read NAME``; None for anything else."""
    if isinstance(stage, Loop):
        plain = stage.keyword == "while" and len(stage.condition) == 1
        return read_by(stage.condition[0]) if plain and isinstance(stage.condition[0], Simple) else None
    if not isinstance(stage, Simple) or stage.redirects or any(a.name != "IFS" for a in stage.assignments):
        return None
    words = [word.literal for word in stage.words if word.literal != "-r"]
    return words[1] if len(words) == 2 and words[0] == "read" else None


def listed(stages: tuple[Statement, ...], state: State, expander: Expander, walk: Walk) -> list[str] | None:
    """Return the lines that ``find …`` or ``find … | sort -V`` prints; None where they are not known."""
    fields = [
        expander.fields(one.words, state.fork()) if isinstance(one, Simple) else (None,) for one in stages
    ]
    sorts = fields[1:] in ([("sort", "-V")], [("sort",)])
    if not fields or not (sorts or len(fields) == 1) or None in fields[0] or len(fields[0]) < 2:
        return None
    name, folder, *options = (field or "" for field in fields[0])
    if name.rpartition("/")[2] != "find" or not _is_plain(options):
        return None
    path = absolute(folder, state.cwd)
    entry = walk.rootfs.resolve(path) if path else None
    if path is None or not walk.rootfs.complete or walk.may_have_made(path):
        return None
    if entry is None or entry.kind is not EntryKind.DIRECTORY:
        return []
    found: list[str] = []
    for item in walk.rootfs.list(path):
        real = walk.rootfs.resolve("/" + item.path)
        if real is None or real.kind is EntryKind.DIRECTORY:
            return None  # a dangling link, or more files below
        found.append(folder.rstrip("/") + "/" + item.path.rpartition("/")[2])
    if len(found) > _LIMIT_FILES or (len(found) > 1 and not sorts and "-quit" not in options):
        return None  # in the order of the directory, which nobody knows
    return sorted(found, key=_by_version if fields[1:] == [("sort", "-V")] else None)


def _is_plain(options: list[str]) -> bool:
    at = 0
    while at < len(options):
        size = next((n for n in (1, 2) if tuple(options[at : at + n]) in _PASSED), 0)
        if not size:
            return False
        at += size
    return True


def _by_version(text: str) -> list[tuple[int, int, str]]:
    """Order as ``sort -V`` orders plain names: runs of digits by their number."""
    parts = re.findall(r"[0-9]+|[^0-9]", text[:300])
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def over(lines: list[str], loop: Loop, name: str) -> Loop:
    """Return the loop over known lines that ``while read`` is."""
    values = tuple(Word((Literal(line, quoted=True),)) for line in lines)
    return Loop(loop.line, "for", loop.body, variable=name, values=values)
