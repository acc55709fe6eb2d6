"""Paths that lead to a standard stream: links of the image, and those that `ln` makes when the container starts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.tools import ends_by_itself
from imagespec.analyzers.startup.users import WRITE, may
from imagespec.entry import EntryKind
from imagespec.rootfs import RootFs

_STREAMS = frozenset(
    (
        *("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/dev/tty", "/dev/console"),
        *(f"/proc/{process}/fd/{number}" for process in ("1", "self") for number in (1, 2)),
    )
)
_LINKS = 8
_REMOVING = frozenset({"rm", "unlink", "mv", "cp", "install"})


def is_stream(rootfs: RootFs, path: str) -> bool:
    """Tell whether ``path`` is a standard stream, or a link of the image to one (as the official nginx image has)."""
    for _ in range(_LINKS):
        path = "/" + path.lstrip("/")
        if path in _STREAMS:
            return True
        entry = rootfs.lookup(path)
        if entry is None or entry.kind is not EntryKind.SYMLINK:
            return False
        folder = path.rpartition("/")[0]
        path = entry.link_target if entry.link_target.startswith("/") else f"{folder}/{entry.link_target}"
    return False


def made_links(orders: Iterable[Sequence[Step]], rootfs: RootFs) -> Mapping[str, bool]:
    """
    Return the paths for which ``ln`` is asked before other programs start, and whether they certainly lead to a stream.

    Each order is a list of steps one after the other. A link that is made behind a program that goes on may come after
    that program has opened its log.
    """
    found: dict[str, bool] = {}
    for steps in orders:
        first = True
        for step in steps:
            names = _named(step)
            tool = posixpath.basename(step.argv[0] or "") if step.argv else ""
            if tool == "ln" and names:
                found[names[-1]] = first and _leads_to_stream(step, names, rootfs)
            elif tool in _REMOVING:
                found.update(dict.fromkeys(found.keys() & set(names), False))
            first = first and (ends_by_itself(step.argv) or step.script is not None) and not step.background
    return found


def _leads_to_stream(step: Step, names: Sequence[str], rootfs: RootFs) -> bool:
    """Tell whether ``ln`` certainly links the second of two names to a stream (coreutils 9.1, "ln invocation")."""
    letters = {
        letter for word in step.argv[1:] if word and word[0] == "-" != word[1:2] for letter in word[1:]
    }
    if len(names) != 2 or names[0] not in _STREAMS or not step.certain or not letters <= set("sfnv"):
        return False
    there, directory = rootfs.lookup(names[1]), rootfs.resolve(posixpath.dirname(names[1]))
    in_the_way = there is not None and (there.kind is EntryKind.DIRECTORY or "f" not in letters)
    return (
        "s" in letters
        and not in_the_way
        and directory is not None
        and directory.kind is EntryKind.DIRECTORY
        and may(step.user, WRITE, directory, rootfs)
    )


def _named(step: Step) -> list[str]:
    """Return the files that a command names, as absolute paths; empty where not all of its words are known."""
    words = [word for word in step.argv[1:] if word is None or not word.startswith("-")]
    if None in words or (step.cwd is None and not all((word or "").startswith("/") for word in words)):
        return []
    return [posixpath.normpath(posixpath.join(step.cwd or "/", word or "")) for word in words]
