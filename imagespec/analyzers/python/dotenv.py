"""Files of environment variables, as python-dotenv 1.0 reads them: ``NAME=value`` lines, quotes, ``export``, comments."""

from __future__ import annotations

import posixpath
import re

from imagespec.analyzers.python.datafiles import may_have_changed
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import UNKNOWN, Const, Table, Value, text_of
from imagespec.entry import EntryKind

_LINES = 1_000
_PAIR = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]{0,200})[ \t]*=[ \t]*(.*)")


def read_dotenv(program: State, path: str) -> dict[str, str | None] | None:
    """Return the variables of a file, nothing where it is not there; None where it cannot be followed."""
    if not path.startswith("/") and program.step.cwd is None:
        return None
    entry = program.sources.rootfs.resolve(posixpath.join(program.step.cwd or "/", path))
    if entry is None or entry.kind is not EntryKind.FILE:
        return {} if program.sources.rootfs.complete else None
    data = program.sources.rootfs.content(entry)
    if may_have_changed(program, path):
        return None
    if data is None or len(data) < entry.size_bytes:
        return None
    return _parse(data.decode("utf-8", "replace"))


def _parse(text: str) -> dict[str, str | None] | None:
    found: dict[str, str | None] = {}
    for line in text.splitlines()[:_LINES]:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pair = _PAIR.fullmatch(line.strip())
        if pair is None:
            return None
        found[pair[1]] = _value(pair[2])
    return found


def _value(text: str) -> str | None:
    if text[:1] in {"'", '"'}:
        end = text.find(text[0], 1)
        inner = text[1:end] if end > 0 else None
        return inner if inner is not None and not set("\\$") & set(inner) else None
    plain = re.split(r"[ \t]+#", text, maxsplit=1)[0].rstrip()
    return None if "$" in plain else plain


def load_dotenv(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """
    Set what a ``.env`` file has and the environment lacks.

    Without a path the file is looked for in the directory of the calling file and those above it (`find_dotenv`).
    """
    path, override = given.get(0, "dotenv_path"), given.get(3, "override")
    name = text_of(path) if path is not None and path != Const(None) else nearest(run)
    variables = read_dotenv(run, name) if name is not None else None
    if name == "":
        variables = {}
    if variables is None or given.get(1, "stream") is not None or override not in {None, Const(value=False)}:
        run.gap(run.here("a file of environment variables is read, which is not followed"))
        return None
    for key, text in variables.items():
        if key not in run.environment:
            run.environment[key] = text if run.certain else None
    return None


def nearest(program: State, name: str = ".env") -> str:
    """Return the path of the file of this name nearest to the calling file; empty where there is none."""
    directory = "/" + posixpath.dirname(program.frame.module.path)
    for _ in range(40):
        found = posixpath.join(directory, name)
        if program.sources.rootfs.resolve(found) is not None:
            return found
        if directory == "/":
            break
        directory = posixpath.dirname(directory)
    return ""


def _find(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Return what ``find_dotenv`` does: the empty text where there is no such file."""
    name = text_of(given.get(0, "filename") or Const(".env"))
    if name is None or given.get(1, "raise_error_if_not_found") or given.get(2, "usecwd"):
        return None
    return Const(nearest(run, name))


def _values(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Return what ``dotenv_values`` does: the file's own variables, none of the environment's."""
    path = given.get(0, "dotenv_path")
    name = text_of(path) if path is not None and path != Const(None) else nearest(run)
    variables = read_dotenv(run, name) if name else {} if name == "" else None
    if variables is None or given.spread or given.get(1, "stream") is not None:
        return None
    return Table({key: UNKNOWN if text is None else Const(text) for key, text in variables.items()})


DOTENV = {
    f"{module}.{name}": model
    for module in ("dotenv", "dotenv.main")
    for name, model in (("load_dotenv", load_dotenv), ("find_dotenv", _find), ("dotenv_values", _values))
}
