"""What Django does before its first request: its settings, applications and middleware are imported (django.setup, 3.2 to 5.2)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Function,
    Instance,
    Items,
    Module,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.python.writing import check_written


def check_django(app: Call, program: Program) -> None:
    """Record as gaps what ends Django before it serves."""
    name = program.environment.get("DJANGO_SETTINGS_MODULE")
    if not name:
        return
    if program.sources.find(name).kind == "missing":
        program.gap(
            app.place.evidence(f"DJANGO_SETTINGS_MODULE names {name[:200]}, which is not in the image")
        )
        return
    settings = guarded(program, lambda: program.import_module(name))
    if not isinstance(settings, Module):
        return
    names = settings.scope.names
    place = Place(settings.path, None, settings.layer)
    for setting in ("INSTALLED_APPS", "MIDDLEWARE"):
        value = names.get(setting)
        for item in value.items if isinstance(value, Items) else ():
            _look_at(text_of(item), setting, place, program)
    _check_logging(names.get("LOGGING"), place, program)


def guarded(program: Program, work: Callable[[], Value]) -> Value | None:
    """Do something that may end the program, which is a gap then."""
    before, program.stopped = program.stopped, None
    found = program.guarded(work)
    if program.stopped is not None:
        program.gap(program.stopped.evidence)
    program.stopped = before
    return found


def _look_at(name: str | None, setting: str, place: Place, program: Program) -> None:
    """Import an application or middleware: a package, or a class in a module."""
    if name is None or name.startswith("django."):
        return
    parent, _, last = name.rpartition(".")
    kind = program.sources.find(name).kind
    above = program.sources.find(parent).kind if parent else "missing"
    if kind == "missing" and above == "missing":
        program.gap(place.evidence(f"{setting} names {name[:100]}, which is not in the image"))
    elif kind == "missing" and above == "source":
        module = guarded(program, lambda: program.import_module(parent))
        found = module.scope.names.get(last) if isinstance(module, Module) else None
        if isinstance(module, Module) and found is None and "*" not in module.scope.names:
            program.gap(place.evidence(f"{setting} names {name[:100]}, which is not in the image"))
        ready = found.find("ready") if isinstance(found, Class) and setting == "INSTALLED_APPS" else None
        if isinstance(ready, Function) and isinstance(found, Class):
            method = attrs.evolve(ready, self_value=Instance(found, {}, open=True))
            guarded(program, lambda: program.call(method, Arguments()))
    elif kind in {"source", "directory"} and setting == "INSTALLED_APPS":
        guarded(program, lambda: program.import_module(name))


def _check_logging(value: Value | None, place: Place, program: Program) -> None:
    if not isinstance(value, Table) or value.open:
        return
    handlers = value.entries.get("handlers", Table({}))
    loggers = value.entries.get("loggers", Table({}))
    known = set(handlers.entries) if isinstance(handlers, Table) and not handlers.open else None
    rows = [value.entries.get("root"), *(loggers.entries.values() if isinstance(loggers, Table) else ())]
    for row in rows:
        listed = row.entries.get("handlers") if isinstance(row, Table) else None
        texts = {text_of(item) for item in listed.items} if isinstance(listed, Items) else set()
        if known is not None and texts - known - {None}:
            program.gap(place.evidence("LOGGING names a handler that it does not have, and Django stops"))
    for row in handlers.entries.values() if isinstance(handlers, Table) else ():
        if isinstance(row, Table) and "filename" in row.entries and "delay" not in row.entries:
            check_written(program, row.entries["filename"])
