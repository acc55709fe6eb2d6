"""Where Python programs log: files, or the standard streams."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping

import attrs

from imagespec.analyzers.python.loghandlers import is_beside_a_stream, may_get_a_stream, read_configuration
from imagespec.analyzers.python.otherlogs import sends_elsewhere, written_logs
from imagespec.analyzers.python.partly import path_piece, shown
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.rootlogger import root_handlers
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    External,
    Function,
    Items,
    Table,
    Value,
    name_of,
)
from imagespec.analyzers.servers.listeners import Listening
from imagespec.verdict import Evidence


@attrs.frozen(kw_only=True)
class LogFile:
    """A log that goes to a file; ``path`` is absolute, None when unknown."""

    path: str | None
    certain: bool
    evidence: Evidence
    beside: bool = False
    """Whether all that goes to the file certainly goes to a standard stream as well."""


@attrs.frozen(kw_only=True)
class LogFindings:
    """Where the followed programs log."""

    files: tuple[LogFile, ...] = ()
    streams: tuple[Evidence, ...] = ()
    """Handlers that write to standard output or standard error, which both are the container's log."""
    gaps: tuple[Evidence, ...] = ()
    """Logging set up from a file or dictionary that is not followed, and places that could not be followed."""
    notes: tuple[Evidence, ...] = ()
    """Output that may come late or never, such as ``print`` into a buffer."""


_FILE_HANDLERS: Mapping[str, int] = {
    "logging.FileHandler": 0,
    "logging.handlers.RotatingFileHandler": 0,
    "logging.handlers.TimedRotatingFileHandler": 0,
    "logging.handlers.WatchedFileHandler": 0,
    "concurrent_log_handler.ConcurrentRotatingFileHandler": 0,
}
_STRUCTLOG = {
    f"structlog.{kind}Logger{made}" for kind in ("Print", "Write", "Bytes") for made in ("", "Factory")
}
"""Loggers that write to the file object that they are given, or to standard output (structlog 21 to 25, _output.py)."""
_GUNICORN = "gunicorn.app.base.BaseApplication().options="
_OPENING = {"builtins.open", "io.open"}
_CONFIGURED = {"logging.config.dictConfig", "logging.config.fileConfig", "logging.basicConfig"}
_REDIRECTIONS = {"os.dup2", "contextlib.redirect_stdout", "contextlib.redirect_stderr"}
_STREAMS = {"sys.stdout": "standard output", "sys.stderr": "standard error"}
_OWN_FILES = {"/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2"}
_OWN_FILES |= {"/proc/1/fd/1", "/proc/1/fd/2"}


def find_python_logs(listening: Listening) -> LogFindings:
    """Return where the programs behind `find_listeners` log; a server's own options are not among it."""
    found = _Found()
    for program in listening.programs:
        found.gaps.extend(program.gaps)
        unused = root_handlers(program.calls).unused
        for call in program.calls:
            if id(call) not in unused:
                found.look_at(call, program)
            for name in ("stdout", "stderr"):  # of a program that is started, whose own log it is
                value = call.keywords.get(name)
                if isinstance(value, Call) and value.name in _OPENING and call.name.startswith("subprocess."):
                    found.note_opened(value)
        found.gaps.extend(_prints_into_files(program))
        found.gaps.extend(one for one in written_logs(program) if (one.path, one.line) not in found.opened)
        found.look_for_prints(program)
    return LogFindings(
        files=tuple(found.files),
        streams=tuple(found.streams),
        gaps=tuple(found.gaps),
        notes=tuple(found.notes),
    )


@attrs.define
class _Found:
    files: list[LogFile] = attrs.field(factory=list)
    streams: list[Evidence] = attrs.field(factory=list)
    gaps: list[Evidence] = attrs.field(factory=list)
    notes: list[Evidence] = attrs.field(factory=list)
    opened: set[tuple[str | None, int | None]] = attrs.field(factory=set)
    """Where the program opens files that are among `files`."""

    def look_at(self, call: Call, program: Program) -> None:
        """Add what one call sets up."""
        if call.name in _FILE_HANDLERS:
            self._file(call, call.argument(_FILE_HANDLERS[call.name], "filename"), program)
        elif call.name == "logging.StreamHandler":
            self._stream(call, call.argument(0, "stream"), program)
        elif call.name == "logging.basicConfig":
            self._basic(call, program)
        elif call.name == "loguru.logger.add":
            self._sink(call, call.argument(0, "sink"), program)
        elif call.name in _CONFIGURED:
            self._configuration(call, program)
        elif call.name in {"sys.stdout=", "sys.stderr="}:
            self._replaced(call, program)
        elif call.name in _REDIRECTIONS:
            self.gaps.append(
                call.place.evidence(f"{call.name} sends output elsewhere, which is not followed")
            )
        else:
            self._of_library(call, program)

    def _of_library(self, call: Call, program: Program) -> None:
        """Add what a call of a library for logging, or of a server, sets up."""
        if call.name in _STRUCTLOG:
            value = call.argument(0, "file")
            none = value is None or value == Const(None)
            self._stream(call, External("sys.stdout") if none else value, program)
        elif call.name.endswith(_GUNICORN):
            self._gunicorn(call, program)
        elif sends_elsewhere(call, program):
            self.gaps.append(call.place.evidence(f"{call.name} sends logs elsewhere, which is not followed"))
        elif call.name == "loguru.logger.configure" and "handlers" in call.keywords:
            self._sinks(call)

    def _replaced(self, call: Call, program: Program) -> None:
        """Add what a program puts in the place of a standard stream."""
        value = call.args[0] if call.args else None
        if isinstance(value, Call) and value.name in _OPENING:
            self.note_opened(value)
            self._file(call, value.argument(0, "file"), program, beside=False)
        elif not _is_standard(value):
            self.gaps.append(
                call.place.evidence(f"{call.name[:-1]} is replaced by something that is not followed")
            )

    def note_opened(self, file: Call) -> None:
        """Remember where a file is opened that is known to be a log."""
        place = file.place.evidence("")
        self.opened.add((place.path, place.line))

    def _gunicorn(self, call: Call, program: Program) -> None:
        """Look at the options of a gunicorn that the program starts itself."""
        table = call.args[0] if call.args else None
        for key in ("accesslog", "errorlog"):
            value = table.entries.get(key) if isinstance(table, Table) else None
            if value is None or value in {Const(None), Const("-")}:
                continue
            if key == "accesslog":
                self._file(call, value, program, beside=False)
            else:
                self.gaps.append(call.place.evidence("gunicorn's errorlog goes to a file"))

    def _sinks(self, call: Call) -> None:
        """Look at ``logger.configure(handlers=[{"sink": ...}])``, which takes the place of all handlers before."""
        handlers = call.keywords["handlers"]
        tables = handlers.items if isinstance(handlers, Items) and not handlers.open else [UNKNOWN]
        sinks = [item.entries.get("sink") if isinstance(item, Table) else None for item in tables]
        if not all(_is_standard(sink) for sink in sinks):
            self.gaps.append(call.place.evidence(f"{call.name} has a sink that is not followed"))

    def _configuration(self, call: Call, program: Program) -> None:
        """Add what a dictionary or a file configures."""
        config = read_configuration(call, program)
        if config is None:
            self.gaps.append(call.place.evidence(f"{call.name} is not followed"))
            return
        for handler, beside in config.files():
            name = None if handler.filename is None else Const(handler.filename)
            self._file(call, name or UNKNOWN, program, beside=beside)
        if config.streams():
            self.streams.append(call.place.evidence(f"{call.name}: a logger writes to a standard stream"))

    def _file(self, call: Call, value: Value | None, program: Program, *, beside: bool | None = None) -> None:
        text, cwd = path_piece(value), program.step.cwd
        path = None
        if text is not None and (text.startswith("/") or (cwd is not None and not program.moved)):
            path = shown(posixpath.normpath(posixpath.join(cwd or "/", text)))
        if path in _OWN_FILES:
            self.streams.append(call.place.evidence(f"{call.name} writes to {path}"))
            return
        evidence = call.place.evidence(
            f"{call.name} writes to {path or 'a file whose name is unknown'}", seen=path
        )
        sure = call.certain and program.step.certain and not may_get_a_stream(call, program)
        beside = is_beside_a_stream(call, program) if beside is None else beside
        self.files.append(LogFile(path=path, certain=sure, evidence=evidence, beside=beside))

    def _stream(self, call: Call, value: Value | None, program: Program) -> None:
        if isinstance(value, Call) and value.name in _OPENING:
            self.note_opened(value)
            self._file(call, value.argument(0, "file"), program)
            return
        name = "sys.stderr" if value is None or value == Const(None) else name_of(value)
        if name in _STREAMS:
            self.streams.append(call.place.evidence(f"{call.name} writes to {_STREAMS[name]}"))
        else:
            self.gaps.append(call.place.evidence(f"{call.name} writes to a stream that is not known"))

    def _basic(self, call: Call, program: Program) -> None:
        name = call.argument(None, "filename")
        if name is not None and name != Const(None):
            self._file(call, name, program)
        elif "handlers" not in call.keywords:  # handlers are calls of their own
            self._stream(call, call.argument(None, "stream"), program)

    def _sink(self, call: Call, value: Value | None, program: Program) -> None:
        if (
            isinstance(value, External)
            or value is None
            or (isinstance(value, Call) and value.name in _OPENING)
        ):
            self._stream(call, value, program)
        elif isinstance(value, Const) or not isinstance(value, Function | Call):
            self._file(call, value, program)

    def look_for_prints(self, program: Program) -> None:
        """Note the first ``print`` without flush where Python buffers its output."""
        argv = [word for word in program.step.argv if word is not None]
        if program.step.env.get("PYTHONUNBUFFERED") or any(
            word.startswith("-") and "u" in word for word in argv[1:2]
        ):
            return
        for call in program.calls:
            if call.name == "builtins.print" and not {"flush", "file"} & call.keywords.keys():
                message = "print without flush or PYTHONUNBUFFERED may reach the log late or never"
                self.notes.append(call.place.evidence(message))
                return


def _is_standard(value: Value | None) -> bool:
    """Tell whether a stream is a standard one, or a text layer over one."""
    if isinstance(value, Call) and value.name in {"io.TextIOWrapper", "codecs.getwriter()", "os.fdopen"}:
        value = value.args[0] if value.args else None
        if value == Const(1) or value == Const(2):
            return True
    return name_of(value).removeprefix("sys.__").removeprefix("sys.").startswith(("stdout", "stderr"))


def _prints_into_files(program: Program) -> Iterator[Evidence]:
    """Yield each ``print(…, file=…)`` of the program's sources that does not name a standard stream."""
    for module in program.loaded:
        for node in ast.walk(module.tree) if module.tree is not None else ():
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            ):
                continue
            files = [item.value for item in node.keywords if item.arg == "file"]
            if any(not ast.unparse(item).startswith(("sys.", "stdout", "stderr", "None")) for item in files):
                message = "print writes to a file that is not followed"
                yield Place(module.path, node.lineno, module.layer).evidence(message)
