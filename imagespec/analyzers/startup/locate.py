"""Which file a program's name means at one point of the run, and whether it can be started there."""

from __future__ import annotations

import re
from itertools import islice

import attrs

from imagespec.analyzers.programs.libraries import find_libraries
from imagespec.analyzers.programs.programs import Startable, judge_startable
from imagespec.analyzers.shell.accounts import user_number
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.tools import SHELLS
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import DEFAULT_PATH

_PATH_OF_NONE = "/bin:/usr/bin"
"""Where execvp(3) of glibc looks where there is no PATH at all, as behind ``env -i``."""


@attrs.frozen
class Located:
    """The file of a program, or why it cannot be told (``doubt``) or started (``refused``)."""

    entry: Entry | None = None
    doubt: str | None = None
    refused: str | None = None
    shell_fallback: bool = False
    """The kernel refuses the file, and a shell reads it as a script."""


def locate(walk: Walk, name: str, state: State) -> Located:
    """Return the file that ``name`` starts in ``state``."""
    path = state.variables.get("PATH", _PATH_OF_NONE if "PATH" in state.unset else DEFAULT_PATH)
    if path is None and "/" not in name:
        # Any sensible PATH has the directories of the shells; of other programs nothing is known.
        entry = walk.rootfs.which(name, DEFAULT_PATH) if name in SHELLS else None
        return (
            Located(entry) if entry else Located(doubt=f"PATH is not known, so neither is the file of {name}")
        )
    if state.cwd is None and "/" in name and not name.startswith("/"):
        return Located(doubt=f"the working directory is not known, so neither is the file {name}")
    entry = walk.rootfs.which(name, path, state.cwd or "/")
    if entry is None:
        return Located(refused=_why_missing(walk, name, state))
    found = _startable(walk, entry, state)
    if found.startable is False:
        return Located(entry, refused=found.reason, shell_fallback=found.shell_fallback)
    return Located(entry, refused=_lacking_library(walk, found.program, state))


def _lacking_library(walk: Walk, program: Entry | None, state: State) -> str | None:
    """Tell which shared library a program certainly lacks; its loader then ends it with status 127."""
    search_path = state.variables.get("LD_LIBRARY_PATH", "")
    if program is None or search_path is None or walk.touched_widely:
        return None
    key = (program.path, search_path)
    if key not in walk.libraries:
        walk.libraries[key] = find_libraries(walk.rootfs, program, search_path)
    found = walk.libraries[key]
    return f"/{program.path} {found.reason}" if found.present is False else None


def _startable(walk: Walk, entry: Entry, state: State) -> Startable:
    path = "/" + entry.path
    made = any(path == item or path.startswith(item + "/") for item in walk.made_executable)
    if made and entry.kind is EntryKind.FILE:
        entry = attrs.evolve(entry, mode=entry.mode | 0o111)
    path_list = state.variables.get("PATH", DEFAULT_PATH)
    return judge_startable(walk.rootfs, entry, walk.architecture, path=path_list, cwd=state.cwd or "/")


def _why_missing(walk: Walk, name: str, state: State) -> str:
    if "/" not in name:
        return f"no program {name!r} on PATH ({state.variables.get('PATH') or DEFAULT_PATH})"
    link = walk.rootfs.lookup(absolute(name, state.cwd) or name)
    if link is not None and link.kind is EntryKind.SYMLINK:
        return f"{name} is a link to {link.link_target}, which is not in the image"
    return f"there is no {name} in the image"


def note_chmod(walk: Walk, words: tuple[str | None, ...], cwd: str | None) -> None:
    """Keep book of the files that ``chmod`` makes executable; what else it does may change a file."""
    plain = [word for word in words[1:] if word is None or not word.startswith("-")]
    if len(plain) < 2 or None in plain:
        walk.touch(words)
        return
    mode = plain[0] or ""
    executable = "x" in mode or any(digit in "1357" for digit in mode)
    for word in plain[1:]:
        path = absolute(word or "", cwd)
        entry = walk.rootfs.resolve(path) if path else None
        if entry is not None and executable and ("+" in mode or mode.isdecimal() or "=" in mode):
            walk.made_executable.add("/" + entry.path)
        else:
            walk.touch((word,))


def note_rights(walk: Walk, name: str, words: tuple[str | None, ...]) -> None:
    """Keep book of the users to whom ``chown`` and its like give files, and of modes that take rights away."""
    first = next((word for word in words[1:] if word is None or not word.startswith("-")), None)
    if name == "chown" and first is not None:
        owner = first.partition(":")[0] or None
        walk.given_to.add(user_number(owner, walk.rootfs) if owner is not None else None)
    elif name in {"chgrp", "setfacl", "chown"}:
        walk.given_to.add(None)
    elif name == "chmod":
        taking = first is None or not re.fullmatch(r"[0-7]?[0-7][0-7][4-7]|([ugoa]*\+[rwxXst]+,?)+", first)
        walk.rights_taken |= taking
        walk.given_to |= set() if taking else {None}


def note_written(walk: Walk, name: str, words: tuple[str | None, ...], cwd: str | None) -> None:
    """Note files that a tool changes in a way that is not known: those that its words name."""
    plain = [word for word in words[1:] if word is not None and not word.startswith("-")]
    if name in _MAY_WRITE:
        _spoil_by_options(walk, name, words, plain, cwd)
    options = {word for word in words[1:] if word is not None and word.startswith("-")}
    if name in _UNPACKERS or (name in {"cp", "mv"} and len(plain) > 1):
        _spoil_trees(walk, name, words, plain, cwd)
    if name in {"cp", "ln", "install"}:
        plain = [*plain[-1:], *(f"{plain[-1]}/{word.rpartition('/')[2]}" for word in plain[:-1])]
    elif name == "mv":
        plain += [f"{plain[-1]}/{word.rpartition('/')[2]}" for word in plain[:-1]]
    elif name not in {"tee", "rm", "truncate", "curl", "wget"} and not (
        name in {"sed", "perl"} and any(option.startswith(("-i", "--in-place")) for option in options)
    ):
        return
    for word in plain:
        walk.spoil(absolute(word, cwd))


_UNPACKERS = frozenset({"tar", "bsdtar", "unzip", "rsync", "git", "patch", "cpio", "7z"})
_INTO = frozenset({"-C", "--directory", "-d", "-o"})
_LIMIT_COPIED = 100  # files of a directory that is copied, of which each is noted


def _spoil_trees(
    walk: Walk, name: str, words: tuple[str | None, ...], plain: list[str], cwd: str | None
) -> None:
    """Note what is unpacked or copied over a directory of the image."""
    target = plain[-1] if name in {"cp", "mv", "rsync"} and plain else None
    if name in _UNPACKERS - {"rsync"}:
        named = [words[at + 1] for at, word in enumerate(words[:-1]) if word in _INTO]
        target = next((word for word in named if word), cwd)
        if name == "tar" and "x" not in (words[1] or "x").lstrip("-") and "--extract" not in words:
            return
    path = absolute(target, cwd) if target else None
    if name in _UNPACKERS:
        walk.spoil_under(path)
        return
    for word in plain[:-1]:
        source = absolute(word, cwd)
        entry = walk.rootfs.resolve(source) if source is not None else None
        if entry is None or entry.kind is not EntryKind.DIRECTORY or path is None:
            continue
        whole = word.endswith(("/.", "/")) or walk.rootfs.resolve(path) is None
        base = path if whole else f"{path}/{entry.path.rpartition('/')[2]}"
        files = list(islice(walk.rootfs.walk(entry.path), _LIMIT_COPIED))
        if len(files) == _LIMIT_COPIED:
            walk.spoil_under(base)
            continue
        for file in files:
            if file.kind is EntryKind.FILE:
                walk.spoil(base + "/" + file.path.removeprefix(entry.path).lstrip("/"))


_MAY_WRITE = frozenset("find sort gunzip gzip awk uniq xxd openssl dos2unix base64 split link".split())  # noqa: SIM905


def _spoil_by_options(
    walk: Walk, name: str, words: tuple[str | None, ...], plain: list[str], cwd: str | None
) -> None:
    """Note what tools write that are otherwise there for reading."""
    texts = [word or "?" for word in words[1:]]
    if name == "find":
        if any(word.startswith(("-exec", "-ok", "-fprint", "-fls")) for word in texts):
            walk.spoil_under(absolute(plain[0], cwd) if plain else cwd)
        return
    if name == "awk":
        program = plain[0] if plain else "?"
        if any(sign in program for sign in (">", "system", "|")) or "-f" in texts or "inplace" in texts:
            named = re.findall(r'"(/[^"]+)"', program)
            for path in named:
                walk.spoil(path)
            if not named:
                walk.spoil_under(cwd)
        return
    targets = [
        texts[at + 1] for at, word in enumerate(texts[:-1]) if word in {"-o", "--output", "-out", "-keyout"}
    ]
    targets += [word[2:] for word in texts if name == "sort" and word.startswith("-o") and len(word) > 2]
    if name in {"gunzip", "gzip", "dos2unix"}:
        targets += [*plain, *(word.rpartition(".")[0] for word in plain)]
    if name in {"uniq", "xxd", "link"}:
        targets += plain[1:]
    for target in targets:
        walk.spoil(absolute(target, cwd) if target else None)
