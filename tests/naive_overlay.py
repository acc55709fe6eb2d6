"""
A second opinion on the merged view: layers unpacked into real directories and merged by plain system calls.

Nothing here uses imagespec. Each layer is unpacked into an upper directory of its own, as overlay drivers do it, and
that is then laid over what the lower layers made. What no directory entry can say stands in files of reserved names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.build import Item

_HIDDEN = "\1hidden "  # and a name: the lower layers' entry of that name is whited out
_OPAQUE = "\1opaque"  # nothing of the lower layers' directory is seen
_LISTED = "\1listed"  # the layer has an entry for the directory, not only for what is in it
_RESERVED = "\1"
_HOPS = 255

Shown = dict[str, tuple[object, ...]]
"""Path → kind, mode, content or target, and all names of the same file."""


class NaiveOverlay:
    """The merged directory of the layers so far, below ``work``."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.merged = work / "merged"
        self.merged.mkdir()

    def apply(self, items: Sequence[Item]) -> None:
        """Unpack one layer and lay it over the others."""
        upper = self.work / "upper"
        upper.mkdir()
        with contextlib.ExitStack() as stack:
            self._unpack(items, upper, stack)
        (upper / _OPAQUE).unlink(missing_ok=True)  # the kernel does not heed it in a layer's root
        _lay(upper, self.merged)
        shutil.rmtree(upper)

    def _unpack(self, items: Sequence[Item], upper: Path, stack: contextlib.ExitStack) -> None:
        late = []
        for item in items:
            parent = descend(upper, item.path.split("/")[:-1], create=True)
            if parent is None:
                continue
            if item.kind == tarfile.LNKTYPE:
                if not self._link(upper, parent / _base(item), item, forward=False):
                    # A directory that is replaced meanwhile takes the pending link with it; while it is open,
                    # no other has its number.
                    opened = os.open(parent, os.O_RDONLY)
                    stack.callback(os.close, opened)
                    late.append((item, parent, os.fstat(opened)))
            else:
                _put(parent, _base(item), item)
        for item, parent, directory in late:
            if _kind(parent) == "directory" and os.path.samestat(parent.lstat(), directory):
                self._link(upper, parent / _base(item), item, forward=True)
        for marker in list(upper.rglob(f"{_HIDDEN}*")):
            again = marker.with_name(marker.name.removeprefix(_HIDDEN))
            if marker.exists() and _kind(again) == "directory" and not _holds_entries(again):
                shutil.rmtree(again)

    def _link(self, upper: Path, name: Path, item: Item, *, forward: bool) -> bool:
        """Give the target's file another name; tell whether the target needs no second look."""
        own = _find(upper, item.link)
        if own is None and not forward:
            return False
        if own is None and _find(upper, item.link, prefix=_HIDDEN):
            (
                name.parent / (_HIDDEN + name.name)
            ).touch()  # to the kernel a whiteout is a device, and so is its link
            return True
        found = own or _find(self.merged, item.link)
        if found is None or _kind(found) == "directory":
            return True
        if own and not forward and _kind(own) != "symlink":
            own.chmod(item.mode)
        if os.path.lexists(name) and name.lstat().st_ino == found.lstat().st_ino:
            return True
        temporary = name.with_name("\1new")
        os.link(found, temporary, follow_symlinks=False)
        _remove(name)
        temporary.rename(name)
        return True

    def shown(self) -> Shown:
        """Return what a container would see."""
        found: Shown = {}
        names: dict[int, list[str]] = {}
        for folder, folders, files in os.walk(self.merged):
            for name in (*folders, *files):
                path = Path(folder, name)
                names.setdefault(path.lstat().st_ino, []).append(str(path.relative_to(self.merged)))
        for paths in names.values():
            for name in paths:
                found[name] = (*_describe(self.merged / name), tuple(sorted(paths)))
        return found


def descend(root: Path, parts: Sequence[str], *, create: bool) -> Path | None:
    """Return the real directory that ``parts`` lead to, through links but never out of ``root``."""
    here, pending, hops = root, list(parts), 0
    while pending:
        part = pending.pop(0)
        if part in {"", "."}:
            continue
        if part == "..":
            here = here.parent if here != root else root
            continue
        path = here / part
        kind = _kind(path)
        if kind == "symlink":
            hops += 1
            if hops > _HOPS:
                return None
            target = str(path.readlink())
            pending[:0] = target.split("/")
            here = root if target.startswith("/") else here
            continue
        if kind != "directory":
            if not create:
                return None
            _remove(path)
            path.mkdir()
            path.chmod(0o755)
        here = path
    return here


def _holds_entries(directory: Path) -> bool:
    """Tell whether there is anything in an upper directory that some member lists, beside whiteouts."""
    return any(
        path.name == _LISTED or not (path.name.startswith(_RESERVED) or _kind(path) == "directory")
        for path in directory.rglob("*")
    )


def _find(root: Path, target: str, prefix: str = "") -> Path | None:
    """Return what a hard link's target names, below another name's prefix; its last part is not followed."""
    *parents, base = os.path.normpath("/" + target).strip("/").split("/")
    folder = descend(root, parents, create=False)
    return folder / (prefix + base) if folder and base and os.path.lexists(folder / (prefix + base)) else None


def _base(item: Item) -> str:
    return item.path.rpartition("/")[2]


def _put(parent: Path, base: str, item: Item) -> None:
    path = parent / base
    if base == ".wh..wh..opq":
        (parent / _OPAQUE).touch()
    elif base.startswith(".wh."):
        (parent / (_HIDDEN + base.removeprefix(".wh."))).touch()
    elif item.kind == tarfile.DIRTYPE:
        if _kind(path) != "directory":
            _remove(path)
            path.mkdir()
        path.chmod(item.mode)
        (path / _LISTED).touch()
    else:
        _remove(path)
        if item.kind == tarfile.SYMTYPE:
            path.symlink_to(item.link)
        elif item.kind == tarfile.FIFOTYPE:
            os.mkfifo(path)
        else:
            path.write_bytes(item.data)
        if item.kind != tarfile.SYMTYPE:
            path.chmod(item.mode)


def _lay(upper: Path, lower: Path) -> None:
    """Lay one directory over another: the whiteouts, then the entries."""
    marks = {path.name for path in upper.iterdir() if path.name.startswith(_RESERVED)}
    hidden = [lower / name.removeprefix(_HIDDEN) for name in marks if name.startswith(_HIDDEN)]
    for path in list(lower.iterdir()) if _OPAQUE in marks else hidden:
        _remove(path)
    for path in upper.iterdir():
        over = lower / path.name
        if path.name in marks:
            continue
        if _kind(path) != "directory":
            _remove(over)
            path.rename(over)
            continue
        if _kind(over) != "directory":
            _remove(over)
            over.mkdir()
            over.chmod(0o755)
        if (path / _LISTED).exists() or (path / _OPAQUE).exists():
            over.chmod(stat.S_IMODE(path.stat().st_mode))
        _lay(path, over)


def _remove(path: Path) -> None:
    if _kind(path) == "directory":
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _kind(path: Path) -> str:
    """Return the kind of what is there, in imagespec's words; empty for nothing."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # not there, or something on the way is no directory
        return ""
    kinds = {stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
    return kinds.get(stat.S_IFMT(mode), "file")


def _describe(path: Path) -> tuple[object, ...]:
    kind = _kind(path)
    mode = stat.S_IMODE(path.lstat().st_mode)
    match kind:
        case "symlink":
            return kind, None, str(path.readlink())
        case "file":
            return kind, mode, path.read_bytes()
    return kind, mode, None
