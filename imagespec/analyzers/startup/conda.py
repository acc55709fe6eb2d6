"""Environments of conda: what ``conda run`` and ``conda activate`` put before PATH (conda 4.6 to 25, activate.py)."""

from __future__ import annotations

import posixpath

from imagespec.analyzers.shell.state import State
from imagespec.entry import EntryKind
from imagespec.rootfs import DEFAULT_PATH, RootFs

_NAMED = ("-n", "--name", "-p", "--prefix")


def named_environment(words: tuple[str | None, ...]) -> str | None:
    """Return the environment that ``conda run`` is told; None when it is not known."""
    found = "base"
    for number, word in enumerate(words[2:], 2):
        if word is None or not word.startswith("-"):
            break
        if word in _NAMED and number + 1 < len(words):
            return words[number + 1]
        if word.partition("=")[0] in _NAMED:
            found = word.partition("=")[2]
    return found


def activate(program: str, name: str | None, state: State, rootfs: RootFs) -> bool:
    """
    Let the state find an environment of the conda whose ``program`` it is; False when it is not known what that does.

    Scripts of packages that run on activation (``etc/conda/activate.d``) may do anything.
    """
    root = posixpath.dirname(posixpath.dirname("/" + program.lstrip("/")))
    path = state.variables.get("PATH", DEFAULT_PATH)
    if not name or path is None or root == "/":
        return False
    prefix = root if name == "base" else posixpath.join(root, "envs", name) if "/" not in name else name
    programs = rootfs.resolve(prefix + "/bin") if prefix.startswith("/") else None
    if programs is None or programs.kind is not EntryKind.DIRECTORY:
        return False
    if rootfs.resolve(f"{prefix}/etc/conda/activate.d") is not None:
        return False
    state.assign("PATH", f"{prefix}/bin:{root}/condabin:{path}", export=True)
    state.assign("CONDA_PREFIX", prefix, export=True)
    state.assign("CONDA_DEFAULT_ENV", name, export=True)
    return True
