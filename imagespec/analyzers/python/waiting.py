"""How a followed Python program waits for the programs that it has started, or asks whether they still run."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.started import Ending
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Member, Value


def after_waiting(run: Evaluator, callee: Callee, call: Call, ending: Ending, *, checked: bool) -> Value:
    """Return what waiting for a program gives, or stop where that never ends."""
    if ending is Ending.STAYS:
        raise run.stop("serves", f"{callee.name} does not return")
    if ending is Ending.FAILS and checked and not run.trying:
        raise run.stop("raise", f"{callee.name} raises an exception, because its program fails")
    if ending is Ending.OPEN or (ending is Ending.FAILS and checked):
        message = f"whether {callee.name} comes back is not known; what follows is not certain"
        run.gap(call.place.evidence(message))
    plain = callee.name in {"subprocess.call", "subprocess.check_call", "os.system"} or callee.name.endswith(
        ".wait"
    )
    if ending is Ending.ENDS and plain:
        return Const(0)
    return call if callee.name == "subprocess.run" else UNKNOWN


def _wait(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    call = callee.owner if isinstance(callee, Member) else None
    ending = run.processes.endings.get(id(call))
    if ending is None or given.spread or not isinstance(call, Call):
        return None
    limit = given.get(1 if callee.name.endswith("communicate") else 0, "timeout")
    if limit is not None and limit != Const(None):
        return UNKNOWN
    waited = run.record(callee, given)
    return after_waiting(run, callee, waited, ending, checked=False)


def _poll(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    call = callee.owner if isinstance(callee, Member) else None
    ending = run.processes.endings.get(id(call))
    return None if ending is None else Const(None) if ending is Ending.STAYS else UNKNOWN


def _wait_for_any(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``os.wait`` and ``os.waitpid``, which return as soon as one of the programs ends."""
    started = run.processes.beside
    if run.processes.start is None or not started:
        return None
    if callee.name == "os.waitpid":
        asked, options = given.get(0, "pid"), given.get(1, "options")
        owner = asked.owner if isinstance(asked, Member) and asked.attribute == "pid" else None
        started = [call for call in started if call is owner] or started
        if options != Const(0) or (owner is None and asked not in {Const(-1), Const(0)}):
            return UNKNOWN
    call = run.record(callee, given)
    if all(run.processes.endings[id(one)] is Ending.STAYS for one in started):
        raise run.stop("serves", f"{callee.name} waits for a program that does not end")
    message = f"{callee.name} returns when one of the programs ends, which one of them may"
    run.gap(call.place.evidence(message))
    return UNKNOWN


def _pause(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    """Signals that end the wait come from outside, or from a timer."""
    if any(call.name in {"signal.alarm", "signal.setitimer"} for call in run.calls):
        return UNKNOWN
    raise run.stop("serves", f"{callee.name} waits for a signal")


WAITING: Mapping[str, Model] = {
    **{
        f"{maker}().{method}": _wait
        for maker in (
            "subprocess.Popen",
            "asyncio.create_subprocess_exec",
            "asyncio.create_subprocess_shell",
        )
        for method in ("wait", "communicate")
    },
    "subprocess.Popen().poll": _poll,
    "os.wait": _wait_for_any,
    "os.waitpid": _wait_for_any,
    "signal.pause": _pause,
    "signal.sigwait": _pause,
}
