"""
Programs that a Python program starts, by the modules subprocess, os and asyncio.

What a started program does is its starter's business, which says only how it ends; without a starter the calls are
recorded like any other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.started import Child, Ending, Mode, Words
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    Items,
    Table,
    Value,
    name_of,
    text_of,
)
from imagespec.analyzers.python.waiting import after_waiting
from imagespec.analyzers.startup.steps import OpenEnvironment

_SHELL_FUNCTIONS = {"os.system", "subprocess.getoutput", "subprocess.getstatusoutput"}
_PLAIN = frozenset(
    "args shell env cwd stdout stderr stdin bufsize close_fds text universal_newlines encoding errors check "  # noqa: SIM905 - one word a line is no better
    "capture_output start_new_session restore_signals pass_fds pipesize process_group limit".split()
)
"""Arguments of subprocess.Popen (CPython 3.13) that are read here, or change nothing that counts."""


def _waits(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    return _start(run, callee, given, Mode.WAITS)


def _beside(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    return _start(run, callee, given, Mode.BESIDE)


def _replaced(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``os.exec*`` (CPython 3.13, os.py): ``l`` takes words one by one, ``p`` looks on PATH, ``e`` an environment."""
    kind = callee.name.removeprefix("os.exec")
    args, environment = list(given.args), None
    if "e" in kind:
        environment = args.pop() if args else UNKNOWN
    name = path_text(args[0]) if args else None
    listed = Items(args[1:]) if "l" in kind else args[1] if len(args) > 1 else UNKNOWN
    if name is not None and "p" not in kind and "/" not in name:
        name = "./" + name
    words = (name, *_words(listed)[1:])
    return _launch(run, callee, given, words, Mode.REPLACED, {"env": environment} if environment else {})


def _start(run: Evaluator, callee: Callee, given: Arguments, mode: Mode) -> Value | None:
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
        truth = run.truth(asked)
        in_shell = in_shell or bool(truth)
        if truth is None or len(given.args) > 1 or given.spread or not keywords.keys() <= _PLAIN:
            command = UNKNOWN
    words = _words(command)
    if in_shell:
        words = ("/bin/sh", "-c", *words)
    return _launch(run, callee, given, words, mode, keywords)


def _words(value: Value | None) -> Words:
    text = path_text(value)
    if text is not None:
        return (text,)
    if not isinstance(value, Items) or value.kind == "set":
        return (None,)
    words = tuple(path_text(item) for item in value.items)
    return (*words, None) if value.open else words


def _launch(
    run: Evaluator,
    callee: Callee,
    given: Arguments,
    words: Words,
    mode: Mode,
    keywords: Mapping[str, Value],
) -> Value | None:
    """Start a program: the call that is returned stands for it, unless it was waited for."""
    processes = run.processes
    if processes.start is None:
        return None
    stdout = _sink(run, keywords, "stdout", 1)
    child = Child(
        words=words,
        environment=_environment(run, keywords.get("env")),
        cwd=_directory(run, keywords.get("cwd")),
        stdout=stdout,
        stderr=stdout
        if name_of(keywords.get("stderr")) == "subprocess.STDOUT"
        else _sink(run, keywords, "stderr", 2),
        mode=mode,
        certain=run.certain,
        thread=run.thread,
        place=run.place(),
    )
    ending = processes.start(child)
    call = run.record(callee, given)
    processes.endings[id(call)] = ending
    if ending is Ending.MISSING:
        raise run.stop("file", f"{callee.name} cannot start {words[0]}; Python stops here")
    if mode is Mode.BESIDE:
        processes.beside.append(call)
        return call
    if mode is Mode.REPLACED:
        raise run.stop(
            "serves" if ending is Ending.STAYS else "exec", f"{callee.name} takes the program's place"
        )
    return after_waiting(run, callee, call, ending, checked=_is_checked(run, callee, keywords))


def _is_checked(run: Evaluator, callee: Callee, keywords: Mapping[str, Value]) -> bool:
    asked = callee.name.startswith("subprocess.check_")
    return asked or run.truth(keywords.get("check", Const(value=False))) is not False


def _environment(run: Evaluator, value: Value | None) -> dict[str, str | None]:
    if value is None or value == Const(None) or name_of(value) == "os.environ":
        own = run.environment
        return OpenEnvironment(own) if isinstance(own, OpenEnvironment) else dict(own)
    if not isinstance(value, Table):
        return OpenEnvironment({"PATH": None})
    entries = {str(key): text_of(item) for key, item in value.entries.items()}
    return OpenEnvironment({"PATH": None, **entries}) if value.open else entries


def _directory(run: Evaluator, value: Value | None) -> str | None:
    if value is None or value == Const(None):
        return run.step.cwd
    path, cwd = path_text(value), run.step.cwd
    if path is None or (cwd is None and not path.startswith("/")):
        return None
    return posixpath.normpath(posixpath.join(cwd or "/", path))


def _sink(run: Evaluator, keywords: Mapping[str, Value], name: str, number: int) -> str | None:
    """Return where a stream goes: `INHERITED`, a file, or None where that is not known (a pipe)."""
    own = {1: run.step.stdout, 2: run.step.stderr}
    value = keywords.get(name)
    if value is None or value == Const(None):
        captured = run.truth(keywords.get("capture_output", Const(value=False))) is not False
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
        if path is not None and (path.startswith("/") or run.step.cwd is not None):
            return posixpath.normpath(posixpath.join(run.step.cwd or "/", path))
    return None


PROCESSES: Mapping[str, Model] = {
    "subprocess.Popen": _beside,
    **dict.fromkeys(
        (
            *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
            *_SHELL_FUNCTIONS,
        ),
        _waits,
    ),
    "asyncio.create_subprocess_exec": _beside,
    "asyncio.create_subprocess_shell": _beside,
    **{f"os.exec{kind}": _replaced for kind in ("v", "ve", "vp", "vpe", "l", "le", "lp", "lpe")},
}
