"""The functions of a gunicorn configuration, which run while it starts (gunicorn 20 to 27, config.py "Server Hooks")."""

from __future__ import annotations

from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Const, Function, Module

_HOOKS = {
    "on_starting": 1,
    "when_ready": 1,
    "pre_fork": 2,
    "post_fork": 2,
    "post_worker_init": 1,
    "nworkers_changed": 3,
    "pre_request": 2,
}
"""Each with the number of its arguments."""
_NUMBERS = (
    "workers",
    "threads",
    "timeout",
    "keepalive",
    "graceful_timeout",
    "max_requests",
    "backlog",
    "worker_connections",
)


def follow_config(config: Module | None, program: Program) -> None:
    """Follow what gunicorn calls, and look at what it refuses; what may end it is a gap of the program."""
    names = config.scope.names if config is not None else {}
    for name, count in _HOOKS.items():
        value = names.get(name)
        if isinstance(value, Function):
            _follow(value, count, program)
        elif isinstance(value, Const) and value.value is not None and config is not None:
            place = Place(config.path, None, config.layer)
            program.gap(place.evidence(f"gunicorn refuses {name}, which is no function"))
    for name in _NUMBERS:
        value = names.get(name)
        text = value.value if isinstance(value, Const) else None
        wrong = (isinstance(text, str) and not text.isdecimal()) or (isinstance(text, int) and text < 0)
        if wrong and config is not None:
            place = Place(config.path, None, config.layer)
            program.gap(place.evidence(f"gunicorn refuses {name} = {str(text)[:60]}"))


def _follow(function: Function, count: int, program: Program) -> None:
    before, program.stopped = program.stopped, None
    program.guarded(lambda: program.call(function, Arguments((UNKNOWN,) * count)))
    if program.stopped is not None:
        program.gap(program.stopped.evidence)
    program.stopped = before
