"""Commands that a shell runs itself (POSIX 2018 XCU 2.14 and the built-ins of bash 5.2 and dash 0.5.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from imagespec.analyzers.shell.declaring import declare_fields
from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.options import set_options, shift, shopt
from imagespec.analyzers.shell.parser import parse_shell
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.traps import set_trap
from imagespec.analyzers.shell.tree import Assignment, Simple, Statement
from imagespec.analyzers.shell.waiting import disown, run_foreground, run_kill, run_wait
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Walk

Fields = tuple[str | None, ...]
Source = Callable[[Fields, State], Outcome]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Runner(Protocol):
    """What built-in commands need of the shell that runs them."""

    walk: Walk
    source: Source
    expander: Expander

    def run_all(self, body: tuple[Statement, ...], state: State) -> Outcome:
        """Run statements in order."""

    def external(self, fields: Fields, state: State) -> Outcome:
        """Run a program and wait for it."""

    def assign(self, item: Assignment, state: State, *, export: bool = False) -> None:
        """Assign to a variable or an array."""


_FEW_FILES, _MANY_FILES = 100, 524_288
"""Open files: what servers need, and what engines let containers have (dockerd's own unit, systemd's default)."""
Builtin = Callable[[Runner, Fields, State], Outcome]
_DONE = Outcome(Status.ZERO)


def _nothing(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001 - the shape of `Builtin`
    return _DONE


def _fails(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    return Outcome(Status.NONZERO)


def _unknown(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    return Outcome()


def _waits(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    state.doubts.add(Doubt.HANG)  # behind `command`: see `run_by_words`
    return Outcome()


def _cd(runner: Runner, fields: Fields, state: State) -> Outcome:
    words = [word for word in fields[1:] if word not in {"--", "-P", "-L"}]
    target = words[0] if words else state.variables.get("HOME")
    if (
        len(words) > 1
        or target is None
        or target == "-"
        or (not target.startswith(("/", ".")) and _cdpath(state))
    ):
        state.cwd = None
        return Outcome(Status.LIKELY)
    path = absolute(target, state.cwd)
    there = Places(state, runner.walk).is_folder(path)
    if there is False:
        return Outcome(Status.NONZERO)  # and the shell stays where it is
    state.cwd = path if there or runner.walk.maybe_changed(path) else None
    return _DONE if there else Outcome(Status.LIKELY if state.cwd else Status.UNKNOWN)


def _pushd(runner: Runner, fields: Fields, state: State) -> Outcome:
    if state.dialect == "dash":
        return runner.external(fields, state)
    state.cwd = None
    return Outcome()


def _cdpath(state: State) -> bool:
    return bool(state.variables.get("CDPATH", ""))


def _exit(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    if len(fields) > 2:  # bash refuses, and goes on
        state.doubts.add(Doubt.EXIT)
        return Outcome()
    return Outcome(_code(fields), Flow.EXIT)


def _return(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    if not state.returns:
        flow = Flow.NEXT if state.dialect == "bash" else Flow.EXIT  # which only says that it cannot
        return Outcome(Status.NONZERO if state.dialect == "bash" else _code(fields), flow)
    if len(fields) > 2 or not all(word is None or word.isdecimal() for word in fields[1:]):
        state.doubts.add(Doubt.EXIT)  # dash ends there
    return Outcome(_code(fields), Flow.RETURN)


def _code(fields: Fields) -> Status:
    if len(fields) != 2 or fields[1] is None or not fields[1].isdecimal():
        return Status.UNKNOWN
    return Status.ZERO if fields[1].strip("0") == "" else Status.NONZERO


def _break(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    if state.loops == 0:  # it says so at most, and goes on
        return _DONE
    if state.loops is None or len(fields) > 1:  # loops outside may be left, too
        state.doubts.add(Doubt.BRANCH)
    if state.loops is None:
        return Outcome()
    return Outcome(Status.ZERO, Flow.BREAK if fields[0] == "break" else Flow.CONTINUE)


def _read(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    for word in fields[1:]:
        if word is None:
            state.forget_variables()
        elif _NAME.match(word):
            state.assign(word, None)
            if fields[0] != "read":
                state.arrays[word] = None
    return Outcome()


def _printf(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    if fields[1:2] == ("-v",) and len(fields) > 2 and fields[2]:
        state.assign(fields[2], None)
    return _DONE


def _eval(runner: Runner, fields: Fields, state: State) -> Outcome:
    words = [word for word in fields[1:] if word is not None]
    if len(words) < len(fields) - 1:
        runner.walk.gap(state, "eval of a text that is not known")
        state.forget()
        return Outcome()
    return run_text(runner, " ".join(words), state)


def run_text(runner: Runner, text: str, state: State) -> Outcome:
    """Run a text in the current shell, at the current place."""
    if state.depth >= LIMIT_DEPTH:
        runner.walk.gap(state, "shell text inside shell text, too deep to follow")
        state.forget()
        return Outcome()
    parsed = parse_shell(text.encode("utf-8", "surrogateescape"))
    for problem in parsed.problems:
        runner.walk.gap(state, problem.reason)
        state.doubts.add(Doubt.BRANCH)
    trail, inline = state.trail, state.inline
    state.trail, state.inline = state.here("runs a shell text"), True
    state.depth += 1
    outcome = runner.run_all(parsed.body, state)
    state.depth -= 1
    state.trail, state.inline = trail, inline
    return outcome


def run_by_words(
    runner: Runner, name: str | None, statement: Simple, fields: Fields, state: State
) -> Outcome | None:
    """Run the commands about jobs, which are told apart by what is written; None for any other."""
    match name:
        case "wait":
            return run_wait(runner, statement, fields, state)
        case "fg":
            return run_foreground(runner, statement, state)
        case "disown" if state.dialect == "bash":
            return disown(statement, state)
        case "kill":
            return run_kill(runner, statement, fields, state)
        case "trap":
            return set_trap(
                lambda text, child: run_text(runner, text, child), runner.walk, statement, fields, state
            )
    return None


def _type(runner: Runner, fields: Fields, state: State) -> Outcome:
    """Run ``type NAME``: it fails where there is no such command."""
    name = fields[1] if len(fields) == 2 else None
    known = name is not None and (name in BUILTINS or name in state.functions)
    return _DONE if known or runner.walk.rootfs.which(name or "", state.variables.get("PATH")) else Outcome()


def _ulimit(runner: Runner, fields: Fields, state: State) -> Outcome:
    """Run ``ulimit``: a limit may be refused, and one of memory or time may end what comes."""
    options = "".join(word or "?" for word in fields[1:] if word is None or word.startswith("-"))
    value = next((word for word in fields[1:] if word and not word.startswith("-")), None)
    if value is None or options.strip("-SH") == "c":
        return _DONE
    number = int(value) if value.isdecimal() and len(value) < 12 else None
    if options.strip("-SH") == "n" and number is not None and _FEW_FILES < number <= _MANY_FILES:
        return Outcome(Status.LIKELY)
    if options.strip("-SH") not in {"n", "s", "l", "q"} or (number or _MANY_FILES) <= _FEW_FILES:
        runner.walk.doubt(state, "a limit that may end what is started behind it")
        state.doubts.add(Doubt.EXIT)
    return Outcome()


def _command(runner: Runner, fields: Fields, state: State) -> Outcome:
    rest = fields[1:]
    while rest and rest[0] in {"-p", "--"}:
        rest = rest[1:]
    if not rest or (rest[0] or "").startswith("-"):
        return Outcome()  # `command -v NAME` asks, and runs nothing
    builtin = BUILTINS.get(rest[0] or "")
    return builtin(runner, rest, state) if builtin else runner.external(rest, state)


def _source(runner: Runner, fields: Fields, state: State) -> Outcome:
    if fields[0] == "source" and state.dialect == "dash":
        return runner.external(fields, state)  # `not found`, as for any other name
    return runner.source(fields, state)


def _alias(runner: Runner, fields: Fields, state: State) -> Outcome:
    if len(fields) > 1:
        runner.walk.gap(state, "aliases are not followed")
        runner.walk.touch(fields[1:], widely=True)  # a name may lead to another program now
    return _DONE


BUILTINS: Mapping[str, Builtin] = {
    **dict.fromkeys((":", "true", "echo", "umask", "hash", "times", "enable"), _nothing),
    **dict.fromkeys(("jobs", "pwd", "dirs"), _nothing),
    **dict.fromkeys(("test", "[", "getopts", "let", "fc", "caller", "compgen"), _unknown),
    **dict.fromkeys(("read", "mapfile", "readarray"), _read),
    **dict.fromkeys((".", "source"), _source),
    **dict.fromkeys(("command", "builtin"), _command),
    **dict.fromkeys(("break", "continue"), _break),
    **dict.fromkeys(("export", "readonly", "unset", "local", "declare", "typeset"), declare_fields),
    "false": _fails,
    "cd": _cd,
    "chdir": _cd,
    "pushd": _pushd,
    "popd": _pushd,
    "shopt": shopt,
    "exit": _exit,
    "return": _return,
    "set": set_options,
    "shift": shift,
    "printf": _printf,
    **dict.fromkeys(("wait", "fg"), _waits),
    **dict.fromkeys(("disown", "kill", "trap"), _unknown),
    "type": _type,
    "ulimit": _ulimit,
    "bg": _unknown,
    "eval": _eval,
    "alias": _alias,
}
"""``exec``, the declaring commands and functions are the shell's own business."""
SPECIAL = frozenset(
    {":", ".", "source", "eval", "exit", "return", "set", "shift", "times", "trap", "break", "continue"}
)
"""Built-in commands before which an assignment stays."""


def run_builtin(
    runner: Runner,
    builtin: Builtin,
    fields: tuple[str | None, ...],
    assignments: list[tuple[str, str | None]],
    state: State,
) -> Outcome:
    """Run a built-in command; what is assigned before it stays where it is a special one (POSIX XCU 2.14)."""
    before = {name: (name in state.variables, state.variables.get(name)) for name, _ in assignments}
    exported = set(state.exported)
    for name, value in assignments:
        state.assign(name, value, export=state.dialect == "bash")
    outcome = builtin(runner, fields, state)
    if fields[0] not in SPECIAL or state.dialect == "bash":
        for name, (was_set, value) in before.items():
            state.assign(name, value)
            if not was_set:
                state.remove(name)
            state.exported -= {name} - exported
    return outcome
