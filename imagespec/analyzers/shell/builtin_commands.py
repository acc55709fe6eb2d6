"""Commands that a shell runs itself (POSIX 2018 XCU 2.14 and the built-ins of bash 5.2 and dash 0.5.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from imagespec.analyzers.shell.declaring import declare_fields
from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.options import set_options, shift
from imagespec.analyzers.shell.parser import parse_shell
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Assignment, Literal, Simple, Statement, Substitution
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


Builtin = Callable[[Runner, Fields, State], Outcome]
_DONE = Outcome(Status.ZERO)


def _nothing(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001 - the shape of `Builtin`
    return _DONE


def _fails(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
    return Outcome(Status.NONZERO)


def _unknown(runner: Runner, fields: Fields, state: State) -> Outcome:  # noqa: ARG001
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


def _shopt(runner: Runner, fields: Fields, state: State) -> Outcome:
    if state.dialect == "dash":
        return runner.external(fields, state)
    state.plain_globs &= not any(word is None or "glob" in word for word in fields)
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


def _wait(runner: Runner, fields: Fields, state: State) -> Outcome:
    if "-n" in fields:
        _wait_for_one(runner, state)
    elif state.jobs:
        state.doubts.add(Doubt.HANG)
    return Outcome()


def _wait_for_one(runner: Runner, state: State) -> None:
    """Follow bash's ``wait -n``: it returns when the first program in the background ends, whichever that is."""
    steps = runner.walk.steps
    state.doubts.add(Doubt.HANG)
    if sum(step.background for step in steps) > 1:
        runner.walk.gap(state, "wait -n returns when the first of the programs in the background ends")
        steps[:] = [attrs.evolve(step, certain=step.certain and not step.background) for step in steps]


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


def _trap(runner: Runner, fields: Fields, state: State) -> Outcome:
    """Note what a handler would run; whether the signal comes is not known."""
    handler = fields[1] if len(fields) > 2 else ""
    if handler is None:
        runner.walk.gap(state, "trap with a handler that is not known")
    elif handler and handler not in {"-", "--", "-l", "-p"}:
        child = state.subshell()
        child.doubts.add(Doubt.BRANCH)
        # It runs when everything may have changed; that PATH does is not expected.
        path = {"PATH": child.variables["PATH"]} if "PATH" in child.variables else {}
        child.forget_variables()
        del child.variables["PATH"]
        child.variables.update(path)
        child.positional, child.cwd = None, None
        run_text(runner, handler, child)
    return _DONE


def only_kills(trap: Simple) -> bool:
    """Tell whether a handler is one ``kill`` of processes whose numbers are not known."""
    first, *rest = trap.words[1].parts if len(trap.words) > 2 else (None,)
    if not isinstance(first, Literal) or not first.text.startswith("kill "):
        return False
    texts = [part.text for part in (first, *rest) if isinstance(part, Literal)]
    return not any(char in text for text in texts for char in ";|&\n<>") and not any(
        isinstance(part, Substitution) for part in rest
    )


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
    **dict.fromkeys((":", "true", "echo", "umask", "ulimit", "hash", "times", "enable"), _nothing),
    **dict.fromkeys(("kill", "jobs", "disown", "bg", "pwd", "type", "dirs"), _nothing),
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
    "shopt": _shopt,
    "exit": _exit,
    "return": _return,
    "set": set_options,
    "shift": shift,
    "printf": _printf,
    "wait": _wait,
    "fg": _wait,
    "eval": _eval,
    "trap": _trap,
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
