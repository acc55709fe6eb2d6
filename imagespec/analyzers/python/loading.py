"""
Files that a program reads when it starts: one that the image does not have ends it, unless it is mounted there.

Weights are often mounted or downloaded at run time, so a missing file proves nothing; but a program that needs one is
not certain to come to its server.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import Value, text_of
from imagespec.analyzers.python.writing import check_written
from imagespec.analyzers.startup.users import closed_file

_WRITING = frozenset("wax+")
_MADE_AT_RUN_TIME = ("/dev/", "/proc/", "/sys/", "/tmp/", "/run/", "/var/tmp/")  # noqa: S108 - compared with

# Functions that read the file they are given, and the name of that argument (each library's own reference).
_LOADERS = {
    "builtins.open": "file",
    "io.open": "file",
    "joblib.load": "filename",
    "keras.models.load_model": "filepath",
    "numpy.load": "file",
    "starlette.staticfiles.StaticFiles": "directory",
    "onnxruntime.InferenceSession": "path_or_bytes",
    "tensorflow.keras.models.load_model": "filepath",
    "tensorflow.saved_model.load": "export_dir",
    "torch.jit.load": "f",
    "torch.load": "f",
}


def _load(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    path = path_text(given.get(0, _LOADERS[callee.name]))
    mode = (text_of(given.get(1, "mode")) or "r") if callee.name.endswith("open") else "r"
    if _WRITING & set(mode):
        check_written(run, given.get(0, "file"))
    if path is None or run.forgiving:
        return None
    full = missing_file(run, path, mode)
    if full is not None:
        run.gap(run.here(f"{full} is read and is not in the image; without it Python stops here"))
    elif not _WRITING & set(mode):
        _check_readable(run, path)
    return None


def _check_readable(run: State, path: str) -> None:
    if not path.startswith("/") and run.step.cwd is None:
        return
    full = posixpath.normpath(posixpath.join(run.step.cwd or "/", path))
    closed = closed_file(run.step.user, full, run.sources.rootfs)
    if closed is not None and not full.startswith(_MADE_AT_RUN_TIME):
        run.gap(run.here(f"the user {run.step.user} may not be allowed to read {full}"))


def missing_file(program: State, path: str, mode: str = "r") -> str | None:
    """Return the absolute path of a file that is read and that the image does not have; None for any other."""
    if _WRITING & set(mode) or (not path.startswith("/") and program.step.cwd is None):
        return None
    full = posixpath.normpath(posixpath.join(program.step.cwd or "/", path))
    absent = not full.startswith(_MADE_AT_RUN_TIME) and program.sources.rootfs.resolve(full) is None
    return full if absent else None


LOADING: Mapping[str, Model] = dict.fromkeys(_LOADERS, _load)
