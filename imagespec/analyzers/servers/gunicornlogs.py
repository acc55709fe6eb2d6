"""Where gunicorn logs (20 to 27, config.py and glogging.py), and which dictionary for its logging it refuses."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Protocol

import attrs

from imagespec.analyzers.python.datafiles import value_of
from imagespec.analyzers.python.logconfig import from_table
from imagespec.analyzers.python.logerrors import refused
from imagespec.analyzers.python.values import Const, Table, Value, text_of
from imagespec.analyzers.servers.listening import ServerLog
from imagespec.analyzers.servers.words import Command

_FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--access-logfile",), "accesslog"),
    (("--error-logfile", "--log-file"), "errorlog"),
)
_OTHER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--log-config",), "logconfig"),
    (("--log-config-json",), "logconfig_json"),
    (("--logger-class",), "logger_class"),
    (("--log-syslog",), "syslog"),
)
_STREAM = {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stdout"}
_DEFAULTS = {
    "version": 1,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": True},
    },
    "handlers": {"console": _STREAM, "error_console": _STREAM},
    "formatters": {"generic": {}},
}
"""What a dictionary's own parts take the place of, each as a whole (glogging.py, CONFIG_DEFAULTS)."""


class Settings(Protocol):
    """What is asked of gunicorn's settings."""

    def option(self, names: tuple[str, ...], setting: str) -> Value | None:
        """Return one setting; None when it is not given."""

    def has_flag(self, *names: str) -> bool:
        """Tell whether a flag is given."""


def gunicorn_logs(command: Command, settings: Settings) -> tuple[ServerLog, ...]:
    """
    Return where gunicorn logs, unless that is standard error as by default (config.py, Errorlog and Accesslog).

    Requests are only in the access log, and what the application prints is in the error log only with capture_output.
    """
    captured = settings.option((), "capture_output")
    sure = settings.has_flag("--capture-output") or captured == Const(value=True)
    found = []
    for names, setting in _FILES:
        value = settings.option(names, setting)
        if value is None or value in {Const(None), Const("-")}:
            continue
        text = text_of(value)
        path = posixpath.normpath(posixpath.join(command.step.cwd or "/", text)) if text else None
        certain = path is not None and (setting == "accesslog" or sure)
        message = f"gunicorn's {setting} goes to {text or 'an unknown place'}"
        found.append(_log(command, path, message, certain=certain))
    for names, setting in _OTHER:
        value = settings.option(names, setting)
        if settings.has_flag(*names) or value not in {None, Const(None), Const(value=False)}:
            found.append(_log(command, None, f"gunicorn's {setting} is not followed"))
    if settings.has_flag("-D", "--daemon"):
        found.append(
            _log(command, None, "gunicorn in the background has no standard streams (util.py, daemonize)")
        )
    return (*found, *_of_dictionary(command, _dictionary(settings)))


def refused_dictionary(settings: Settings) -> str | None:
    """Return why the dictionary for gunicorn's logging ends it; None where nothing is known to."""
    given = _dictionary(settings)
    reason = refused(_with_defaults(given)) if given is not None else None
    return f"gunicorn's logconfig_dict is refused, and it ends: {reason}" if reason else None


def _dictionary(settings: Settings) -> Value | None:
    given = settings.option((), "logconfig_dict")
    empty = isinstance(given, Table) and not given.entries and not given.open
    return None if given in {None, Const(None)} or empty else given


def _with_defaults(given: Value) -> Value | None:
    defaults = value_of(_DEFAULTS)
    if not isinstance(given, Table) or not isinstance(defaults, Table):
        return None
    return Table({**defaults.entries, **given.entries}, given.open)


def _of_dictionary(command: Command, given: Value | None) -> Iterator[ServerLog]:
    if given is None:
        return
    config = from_table(_with_defaults(given))
    if config is None:
        yield _log(command, None, "gunicorn's logconfig_dict is not followed")
        return
    for handler, beside in config.files():
        if not beside:
            name = handler.filename
            path = posixpath.normpath(posixpath.join(command.step.cwd or "/", name)) if name else None
            yield _log(command, path, f"gunicorn's logconfig_dict writes to {name or 'an unknown file'}")


def _log(command: Command, path: str | None, message: str, *, certain: bool = False) -> ServerLog:
    return ServerLog(path=path, certain=certain, evidence=attrs.evolve(command.evidence, message=message))
