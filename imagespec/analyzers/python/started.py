"""Programs that a followed Python program starts: what is known of each, and how they end."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.values import Call

Words = tuple[str | None, ...]


class Mode(enum.Enum):
    """What the Python program does meanwhile."""

    WAITS = "waits"
    BESIDE = "beside"
    REPLACED = "replaced"


class Ending(enum.Enum):
    """How a started program ends."""

    ENDS = "ends"
    """By itself, and is taken to succeed."""
    FAILS = "fails"
    MISSING = "missing"
    """It certainly cannot be started, which raises an exception."""
    STAYS = "stays"
    """It certainly runs as long as the container."""
    OPEN = "open"


@attrs.frozen(kw_only=True)
class Child:
    """One program on its way to be started; None for what is not known."""

    words: Words
    environment: dict[str, str | None]
    cwd: str | None
    stdout: str | None
    stderr: str | None
    mode: Mode
    certain: bool
    thread: bool
    place: Place


Starter = Callable[[Child], Ending]


@attrs.define
class Processes:
    """The programs that one Python program has started."""

    start: Starter | None = None
    endings: dict[int, Ending] = attrs.field(factory=dict)
    """By the identity of the call that started the program."""
    beside: list[Call] = attrs.field(factory=list)
    """Calls that started programs which were not waited for."""

    def knows(self, call: Call) -> bool:
        """Tell whether a call started a program that is followed, or asks or ends such a program."""
        return id(call) in self.endings or id(call.receiver) in self.endings


@attrs.frozen
class Aside:
    """A thread or process of the program's own; ``made`` is the call that made it."""

    made: Call
    serves: bool
    """Whether it certainly never ends."""
