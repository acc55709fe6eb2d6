"""
Threads and processes of its own that a followed Python program starts, and how it waits for them.

At its end Python waits for all of them that are no daemons (library reference, threading and multiprocessing).
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.flow import Stop
from imagespec.analyzers.python.started import Aside
from imagespec.analyzers.python.values import Call, Const, Function, Items, Member, Table, Value

_ENDING = (".terminate", ".kill", ".close")
_DAEMON = (".daemon=", ".setDaemon")


def follow_aside(run: Evaluator, made: Call, target: Value | None) -> None:
    """Follow what a thread or process runs; ``made`` is the call that made it."""
    before, run.thread = run.thread, True
    within, run.in_thread = run.in_thread, made.name.startswith("threading.") or run.in_thread
    own = made.subclass.find("run") if made.subclass is not None else None
    serves, certain = False, run.certain
    try:
        if isinstance(own, Function):
            run.call(run.attribute(made, "run"), Arguments())
        elif isinstance(target, Function):
            run.call(target, _arguments(made))
        elif target is not None:
            run.record(target, _arguments(made))
    except Stop as stop:
        serves = stop.reason == "serves" and stop.certain
        if stop.reason == "abort":
            run.gap(stop.evidence)
    finally:
        run.thread, run.in_thread = before, within
    run.asides[id(made)] = Aside(made=made, serves=serves and certain)


def _arguments(made: Call) -> Arguments:
    listed = made.keywords.get("args")
    items = tuple(listed.items) if isinstance(listed, Items) and not listed.open else ()
    named = made.keywords.get("kwargs")
    keywords = {str(key): item for key, item in named.entries.items()} if isinstance(named, Table) else {}
    spread = (listed is not None and not items) or (isinstance(named, Table) and named.open)
    return Arguments(items, keywords, spread or (named is not None and not keywords))


def outlives(run: Evaluator) -> bool:
    """Tell whether a thread or process certainly keeps the program up after its main flow has come to its end."""
    return any(aside.serves and not _is_daemon(run, aside.made) for aside in run.asides.values())


def _is_daemon(run: Evaluator, made: Call) -> bool:
    """Tell whether Python may not wait for it at the end."""
    given = made.keywords.get("daemon", Const(value=False))
    changed = any(
        call.receiver is made
        and call.name.endswith(_DAEMON + _ENDING)
        and call.args[:1] != (Const(value=False),)
        for call in run.calls
    )
    return made.thread or made.spread or changed or given not in {Const(value=False), Const(None)}


def _join(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    aside = run.asides.get(id(callee.owner)) if isinstance(callee, Member) else None
    limit = given.get(0, "timeout")
    if aside is None or not aside.serves or limit not in {None, Const(None)}:
        return None
    if any(call.receiver is aside.made and call.name.endswith(_ENDING) for call in run.calls):
        return None
    raise run.stop("serves", f"{callee.name} waits for what does not end")


def _wait_for_event(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Follow ``Event().wait``: what sets the event is a signal's handler, or is looked for by who asks."""
    if given.get(0, "timeout") not in {None, Const(None)}:
        return None
    raise run.stop("serves", "the program waits for an event")


def _is_set(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    sets = any(call.name == f"{callee.name.rpartition('.')[0]}.set" for call in run.calls)
    return None if sets else Const(value=False)


THREADS: Mapping[str, Model] = {
    "threading.Thread().join": _join,
    "multiprocessing.Process().join": _join,
    "threading.Event().wait": _wait_for_event,
    "threading.Event().is_set": _is_set,
}
