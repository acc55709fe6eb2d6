"""Which steps of a start command the user that takes them may not be allowed to take."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.users import EXECUTE, READ, closed_directory, may
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence


def weigh_permissions(walk: Walk, user: str, rootfs: RootFs) -> tuple[list[Step], list[Evidence]]:
    """
    Return the steps and gaps, with the steps from the first one on uncertain that ``user`` may not be allowed to take.

    Which groups a user is in depends on the image and the engine, so only what everybody may do is taken as allowed.
    """
    own = "" if user.partition(":")[0] in {"", *ROOT} else user
    walk.steps[:] = [attrs.evolve(step, user=own or step.user) for step in walk.steps]
    for number, step in enumerate(walk.steps):
        user = step.user
        if not user:
            continue
        if (step.argv[0] or "").rpartition("/")[2] == "nginx" if step.argv else False:
            message = (
                f"nginx started by the user {user} may not be allowed to write its process file and logs"
            )
            walk.gaps[attrs.evolve(step.trail[-1], message=message)] = None
            walk.steps[number] = attrs.evolve(step, certain=False)
            continue
        script = rootfs.resolve(step.script) if step.script else None
        for entry, bit in ((step.program, EXECUTE), (script, READ), *_directories(step, user, rootfs)):
            if entry is not None and not may(user, bit, entry, rootfs):
                what = "search" if entry.kind is EntryKind.DIRECTORY else "run" if bit == EXECUTE else "read"
                message = f"the user {user} may not be allowed to {what} it (mode {entry.mode:04o})"
                gap = Evidence(message=message, path=entry.path, layer=entry.layer)
                doubtful = [attrs.evolve(later, certain=False) for later in walk.steps[number:]]
                return [*walk.steps[:number], *doubtful], [*walk.gaps, gap]
    return walk.steps, list(walk.gaps)


def _directories(step: Step, user: str, rootfs: RootFs) -> Iterator[tuple[Entry | None, int]]:
    """Yield the directories that keep a user from a step's program, script or working directory."""
    for path in (step.program.path if step.program else None, step.script, step.cwd):
        if path is not None:
            yield closed_directory(user, path, rootfs), EXECUTE
