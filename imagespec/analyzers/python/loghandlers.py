"""Which handlers a Python program gives to the same logger, so that a file holds nothing that a stream lacks."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from imagespec.analyzers.python.datafiles import read_text
from imagespec.analyzers.python.logconfig import LogConfiguration, from_file, from_table
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.rootlogger import (
    IMPLICIT,
    logger_name,
    may_log_by_module,
    propagates,
    root_handlers,
)
from imagespec.analyzers.python.values import Call, Const, Items, Value, name_of, text_of

_STREAM = "logging.StreamHandler"
_STANDARD = {"sys.stdout", "sys.stderr"}
_LOGURU_DEFAULT = 10  # DEBUG (loguru 0.7, _defaults.py)


def read_configuration(call: Call, program: Program) -> LogConfiguration | None:
    """Return what a call of ``dictConfig`` or ``fileConfig`` configures; None where that is not followed."""
    if call.spread or not call.certain:
        return None
    if call.name.endswith("dictConfig"):
        return from_table(call.argument(0, "config"))
    if call.argument(1, "defaults") is not None:
        return None
    text = read_text(program, call.argument(0, "fname"))
    return None if text is None else from_file(text)


def is_beside_a_stream(call: Call, program: Program) -> bool:
    """Tell whether a logger that gets the file of ``call`` for a handler certainly has one of a stream, too."""
    if call.name == "loguru.logger.add":
        return _loguru(call, program)
    loggers = list(_loggers_of(call, program))
    unused = root_handlers(program.calls).unused
    streams = [
        item
        for item in program.calls
        if item.name == _STREAM and _is_standard(item) and id(item) not in unused
    ]
    level = _least_level(call, program)
    return bool(loggers) and all(
        any(
            _same_logger(logger, other) and _runs_with(at, added) and _level_reaches(stream, level, program)
            for stream in streams
            for other, at in _loggers_of(stream, program)
        )
        or _below_a_stream(logger, level, program)
        for logger, added in loggers
    )


def _below_a_stream(logger: Value | None, level: int | None, program: Program) -> bool:
    """Tell whether a logger's records certainly go on to a stream of the root logger."""
    name, root = logger_name(logger), root_handlers(program.calls)
    if name is None or root.attached is None or not propagates(name, program.calls):
        return False
    return any(
        isinstance(handler, Call) and _is_root_stream(handler) and _level_reaches(handler, level, program)
        for handler in root.attached
    )


def _is_root_stream(handler: Call) -> bool:
    if handler.name == "logging.basicConfig":
        value = handler.argument(None, "stream")
        return not {"filename", "handlers"} & handler.keywords.keys() and _is_standard_stream(value)
    return handler.name in IMPLICIT or (handler.name == _STREAM and _is_standard(handler))


def may_get_a_stream(call: Call, program: Program) -> bool:
    """Tell whether the root logger may come to have a stream, which the logger with the file of ``call`` reaches."""
    names = [logger_name(logger) for logger, _ in _loggers_of(call, program)]
    return any(name != "" for name in names) and may_log_by_module(program.loaded)


def _loggers_of(handler: Call, program: Program) -> Iterator[tuple[Value | None, Call]]:
    """Yield each logger that a handler is given to, and the call that does it; None for the root logger."""
    for call in program.calls:
        if call.name.endswith(".addHandler") and call.args and call.args[0] is handler:
            yield call.receiver, call
        elif call.name == "logging.basicConfig":
            listed = call.keywords.get("handlers")
            if (
                isinstance(listed, Items)
                and not listed.open
                and any(item is handler for item in listed.items)
            ):
                yield None, call


def _same_logger(first: Value | None, second: Value | None) -> bool:
    return first is second or (logger_name(first) is not None and logger_name(first) == logger_name(second))


def _runs_with(stream: Call, file: Call) -> bool:
    """Tell whether the stream has been added wherever the program comes to adding the file."""
    together = stream.within is file.within and stream.place.path == file.place.path
    return stream.certain or stream is file or (together and stream.branches <= file.branches == 0)


def _is_standard(stream: Call) -> bool:
    return _is_standard_stream(stream.argument(0, "stream"))


def _is_standard_stream(value: Value | None) -> bool:
    return value is None or value == Const(None) or name_of(value) in _STANDARD


def _level_reaches(stream: Call, level: int | None, program: Program) -> bool:
    highest = 0
    for call in program.calls:
        if call.receiver is stream and call.name.endswith((".setLevel", ".addFilter")):
            number = None if call.name.endswith("addFilter") else _number(call.argument(0, "level"))
            if number is None:
                return False
            highest = max(highest, number)
    return level is not None and highest <= level


def _least_level(handler: Call, program: Program) -> int | None:
    """Return the lowest level that a handler lets through; 0 where it may be any."""
    set_to = [
        _number(call.argument(0, "level"))
        for call in program.calls
        if call.receiver is handler and call.name.endswith(".setLevel") and call.certain
    ]
    return (set_to[-1] or 0) if set_to else 0


def _number(value: Value | None) -> int | None:
    if isinstance(value, Const) and isinstance(value.value, int):
        return value.value
    text = text_of(value) or name_of(value).removeprefix("logging.")
    return logging.getLevelNamesMapping().get(text.upper())


def _loguru(call: Call, program: Program) -> bool:
    """Tell whether loguru's one logger certainly writes to a stream what it writes to the file of ``call``."""
    removed = any(item.name == "loguru.logger.remove" for item in program.calls)
    added = [item for item in program.calls if item.name == "loguru.logger.add" and item is not call]
    odd = any({"filter", "serialize"} & item.keywords.keys() or item.spread for item in added)
    level = _loguru_level(call)
    streams = [
        item for item in added if name_of(item.argument(0, "sink")) in _STANDARD and _runs_with(item, call)
    ]
    reached = any(
        number <= level
        for item in streams
        if (number := _loguru_level(item)) is not None and level is not None
    )
    return not odd and (reached or (not removed and level is not None and level >= _LOGURU_DEFAULT))


def _loguru_level(call: Call) -> int | None:
    given = call.keywords.get("level", Const(_LOGURU_DEFAULT))
    if text_of(given) is not None:
        names = {**logging.getLevelNamesMapping(), "TRACE": 5, "SUCCESS": 25}
        return names.get((text_of(given) or "").upper())
    return given.value if isinstance(given, Const) and isinstance(given.value, int) else None
