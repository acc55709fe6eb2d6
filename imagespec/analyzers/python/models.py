"""What functions of the standard library return to a program that is followed without being run."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.appconfig import APP_CONFIG
from imagespec.analyzers.python.builtin_functions import BUILTIN_FUNCTIONS
from imagespec.analyzers.python.commandline import parse_arguments, parse_known_arguments
from imagespec.analyzers.python.connecting import CONNECTING
from imagespec.analyzers.python.containers import CONTAINERS
from imagespec.analyzers.python.datafiles import DATA_FILES
from imagespec.analyzers.python.dotenv import DOTENV
from imagespec.analyzers.python.endings import ENDINGS
from imagespec.analyzers.python.environment import ENVIRONMENT
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.inifiles import INI_FILES
from imagespec.analyzers.python.loading import LOADING
from imagespec.analyzers.python.logsetup import LOG_SETUP, uvicorn_defaults
from imagespec.analyzers.python.methods import METHODS
from imagespec.analyzers.python.namespaces import NAMESPACES
from imagespec.analyzers.python.ospaths import PATHS
from imagespec.analyzers.python.paths import interpreter_of
from imagespec.analyzers.python.processes import PROCESSES
from imagespec.analyzers.python.purefunctions import PURE
from imagespec.analyzers.python.settingsreaders import SETTINGS_READERS
from imagespec.analyzers.python.threads import THREADS
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Const,
    External,
    Items,
    Value,
    text_of,
)
from imagespec.analyzers.python.waiting import WAITING
from imagespec.analyzers.python.writing import WRITING


def _argv(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    return Items([UNKNOWN if word is None else Const(word) for word in run.argv], "list", open=not run.argv)


def _executable(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    """Return ``sys.executable``: the path by which the interpreter was started, its links not followed."""
    path = interpreter_of(run.step, run.sources.rootfs)[0]
    return External(callee.name) if path is None else Const("/" + path)


def _exit(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    reason = "abort" if callee.name in {"os._exit", "os.abort"} else "exit"
    raise run.stop(reason, f"{callee.name.removeprefix('builtins.')} ends the program")


def _import_module(run: Evaluator, _callee: Callee, given: Arguments) -> Value | None:
    name = text_of(given.get(0, "name"))
    if name is None or name.startswith("."):
        run.gap(run.place().evidence("a module whose name is not known is imported"))
        return UNKNOWN
    return run.import_module(name)


def _code(run: Evaluator, _callee: Callee, _given: Arguments) -> Value | None:
    run.gap(run.place().evidence("code that is not known is run"))
    return UNKNOWN


MODELS: Mapping[str, Model] = {
    "builtins.exec": _code,
    "builtins.eval": _code,
    "builtins.__import__": _import_module,
    "builtins.exit": _exit,
    "builtins.quit": _exit,
    "sys.exit": _exit,
    "os._exit": _exit,
    "os.abort": _exit,
    "importlib.import_module": _import_module,
    "runpy.run_path": _code,
    "runpy.run_module": _code,
    "argparse.ArgumentParser().parse_args": parse_arguments,
    "argparse.ArgumentParser().parse_known_args": parse_known_arguments,
    **APP_CONFIG,
    **BUILTIN_FUNCTIONS,
    **CONNECTING,
    **CONTAINERS,
    **DATA_FILES,
    **DOTENV,
    **ENDINGS,
    **ENVIRONMENT,
    **INI_FILES,
    **LOADING,
    **LOG_SETUP,
    **METHODS,
    **NAMESPACES,
    **PATHS,
    **PROCESSES,
    **THREADS,
    **WAITING,
    **SETTINGS_READERS,
    **PURE,
    **WRITING,
}

VALUES: Mapping[str, Model] = {
    "sys.argv": _argv,
    "sys.executable": _executable,
    "uvicorn.config.LOGGING_CONFIG": uvicorn_defaults,
    "typing.TYPE_CHECKING": lambda _run, _callee, _given: Const(value=False),
}
