"""
``poetry run``, ``pipenv run`` and ``uv run``: programs of a project's virtual environment, found without asking these tools.

Poetry 1.2 to 2 takes the project's ``.venv``, else the environment in its cache, unless virtualenvs.create is off; Pipenv
the ``.venv``, else one below ``~/.local/share/virtualenvs``; uv the ``.venv``.
"""

from __future__ import annotations

import posixpath

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.shell.state import Doubt, State
from imagespec.analyzers.startup.wrappers import Unwrapped, Words
from imagespec.entry import EntryKind
from imagespec.rootfs import DEFAULT_PATH, RootFs

TOOLS = frozenset({"poetry", "pipenv", "uv"})
_QUIET = frozenset(
    [
        "-q",
        "--quiet",
        "-v",
        "--verbose",
        "--no-sync",
        "--frozen",
        "--locked",
        "--offline",
        "--no-dev",
        "--no-cache",
        "--no-progress",
    ]
)
"""Options that change nothing about the program that is run."""
_PROJECTS = {"poetry": "pyproject.toml", "pipenv": "Pipfile", "uv": "pyproject.toml"}


def unwrap_run(name: str, words: Words) -> Unwrapped | None:
    """Return what ``poetry run PROGRAM …`` and its like start; None for other subcommands."""
    if words[1:2] != ("run",):
        return None
    at = 2
    while at < len(words) and words[at] in _QUIET:
        at += 1
    inner = words[at + 1 :] if words[at : at + 1] == ("--",) else words[at:]
    first = inner[0] if inner else None
    if first is None or first.startswith("-"):
        if name == "uv" and first in {"-m", "--module"}:
            return Unwrapped(words=("python", "-m", *inner[1:]))
        return Unwrapped(words=None)
    if name == "uv" and first.endswith(".py"):
        inner = ("python", *inner)
    return Unwrapped(words=inner)


def activate(name: str, words: Words, state: State, rootfs: RootFs) -> bool:
    """Put the programs of the project's environment before PATH; False when it is not known which one it is."""
    if name == "uv" and "--no-sync" not in words and state.variables.get("UV_NO_SYNC") not in {"1", "true"}:
        state.doubts |= {
            Doubt.EXIT
        }  # it installs what the environment lacks, such as the group dev, and may fail
    path = state.variables.get("PATH", DEFAULT_PATH)
    project = _project(name, state, rootfs)
    if path is None or project is None:
        return False
    environments = _environments(name, project, state, rootfs)
    if environments is None or len(environments) > 1:
        return False
    if environments:
        state.assign("PATH", f"{environments[0]}/bin:{path}", export=True)
        state.assign("VIRTUAL_ENV", environments[0], export=True)
    return bool(environments) or (name == "poetry" and _makes_none(project, state, rootfs))


def _project(name: str, state: State, rootfs: RootFs) -> str | None:
    """Return the directory of the project, which is where its file lies; None where there is none."""
    file = _PROJECTS[name]
    folder = state.cwd
    if folder is None or (name == "pipenv" and _may_say_more(folder, rootfs)):
        return None
    for _ in range(20):
        if rootfs.resolve(posixpath.join(folder, file)) is not None:
            return folder
        if folder == "/":
            return None
        folder = posixpath.dirname(folder)
    return None


def _may_say_more(folder: str, rootfs: RootFs) -> bool:
    """Tell whether Pipenv may set variables, or run another program than it is told."""
    pipfile = rootfs.resolve(posixpath.join(folder, "Pipfile"))
    text = rootfs.content(pipfile) if pipfile is not None else b""
    return rootfs.resolve(posixpath.join(folder, ".env")) is not None or text is None or b"[scripts]" in text


def _environments(name: str, project: str, state: State, rootfs: RootFs) -> list[str] | None:
    """Return the environments that may be the project's; None where a setting that is unknown moves them."""
    told = state.variables.get("UV_PROJECT_ENVIRONMENT", ".venv") if name == "uv" else ".venv"
    own = posixpath.join(project, told) if told else None
    if own is not None and _is_directory(f"{own}/bin", rootfs):
        return [own]
    if name == "uv":
        return None
    home = _home(state)
    if name == "pipenv":
        folder = state.variables.get("WORKON_HOME", f"{home}/.local/share/virtualenvs" if home else None)
    else:
        cache = state.variables.get("POETRY_CACHE_DIR", f"{home}/.cache/pypoetry" if home else None)
        folder = state.variables.get("POETRY_VIRTUALENVS_PATH", f"{cache}/virtualenvs" if cache else None)
    if folder is None or "{" in folder:
        return None
    found = [entry for entry in rootfs.list(folder) if entry.kind is EntryKind.DIRECTORY]
    return ["/" + entry.path for entry in found if _is_directory(f"/{entry.path}/bin", rootfs)]


def _makes_none(project: str, state: State, rootfs: RootFs) -> bool:
    """Tell whether Poetry was told to use the Python that it finds."""
    told = state.variables.get("POETRY_VIRTUALENVS_CREATE", "")
    if told:
        return told.lower() in {"false", "0"}
    home = _home(state)
    for path in (f"{project}/poetry.toml", f"{home}/.config/pypoetry/config.toml"):
        entry = rootfs.resolve(path)
        text = rootfs.content(entry) if entry is not None else None
        if text and any(line.split() == [b"create", b"=", b"false"] for line in text.splitlines()):
            return True
    return False


def _home(state: State) -> str | None:
    return state.variables.get("HOME") or ("/root" if state.user in ROOT else None)


def _is_directory(path: str, rootfs: RootFs) -> bool:
    entry = rootfs.resolve(path)
    return entry is not None and entry.kind is EntryKind.DIRECTORY
