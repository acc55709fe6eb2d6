"""
What a Flask application's ``config`` holds (Flask 2.2 to 3.1, config.py): only names in capitals are taken over.

The calls on it are recorded like any other; here they are put together to a dict, up to the place that is followed.
"""

from __future__ import annotations

import ast
import json
import posixpath
import tomllib
from collections.abc import Callable, Mapping

from imagespec.analyzers.python.datafiles import path_text, read_text, value_of
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.expressions import add_entries
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Class,
    Const,
    Instance,
    Module,
    Table,
    Value,
    name_of,
    root_of,
    text_of,
)

_CONFIG = "flask.Flask().config"
_READS = {".get", ".copy", ".items", ".keys", ".get_namespace"}
_LOADERS: Mapping[str, Callable[[str], object]] = {
    "json.load": json.loads,
    "tomllib.load": tomllib.loads,
    "toml.load": tomllib.loads,
}


def configuration(run: Evaluator, app: Call) -> Table:
    """Return an application's configuration without Flask's own defaults, as far as it is set by now."""
    table = Table({})
    for call in run.calls:
        if call.name.startswith(_CONFIG) and root_of(call.receiver) is app:
            verb = call.name.removeprefix(_CONFIG)
            if verb not in _READS:
                sure = call.certain and not call.thread
                add_entries(table, _set_by(verb, call, app, run) if sure else None)
    return table


def _set_by(verb: str, call: Call, app: Call, run: Evaluator) -> Value | None:
    """Return the entries that a call sets; None where they are not known."""
    first = call.args[0] if call.args else None
    match verb:
        case "[]=" if isinstance(first, Const):
            return Table({first.value: call.args[1]})
        case ".update" | ".from_mapping":
            return _mapping(call, first, capitals=verb != ".update")
        case ".from_object":
            return _of_object(_resolved(first, run))
        case ".from_pyfile":
            text = _text(call, app, run, "filename")
            return None if text is None else _of_source(text)
        case ".from_file" | ".from_json":
            return _of_file(verb, call, app, run)
        case ".from_envvar":
            unset = run.environment_has(text_of(first)) is False
            return Table({}) if unset and call.argument(1, "silent") == Const(value=True) else None
        case ".from_prefixed_env":
            return None if any(name.startswith("FLASK_") for name in run.environment) else Table({})
    return None


def _mapping(call: Call, first: Value | None, *, capitals: bool) -> Table | None:
    table = Table({})
    add_entries(table, Table({str(key): value for key, value in call.keywords.items()}))
    if first is not None:
        add_entries(table, first)
    if call.spread:
        return None
    kept = {key: value for key, value in table.entries.items() if not capitals or str(key).isupper()}
    return Table(kept, table.open)


def _resolved(value: Value | None, run: Evaluator) -> Value | None:
    """Return what ``from_object`` is given: an object, or what an import string names."""
    name = text_of(value)
    if name is None:
        return value
    return _imported(name, run)


def _imported(name: str, run: Evaluator) -> Value:
    """Import what an import string names: a module, or something in one."""
    above, _, last = name.rpartition(".")
    if not above or run.sources.find(name).kind != "missing":
        return run.import_module(name)
    return run.attribute(run.import_module(above), last)


def _of_object(value: Value | None) -> Table | None:
    names: dict[str, Value] = {}
    match value:
        case Module():
            names = value.scope.names
            if "*" in names:
                return None
        case Class():
            names = _class_names(value)
        case Instance(cls=cls, names=own, open=False):
            names = {**(_class_names(cls) if cls is not None else {}), **own}
        case _:
            return None
    if isinstance(value, Class) and any(name_of(base) != "builtins.object" for base in value.foreign_bases()):
        return None
    return Table({name: one for name, one in names.items() if name.isupper()})


def _class_names(cls: Class) -> dict[str, Value]:
    return {name: value for one in reversed(cls.lineage()) for name, value in one.scope.names.items()}


def _text(call: Call, app: Call, run: Evaluator, name: str) -> str | None:
    """Return the text of a file that is named below the folder of the application's module."""
    path = path_text(call.argument(0, name))
    if path is None or not _is_plain(app):
        return None
    return read_text(run, Const(posixpath.join(_folder(app), path)))


def _is_plain(app: Call) -> bool:
    """Tell whether the application's folder is that of the file that makes it: ``Flask(__name__)``."""
    name, path = text_of(app.argument(0, "import_name")) or "", app.place.path
    own = {
        "__main__",
        posixpath.basename(path).removesuffix(".py"),
        posixpath.basename(posixpath.dirname(path)),
    }
    return (
        name.rpartition(".")[2] in own and not {"instance_relative_config", "root_path"} & app.keywords.keys()
    )


def _folder(app: Call) -> str:
    return posixpath.dirname("/" + app.place.path.lstrip("/"))


def _of_source(text: str) -> Table | None:
    """Return what a Python file sets where all of it is plain: names and constants."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    entries: dict[object, Value] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
            plain = isinstance(node.value, ast.Constant)
            entries[target.id] = (
                Const(node.value.value) if plain and isinstance(node.value, ast.Constant) else UNKNOWN
            )
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
            return None
    return Table({key: value for key, value in entries.items() if str(key).isupper()})


def _of_file(verb: str, call: Call, app: Call, run: Evaluator) -> Table | None:
    load = _LOADERS.get("json.load" if verb == ".from_json" else name_of(call.argument(1, "load")))
    text = _text(call, app, run, "filename")
    if load is None or text is None:
        return None
    try:
        found = value_of(load(text))
    except (ValueError, RecursionError):
        return None
    capitals = (
        {key: value for key, value in found.entries.items() if str(key).isupper()}
        if isinstance(found, Table)
        else {}
    )
    return Table(capitals) if isinstance(found, Table) else None


# What the program does with it.


def _import_object(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Import what an import string names, as ``from_object`` does; the call itself is recorded."""
    name = text_of(given.get(0, "obj"))
    if name is not None:
        _imported(name, run)
    return None


def _load_file(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Look for the file that ``from_pyfile`` and its like read, without which Python stops; the call is recorded."""
    app, path = root_of(callee), path_text(given.get(0, "filename"))
    silent = run.truth(given.keywords.get("silent", Const(value=False))) is not False
    if isinstance(app, Call) and path is not None and not silent and _is_plain(app):
        full = missing_file(run, posixpath.join(_folder(app), path))
        if full is not None:
            run.gap(run.here(f"{full} is read and is not in the image; without it Python stops here"))
    return None


def _from_variable(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(0, "variable_name"))
    silent = run.truth(given.get(1, "silent") or Const(value=False)) is not False
    if name is not None and not silent and run.environment_has(name) is False:
        run.gap(
            run.here(
                f"the environment variable {name[:100]} is not set in the image; without it Python stops here"
            )
        )
    return None


def _read(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    app, key = root_of(callee), given.get(0, "key")
    if not isinstance(app, Call) or not isinstance(key, Const):
        return None
    run.spend(1 + len(run.calls) // 50)
    table = configuration(run, app)
    found = table.entries.get(key.value)
    if found is not None and found is not UNKNOWN:
        return found
    default = given.get(1, "default") if str(key.value) not in _DEFAULTS else None
    absent = not table.open and key.value not in table.entries and callee.name.endswith(".get")
    return default if absent and default is not None else None


_DEFAULTS = frozenset(
    "DEBUG TESTING SECRET_KEY SERVER_NAME APPLICATION_ROOT PREFERRED_URL_SCHEME MAX_CONTENT_LENGTH "  # noqa: SIM905 - one word a line is no better
    "PERMANENT_SESSION_LIFETIME USE_X_SENDFILE PROPAGATE_EXCEPTIONS TRUSTED_HOSTS".split()
)
"""Some of those that Flask sets itself."""

APP_CONFIG: Mapping[str, Model] = {
    f"{_CONFIG}.from_object": _import_object,
    **{f"{_CONFIG}.from_{kind}": _load_file for kind in ("pyfile", "file", "json")},
    f"{_CONFIG}.from_envvar": _from_variable,
    f"{_CONFIG}.get": _read,
    f"{_CONFIG}[]": _read,
}
