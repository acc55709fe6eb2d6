"""
Whether a command can read, make or change what a path names, as the user that runs it.

True is certain but for mounts; False where nothing is mounted as a rule; None where the image does not tell.
"""

from __future__ import annotations

import posixpath
import re

from imagespec.analyzers.shell.accounts import ROOT, user_number
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.users import EXECUTE, READ, WRITE, closed_directory, may
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import Entry, EntryKind

IMAGE_ONLY = ("/bin/", "/sbin/", "/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/app/", "/code/")
"""Where nothing is mounted as a rule, so that what is absent from the image is absent from the container."""
ENGINE_MADE = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/opt/ml/", "/etc/podinfo")
_OPEN_FOLDERS = frozenset({"/tmp", "/dev/shm"})  # noqa: S108 - compared with
_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/", "/proc/1/fd/")


FROM_HOST = re.compile(r"nvidia|cuda|npu-smi|ascend|davinci|dcmi|hccn", re.IGNORECASE)
"""Put into containers by the runtimes of accelerators (nvidia-container-toolkit, Ascend Docker runtime)."""


class Places:
    """Answers for one state of a walk."""

    def __init__(self, state: State, walk: Walk) -> None:
        self._state = state
        self._walk = walk

    def there(self, name: str | None) -> bool | None:
        """Tell whether something of a name is there, links followed."""
        path = self._path(name)
        if path is None:
            return None
        if path in self._walk.present | self._walk.folders | _OPEN_FOLDERS or _is_device(path):
            return True
        if self._entry(path) is not None:
            return None if self._maybe_gone(path) or self.closed(path) else True
        return self._absent(path)

    def is_folder(self, name: str | None) -> bool | None:
        """Tell whether a name is that of a directory."""
        path = self._path(name)
        if path is None:
            return None
        if path == "/" or path in _OPEN_FOLDERS | self._walk.folders:
            return True
        entry = self._entry(path)
        if entry is not None:
            closed = self._maybe_gone(path) or self.closed(path)
            return None if closed else entry.kind is EntryKind.DIRECTORY
        return self._absent(path) if path not in self._walk.present else False

    def readable(self, name: str | None) -> bool | None:
        """Tell whether a file of a name can be read."""
        found = self.there(name)
        entry = self._entry(self._path(name) or "")
        if found is not True or entry is None or entry.kind is EntryKind.DIRECTORY:
            return found
        return True if self._may(READ, entry) else None

    def writable(self, name: str | None) -> bool | None:
        """Tell whether a file of a name can be written, or made where it is not there."""
        path = self._path(name)
        if path is None:
            return None
        if path in self._walk.present or _is_device(path):
            return True
        if path.startswith(("/dev/", "/proc/", "/sys/")) and not path.startswith("/dev/shm/"):  # noqa: S108
            return None
        entry = self._entry(path)
        if entry is not None and entry.kind is EntryKind.DIRECTORY:
            return False
        if entry is not None:
            return True if entry.kind is EntryKind.FILE and self._may(WRITE, entry) else None
        link = self._walk.rootfs.lookup(path)
        if link is not None:
            target = posixpath.join(posixpath.dirname(path), link.link_target)
            return True if _is_device(target) else None
        return self.open_folder(posixpath.dirname(path))

    def open_folder(self, name: str | None) -> bool | None:
        """Tell whether files can be made in a directory."""
        path = self._path(name)
        found = self.is_folder(path)
        if found is not True or path is None:
            return found
        if path in self._walk.folders | _OPEN_FOLDERS:
            return True
        entry = self._entry(path)
        open_ = entry is None or (self._may(WRITE, entry) and self._may(EXECUTE, entry))
        return True if open_ and not self.closed(path) else None

    def makeable(self, name: str | None) -> bool | None:
        """Tell whether a directory and those above it can be made, or are there."""
        path = self._path(name)
        while path is not None:
            found = self.is_folder(path)
            if found:
                return True if path == self._path(name) else self.open_folder(path)
            if self._entry(path) is not None:
                return False
            path = posixpath.dirname(path)
        return None

    def _path(self, name: str | None) -> str | None:
        if name is None or not name or any(char in name for char in "*?["):
            return None
        return absolute(name, self._state.cwd)

    def _entry(self, path: str) -> Entry | None:
        return self._walk.rootfs.resolve(path) if path else None

    def _may(self, bit: int, entry: Entry) -> bool:
        user = self._state.user
        given = self._given()
        return given or (bool(entry.mode & bit) if user is None else may(user, bit, entry, self._walk.rootfs))

    def _given(self) -> bool:
        return self._walk.has_rights(user_number(self._state.user, self._walk.rootfs))

    def closed(self, path: str) -> bool:
        """Tell whether the user may not be allowed to look for a path."""
        user = self._state.user
        if user in ROOT or self._given():
            return False
        return closed_directory(user or "nobody", posixpath.dirname(path), self._walk.rootfs) is not None

    def _maybe_gone(self, path: str) -> bool:
        return bool(self._walk.removed & set(path.split("/")))

    def _absent(self, path: str) -> bool | None:
        """Answer for what is not in the image: False, or None where it may have been made or mounted."""
        walk = self._walk
        kept = (path + "/").startswith(IMAGE_ONLY) and not path.startswith(ENGINE_MADE)
        kept = kept and not FROM_HOST.search(path)
        sure = kept and walk.rootfs.complete and walk.rootfs.lookup(path) is None
        return False if sure and not walk.may_have_made(path) else None


def _is_device(path: str) -> bool:
    return path in _DEVICES or path.startswith(_STREAMS)
