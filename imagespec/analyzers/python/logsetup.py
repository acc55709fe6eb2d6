"""
Setting up logging from a dictionary or file: what it writes must be writable, and what it names must be there.

Servers set up logging in the same way, from an option or argument of theirs: `set_up` does it on their behalf.
"""

from __future__ import annotations

import enum
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from imagespec.analyzers.python.datafiles import path_text, read_text, value_of
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.flow import Stop
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.logconfig import LogConfiguration, from_file, from_table
from imagespec.analyzers.python.logerrors import refused
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.state import Frame
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    External,
    Module,
    Scope,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.python.writing import check_written
from imagespec.analyzers.python.yamlsubset import NotFollowedError, parse_yaml

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_NAMED = ("()", "class")


class Form(enum.Enum):
    """How a file of settings is written."""

    INI = "ini"
    JSON = "json"
    TOML = "toml"
    YAML = "yaml"


_PARSERS: Mapping[Form, Callable[[str], object]] = {
    Form.JSON: json.loads,
    Form.TOML: tomllib.loads,
    Form.YAML: parse_yaml,
}


def form_of(path: str) -> Form:
    """Return the form that uvicorn takes a file to have (0.54, config.py, `configure_logging`)."""
    return (
        Form.JSON if path.endswith(".json") else Form.YAML if path.endswith((".yaml", ".yml")) else Form.INI
    )


def set_up(program: Program, value: Value, place: Place, form: Form | None = None) -> None:
    """Set logging up on behalf of a server, from a dictionary, or from a file of a form or as its ending tells."""
    path = path_text(value)
    name, argument = "dictConfig", value
    if path is not None:
        missing = missing_file(program, path)
        if missing is not None:
            program.gap(place.evidence(f"{missing} is to configure the log, and is not in the image"))
        name, argument = _file(program, path, value, form or form_of(path))
        entry = program.sources.rootfs.resolve(_absolute(program, path)) if missing is None else None
        place = Place("/" + entry.path, None, entry.layer) if entry is not None else place
    program.frames.append(Frame(Module("", place.path, place.layer, Scope({}), ""), Scope({}), certain=True))
    line, program.line = program.line, place.line
    try:
        program.call(External(f"logging.config.{name}"), Arguments((argument,)))
    except Stop as stop:
        program.gap(stop.evidence)
    finally:
        program.line = line
        program.frames.pop()


def _absolute(program: Program, path: str) -> str:
    return path if path.startswith("/") else f"{program.step.cwd or '/'}/{path}"


def _file(program: Program, path: str, value: Value, form: Form) -> tuple[str, Value]:
    """Return the function that reads a file of this name, and what it is given."""
    if form is Form.INI:
        return "fileConfig", value
    if form is Form.YAML and program.sources.find("yaml").kind == "missing":
        program.gap(program.here(f"{path[:200]} needs the package yaml, which is not in the image"))
    text = read_text(program, value)
    try:
        parsed = _PARSERS[form](text or "")
    except (ValueError, NotFollowedError, RecursionError):
        return "dictConfig", UNKNOWN
    return "dictConfig", value_of(parsed) if text else UNKNOWN


def _from_dictionary(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    table = given.get(0, "config")
    reason = refused(table)
    if reason and not run.trying:
        raise run.stop("raise", f"dictConfig refuses its configuration: {reason}; Python stops here")
    _check_files(run, from_table(table))
    for name in _names(table):
        if run.sources.find(name).kind == "missing":
            run.gap(run.here(f"the logging configuration names {name[:100]}, which is not in the image"))
    return None


def _from_file(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    path = path_text(given.get(0, "fname"))
    missing = missing_file(run, path) if path is not None else None
    if missing is not None and missing not in run.made:
        run.refuse("FileNotFoundError", f"{missing} is read and is not in the image")
    text = read_text(run, given.get(0, "fname"))
    _check_files(run, from_file(text) if text is not None else None)
    return None


def _check_files(run: Evaluator, config: LogConfiguration | None) -> None:
    for handler in config.handlers.values() if config is not None else ():
        if not handler.is_stream and handler.filename is not None:
            check_written(run, Const(handler.filename))


def _names(table: Value | None) -> Iterator[str]:
    """Yield the packages of the classes that a dictionary names."""
    for section in ("formatters", "filters", "handlers"):
        rows = table.entries.get(section) if isinstance(table, Table) else None
        for row in rows.entries.values() if isinstance(rows, Table) else ():
            named = [row.entries.get(key) for key in _NAMED] if isinstance(row, Table) else []
            yield from (text.partition(".")[0] for text in map(text_of, named) if text and "." in text)


def uvicorn_defaults(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    """Return ``uvicorn.config.LOGGING_CONFIG`` (0.54), the same dictionary wherever it is asked for."""
    loggers = {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    }
    handlers = {
        "default": {"formatter": "default", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "access": {"formatter": "access", "class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
    }
    formatters = {
        "default": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(levelprefix)s %(message)s"},
        "access": {"()": "uvicorn.logging.AccessFormatter", "fmt": "%(levelprefix)s %(message)s"},
    }
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": handlers,
        "loggers": loggers,
    }
    return run.library.setdefault("uvicorn.config.LOGGING_CONFIG", value_of(config))


LOG_SETUP: Mapping[str, Model] = {
    "logging.config.dictConfig": _from_dictionary,
    "logging.config.fileConfig": _from_file,
}
