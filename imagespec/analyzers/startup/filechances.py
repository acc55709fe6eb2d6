"""Whether the tools that make, move and change files succeed, and what is there behind them (coreutils 9.1, sed 4.9)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

from imagespec.analyzers.shell.accounts import ROOT, find_account, has_group
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import Walk

Words = tuple[str | None, ...]


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Return whether all are true; None where that hangs on one that is not known."""
    found = list(answers)
    return False if False in found else None if None in found else True


def operands(words: Words, valued: str = "") -> list[str | None]:
    """Return the words that are no options, nor arguments of the options with the letters ``valued``."""
    found: list[str | None] = []
    pending = list(words[1:])
    while pending:
        word = pending.pop(0)
        if word == "--":
            return [*found, *pending]
        if word is None or not word.startswith("-") or word == "-":
            found.append(word)
        elif not word.startswith("--") and valued and word[-1] in valued and pending:
            pending.pop(0)
    return found


def options_of(words: Words) -> set[str]:
    """Return the letters and long names of options."""
    found: set[str] = set()
    for word in words[1:]:
        if word == "--":
            break
        if word is not None and word.startswith("--"):
            found.add(word.partition("=")[0])
        elif word is not None and word.startswith("-"):
            found.update(word[1:])
    return found


def mkdir(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``mkdir``."""
    places, options = Places(state, walk), options_of(words)
    made = operands(words, "m")
    parents = bool(options & {"p", "--parents"})
    answers: list[bool | None] = []
    for word in made:
        there = places.there(word)
        if parents:
            answers.append(places.makeable(word))
        elif there is not False and _in_image(word, state, walk):
            answers.append(None if there is None else False)
        else:
            answers.append(places.open_folder(_parent(word, state)))
    found = all_of(answers)
    if found is not False:
        _note_folders(made, state, walk)
    return found


def _in_image(word: str | None, state: State, walk: Walk) -> bool:
    path = absolute(word, state.cwd) if word else None
    return path is None or path in walk.folders or walk.rootfs.lookup(path) is not None


def _note_folders(words: Iterable[str | None], state: State, walk: Walk) -> None:
    for word in words:
        path = absolute(word, state.cwd) if word else None
        while path and path != "/" and path not in walk.folders:
            walk.folders.add(path)
            walk.removed -= {posixpath.basename(path)}
            path = posixpath.dirname(path)


def _note_files(words: Iterable[str | None], state: State, walk: Walk) -> None:
    for word in words:
        path = absolute(word, state.cwd) if word else None
        if path is not None and not any(char in path for char in "*?["):
            walk.present.add(path)


def _parent(word: str | None, state: State) -> str | None:
    path = absolute(word, state.cwd) if word else None
    return posixpath.dirname(path) if path is not None else None


def touch(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``touch`` and ``truncate``."""
    places, files = Places(state, walk), operands(words, "drt")
    found = all_of(places.is_folder(word) or places.writable(word) for word in files)
    if found:
        _note_files(files, state, walk)
    return found


def rm(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``rm``."""
    places, files, options = Places(state, walk), operands(words), options_of(words)
    answers: list[bool | None] = []
    for word in files:
        there = places.there(word)
        force = bool(options & {"f", "--force"})
        folder = places.is_folder(word) and not options & {"r", "R", "--recursive"}
        if there is False or (there is None and force and state.user in ROOT):
            answers.append(force)
        else:
            open_ = state.user in ROOT or places.open_folder(_parent(word, state))
            answers.append(False if folder else None if there is None else open_)
    _note_removed(files, state, walk)
    return all_of(answers)


def _note_removed(words: Iterable[str | None], state: State, walk: Walk) -> None:
    for word in words:
        path = absolute(word, state.cwd) if word else None
        name = (word or "").rstrip("/")
        if any(char in name for char in "*?["):
            name = posixpath.dirname(path or "/")  # anything in there
        walk.removed.add(posixpath.basename(name))  # of an unknown word: the empty name, which every path has
        gone = {
            one for one in walk.present | walk.folders if path is None or (one + "/").startswith(path + "/")
        }
        walk.present -= gone
        walk.folders -= gone


def copy(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``cp``, ``mv`` and ``install``."""
    places, options = Places(state, walk), options_of(words)
    name = (words[0] or "").rpartition("/")[2]
    files = operands(words, "mogt" if name == "install" else "tS")
    if options & {"t", "--target-directory", "T"} or len(files) < 2:
        return _install_folders(words, options, state, walk) if name == "install" else None
    sources, target = tuple(files[:-1]), files[-1]
    deep = name == "mv" or bool(options & {"r", "R", "a", "--recursive", "--archive"})
    answers = [False if places.is_folder(word) and not deep else places.readable(word) for word in sources]
    if places.is_folder(target):
        answers.append(places.open_folder(target))
        made = [f"{target}/{(word or '?').rstrip('/').rpartition('/')[2]}" for word in sources]
    else:
        answers.append(_new_name(sources, target, state, places))
        made = [target or "?"]
    if name == "mv":
        _note_removed(sources, state, walk)
    found = all_of(answers)
    if found:
        _note_files(made, state, walk)
        _note_folders(
            (one for one, source in zip(made, sources, strict=False) if places.is_folder(source)), state, walk
        )
    return found


def _new_name(sources: Words, target: str | None, state: State, places: Places) -> bool | None:
    """Tell whether copies can get a name that is no directory so far."""
    folder = any(places.is_folder(word) for word in sources)
    if len(sources) > 1 or ((target or "").endswith("/") and not folder):
        return None if places.is_folder(target) is None else False
    return places.open_folder(_parent(target, state)) if folder else places.writable(target)


def _install_folders(words: Words, options: set[str], state: State, walk: Walk) -> bool | None:
    """Weigh ``install -d``."""
    if "d" not in options or state.user not in ROOT:
        return None
    folders = operands(words, "mog")
    found = all_of(map(Places(state, walk).makeable, folders))
    _note_folders(folders, state, walk)
    return found


def link(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``ln``."""
    places, options, names = Places(state, walk), options_of(words), operands(words)
    if len(names) != 2 or options & {"t", "T", "--target-directory"}:
        return None
    source, target = names
    inside = places.is_folder(target) and not options & {"n", "--no-dereference"}
    made = f"{target}/{posixpath.basename((source or '?').rstrip('/'))}" if inside else target
    path = absolute(made, state.cwd) if made is not None else None
    taken = path is None or path in walk.present | walk.folders or walk.rootfs.lookup(path) is not None
    answers = [places.open_folder(_parent(made, state))]
    if taken and not options & {"f", "--force"}:
        answers.append(None if places.there(made) is None and path is not None else False)
    if not options & {"s", "--symbolic"}:
        answers.append(places.there(source))
    _note_files([made], state, walk)
    return all_of(answers)


def chmod(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``chmod``."""
    found = all_of(map(Places(state, walk).there, operands(words)[1:]))
    return found if state.user in ROOT or found is False else None


def chown(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``chown`` and ``chgrp``."""
    if state.user not in ROOT or any((word or "").startswith("--") for word in words[1:]):
        return None
    owner, *files = operands(words) or [None]
    group_only = (words[0] or "").endswith("chgrp")
    name, _, group = (
        (owner or "?").replace(".", ":", 1).partition(":") if not group_only else ("", "", owner or "?")
    )
    known = not name or name.isdecimal() or find_account(name, walk.rootfs) is not None
    has = True if not group or group.isdecimal() else has_group(group, walk.rootfs)
    rewritten = walk.may_have_made("/etc/passwd") or walk.touched_widely
    account: bool | None = (
        True if known and has else None if rewritten or owner is None or has is None else False
    )
    return all_of([account, *map(Places(state, walk).there, files)])


def sed(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``sed``."""
    places, options = Places(state, walk), options_of(words)
    files = operands(words, "efl")
    scripted = any((word or "").startswith(("-e", "-f", "--expression", "--file")) for word in words[1:])
    files = files if scripted else files[1:]
    changes = any((word or "").startswith(("-i", "--in-place")) for word in words[1:]) or "i" in options
    found = all_of(
        all_of((places.readable(word), places.writable(word) if changes else True)) for word in files
    )
    if changes:
        _note_files(files, state, walk)
    return found


def tee(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh ``tee``."""
    files = operands(words)
    found = all_of(map(Places(state, walk).writable, files))
    if found:
        _note_files(files, state, walk)
    return found


TOOLS: Mapping[str, Callable[[Words, State, Walk], bool | None]] = {
    "mkdir": mkdir,
    "touch": touch,
    "truncate": touch,
    "rm": rm,
    "cp": copy,
    "mv": copy,
    "install": copy,
    "ln": link,
    "chmod": chmod,
    "chown": chown,
    "chgrp": chown,
    "sed": sed,
    "tee": tee,
}
