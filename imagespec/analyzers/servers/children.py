"""Programs that a Python program starts: each is followed as the start command is, and then asked where it listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.started import Child, Ending, Mode
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Value, text_of
from imagespec.analyzers.servers.listening import Listening
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, State, Status
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.launch import Launcher
from imagespec.analyzers.startup.locate import locate
from imagespec.analyzers.startup.permissions import weigh_permissions
from imagespec.analyzers.startup.steps import OpenEnvironment, Step
from imagespec.analyzers.startup.walk import Launched, Walk
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program
    from imagespec.analyzers.servers.words import Command

LIMIT_TRAIL = 12
"""Places that lead to a program that starts others: they may do so without end."""
_TOO_MANY = "more programs are started by programs than are followed"
Follow = Callable[[Step, tuple[Step, ...], RootFs], Listening]

_KILLERS = ("Popen().terminate", "Popen().kill", "Popen().send_signal", "os.kill", "os.killpg")
"""What ends a started program; a signal's handler is not followed, so these are on the way to the waiting."""
_CHANGERS = (
    "shutil.copy", "shutil.move", "shutil.rmtree", "shutil.unpack", "os.rename", "os.replace", "os.remove", "os.unlink",
    "os.symlink", "os.link",
)  # fmt: skip
_METHODS = (
    ".write_text", ".write_bytes", ".dump", ".unlink", ".rename", ".symlink_to", ".hardlink_to", ".extractall", ".save",
)  # fmt: skip


class Children:
    """The programs that one Python program starts; called with each of them."""

    def __init__(
        self,
        command: Command,
        program: Program,
        follow: Follow,
        afford: Callable[[], bool],
        architecture: str,
    ) -> None:
        self._step = command.step
        self._before = command.before
        self._program = program
        self._follow = follow
        self._afford = afford
        self._walk = Walk(command.rootfs, architecture)
        self._walk.files = command.step.files
        for step in command.before:
            name = (step.argv[0] or "?").rpartition("/")[2] if step.argv else "?"
            if not step.tells and name not in tools.HARMLESS:
                self._walk.touch(step.argv[1:], widely=name not in tools.NARROW)
        self._seen = 0
        self._calls = 0
        self._waited: list[Listening] = []
        self._beside: list[Listening] = []

    def __call__(self, child: Child) -> Ending:
        """Follow one program, and tell how it ends."""
        walk, state = self._walk, self._state(child)
        self._note_writes(state)
        first = child.words[0] if child.words else None
        if first is None or len(self._step.trail) > LIMIT_TRAIL or not self._afford():
            walk.gap(state, "what is started is not known" if first is None else _TOO_MANY)
            gaps = self._gaps()
            self._add(Listening(gaps=gaps, unfollowed=gaps), child, background=True)
            return Ending.OPEN
        if child.certain and not walk.touched and locate(walk, first, state).refused:
            return Ending.MISSING
        launched = Launcher(walk).launch(child.words, state, child.mode is Mode.REPLACED)
        return self._judge(launched, child)

    def listening(self, *, stays: bool) -> Listening:
        """Return who listens of all that was started; ``stays`` where the Python program itself certainly goes on."""
        result = Listening()
        for item in self._waited:
            result = result.plus(item.attached() if stays else item)
        killed = any(call.name.endswith(_KILLERS) for call in self._program.calls)
        for item in self._beside:
            result = result.plus(item.attached() if stays and not killed else item.doubtful())
        return result

    def _judge(self, launched: Launched, child: Child) -> Ending:
        """Follow the steps of a program that was launched."""
        walk = self._walk
        weighed, gaps = weigh_permissions(walk, self._step.user, walk.rootfs)
        steps = weighed[self._seen :]
        self._seen = len(walk.steps)
        unfollowed = self._gaps()
        found = Listening(
            gaps=(*unfollowed, *(gap for gap in gaps if gap not in unfollowed)), unfollowed=unfollowed
        )
        if walk.failures:
            found = found.plus(Listening(never=tuple(walk.failures)))
            walk.failures.clear()
        stays = ends = False
        for number, step in enumerate(steps):
            one = self._follow(step, (*self._before, *steps[:number]), walk.rootfs)
            found = found.plus(one).plus(Listening(steps=(step,)))
            own = not step.background
            serves = any(item.certain and not item.detached for item in one.listeners)
            stays |= own and not launched.returns and step.certain and (one.stays or serves)
            ends = own and one.ends
        background = child.mode is Mode.BESIDE or any(step.background for step in steps)
        self._add(found, child, background=background)
        if stays:
            return Ending.STAYS
        if launched.status is Status.NONZERO:
            return Ending.FAILS
        return Ending.ENDS if launched.returns or ends else Ending.OPEN

    def _add(self, found: Listening, child: Child, *, background: bool) -> None:
        if not self._step.certain:
            found = found.doubtful()
        (self._beside if background or child.thread else self._waited).append(found)

    def _gaps(self) -> tuple[Evidence, ...]:
        found = tuple(self._walk.gaps)
        self._walk.gaps.clear()
        return found

    def _state(self, child: Child) -> State:
        shown = " ".join("?" if word is None else word for word in child.words)[:200]
        place = child.place.evidence("starts a program", seen=shown)
        return State(
            variables=dict(child.environment),
            exported=set(child.environment),
            wild=isinstance(child.environment, OpenEnvironment),
            user=self._step.user or None,
            cwd=child.cwd,
            sinks={1: child.stdout, 2: child.stderr},
            doubts=set() if child.certain else {Doubt.BRANCH},
            background=self._step.background,
            main=False,
            trail=(*self._step.trail, place),
        )

    def _note_writes(self, state: State) -> None:
        """Let files that the program itself has written by now be unknown."""
        for call in self._program.calls[self._calls :]:
            for value in _written(call):
                path = path_text(value)
                full = None if path is None else absolute(path, self._program.step.cwd)
                if full is None:
                    self._walk.gap(state, f"{call.name} may have written a file that the program reads")
                    state.doubts.add(Doubt.BRANCH)
                else:
                    self._walk.touch((full,))
                    self._walk.spoil(full)
        self._calls = len(self._program.calls)


def _written(call: Call) -> list[Value]:
    """Return what a call writes or changes, as far as that is a file's name; empty where it changes none."""
    if call.name in {"builtins.open", "io.open"}:
        mode = call.argument(1, "mode")
        reads = mode is None or (text_of(mode) is not None and not set(text_of(mode) or "") & set("wax+"))
        return [] if reads else [call.argument(0, "file") or UNKNOWN]
    if call.name.startswith(_CHANGERS):
        return [*call.args, *call.keywords.values()] or [UNKNOWN]
    if call.name.endswith(_METHODS):
        return [*call.args, call.receiver] if isinstance(call.receiver, Const) else [UNKNOWN]
    return []
