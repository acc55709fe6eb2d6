"""Paths, the working directory and the module search path of a followed Python program."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

import attrs

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.partly import joined, path_piece
from imagespec.analyzers.python.purefunctions import text_only
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    Value,
)


def _path_function(work: Callable[..., str], most: int) -> Model:
    def model(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
        text_only(run, callee, given)
        texts = [text for text in map(path_text, given.args) if text is not None and len(text) <= 4096]
        if work is posixpath.join and len(texts) < len(given.args) <= most:
            return _joined_path(given)
        if not texts or len(texts) > most or len(texts) < len(given.args):
            return UNKNOWN
        cwd = run.step.cwd
        if work is posixpath.normpath:  # abspath
            return UNKNOWN if cwd is None else Const(work(posixpath.join(cwd, *texts)))
        return Const(work(*texts))

    return model


def _joined_path(given: Arguments) -> Value:
    """Follow ``os.path.join`` where not all characters of a part are known."""
    parts = [path_piece(value) for value in given.args]
    known = [part for part in parts if part is not None]
    text = posixpath.join(*known) if len(known) == len(parts) and not given.spread else ""
    return joined([text]) if text else UNKNOWN


def _temporary(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    """Follow ``tempfile.gettempdir``: /tmp, unless the environment tells another."""
    told = any(run.environment_has(name) is not False for name in ("TMPDIR", "TEMP", "TMP"))
    return UNKNOWN if told or run.sources.rootfs.resolve("/tmp") is None else Const("/tmp")  # noqa: S108 - what it says


def _exists(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    path, step = path_text(given.get(0, "path")), run.step
    if path is None or (not path.startswith("/") and step.cwd is None):
        return UNKNOWN
    found = run.sources.rootfs.resolve(posixpath.join(step.cwd or "/", path))
    return Const(True) if found is not None else UNKNOWN  # what is absent may be mounted when the image runs


def _sys_path(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    path, step = path_text(given.args[-1]) if given.args else None, run.step
    sources = run.sources
    if path is None or not run.certain or (not path.startswith("/") and step.cwd is None):
        sources.exact = False
        return Const(None)
    directory = posixpath.normpath(posixpath.join(step.cwd or "/", path)).strip("/")
    if callee.name == "sys.path.insert":
        sources.own.insert(0, directory)
    else:
        sources.late = (*sources.late, directory)
    return Const(None)


def _change_directory(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Follow ``os.chdir``: relative paths start from there, while the module search path stays."""
    path, cwd = path_text(given.get(0, "path")), run.step.cwd
    known = path is not None and run.certain and not run.thread and (path.startswith("/") or cwd is not None)
    if path is not None and known and missing_file(run, path) is not None:
        run.gap(run.here(f"the directory {path[:200]} is not in the image; without it Python stops here"))
    new = posixpath.normpath(posixpath.join(cwd or "/", path)) if path is not None and known else None
    run.moved = True
    run.step = attrs.evolve(run.step, cwd=new)
    return Const(None)


PATHS: Mapping[str, Model] = {
    "os.chdir": _change_directory,
    "os.path.join": _path_function(posixpath.join, 20),
    "os.path.dirname": _path_function(posixpath.dirname, 1),
    "os.path.basename": _path_function(posixpath.basename, 1),
    "os.path.abspath": _path_function(posixpath.normpath, 1),
    "os.path.realpath": _path_function(posixpath.normpath, 1),
    "tempfile.gettempdir": _temporary,
    "os.path.exists": _exists,
    "os.path.isfile": _exists,
    "os.path.isdir": _exists,
    "sys.path.insert": _sys_path,
    "sys.path.append": _sys_path,
}
