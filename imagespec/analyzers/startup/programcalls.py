"""Whether a program that is a shell script comes to the program behind it, followed as a start command is."""

from __future__ import annotations

import attrs

from imagespec.analyzers.programs.elf import MAGIC
from imagespec.analyzers.startup.start import follow_start_command
from imagespec.documents.config import ImageConfig
from imagespec.rootfs import RootFs


@attrs.frozen
class Called:
    """What calling a script came to; None where that is not known."""

    starts: bool | None
    reason: str


def call_script(config: ImageConfig, rootfs: RootFs, path: str, *words: str) -> Called:
    """Follow ``path words`` in a container of an image."""
    asked = attrs.evolve(config, entrypoint=(path, *words), cmd=())
    found = follow_start_command(asked, rootfs)
    if found.failures:
        return Called(
            starts=False, reason=f"{path} is a script that cannot go on: {found.failures[0].message}"
        )
    if found.gaps:
        return Called(
            starts=None, reason=f"{path} is a script, of which not all is followed: {found.gaps[0].message}"
        )
    for step in found.steps:
        head = rootfs.content(step.program) if step.program is not None else None
        if step.certain and head is not None and head.startswith(MAGIC) and step.script is None:
            return Called(starts=True, reason="")
    return Called(starts=None, reason=f"{path} is a script that does not certainly start another program")
