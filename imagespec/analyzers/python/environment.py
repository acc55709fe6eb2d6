"""How a followed Python program reads and changes its environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.startup.steps import OpenEnvironment


def set_variable(run: Evaluator, key: Value, value: Value) -> None:
    """Let the program change its environment."""
    name, text = text_of(key), text_of(value)
    environment = run.environment
    if name is None:
        environment.update(dict.fromkeys(environment))  # any of them may have changed
    elif run.certain or environment.get(name) == text:
        environment[name] = text
    else:
        environment[name] = None


def _environment(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(0, "key"))
    environment = run.environment
    if name is None:
        return UNKNOWN
    default = given.get(1, "default")
    if callee.name == "os.environ.setdefault" and name not in environment and default is not None:
        set_variable(run, Const(name), default)
    if name in environment:
        value = environment[name]
        return UNKNOWN if value is None else Const(value)
    if callee.name == "os.environ[]":
        # Python stops here, unless the platform sets it: users can give variables when they deploy.
        run.gap(
            run.here(f"the environment variable {name} is not set in the image; without it Python stops here")
        )
        return UNKNOWN
    return default if default is not None else Const(None)


def _environment_update(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    table = given.get(0, "other")
    known = isinstance(table, Table) and not table.open and not given.spread
    for key, value in (*(table.entries if isinstance(table, Table) else {}).items(), *given.keywords.items()):
        set_variable(run, Const(key), value)
    if not known and given.args:
        set_variable(run, UNKNOWN, UNKNOWN)
    return Const(None)


def environment_table(run: Evaluator) -> Table:
    """Return the program's environment as a dict of its own."""
    entries: dict[object, Value] = {
        name: UNKNOWN if text is None else Const(text) for name, text in run.environment.items()
    }
    return Table(entries, isinstance(run.environment, OpenEnvironment))


def _copy(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return environment_table(run)


ENVIRONMENT: Mapping[str, Model] = {
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "os.environ.setdefault": _environment,
    "os.environ[]": _environment,
    "os.environ.update": _environment_update,
    "os.environ.copy": _copy,
}
