"""``trap``: what handlers would run, and which of them change how the script goes on (POSIX 2018 XCU "trap"; bash 5.2)."""

from __future__ import annotations

from collections.abc import Callable

from imagespec.analyzers.shell.state import Doubt, Outcome, State, Status
from imagespec.analyzers.shell.tree import Literal, Simple, Substitution
from imagespec.analyzers.startup.walk import Walk

Fields = tuple[str | None, ...]
_CHILD = frozenset({"CHLD", "SIGCHLD", "17", "CLD"})


def set_trap(
    run_text: Callable[[str, State], object], walk: Walk, statement: Simple, fields: Fields, state: State
) -> Outcome:
    """Note what a handler would run; whether the signal comes is not known."""
    handler = fields[1] if len(fields) > 2 else ""
    signals = {word.upper() if word is not None else None for word in fields[2:]}
    if handler not in {"", "-", "--", "-l", "-p"}:
        state.child_trap |= bool(signals & {*_CHILD, None})
        leaves = handler is None or "exit" in handler or "kill" in handler
        if state.dialect == "bash" and leaves and signals & {"ERR", None}:
            state.errexit = True  # by another name
        if state.dialect == "bash" and leaves and signals & {"DEBUG", "RETURN", None}:
            walk.doubt(state, "a handler that may leave the shell runs behind every command")
            state.doubts.add(Doubt.EXIT)
    if _only_kills(statement):
        return Outcome(Status.ZERO)
    if handler is None:
        walk.gap(state, "trap with a handler that is not known")
    elif handler and handler not in {"-", "--", "-l", "-p"}:
        child = state.subshell()
        child.doubts.add(Doubt.BRANCH)
        # It runs when everything may have changed; that PATH does is not expected.
        path = {"PATH": child.variables["PATH"]} if "PATH" in child.variables else {}
        child.forget_variables()
        del child.variables["PATH"]
        child.variables.update(path)
        child.positional, child.cwd = None, None
        run_text(handler, child)
    return Outcome(Status.ZERO)


def _only_kills(trap: Simple) -> bool:
    """Tell whether a handler is one ``kill`` of processes whose numbers are not known."""
    first, *rest = trap.words[1].parts if len(trap.words) > 2 else (None,)
    if not isinstance(first, Literal) or not first.text.startswith("kill "):
        return False
    texts = [part.text for part in (first, *rest) if isinstance(part, Literal)]
    return not any(char in text for text in texts for char in ";|&\n<>") and not any(
        isinstance(part, Substitution) for part in rest
    )
