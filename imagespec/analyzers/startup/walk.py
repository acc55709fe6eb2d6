"""The record of following a start command: what was found so far, and how much more may be looked at."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec.analyzers.programs.libraries import Libraries
from imagespec.analyzers.shell.state import State, Status
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.written import LIMIT_FILES, Written, WrittenView, real_path
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

LIMIT_STEPS = 200
LIMIT_DEPTH = 16
"""Scripts started by scripts, and functions called by functions."""
_LIMIT_STATEMENTS = 20_000
_LIMIT_REMARKS = 100
_LIMIT_TEXT = (
    512 << 10
)  # characters that known writes go over: a pattern may look at a line once for each of its places


class Walk:
    """Steps, failures and gaps of one image, in the order in which they are met."""

    def __init__(self, rootfs: RootFs, architecture: str) -> None:
        self.rootfs = rootfs
        """What the programs find: the image, and what was written for certain."""
        self._image = rootfs
        self.architecture = architecture
        self.steps: list[Step] = []
        self.gaps: dict[Evidence, None] = {}
        self.failures: dict[Evidence, None] = {}
        self.touched: set[str] = set()
        """Words of commands that ran before and may have changed files."""
        self.touched_widely = False
        """One of these commands may change files that its words do not name."""
        self.made: set[str] = set()
        """Words of commands that made directories."""
        self.present: set[str] = set()
        """Absolute paths that commands before made or left there, as far as they succeed."""
        self.folders: set[str] = set()
        """Absolute paths of directories that commands before made, as far as they succeed."""
        self.removed: set[str] = set()
        """Base names that commands before may have taken away."""
        self.held: set[int] = set()
        """Numbers of steps in the background for which the start command certainly waits."""
        self.holds = False
        """The start command certainly goes on for ever by itself."""
        self.doubts: dict[Evidence, None] = {}
        """Why steps are not certain, where that is no gap: what may fail, and what may end the container."""
        self.made_executable: set[str] = set()
        """Real paths given to ``chmod +x``."""
        self.files: Mapping[str, Written] = {}
        """What commands before wrote for certain, by real path."""
        self.spoiled: tuple[str, ...] = ()
        """Directories below which commands before wrote what is not known."""
        self.telling = False
        """What runs now changes files in a known way only: see `write`."""
        self.given_to: set[str | None] = set()
        """Numbers of users to whom commands before gave files; None for a right that all may have been given."""
        self.rights_taken = False
        """A command before may keep users from files that the image lets them read."""
        self.libraries: dict[tuple[str, str], Libraries] = {}
        """What programs were found to need, by path and LD_LIBRARY_PATH."""
        self._statements = 0
        self._muted = 0
        self._text_left = _LIMIT_TEXT
        self._missing: tuple[int, Evidence] | None = None

    @property
    def exhausted(self) -> bool:
        """Tell whether a bound was met; nothing more is followed then."""
        return self._statements >= _LIMIT_STATEMENTS or len(self.steps) >= LIMIT_STEPS

    def spend(self, state: State) -> bool:
        """Count one statement; False when the bounds are used up."""
        if self.exhausted:
            self.gap(
                state, f"more than {LIMIT_STEPS} programs or {_LIMIT_STATEMENTS:,} commands: not followed on"
            )
            return False
        self._statements += 1
        return True

    def mute(self, change: int) -> None:
        """Record nothing (+1) or record again (-1); used to try what a loop's body changes."""
        self._muted += change

    def add(self, step: Step) -> None:
        """Record a step."""
        if self._muted:
            return
        if len(self.steps) < LIMIT_STEPS:
            self.steps.append(attrs.evolve(step, files=self.files, spoiled=self.spoiled, tells=self.telling))
        else:
            message = f"more than {LIMIT_STEPS} programs: not followed on"
            self.gaps[attrs.evolve(step.trail[-1], message=message)] = None

    def gap(self, state: State, message: str, seen: str | None = None) -> None:
        """Record that something at the current place could not be followed."""
        if not self._muted and len(self.gaps) < _LIMIT_REMARKS:
            self.gaps[state.here(message, seen)[-1]] = None

    def doubt(self, state: State, message: str, seen: str | None = None) -> None:
        """Record why what follows is not certain."""
        if not self._muted and len(self.doubts) < _LIMIT_REMARKS:
            self.doubts[state.here(message, seen)[-1]] = None

    def fail(self, evidence: Evidence) -> None:
        """Record that the container certainly cannot start as asked."""
        if not self._muted and len(self.failures) < _LIMIT_REMARKS:
            self.failures[evidence] = None

    def fail_if_last(self, evidence: Evidence) -> None:
        """Record a failure unless the shell goes on to something else: see `close`."""
        if not self._muted:
            self._missing = (len(self.steps), evidence)

    def close(self) -> None:
        """End the walk: a program that could not be started and after which nothing came is a failure."""
        if self._missing and self._missing[0] == len(self.steps):
            self.fail(self._missing[1])

    def has_rights(self, user: str | None) -> bool:
        """Tell whether a user, by number, may read and write what the image does not let them, for commands before."""
        return bool(self.given_to & {user, None}) and (user in self.given_to or not self.rights_taken)

    def touch(self, words: tuple[str | None, ...], *, widely: bool = False) -> None:
        """Remember the words of a command that may change files, these only or ``widely`` others, too."""
        if self.telling:
            return
        self.touched.update(word if word is not None else "?" for word in words)
        self.touched_widely |= widely
        names = {(word or "").rstrip("/").rpartition("/")[2] for word in words}
        lost = {path: Written() for path in self.files if path.rpartition("/")[2] in names or None in words}
        if lost:
            self.write(lost)

    def spoil(self, path: str | None) -> None:
        """Note that a command writes to a file what is not known."""
        entry = self.rootfs.resolve(path) if path is not None and not self.telling else None
        link = self.rootfs.lookup(path) if path is not None and entry is None else None
        if link is not None or (entry is not None and entry.kind is not EntryKind.FILE):
            return  # a link to what is there at run time only, or a directory
        real = "/" + entry.path if entry is not None else real_path(self._image, path or "")
        if real is not None and not self.telling:
            self.write({real: Written()})

    def spoil_under(self, path: str | None) -> None:
        """Note that a command writes below a directory what is not known."""
        if not self._muted and len(self.spoiled) < LIMIT_FILES:
            self.spoiled = (*self.spoiled, path or "/")
            self.rootfs = WrittenView(self._image, self.files, self.spoiled)

    def write(self, changed: Mapping[str, Written]) -> None:
        """Put files over the image's that a command has certainly written, or that are not known any more."""
        if self._muted or len(self.files) > LIMIT_FILES:
            return
        self.files = {**self.files, **changed}
        self.made.update(changed)
        self.rootfs = WrittenView(self._image, self.files, self.spoiled)

    def afford(self, text: str, times: int = 1) -> bool:
        """Count a text that is worked on; False when that is more than is done for one image."""
        self._text_left -= len(text) * times
        return self._text_left > 0

    def may_have_made(self, path: str) -> bool:
        """Tell whether a command before may have made what the image has not."""
        words = self.touched | self.made
        if self.touched_widely or "?" in words:
            return True
        parts = path.strip("/").split("/")
        return any(set(word.strip("/").split("/")) & set(parts) for word in words if len(word) < 1_000)

    def maybe_changed(self, *paths: str | None) -> bool:
        """Tell whether a command before may have changed a file, going by the words it was given."""
        names = {path.strip("/") for path in paths if path}
        bases = {name.rpartition("/")[2] for name in names}
        words = {word.strip("/") for word in self.touched}
        return bool(words & names) or bool({word.rpartition("/")[2] for word in words} & bases)

    def text_of(self, entry: Entry) -> bytes | None:
        """Return a file's whole content; None when it was not kept."""
        data = self.rootfs.content(entry)
        return data if data is not None and len(data) == entry.size_bytes else None


@attrs.frozen
class Launched:
    """What starting a program came to; NONZERO when it certainly could not be started."""

    status: Status
    returns: bool = False
    """It ends by itself: a small tool, or a script of such."""
