"""
Files and directories that a program writes when it starts: where its user may not, or there is no directory, it ends.

Only what the image's own user certainly may do is taken as allowed: as root everything; otherwise what everybody may do,
and what the owner may do who the user is by number or by name in /etc/passwd.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.partly import path_piece, shown
from imagespec.analyzers.python.purefunctions import check_basic_config
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import Const, Value
from imagespec.analyzers.startup.users import WRITE, may
from imagespec.entry import EntryKind

_MADE_AT_RUN_TIME = ("/dev/", "/proc/", "/sys/")
_HANDLERS = (
    "logging.FileHandler",
    "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler",
    "logging.handlers.WatchedFileHandler",
)


def check_written(program: State, value: Value | None) -> None:
    """Record a gap where a file that the program opens for writing cannot be made."""
    path = _full_path(program, value)
    if path is None or path.startswith(_MADE_AT_RUN_TIME):
        return
    view = program.sources.rootfs
    entry, directory = view.resolve(path), posixpath.dirname(path)
    above = entry or view.resolve(directory)
    if above is None and directory not in program.made and _starts_first(program):
        message = (
            f"{shown(path)} is written, and its directory is not in the image; without it Python stops here"
        )
        program.gap(program.here(message))
    elif above is not None and not may(program.step.user, WRITE, above, view):
        program.gap(program.here(f"the user {program.step.user} may not be allowed to write {shown(path)}"))


def _starts_first(program: State) -> bool:
    """Tell whether no script runs before the program, which could have made directories."""
    return all(item.path is None for item in program.step.trail)


def _full_path(program: State, value: Value | None) -> str | None:
    text, cwd = path_piece(value), program.step.cwd
    if not text or (not text.startswith("/") and cwd is None):
        return None
    return posixpath.normpath(posixpath.join(cwd or "/", text))


def _handler(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    if "delay" not in given.keywords:
        check_written(run, given.get(0, "filename"))
    return None


def _basic_config(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    check_basic_config(run, given)
    check_written(run, given.keywords.get("filename"))
    return None


def _make_directory(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    path = _full_path(run, given.get(0, "name"))
    if path is not None and not run.branches:
        _check_place(run, path, given, alone=callee.name == "os.mkdir")
    above = path
    while above is not None:
        run.made.add(above)
        entry = run.sources.rootfs.resolve(above)
        if entry is not None or above == "/":
            if (
                entry is not None
                and above != path
                and not may(run.step.user, WRITE, entry, run.sources.rootfs)
            ):
                run.gap(run.here(f"the user {run.step.user} may not be allowed to make {shown(path or '')}"))
            break
        above = posixpath.dirname(above)
    return Const(None)


def _database(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Look at a database that is made when it is connected to and is not there (library reference, sqlite3)."""
    value = given.get(0, "database")
    path = _full_path(run, value)
    named = path_piece(value)
    if path is None or named == ":memory:" or "uri" in given.keywords:
        return None
    if run.sources.rootfs.resolve(path) is None:
        check_written(run, value)
    return None


def _dumped(position: int, name: str) -> Model:
    def model(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
        check_written(run, given.get(position, name))
        return None

    return model


def _check_place(run: Evaluator, path: str, given: Arguments, *, alone: bool) -> None:
    """Refuse a directory that is there already, or below what is none; ``alone`` makes none above it."""
    view, directory = run.sources.rootfs, posixpath.dirname(path)
    forgiven = given.get(2, "exist_ok")
    there = path in run.made or view.resolve(path) is not None
    if there and (forgiven is None or forgiven == Const(value=False)):
        run.refuse("FileExistsError", f"the directory {shown(path)} is made, and is there already")
    above = view.resolve(directory)
    if alone and above is None and directory not in run.made and _starts_first(run):
        run.refuse(
            "FileNotFoundError", f"the directory {shown(path)} is made in one that is not in the image"
        )
    while above is None and directory != "/":
        directory = posixpath.dirname(directory)
        above = view.resolve(directory)
    if above is not None and above.kind is EntryKind.FILE:
        run.refuse("NotADirectoryError", f"the directory {shown(path)} is made below a file")


WRITING: Mapping[str, Model] = {
    "sqlite3.connect": _database,
    "shelve.open": _dumped(0, "filename"),
    "numpy.save": _dumped(0, "file"),
    "joblib.dump": _dumped(1, "filename"),
    "torch.save": _dumped(1, "f"),
    **dict.fromkeys(_HANDLERS, _handler),
    "logging.basicConfig": _basic_config,
    "os.makedirs": _make_directory,
    "os.mkdir": _make_directory,
}
