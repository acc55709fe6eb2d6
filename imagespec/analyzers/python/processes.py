"""
Programs that a Python program starts (modules subprocess, os and asyncio), and how it waits for them.

What a started program does is its starter's business, which says only how it ends; without a starter the calls are
recorded like any other.
"""

from __future__ import annotations

import enum
import posixpath
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.paths import interpreter_of
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    External,
    Items,
    Member,
    Place,
    Table,
    Value,
    name_of,
    text_of,
)
from imagespec.analyzers.startup.steps import OpenEnvironment

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

Words = tuple[str | None, ...]


class Mode(enum.Enum):
    """What the Python program does meanwhile."""

    WAITS = "waits"
    BESIDE = "beside"
    REPLACED = "replaced"


class Ending(enum.Enum):
    """How a started program ends."""

    ENDS = "ends"
    """By itself, and is taken to succeed."""
    FAILS = "fails"
    MISSING = "missing"
    """It certainly cannot be started, which raises an exception."""
    STAYS = "stays"
    """It certainly runs as long as the container."""
    OPEN = "open"


@attrs.frozen(kw_only=True)
class Child:
    """One program on its way to be started; None for what is not known."""

    words: Words
    environment: dict[str, str | None]
    cwd: str | None
    stdout: str | None
    stderr: str | None
    mode: Mode
    certain: bool
    thread: bool
    place: Place


Starter = Callable[[Child], Ending]


@attrs.define
class Processes:
    """The programs that one Python program has started."""

    start: Starter | None = None
    endings: dict[int, Ending] = attrs.field(factory=dict)
    """By the identity of the call that started the program."""
    beside: list[Call] = attrs.field(factory=list)
    """Calls that started programs which were not waited for."""

    def knows(self, call: Call) -> bool:
        """Tell whether a call started a program that is followed, or asks or ends such a program."""
        return id(call) in self.endings or id(call.receiver) in self.endings


_SHELL_FUNCTIONS = {"os.system", "subprocess.getoutput", "subprocess.getstatusoutput"}
_PLAIN = frozenset(
    "args shell env cwd stdout stderr stdin bufsize close_fds text universal_newlines encoding errors check "  # noqa: SIM905 - one word a line is no better
    "capture_output start_new_session restore_signals pass_fds pipesize process_group limit".split()
)
"""Arguments of subprocess.Popen (CPython 3.13) that are read here, or change nothing that counts."""


def _run_of(run: Evaluator) -> Program:
    return run  # type: ignore[return-value]  # the only evaluator there is


def _waits(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    return _start(_run_of(run), callee, given, Mode.WAITS)


def _beside(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    return _start(_run_of(run), callee, given, Mode.BESIDE)


def _replaced(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``os.exec*`` (CPython 3.13, os.py): ``l`` takes words one by one, ``p`` looks on PATH, ``e`` an environment."""
    program = _run_of(run)
    kind = callee.name.removeprefix("os.exec")
    args, environment = list(given.args), None
    if "e" in kind:
        environment = args.pop() if args else UNKNOWN
    name = path_text(args[0]) if args else None
    listed = Items(args[1:]) if "l" in kind else args[1] if len(args) > 1 else UNKNOWN
    if name is not None and "p" not in kind and "/" not in name:
        name = "./" + name
    words = (name, *_words(listed)[1:])
    return _launch(program, callee, given, words, Mode.REPLACED, {"env": environment} if environment else {})


def _start(program: Program, callee: Callee, given: Arguments, mode: Mode) -> Value | None:
    keywords = dict(given.keywords)
    if callee.name.startswith("asyncio."):
        in_shell = callee.name.endswith("shell")
        command: Value | None = (
            given.get(0, "cmd") if in_shell else Items(list(given.args), open=given.spread)
        )
    else:
        in_shell = callee.name in _SHELL_FUNCTIONS
        command = given.get(
            0, "cmd" if callee.name.startswith("subprocess.get") else "command" if in_shell else "args"
        )
        asked = keywords.get("shell", Const(value=False))
        truth = program.truth(asked)
        in_shell = in_shell or bool(truth)
        if truth is None or len(given.args) > 1 or given.spread or not keywords.keys() <= _PLAIN:
            command = UNKNOWN
    words = _words(command)
    if in_shell:
        words = ("/bin/sh", "-c", *words)
    return _launch(program, callee, given, words, mode, keywords)


def _words(value: Value | None) -> Words:
    text = path_text(value)
    if text is not None:
        return (text,)
    if not isinstance(value, Items) or value.kind == "set":
        return (None,)
    words = tuple(path_text(item) for item in value.items)
    return (*words, None) if value.open else words


def _launch(
    program: Program,
    callee: Callee,
    given: Arguments,
    words: Words,
    mode: Mode,
    keywords: Mapping[str, Value],
) -> Value | None:
    """Start a program: the call that is returned stands for it, unless it was waited for."""
    processes = program.processes
    if processes.start is None:
        return None
    stdout = _sink(program, keywords, "stdout", 1)
    child = Child(
        words=words,
        environment=_environment(program, keywords.get("env")),
        cwd=_directory(program, keywords.get("cwd")),
        stdout=stdout,
        stderr=stdout
        if name_of(keywords.get("stderr")) == "subprocess.STDOUT"
        else _sink(program, keywords, "stderr", 2),
        mode=mode,
        certain=program.certain,
        thread=program.thread,
        place=program.place(),
    )
    ending = processes.start(child)
    call = program.record(callee, given)
    processes.endings[id(call)] = ending
    if ending is Ending.MISSING:
        raise program.stop("file", f"{callee.name} cannot start {words[0]}; Python stops here")
    if mode is Mode.BESIDE:
        processes.beside.append(call)
        return call
    if mode is Mode.REPLACED:
        raise program.stop(
            "serves" if ending is Ending.STAYS else "exec", f"{callee.name} takes the program's place"
        )
    return _after(program, callee, call, ending, checked=_is_checked(program, callee, keywords))


def _after(program: Program, callee: Callee, call: Call, ending: Ending, *, checked: bool) -> Value:
    """Return what waiting for a program gives, or stop where that never ends."""
    if ending is Ending.STAYS:
        raise program.stop("serves", f"{callee.name} does not return")
    if ending is Ending.FAILS and checked and not program.trying:
        raise program.stop("raise", f"{callee.name} raises an exception, because its program fails")
    if ending is Ending.OPEN or (ending is Ending.FAILS and checked):
        message = f"whether {callee.name} comes back is not known; what follows is not certain"
        program.gap(call.place.evidence(message))
    plain = callee.name in {"subprocess.call", "subprocess.check_call", "os.system"} or callee.name.endswith(
        ".wait"
    )
    if ending is Ending.ENDS and plain:
        return Const(0)
    return call if callee.name == "subprocess.run" else UNKNOWN


def _is_checked(program: Program, callee: Callee, keywords: Mapping[str, Value]) -> bool:
    asked = callee.name.startswith("subprocess.check_")
    return asked or program.truth(keywords.get("check", Const(value=False))) is not False


def _environment(program: Program, value: Value | None) -> dict[str, str | None]:
    if value is None or value == Const(None) or name_of(value) == "os.environ":
        own = program.environment
        return OpenEnvironment(own) if isinstance(own, OpenEnvironment) else dict(own)
    if not isinstance(value, Table):
        return OpenEnvironment({"PATH": None})
    entries = {str(key): text_of(item) for key, item in value.entries.items()}
    return OpenEnvironment({"PATH": None, **entries}) if value.open else entries


def _directory(program: Program, value: Value | None) -> str | None:
    if value is None or value == Const(None):
        return program.step.cwd
    path, cwd = path_text(value), program.step.cwd
    if path is None or (cwd is None and not path.startswith("/")):
        return None
    return posixpath.normpath(posixpath.join(cwd or "/", path))


def _sink(program: Program, keywords: Mapping[str, Value], name: str, number: int) -> str | None:
    """Return where a stream goes: `INHERITED`, a file, or None where that is not known (a pipe)."""
    own = {1: program.step.stdout, 2: program.step.stderr}
    value = keywords.get(name)
    if value is None or value == Const(None):
        captured = program.truth(keywords.get("capture_output", Const(value=False))) is not False
        return None if captured else own[number]
    match name_of(value).replace("sys.__", "sys.").rstrip("_"):
        case "subprocess.DEVNULL":
            return "/dev/null"
        case "sys.stdout" | "sys.stdout.buffer":
            return own[1]
        case "sys.stderr" | "sys.stderr.buffer":
            return own[2]
    if isinstance(value, Call) and value.name in {"builtins.open", "io.open"}:
        path = path_text(value.argument(0, "file"))
        if path is not None and (path.startswith("/") or program.step.cwd is not None):
            return posixpath.normpath(posixpath.join(program.step.cwd or "/", path))
    return None


# Waiting.


def _wait(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    program = _run_of(run)
    call = callee.owner if isinstance(callee, Member) else None
    ending = program.processes.endings.get(id(call))
    if ending is None or given.spread or not isinstance(call, Call):
        return None
    limit = given.get(1 if callee.name.endswith("communicate") else 0, "timeout")
    if limit is not None and limit != Const(None):
        return UNKNOWN
    waited = program.record(callee, given)
    return _after(program, callee, waited, ending, checked=False)


def _poll(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    call = callee.owner if isinstance(callee, Member) else None
    ending = _run_of(run).processes.endings.get(id(call))
    return None if ending is None else Const(None) if ending is Ending.STAYS else UNKNOWN


def _wait_for_any(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``os.wait`` and ``os.waitpid``, which return as soon as one of the programs ends."""
    program = _run_of(run)
    started = program.processes.beside
    if program.processes.start is None or not started:
        return None
    if callee.name == "os.waitpid":
        asked, options = given.get(0, "pid"), given.get(1, "options")
        owner = asked.owner if isinstance(asked, Member) and asked.attribute == "pid" else None
        started = [call for call in started if call is owner] or started
        if options != Const(0) or (owner is None and asked not in {Const(-1), Const(0)}):
            return UNKNOWN
    call = program.record(callee, given)
    if all(program.processes.endings[id(one)] is Ending.STAYS for one in started):
        raise program.stop("serves", f"{callee.name} waits for a program that does not end")
    message = f"{callee.name} returns when one of the programs ends, which one of them may"
    program.gap(call.place.evidence(message))
    return UNKNOWN


def _pause(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    """Signals that end the wait come from outside, or from a timer."""
    program = _run_of(run)
    if any(call.name in {"signal.alarm", "signal.setitimer"} for call in program.calls):
        return UNKNOWN
    raise program.stop("serves", f"{callee.name} waits for a signal")


# Values.


def _split_words(_run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    text = text_of(given.get(0, "s"))
    if text is None or len(text) > 1 << 16 or len(given.args) != 1 or given.keywords:
        return UNKNOWN
    try:
        return Items([Const(word) for word in shlex.split(text)])
    except ValueError:
        return UNKNOWN


def environment_table(run: Evaluator) -> Table:
    """Return the program's environment as a dict of its own."""
    environment = _run_of(run).environment
    entries: dict[object, Value] = {
        name: UNKNOWN if text is None else Const(text) for name, text in environment.items()
    }
    return Table(entries, isinstance(environment, OpenEnvironment))


def _copy_environment(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return environment_table(run)


def executable(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    """Return ``sys.executable``: the path by which the interpreter was started, its links not followed."""
    program = _run_of(run)
    path = interpreter_of(program.step, program.sources.rootfs)[0]
    return External(callee.name) if path is None else Const("/" + path)


PROCESSES: Mapping[str, Model] = {
    "subprocess.Popen": _beside,
    **dict.fromkeys(
        (
            "subprocess.run",
            "subprocess.call",
            "subprocess.check_call",
            "subprocess.check_output",
            *_SHELL_FUNCTIONS,
        ),
        _waits,
    ),
    "asyncio.create_subprocess_exec": _beside,
    "asyncio.create_subprocess_shell": _beside,
    **{f"os.exec{kind}": _replaced for kind in ("v", "ve", "vp", "vpe", "l", "le", "lp", "lpe")},
    **{
        f"{maker}().{method}": _wait
        for maker in ("subprocess.Popen", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell")
        for method in ("wait", "communicate")
    },
    "subprocess.Popen().poll": _poll,
    "os.wait": _wait_for_any,
    "os.waitpid": _wait_for_any,
    "signal.pause": _pause,
    "signal.sigwait": _pause,
    "shlex.split": _split_words,
    "os.environ.copy": _copy_environment,
}
