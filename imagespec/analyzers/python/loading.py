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
from imagespec.analyzers.python.values import External, Value, name_of, text_of
from imagespec.analyzers.python.writing import check_written
from imagespec.analyzers.startup.users import closed_file

_WRITING = frozenset("wax+")
_MADE_AT_RUN_TIME = ("/dev/", "/proc/", "/sys/", "/tmp/", "/run/", "/var/tmp/")  # noqa: S108 - compared with

# Functions that read the file they are given, and the name of that argument (each library's own reference).
_LOADERS = {
    "PIL.Image.open": "fp",
    "builtins.open": "file",
    "configparser.ConfigParser().read_file": "f",
    "ctypes.CDLL": "name",
    "h5py.File": "name",
    "io.open": "file",
    "joblib.load": "filename",
    "keras.models.load_model": "filepath",
    "numpy.genfromtxt": "fname",
    "numpy.load": "file",
    "numpy.loadtxt": "fname",
    "onnx.load": "f",
    "os.chmod": "path",
    "os.listdir": "path",
    "os.lstat": "path",
    "os.open": "path",
    "os.path.getctime": "filename",
    "os.path.getmtime": "filename",
    "os.path.getsize": "filename",
    "os.readlink": "path",
    "os.remove": "path",
    "os.rename": "src",
    "os.replace": "src",
    "os.rmdir": "path",
    "os.scandir": "path",
    "os.stat": "path",
    "os.unlink": "path",
    "pandas.read_csv": "filepath_or_buffer",
    "pandas.read_excel": "io",
    "pandas.read_json": "path_or_buf",
    "pandas.read_parquet": "path",
    "pandas.read_pickle": "filepath_or_buffer",
    "shutil.copy": "src",
    "shutil.copy2": "src",
    "shutil.copyfile": "src",
    "shutil.copytree": "src",
    "shutil.move": "src",
    "shutil.rmtree": "path",
    "ssl.create_default_context().load_cert_chain": "certfile",
    "ssl.SSLContext().load_cert_chain": "certfile",
    "starlette.staticfiles.StaticFiles": "directory",
    "onnxruntime.InferenceSession": "path_or_bytes",
    "tensorflow.keras.models.load_model": "filepath",
    "tensorflow.saved_model.load": "export_dir",
    "torch.jit.load": "f",
    "torch.load": "f",
}


def _load(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    name = callee.name if isinstance(callee, External) else name_of(callee)
    path = path_text(given.get(0, _LOADERS[name]))
    if name in _SEARCHED and (path is None or "/" not in path):
        return None
    mode = (text_of(given.get(1, "mode")) or "r") if name.endswith(".open") else "r"
    if name == "os.open" and name_of(given.get(1, "flags")) != "os.O_RDONLY":
        return None
    if name == "shutil.rmtree" and ("ignore_errors" in given.keywords or len(given.args) > 1):
        return None
    if _WRITING & set(mode):
        check_written(run, given.get(0, "file"))
    if path is None:
        return None
    full = missing_file(run, path, mode)
    if full is not None and full not in run.made:
        run.refuse("FileNotFoundError", f"{full} is read and is not in the image")
    elif full is None and not _WRITING & set(mode):
        _check_readable(run, path)
    return None


def _check_readable(run: State, path: str) -> None:
    if not path.startswith("/") and run.step.cwd is None:
        return
    full = posixpath.normpath(posixpath.join(run.step.cwd or "/", path))
    closed = closed_file(run.step.user, full, run.sources.rootfs)
    if closed is not None and not full.startswith(_MADE_AT_RUN_TIME):
        run.refuse("PermissionError", f"the user {run.step.user} may not be allowed to read {full}")


_SEARCHED = {"ctypes.CDLL", "PIL.Image.open"}
"""What may find a name without a directory elsewhere."""


def missing_file(program: State, path: str, mode: str = "r") -> str | None:
    """Return the absolute path of a file that is read and that the image does not have; None for any other."""
    if _WRITING & set(mode) or (not path.startswith("/") and program.step.cwd is None):
        return None
    full = posixpath.normpath(posixpath.join(program.step.cwd or "/", path))
    absent = not full.startswith(_MADE_AT_RUN_TIME) and program.sources.rootfs.resolve(full) is None
    return full if absent else None


LOADING: Mapping[str, Model] = dict.fromkeys(_LOADERS, _load)
