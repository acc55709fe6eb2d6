"""Files whose ends ``tail -f`` sends on into the container's log (GNU coreutils 9.4, "tail invocation")."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

import attrs

from imagespec.analyzers.startup.steps import INHERITED, Step
from imagespec.rootfs import RootFs

_FOLLOWING = re.compile(r"-[0-9n]*[fF]|--follow(?:=.*)?")
_WAITING = re.compile(r"-[0-9n]*F|--retry")


@attrs.frozen
class Followed:
    """How ``tail`` follows one file."""

    certain: bool
    """Whether it certainly does, once the file is there."""
    waits: bool
    """Whether a file that is not there yet is waited for."""


def followed_files(steps: Iterable[Step]) -> dict[str, Followed]:
    """Return the files that ``tail -f`` follows, by their absolute paths."""
    found: dict[str, Followed] = {}
    for step in steps:
        words = [word for word in step.argv[1:] if word is not None]
        name = (step.argv[0] or "").rpartition("/")[2] if step.argv else ""
        if name != "tail" or step.stdout != INHERITED or not any(map(_FOLLOWING.fullmatch, words)):
            continue
        waits = any(map(_WAITING.fullmatch, words))
        for word in words:
            if not word.startswith("-") and (word.startswith("/") or step.cwd is not None):
                path = posixpath.normpath(posixpath.join(step.cwd or "/", word))
                if path not in found or step.certain:
                    found[path] = Followed(step.certain, waits)
    return found


def is_shown(path: str, followed: Mapping[str, Followed], rootfs: RootFs) -> bool:
    """
    Tell whether what a program writes to a file certainly comes into the container's log.

    The program may make the file after ``tail`` looked for it: only one that is in the image or waited for counts.
    """
    found = followed.get(path)
    return found is not None and found.certain and (found.waits or rootfs.resolve(path) is not None)
