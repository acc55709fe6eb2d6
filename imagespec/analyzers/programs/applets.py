"""Programs that busybox is: one file that goes by the name under which it is started."""

from __future__ import annotations

from imagespec.analyzers.programs.programs import Startable
from imagespec.analyzers.reading import read_whole
from imagespec.entry import Entry
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_NAMES = frozenset(("busybox", "busybox.static", "bbox"))


def judge_applet(rootfs: RootFs, program: Entry, name: str) -> Startable | None:
    """
    Tell whether a program that is busybox has ``name``; None where it is something else.

    busybox holds the names of its applets one after the other, each with a NUL behind (busybox 1.36
    applets/applet_tables.c, applet_names), and refuses any other name.
    """
    base = program.path.rpartition("/")[2]
    if base not in _NAMES or base == name:
        return None
    data = read_whole(rootfs, program)
    if data is None:
        present, what = None, f"is busybox, of which it is not known whether it has {name}: it was not kept"
    else:
        present = b"\0" + name.encode() + b"\0" in data
        what = f"is busybox and has {name}" if present else f"is busybox, which has no {name}"
    reason = f"/{program.path} {what}"
    place = Evidence(message=reason, path=program.path, layer=program.layer, wanted=name)
    return Startable(startable=present, reason=reason, evidence=(place,), program=program)
