"""What functions of the standard library return to a program that is followed without being run."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python.commandline import parse_arguments, parse_known_arguments
from imagespec.analyzers.python.datafiles import DATA_FILES, path_text
from imagespec.analyzers.python.dotenv import DOTENV
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.loading import LOADING, missing_file
from imagespec.analyzers.python.methods import METHODS
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    Function,
    Items,
    Member,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.python.writing import WRITING

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_ITEMS = 2_000

STAR_SOURCES: Mapping[str, tuple[str, ...]] = {
    "flask": (
        "Flask",
        "Blueprint",
        "jsonify",
        "request",
        "current_app",
        "abort",
        "redirect",
        "make_response",
    ),
    "fastapi": (),
}
"""What ``from library import *`` brings, where an analyzer knows the names."""


def _number(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "x")
    if not isinstance(value, Const) or not isinstance(value.value, str | int) or len(given.args) != 1:
        return UNKNOWN
    try:
        return Const(int(value.value)) if len(str(value.value)) < 20 else UNKNOWN
    except ValueError:
        if not run.trying:
            program = _program(run)
            program.gap(program.here(f"int() refuses {str(value.value)[:40]!r}; Python stops here"))
        return UNKNOWN


def _text(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "object")
    plain = isinstance(value, Const) and isinstance(value.value, str | int | bool | PurePosixPath | None)
    return Const(str(value.value)) if isinstance(value, Const) and plain else UNKNOWN


def _bool(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "x")
    truth = run.truth(value) if value is not None else False
    return UNKNOWN if truth is None else Const(truth)


def _length(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "obj")
    if isinstance(value, Items) and not value.open:
        return Const(len(value.items))
    text = text_of(value)
    return UNKNOWN if text is None else Const(len(text))


def _list(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    kind = callee.name.removeprefix("builtins.")
    value = given.get(0, "iterable")
    if value is None:
        return Items([], kind)
    return (
        Items(list(value.items), kind, value.open) if isinstance(value, Items) else Items([], kind, open=True)
    )


def _dict(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    table = Table({}, given.spread or len(given.args) > 1)
    for value in given.args[:1]:
        table.entries.update(value.entries if isinstance(value, Table) else {})
        table.open = table.open or not isinstance(value, Table) or value.open
    table.entries.update(given.keywords)
    return table


def _range(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    numbers = [
        value.value for value in given.args if isinstance(value, Const) and isinstance(value.value, int)
    ]
    if len(numbers) != len(given.args) or not 1 <= len(numbers) <= 2:
        return UNKNOWN
    values = range(*numbers)
    return Items([Const(item) for item in values]) if len(values) <= 64 else UNKNOWN


def _getattr(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(1, "name"))
    if not given.args:
        return UNKNOWN
    return run.attribute(given.args[0], name) if name and len(given.args) == 2 else Member(given.args[0], "?")


def _same(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Return the function that a decorator is given: ``functools.wraps`` and caches call it and nothing else."""
    return given.args[0] if len(given.args) == 1 and isinstance(given.args[0], Function) else None


def _nothing(_run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return Const(None)


def _method(_run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    value = given.get(0, "function")
    if not isinstance(value, Function) or len(given.args) != 1:
        return None
    kind = callee.name.removeprefix("builtins.").removeprefix("functools.")
    return attrs.evolve(
        value,
        is_static=kind == "staticmethod",
        is_of_class=kind == "classmethod",
        is_property=kind.endswith("property"),
    )


# The environment.


def _program(run: Evaluator) -> Program:
    return run  # type: ignore[return-value]  # the only evaluator there is


def set_variable(run: Evaluator, key: Value, value: Value) -> None:
    """Let the program change its environment."""
    name, text = text_of(key), text_of(value)
    environment = _program(run).environment
    if name is None:
        environment.update(dict.fromkeys(environment))  # any of them may have changed
    elif run.certain or environment.get(name) == text:
        environment[name] = text
    else:
        environment[name] = None


def _environment(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(0, "key"))
    environment = _program(run).environment
    if name is None:
        return UNKNOWN
    default = given.get(1, "default")
    if callee.name == "os.environ.setdefault" and name not in environment and default is not None:
        set_variable(run, Const(name), default)
    if name in environment:
        value = environment[name]
        return UNKNOWN if value is None else Const(value)
    if callee.name == "os.environ[]":
        # Python stops here, unless the platform sets it: users can give variables when they deploy.
        program = _program(run)
        program.gap(
            program.here(
                f"the environment variable {name} is not set in the image; without it Python stops here"
            )
        )
        return UNKNOWN
    return default if default is not None else Const(None)


def _environment_update(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    table = given.get(0, "other")
    known = isinstance(table, Table) and not table.open and not given.spread
    for key, value in (*(table.entries if isinstance(table, Table) else {}).items(), *given.keywords.items()):
        set_variable(run, Const(key), value)
    if not known and given.args:
        set_variable(run, UNKNOWN, UNKNOWN)
    return Const(None)


def _argv(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return Items([UNKNOWN if word is None else Const(word) for word in _program(run).argv])


def _exit(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    raise _program(run).stop("exit", f"{callee.name.removeprefix('builtins.')} ends the program")


# Paths and imports.


def _path_function(work: Callable[..., str], most: int) -> Model:
    def model(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
        texts = [text for text in map(path_text, given.args) if text is not None and len(text) <= 4096]
        if not texts or len(texts) > most or len(texts) < len(given.args):
            return UNKNOWN
        cwd = _program(run).step.cwd
        if work is posixpath.normpath:  # abspath
            return UNKNOWN if cwd is None else Const(work(posixpath.join(cwd, *texts)))
        return Const(work(*texts))

    return model


def _exists(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    path, step = path_text(given.get(0, "path")), _program(run).step
    if path is None or (not path.startswith("/") and step.cwd is None):
        return UNKNOWN
    found = _program(run).sources.rootfs.resolve(posixpath.join(step.cwd or "/", path))
    return Const(True) if found is not None else UNKNOWN  # what is absent may be mounted when the image runs


def _sys_path(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    path, step = path_text(given.args[-1]) if given.args else None, _program(run).step
    sources = _program(run).sources
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
    program = _program(run)
    path, cwd = path_text(given.get(0, "path")), program.step.cwd
    known = path is not None and run.certain and not run.thread and (path.startswith("/") or cwd is not None)
    if path is not None and known and missing_file(program, path) is not None:
        program.gap(
            program.here(f"the directory {path[:200]} is not in the image; without it Python stops here")
        )
    new = posixpath.normpath(posixpath.join(cwd or "/", path)) if path is not None and known else None
    program.moved = True
    program.step = attrs.evolve(program.step, cwd=new)
    return Const(None)


def _import_module(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(0, "name"))
    if name is None or name.startswith(".") or callee.name == "builtins.__import__":
        _program(run).gap(run.place().evidence("a module whose name is not known is imported"))
        return UNKNOWN
    return _program(run).import_module(name)


def _code(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    _program(run).gap(run.place().evidence("code that is not known is run"))
    return UNKNOWN


MODELS: Mapping[str, Model] = {
    "builtins.int": _number,
    "builtins.str": _text,
    "builtins.bool": _bool,
    "builtins.len": _length,
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.set": _list,
    "builtins.dict": _dict,
    "builtins.range": _range,
    "builtins.getattr": _getattr,
    "builtins.classmethod": _method,
    "builtins.property": _method,
    "builtins.staticmethod": _method,
    "functools.cached_property": _method,
    **dict.fromkeys(
        ("functools.wraps()", "functools.lru_cache()", "functools.lru_cache", "functools.cache"), _same
    ),
    "builtins.exec": _code,
    "builtins.eval": _code,
    "builtins.__import__": _import_module,
    "builtins.exit": _exit,
    "builtins.quit": _exit,
    "sys.exit": _exit,
    "os._exit": _exit,
    "os.abort": _exit,
    "os.chdir": _change_directory,
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "os.environ.setdefault": _environment,
    "os.environ[]": _environment,
    "os.environ.update": _environment_update,
    "os.path.join": _path_function(posixpath.join, 20),
    "os.path.dirname": _path_function(posixpath.dirname, 1),
    "os.path.basename": _path_function(posixpath.basename, 1),
    "os.path.abspath": _path_function(posixpath.normpath, 1),
    "os.path.realpath": _path_function(posixpath.normpath, 1),
    "os.path.exists": _exists,
    "os.path.isfile": _exists,
    "os.path.isdir": _exists,
    "sys.path.insert": _sys_path,
    "sys.path.append": _sys_path,
    "importlib.import_module": _import_module,
    "runpy.run_path": _code,
    "runpy.run_module": _code,
    "argparse.ArgumentParser().parse_args": parse_arguments,
    "argparse.ArgumentParser().parse_known_args": parse_known_arguments,
    **DATA_FILES,
    **DOTENV,
    **LOADING,
    **METHODS,
    **WRITING,
}

VALUES: Mapping[str, Model] = {"sys.argv": _argv}
