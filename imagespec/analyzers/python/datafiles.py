"""
Configuration files that a program reads when it starts: JSON, YAML, TOML and ini files of the image, and paths.

A path object is a `Const` of a `PurePosixPath`. What is not certain to be in the file stays unknown.
"""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import attrs

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.partly import Partly
from imagespec.analyzers.python.purefunctions import text_only
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    External,
    Items,
    Member,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.python.yamlsubset import NotFollowedError, parse_yaml
from imagespec.entry import EntryKind

DATA_BYTES = 32 * 1024
_VALUES = 5_000
_EDITS = re.compile(
    rb"\bsed\b[^\n]{0,200} -[A-Za-z]{0,5}i|\bperl\b[^\n]{0,200} -[a-z]{0,5}i|\b(?:envsubst|yq|crudini|confd|dockerize|gomplate)\b"
    rb"|>[ ]{0,4}[\"']?\$"
)
"""What changes files in scripts without naming them: editors, templates, redirections to a variable's file."""


def path_text(value: Value | None) -> str | None:
    """Return the text of a path that is given as text or as a path object."""
    if isinstance(value, Const) and isinstance(value.value, PurePosixPath):
        return str(value.value)
    return text_of(value)


def may_have_changed(program: State, path: str) -> bool:
    """Tell whether a script that leads to the program may write a file before the program reads it."""
    name = path.rpartition("/")[2].encode()
    view = program.sources.rootfs
    entry = view.resolve(posixpath.join(program.step.cwd or "/", path)) if program.step.files else None
    if entry is not None and "/" + entry.path in program.step.files:
        return False  # the script's writing was followed
    scripts = {item.path for item in program.step.trail if item.path} - {program.step.script}
    texts = (view.content(entry) for one in scripts if (entry := view.resolve(one)) is not None)
    return any(text is None or name in text or _EDITS.search(text) is not None for text in texts)


def read_text(program: State, value: Value | None) -> str | None:
    """Return the whole text of a file of the image; None where it cannot be read."""
    path, cwd = path_text(value), program.step.cwd
    if path is None or (not path.startswith("/") and cwd is None):
        return None
    entry = program.sources.rootfs.resolve(posixpath.join(cwd or "/", path))
    if entry is None or entry.kind is not EntryKind.FILE or entry.size_bytes > DATA_BYTES:
        return None
    if may_have_changed(program, path):
        return None
    data = program.sources.rootfs.content(entry)
    if data is None or len(data) < entry.size_bytes:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _opened(run: Evaluator, value: Value | None) -> str | None:
    """Return the text of an open file of the image, or of a text itself."""
    if isinstance(value, Call) and value.name in {"builtins.open", "io.open"}:
        mode = text_of(value.argument(1, "mode") or Const("r"))
        return read_text(run, value.argument(0, "file")) if mode in {"r", "rt", "rb"} else None
    return text_of(value)


def value_of(data: object) -> Value:
    """Return a parsed document as a value; one that is too large is unknown."""
    left = [_VALUES]

    def made(item: object, depth: int) -> Value:
        left[0] -= 1
        if left[0] < 0 or depth > 20:
            raise NotFollowedError
        if isinstance(item, dict):
            return Table({key: made(inner, depth + 1) for key, inner in item.items()})
        if isinstance(item, list):
            return Items([made(inner, depth + 1) for inner in item])
        return Const(item) if isinstance(item, str | int | float | bool | None) else UNKNOWN

    try:
        return made(data, 0)
    except NotFollowedError:
        return UNKNOWN


def _reader(parse: Callable[[str], object]) -> Model:
    def model(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
        first = given.args[0] if given.args else None
        if first == Const(None):
            run.refuse("TypeError", "a reader of data is given None")
        text = _opened(run, first)
        if text is None or len(text) > DATA_BYTES:
            return None
        try:
            value = value_of(parse(text))
        except NotFollowedError:
            return None
        except (ValueError, RecursionError):
            run.refuse("ValueError", "a reader of data is given a text that it cannot read")
            return None
        return None if value is UNKNOWN else value

    return model


def _read(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    text = _opened(run, callee.owner) if isinstance(callee, Member) and not given.args else None
    return None if text is None else Const(text)


# Paths.


def _path(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    text_only(run, callee, given)
    texts = [path_text(value) for value in given.args]
    known = [text for text in texts if text is not None and len(text) < 4096]
    if len(given.args) == 1 and isinstance(given.args[0], Partly):
        return given.args[0]
    return Const(PurePosixPath(*known)) if len(known) == len(texts) and not given.spread else None


def _path_of(callee: Callee) -> PurePosixPath | None:
    owner = callee.owner if isinstance(callee, Member) else None
    return owner.value if isinstance(owner, Const) and isinstance(owner.value, PurePosixPath) else None


def _resolve(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    path, cwd = _path_of(callee), run.step.cwd
    if path is None or (cwd is None and not path.is_absolute()):
        return UNKNOWN
    return Const(PurePosixPath(posixpath.normpath(posixpath.join(cwd or "/", str(path)))))


def _joinpath(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    path, texts = _path_of(callee), [path_text(value) for value in given.args]
    known = [text for text in texts if text is not None]
    return Const(path.joinpath(*known)) if path is not None and len(known) == len(texts) else UNKNOWN


def _path_content(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    run.call(External("os.stat"), Arguments((Const(_path_of(callee)),)))
    text = read_text(run, Const(_path_of(callee))) if _path_of(callee) is not None else None
    return UNKNOWN if text is None else Const(text)


def _path_directory(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    name = "os.makedirs" if given.get(1, "parents") == Const(value=True) else "os.mkdir"
    path = _path_of(callee)
    if path is None:
        return UNKNOWN
    more = {key: value for key, value in given.keywords.items() if key == "exist_ok"}
    return run.call(External(name), Arguments((Const(str(path)),), more))


def _path_written(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    path = _path_of(callee)
    if path is not None:
        run.call(External("builtins.open"), Arguments((Const(str(path)), Const("w"))))
    return UNKNOWN


def _path_call(name: str, *, binary: bool = False) -> Model:
    def model(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
        path = _path_of(callee)
        if path is None:
            return UNKNOWN
        if "missing_ok" in given.keywords:
            return UNKNOWN
        found = run.call(External(name), attrs.evolve(given, args=(Const(str(path)), *given.args)))
        return UNKNOWN if binary else found

    return model


DATA_FILES: Mapping[str, Model] = {
    **dict.fromkeys(("json.load", "json.loads", "orjson.loads", "ujson.load"), _reader(json.loads)),
    **dict.fromkeys(("tomllib.load", "tomllib.loads", "toml.loads"), _reader(tomllib.loads)),
    **dict.fromkeys(
        ("yaml.safe_load", "yaml.load", "yaml.full_load", "yaml.unsafe_load"), _reader(parse_yaml)
    ),
    "builtins.open().read": _read,
    "io.open().read": _read,
    "pathlib.Path": _path,
    "pathlib.PurePath": _path,
    "const.resolve": _resolve,
    "const.absolute": _resolve,
    "const.joinpath": _joinpath,
    "const.read_text": _path_content,
    "const.as_posix": lambda _run, callee, _given: (
        Const(str(_path_of(callee))) if _path_of(callee) else UNKNOWN
    ),
    "const.open": _path_call("builtins.open"),
    "const.exists": _path_call("os.path.exists"),
    "const.is_file": _path_call("os.path.exists"),
    "const.is_dir": _path_call("os.path.exists"),
    "const.mkdir": _path_directory,
    "const.read_bytes": _path_call("os.stat", binary=True),
    "const.iterdir": _path_call("os.listdir", binary=True),
    "const.stat": _path_call("os.stat", binary=True),
    "const.unlink": _path_call("os.unlink", binary=True),
    "const.rename": _path_call("os.rename", binary=True),
    "const.write_text": _path_written,
    "const.write_bytes": _path_written,
    "const.touch": _path_written,
}
