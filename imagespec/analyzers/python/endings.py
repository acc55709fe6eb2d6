"""
Calls that end a program, or do not come back for as long as nobody does anything.

What waits for others, asks other servers or starts other programs may come back; so nothing behind it is certain.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, External, Value, name_of

_LONG_SECONDS = 60
_ENDS = {
    "os._exit",
    "os.abort",
    "os.kill",
    "os.killpg",
    "signal.raise_signal",
    "_thread.interrupt_main",
    "os.execv",
    "os.execvp",
}


def _ends(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Record a signal that the program sends itself."""
    target = given.args[0] if given.args else UNKNOWN
    own = callee.name in {"signal.raise_signal", "_thread.interrupt_main"} or name_of(target) == "os.getpid()"
    if own and callee.name.endswith("kill") and len(given.args) > 1 and given.args[1] == Const(0):
        own = False
    if own:
        run.gap(run.here(f"{callee.name} sends the program a signal, which may end it"))
    return None


def _waits(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    if not given.args and not given.keywords.keys() & {"timeout", "block"} and not run.thread:
        run.doubt = True  # no gap: what does not come back does not listen either
    return None


def _sleeps(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    value = given.args[0] if given.args else UNKNOWN
    if (
        isinstance(value, Const)
        and isinstance(value.value, int | float)
        and value.value > _LONG_SECONDS
        and not run.thread
    ):
        run.doubt = True
    return None


def _asks(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    if not run.thread:
        run.refuse("OSError", f"{callee.name} asks another server, which may not answer")
    return None


def ends_in_thread(run: Evaluator, call: Call) -> None:
    """Record what a thread or timer is given that ends the whole process."""
    for value in (*call.args, *call.keywords.values()):
        if isinstance(value, External) and value.name in _ENDS:
            run.gap(run.here(f"{value.name} is run beside the program, and ends it"))


ENDINGS: Mapping[str, Model] = {
    **dict.fromkeys(("os.kill", "os.killpg", "signal.raise_signal", "_thread.interrupt_main"), _ends),
    **dict.fromkeys(
        (
            "queue.Queue().get", "threading.Barrier().wait",
            "multiprocessing.Event().wait", "multiprocessing.Queue().get", "queue.SimpleQueue().get", "socket.socket().accept",
            "sched.scheduler().run", "threading.Condition().wait",
        ),
        _waits,
    ),
    "time.sleep": _sleeps,
    **dict.fromkeys(
        (
            "socket.create_connection", "socket.gethostbyname", "socket.socket().connect",
            "http.client.HTTPConnection().request", "http.client.HTTPSConnection().request",
        ),
        _asks,
    ),
}  # fmt: skip
