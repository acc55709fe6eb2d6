"""
Logging that is configured by a dictionary or a file (library reference, logging.config).

A record goes to the handlers of its logger and of those above it, as long as they propagate: a file that gets nothing but
what a standard stream gets as well loses nothing.
"""

from __future__ import annotations

import ast
import configparser
import logging
from collections.abc import Iterator, Mapping

import attrs

from imagespec.analyzers.python.values import Const, Items, Table, Value, name_of, text_of

_FILES = (
    "logging.FileHandler",
    "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler",
    "logging.handlers.WatchedFileHandler",
)
_STREAM = "logging.StreamHandler"
# Flask's is the error stream of the server behind the request, which is standard error unless the server logs to a file.
_STANDARD = {"ext://sys.stdout", "ext://sys.stderr", "ext://flask.logging.wsgi_errors_stream"}
_NOWHERE = {"logging.NullHandler"}


@attrs.frozen
class Handler:
    """One handler: of a standard stream, or of a file with this name (None when unknown)."""

    is_stream: bool
    filename: str | None
    level: int


@attrs.frozen
class LogConfiguration:
    """Where loggers write, by the names of handlers."""

    handlers: Mapping[str, Handler]
    loggers: Mapping[str, tuple[tuple[str, ...], bool]]
    """For each logger its handlers' names, and whether its records go on to the loggers above it; the root is empty."""

    def streams(self) -> bool:
        """Tell whether a logger writes to a standard stream."""
        return any(self.handlers[name].is_stream for names, _ in self.loggers.values() for name in names)

    def files(self) -> Iterator[tuple[Handler, bool]]:
        """Yield the handlers of files in use, and whether all that they write goes to a standard stream as well."""
        for logger in self.loggers:
            reached = [self.handlers[name] for name in self._reached(logger)]
            for name in self.loggers[logger][0]:
                handler = self.handlers[name]
                if not handler.is_stream:
                    beside = any(other.is_stream and other.level <= handler.level for other in reached)
                    yield handler, beside and self._above_all(logger, handler)

    def _reached(self, logger: str) -> list[str]:
        """Return the names of all handlers that get a logger's records."""
        names: list[str] = []
        while True:
            own, propagates = self.loggers.get(logger, ((), True))
            names.extend(own)
            if not logger or not propagates:
                return names
            logger = logger.rpartition(".")[0]

    def _above_all(self, logger: str, handler: Handler) -> bool:
        """Tell whether the loggers below one, whose records its file gets, have a stream, too."""
        below = [
            name for name in self.loggers if name != logger and (not logger or name.startswith(logger + "."))
        ]
        return all(
            any(
                self.handlers[one].is_stream and self.handlers[one].level <= handler.level
                for one in self._reached(name)
            )
            for name in below
        )


def from_table(table: Value | None) -> LogConfiguration | None:
    """Return what a dictionary configures; None where that is not followed."""
    rows = rows_of(table)
    if rows is None or rows.get("incremental") not in {None, Const(value=False)}:
        return None
    made, listed = rows_of(rows.get("handlers", Table({}))), rows_of(rows.get("loggers", Table({})))
    if made is None or listed is None:
        return None
    parsed = {name: _handler(rows_of(value)) for name, value in made.items()}
    handlers = {name: handler for name, handler in parsed.items() if handler is not None}
    if len(handlers) < len(parsed):
        return None
    if "root" in rows:
        listed[""] = rows["root"]
    loggers = {name: _logger(rows_of(value)) for name, value in listed.items()}
    found = {name: logger for name, logger in loggers.items() if logger is not None}
    if len(found) < len(loggers) or any(set(own) - handlers.keys() for own, _ in found.values()):
        return None
    return LogConfiguration(handlers, found)


def rows_of(value: Value | None) -> dict[str, Value] | None:
    """Return the entries of a dictionary all of which are known; None for anything else."""
    if not isinstance(value, Table) or value.open:
        return None
    return {str(key): item for key, item in value.entries.items()}


def _handler(rows: dict[str, Value] | None) -> Handler | None:
    if rows is None or "()" in rows or "filters" in rows:
        return None
    kind, level = text_of(rows.get("class")) or name_of(rows.get("class")), _level(rows.get("level"))
    if level is None:
        return None
    if kind == _STREAM:
        stream = rows.get("stream", Const("ext://sys.stderr"))
        standard = text_of(stream) in _STANDARD or name_of(stream) in {"sys.stdout", "sys.stderr"}
        return Handler(is_stream=True, filename=None, level=level) if standard else None
    if kind in _NOWHERE:
        return Handler(is_stream=True, filename=None, level=1 << 30)
    if kind in _FILES:
        return Handler(is_stream=False, filename=text_of(rows.get("filename")), level=level)
    return None


def _logger(rows: dict[str, Value] | None) -> tuple[tuple[str, ...], bool] | None:
    if rows is None or "filters" in rows:
        return None
    listed = rows.get("handlers", Items([]))
    propagate = rows.get("propagate", Const(value=True))
    names = (
        [text_of(item) for item in listed.items] if isinstance(listed, Items) and not listed.open else [None]
    )
    known = tuple(name for name in names if name is not None)
    if len(known) < len(names) or not isinstance(propagate, Const):
        return None
    return known, propagate.value not in {False, "no", "0", "False"}


def _level(value: Value | None) -> int | None:
    """Return a level's number; None when unknown."""
    if value is None or value == Const(None):
        return 0
    if isinstance(value, Const) and isinstance(value.value, int):
        return value.value
    text = text_of(value) or name_of(value).removeprefix("logging.")
    return logging.getLevelNamesMapping().get(text.upper())


# Files of the older form.


def from_file(text: str) -> LogConfiguration | None:
    """Return what a file for ``fileConfig`` configures; None where that is not followed."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        handlers = {
            name: _file_handler(parser[f"handler_{name}"]) for name in _names(parser["handlers"]["keys"])
        }
        loggers = {}
        for name in _names(parser["loggers"]["keys"]):
            section = parser[f"logger_{name}"]
            qualified = "" if name == "root" else section["qualname"]
            own = _names(section.get("handlers", ""))
            loggers[qualified] = (own, section.get("propagate", "1").strip() != "0")
    except (configparser.Error, KeyError, ValueError, SyntaxError, RecursionError):
        return None
    known = {name: handler for name, handler in handlers.items() if handler is not None}
    if len(known) < len(handlers) or any(set(own) - known.keys() for own, _ in loggers.values()):
        return None
    return LogConfiguration(known, loggers)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _file_handler(section: configparser.SectionProxy) -> Handler | None:
    """Return a handler: its class is looked up in the module logging, its arguments are a Python tuple."""
    kind = section["class"].removeprefix("logging.")
    arguments = ast.parse(section.get("args", "()")[:4000].strip(), mode="eval").body
    level = _level(Const(section["level"])) if section.get("level", "") else 0
    if (
        not isinstance(arguments, ast.Tuple)
        or section.get("kwargs", "").strip() not in {"", "{}"}
        or level is None
    ):
        return None
    first = arguments.elts[0] if arguments.elts else None
    if f"logging.{kind}" == _STREAM:
        standard = first is None or ast.unparse(first) in {"sys.stdout", "sys.stderr"}
        return Handler(is_stream=True, filename=None, level=level) if standard else None
    if f"logging.{kind}" in _FILES:
        name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
        if "%" in (name or ""):
            name = None  # what ConfigParser puts in its place
        return Handler(is_stream=False, filename=name, level=level)
    return None
