"""
Libraries that read settings from the environment and from files, and end the program where a key is not there.

Followed are starlette.config (Starlette 0.13 to 1.0), python-decouple 3, environs 9 to 15 and django-environ 0.4 to 0.14.
A variable that the image does not set may still be given when the container is started, so that a missing key makes
what comes after it uncertain, and proves no more.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from imagespec.analyzers.python.dotenv import nearest, read_dotenv
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Items, Member, Value, name_of, text_of

_Source = Mapping[str, str | None] | None
"""Variables, None for a value that is not known; None where the source cannot be read."""

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_KINDS = (
    "str",
    "bool",
    "int",
    "float",
    "json",
    "list",
    "tuple",
    "dict",
    "url",
    "path",
    "date",
    "uuid",
    "bytes",
)
_URLS = {
    "db": "DATABASE_URL",
    "db_url": "DATABASE_URL",
    "cache": "CACHE_URL",
    "cache_url": "CACHE_URL",
    "email": "EMAIL_URL",
    "email_url": "EMAIL_URL",
    "search_url": "SEARCH_URL",
    "channels": "CHANNELS_URL",
}
_CASTS = ("builtins.str", "builtins.int", "builtins.bool")


def _starlette(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``Config(env_file, environ, env_prefix)(key, cast, default)``."""
    config = _owner(callee)
    if config is None or config.spread or config.argument(1, "environ") is not None:
        return None
    prefix = text_of(config.argument(2, "env_prefix") or Const(""))
    key = text_of(given.get(0, "key"))
    file = config.argument(0, "env_file") or Const(None)
    path = text_of(file)
    stored: _Source = {} if file == Const(None) else None if path is None else read_dotenv(run, path)
    name = Const(prefix + key) if prefix is not None and key is not None else None
    return _setting(run, name, given.get(2, "default"), given.get(1, "cast"), [stored])


def _decouple(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    """Follow ``config(option, default, cast)``, which looks for settings.ini and .env above the calling file."""
    ini, path = nearest(run, "settings.ini"), nearest(run)
    # Files in the root directory are not found.
    plain = not ini or posixpath.dirname(ini) == "/"
    stored: _Source = None
    if plain:
        stored = read_dotenv(run, path) if path and posixpath.dirname(path) != "/" else {}
    return _setting(run, given.get(0, "option"), given.get(1, "default"), given.get(2, "cast"), [stored])


def _environs(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow ``Env()(name, default)`` and its methods of one kind each."""
    env = _owner(callee)
    if env is None or env.keywords or env.args:
        return None
    return _setting(run, given.get(0, "name"), given.get(1, "default"), _kind(callee), [])


def _environ(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow django-environ's ``Env(NAME=(kind, default))(var, cast, default)`` and its methods of one kind each."""
    env = _owner(callee)
    if env is None or env.spread or env.args:
        return None
    plain = not isinstance(callee, Member)
    default = given.get(2 if plain else 1, "default")
    key = given.get(0, "var")
    scheme = env.keywords.get(text_of(key) or "")
    cast = given.get(1, "cast") if plain else _kind(callee)
    if isinstance(scheme, Items) and default is None:
        cast, default = (scheme.items[0], scheme.items[1]) if len(scheme.items) == 2 else (UNKNOWN, UNKNOWN)
    elif scheme is not None:
        cast = cast or scheme
    return _setting(run, key, default, cast, [])


def _url(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow django-environ's ``env.db()`` and its like, which have names for their variables."""
    own = _URLS.get(callee.attribute) if isinstance(callee, Member) else None
    name = text_of(given.get(0, "var") or Const(own))
    if name is not None and name not in run.environment and given.get(1, "default") is None:
        _missing(run, name)
    return None


def _owner(callee: Callee) -> Call | None:
    """Return the call that made the object that is called, or whose method is."""
    owner = callee.owner if isinstance(callee, Member) else callee
    return owner if isinstance(owner, Call) and owner.subclass is None else None


def _kind(callee: Callee) -> Value | None:
    """Return the kind that a method is named by."""
    if not isinstance(callee, Member):
        return None
    name = f"builtins.{callee.attribute}"
    return Const(name) if name in _CASTS else UNKNOWN


def _setting(
    run: Evaluator, key: Value | None, default: Value | None, cast: Value | None, files: Sequence[_Source]
) -> Value:
    """Return the value of a key: of the environment, of files, or its default."""
    name = text_of(key)
    kind = "builtins.str" if cast in {None, Const(None)} else text_of(cast) or name_of(cast)
    if name is None:
        return UNKNOWN
    for source in (run.environment, *files):
        if source is None:
            return UNKNOWN
        if name in source:
            text = source[name]
            return UNKNOWN if text is None else _converted(text, kind)
    if default is not None:
        if isinstance(default, Const) and isinstance(default.value, str):
            return _converted(default.value, kind)
        return default if kind in _CASTS else UNKNOWN
    _missing(run, name)
    return UNKNOWN


def _missing(run: State, name: str) -> None:
    if not run.trying:
        run.gap(run.here(f"the setting {name[:100]} is not in the image; without it Python stops here"))


def _converted(text: str, kind: str) -> Value:
    if kind == "builtins.str":
        return Const(text)
    if kind == "builtins.int" and text.strip().isdecimal() and len(text) < 20:
        return Const(int(text))
    if kind == "builtins.bool" and text.lower() in _TRUTHS:
        return Const(_TRUTHS[text.lower()])
    return UNKNOWN


def _read_env(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Let the environment have what a ``.env`` file has beside it; only that of the calling file's folder counts."""
    path = given.get(0, "env_file" if name_of(callee).startswith("environ.") else "path")
    name = text_of(path)
    if path is None:
        name = nearest(run)
        folder = "/" + posixpath.dirname(run.frame.module.path)
        if name_of(callee).startswith("environ.") and posixpath.dirname(name) != folder:
            name = ""
    variables = {} if name == "" else None if name is None else read_dotenv(run, name)
    if (
        variables is None
        or given.spread
        or len(given.args) > 1
        or given.keywords.keys() - {"env_file", "path", "recurse"}
    ):
        run.gap(run.here("a file of environment variables is read, which is not followed"))
        return None
    for key, text in variables.items():
        if key not in run.environment:
            run.environment[key] = text if run.certain else None
    return Const(None)


SETTINGS_READERS: Mapping[str, Model] = {
    "starlette.config.Config()": _starlette,
    "starlette.config.Config().get": _starlette,
    "decouple.config": _decouple,
    "environs.Env()": _environs,
    **{f"environs.Env().{kind}": _environs for kind in _KINDS},
    "environs.Env().read_env": _read_env,
    "environs.Env.read_env": _read_env,
    "environ.Env()": _environ,
    **{f"environ.Env().{kind}": _environ for kind in _KINDS},
    **{f"environ.Env().{kind}": _url for kind in _URLS},
    "environ.Env().read_env": _read_env,
    "environ.Env.read_env": _read_env,
}
"""What the followed libraries' readers return."""
