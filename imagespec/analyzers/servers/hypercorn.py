"""
The command line ``hypercorn`` (0.13 to 0.18, __main__.py) and its file of settings: TOML, or Python.

Precedence: command line, then the file, then 127.0.0.1:8000 (config.py).
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Mapping
from itertools import chain

import attrs

from imagespec.analyzers.python.datafiles import read_text, value_of
from imagespec.analyzers.python.logsetup import Form, set_up
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Const, Items, Module, Table, Value, text_of
from imagespec.analyzers.servers.listening import Listener, Listening, ServerLog
from imagespec.analyzers.servers.optiontables import HYPERCORN, PACKAGES
from imagespec.analyzers.servers.optionvalues import lacking, refused, wrongs
from imagespec.analyzers.servers.waitress import made_listener, split_address
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    parse_options,
    program_for,
    served,
    with_app,
    word_set,
)

_VALUED = word_set("""-b --bind --backlog -c --config --ca-certs --certfile --cert-reqs --ciphers --error-logfile
    --error-log --log-file --access-logfile --access-log --access-logformat --graceful-timeout --read-timeout
    --group -g -k --worker-class --keep-alive --keyfile --keyfile-password --insecure-bind --log-config --log-level
    -p --pid --quic-bind --root-path --server-name --statsd-host --statsd-prefix -m --umask -u --user
    --verify-mode --websocket-ping-interval -w --workers --max-requests --max-requests-jitter""")
_FLAGS = word_set("--reload --debug --version -h --help -D --daemon")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "bind": ("-b", "--bind"),
    "insecure_bind": ("--insecure-bind",),
    "certfile": ("--certfile",),
    "keyfile": ("--keyfile",),
    "root_path": ("--root-path",),
    "worker_class": ("-k", "--worker-class"),
    "accesslog": ("--access-logfile", "--access-log"),
    "errorlog": ("--error-logfile", "--log-file", "--error-log"),
    "logconfig": ("--log-config",),
    "logconfig_dict": (),
    "logger_class": (),
}
_MANY = {"bind", "insecure_bind"}


@attrs.frozen
class _Settings:
    options: Options
    file: Mapping[str, Value]
    known: bool
    """Whether all of the file's settings are known."""

    def get(self, name: str) -> Value | None:
        """Return one setting; None where it is not given."""
        given = [value for option in _OPTIONS[name] for value in self.options.values.get(option, ())]
        if given:
            values: list[Value] = [UNKNOWN if text is None else Const(text) for text in given]
            return Items(values) if name in _MANY else values[-1]
        if name in self.file:
            return self.file[name]
        return None if self.known else UNKNOWN


def follow_hypercorn(command: Command) -> Listening:
    """Return the listeners of ``hypercorn``."""
    options = parse_options(command.words, _VALUED, _FLAGS)
    if options.has("--version", "-h", "--help"):
        return command.never("hypercorn only prints its version or help here")
    target = next(iter(options.operands), None)
    if options.problem or target is None:
        return command.gap(f"hypercorn: {options.problem or 'its application is not known'}")
    program = program_for(command, "hypercorn")
    if isinstance(program, Listening):
        return program
    why = refused(
        chain(wrongs(options, HYPERCORN, command), lacking(options, PACKAGES, program)),
        "hypercorn",
        command,
        program,
    )
    if why:
        return command.never(why)
    settings = _read(command, options, program)
    if isinstance(settings, Listening):
        return settings
    _set_up_logging(command, settings, program)
    _check_worker(command, settings, program)
    # A module may be called asgi.py or wsgi.py: only a second colon makes it the interface (utils.py).
    interface, _, named = target.partition(":") if target.count(":") == 2 else (None, "", target)
    if interface not in {None, "asgi", "wsgi"}:
        return command.never(f"hypercorn: {interface} is no interface, and the server stops")
    module, _, variable = named.partition(":")
    app = served(command, program, module, variable or "app")
    if not isinstance(app, Listening):
        root = settings.get("root_path")
        root_path = "" if root is None else text_of(root)
        app = attrs.evolve(
            app, interface=interface, root_path=None if root_path is None else root_path.rstrip("/")
        )
    found = with_app(command, _listeners(command, settings), app, program, certain=True)
    return attrs.evolve(found, logs=found.logs + tuple(_logs(command, settings)))


# Settings.


def _read(command: Command, options: Options, program: Program) -> _Settings | Listening:
    """Return the settings; what certainly ends the server instead."""
    if not options.has("-c", "--config"):
        return _Settings(options, {}, known=True)
    name = options.last("-c", "--config")
    if name is None:
        return _Settings(options, {}, known=False)
    if name.startswith("python:"):
        return _from_module(command, options, name.removeprefix("python:"), program)
    path = posixpath.join(command.step.cwd or "/", name.removeprefix("file:"))
    if command.rootfs.resolve(path) is None:
        if command.rootfs.complete and not command.changed_before([path]):
            return command.never(f"hypercorn is given the configuration {path}, which is not in the image")
        return _Settings(options, {}, known=False)
    if name.startswith("file:"):
        module = program.run_file(path, name="module.name")
        return _of_module(options, module, program)
    text = None if command.changed_before([path]) else read_text(program, Const(path))
    try:
        table = value_of(tomllib.loads(text or ""))
    except (ValueError, RecursionError):
        return (
            command.never(f"hypercorn cannot read {path} as TOML")
            if text
            else _Settings(options, {}, known=False)
        )
    entries = table.entries if isinstance(table, Table) else {}
    known = isinstance(table, Table) and text is not None
    return _Settings(options, {str(key): value for key, value in entries.items()}, known=known)


def _from_module(command: Command, options: Options, name: str, program: Program) -> _Settings | Listening:
    """Import the module of ``python:NAME``: hypercorn's own program does not look into the working directory."""
    if "-m" not in command.step.argv:
        script = posixpath.dirname(command.step.script or "usr/local/bin/hypercorn")
        found = Program(command.step, command.sources(script)).sources.find(name)
        if found.kind == "missing":
            return _Settings(options, {}, known=False)
    module = program.run_import(name)
    return _of_module(options, module if isinstance(module, Module) else None, program)


def _of_module(options: Options, module: Module | None, program: Program) -> _Settings:
    known = module is not None and not program.doubt
    return _Settings(options, module.scope.names if module is not None else {}, known=known)


# What they come to.


def _check_worker(command: Command, settings: _Settings, program: Program) -> None:
    value = settings.get("worker_class")
    name = "asyncio" if value is None else text_of(value)
    if name not in {"asyncio", "uvloop", "trio"} or program.sources.find(name).kind == "missing":
        message = f"hypercorn's worker needs {name or 'what is not known'}, which was not found"
        program.gap(attrs.evolve(command.evidence, message=message))


def _listeners(command: Command, settings: _Settings) -> list[Listener]:
    tls = _both(_given(settings.get("certfile")), _given(settings.get("keyfile")))
    made = [_listener(command, text, tls=tls) for text in _texts(settings.get("bind"), ["127.0.0.1:8000"])]
    if tls is not False:
        made += [_listener(command, text, tls=False) for text in _texts(settings.get("insecure_bind"), [])]
    return made


def _texts(value: Value | None, default: list[str | None]) -> list[str | None]:
    if value is None:
        return default
    if isinstance(value, Items):
        return [text_of(item) for item in value.items] + ([None] if value.open else [])
    return [text_of(value)]


def _given(value: Value | None) -> bool | None:
    if value is None or value == Const(None):
        return False
    return True if text_of(value) is not None else None


def _both(first: bool | None, second: bool | None) -> bool | None:  # noqa: FBT001 - three-valued, of one kind
    if first is False or second is False:
        return False
    return True if first and second else None


def _listener(command: Command, text: str | None, *, tls: bool | None) -> Listener:
    if text is not None and text.startswith("unix:"):
        return made_listener(command, "hypercorn", None, None, socket=text.removeprefix("unix:"), tls=tls)
    known = text is not None and not text.startswith("fd://")
    host, port = split_address(text, "8000") if known and text is not None else (None, None)
    return made_listener(command, "hypercorn", host, port, tls=tls)


def _set_up_logging(command: Command, settings: _Settings, program: Program) -> None:
    """Do what logging.py does: ``json:`` and ``toml:`` before a file's name say its form, which is ini else."""
    place = Place(command.evidence.path or "", command.evidence.line, command.evidence.layer)
    value, table = settings.get("logconfig"), settings.get("logconfig_dict")
    if value not in {None, Const(None)}:
        form, colon, path = (text_of(value) or "").partition(":")
        known = form if colon and form in {"json", "toml"} else "ini"
        named = value if text_of(value) is None or known == "ini" else Const(path)
        program.guarded(lambda: set_up(program, named or UNKNOWN, place, Form(known)))
    elif table not in {None, Const(None)}:
        program.guarded(lambda: set_up(program, table or UNKNOWN, place))


def _logs(command: Command, settings: _Settings) -> list[ServerLog]:
    """Return where hypercorn logs, unless that is a standard stream: errors to standard error, requests nowhere."""
    found = []
    for name in ("accesslog", "errorlog"):
        value = settings.get(name)
        text = text_of(value)
        if value is None or value in {Const(None), Const("-"), Const("")}:
            continue
        path = posixpath.normpath(posixpath.join(command.step.cwd or "/", text)) if text else None
        message = f"hypercorn's {name} goes to {text or 'an unknown place'}"
        evidence = attrs.evolve(command.evidence, message=message)
        found.append(ServerLog(path=path, certain=bool(path) and name == "accesslog", evidence=evidence))
    if settings.get("logger_class") is not None:
        evidence = attrs.evolve(command.evidence, message="hypercorn's logger_class is not followed")
        found.append(ServerLog(path=None, certain=False, evidence=evidence))
    return found
