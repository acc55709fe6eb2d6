"""What gunicorn refuses of its settings, and what its hooks do before it serves (gunicorn 20 to 27, config.py)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Const, Function, Items, Module, Value, text_of
from imagespec.analyzers.servers.beforeserving import follow_hook
from imagespec.analyzers.servers.optiontables import GUNICORN, GUNICORN_SETTINGS
from imagespec.analyzers.servers.optionvalues import Wrong, number, of_variables, wrongs
from imagespec.analyzers.servers.words import Command, Options

_HOOKS: Mapping[str, int] = {
    "on_starting": 1, "on_reload": 1, "when_ready": 1, "pre_fork": 2, "post_fork": 2, "post_worker_init": 1, "worker_int": 1,
    "worker_abort": 1, "pre_exec": 1, "pre_request": 2, "child_exit": 2, "worker_exit": 2, "nworkers_changed": 3, "on_exit": 1,
}  # fmt: skip
"""Hooks, with the number of parameters that each must have."""
_BEFORE_SERVING = (
    "on_starting",
    "when_ready",
    "pre_fork",
    "post_fork",
    "post_worker_init",
    "nworkers_changed",
    "pre_request",
)
_WORKERS = frozenset({"uvicorn.workers.UvicornWorker", "uvicorn.workers.UvicornH11Worker",
                      "uvicorn_worker.UvicornWorker", "uvicorn_worker.UvicornH11Worker",
                      "aiohttp.GunicornWebWorker", "aiohttp.GunicornUVLoopWebWorker",
                      "aiohttp.worker.GunicornWebWorker", "aiohttp.worker.GunicornUVLoopWebWorker",
                      "gunicorn.workers.sync.SyncWorker", "gunicorn.workers.gthread.ThreadWorker"})  # fmt: skip
"""Classes that their packages have."""


def refusals(
    command: Command, lines: tuple[Options, ...], config: Module | None, worker: str | None
) -> Iterator[tuple[str, Wrong]]:
    """Yield the settings with which gunicorn does not start, or may not, with why."""
    for options in lines:
        yield from wrongs(options, GUNICORN, command)
    yield from of_variables({"WEB_CONCURRENCY": "number"}, {"number": number}, command)
    if worker is not None and "." in worker and worker not in _WORKERS:
        yield "worker class", Wrong(f"whether there is a class {worker[:100]} is not known")
    for name, value in config.scope.names.items() if config is not None else ():
        wrong = _setting(name, value, command)
        if wrong is not None:
            yield name, wrong


def _setting(name: str, value: Value, command: Command) -> Wrong | None:
    if name in _HOOKS and isinstance(value, Function):
        return _arity(value, _HOOKS[name])
    if name in _HOOKS and isinstance(value, Const) and value.value is not None:
        return Wrong("it is no function", certain=not isinstance(value.value, str))
    if name == "bind" and isinstance(value, Const) and not isinstance(value.value, str | None):
        return Wrong(f"{value.value!r} is no text", certain=True)
    if name == "raw_env":
        texts = [text_of(item) for item in value.items] if isinstance(value, Items) else [text_of(value)]
        bare = next((text for text in texts if text is not None and "=" not in text), None)
        return Wrong(f"{bare[:60]!r} has no '='", certain=True) if bare is not None else None
    option = GUNICORN_SETTINGS.get(name)
    if option is None or not isinstance(value, Const) or value.value is None or isinstance(value.value, bool):
        return None
    text = text_of(value)
    return GUNICORN[option](str(value.value) if text is None else text, command)


def _arity(hook: Function, wanted: int) -> Wrong | None:
    arguments = getattr(hook.node, "args", None)
    if not isinstance(arguments, ast.arguments):
        return None
    given = len(arguments.args) + len(arguments.posonlyargs)
    return (
        None if given == wanted else Wrong(f"it must have {wanted} parameters, and has {given}", certain=True)
    )


def follow_hooks(config: Module | None, program: Program) -> None:
    """Follow the hooks that gunicorn calls before it serves; what may end it is a gap of the program."""
    for name in _BEFORE_SERVING if config is not None else ():
        value = config.scope.names.get(name) if config is not None else None
        if isinstance(value, Function):
            follow_hook(value, program)
