"""What a command certainly writes to files, where the image and the shell's state tell it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Protocol

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Outcome, State, Status
from imagespec.analyzers.shell.substitutions import edited, sed_words, with_variables
from imagespec.analyzers.shell.tree import Simple
from imagespec.analyzers.startup.walk import Walk
from imagespec.analyzers.startup.written import LIMIT_BYTES, LIMIT_FILES, Written, real_path
from imagespec.entry import EntryKind

Fields = tuple[str | None, ...]
_Change = dict[str, Written]
_MOVES = frozenset({"cp", "mv", "ln"})
_PRINTS = frozenset({"echo", "printf", "cat", "envsubst", "sed"})
_PLAIN = {
    "cp": {"-f", "-a", "-p", "-v"},
    "mv": {"-f", "-v"},
    "ln": {"-s", "-f", "-sf", "-fs", "-snf"},
    "rm": {"-f"},
}
_AT_RUN_TIME = ("/dev/", "/proc/", "/sys/")
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


class Runner(Protocol):
    """What is needed of the shell that runs a command."""

    walk: Walk
    expander: Expander


def told(
    runner: Runner, statement: Simple, fields: Fields, state: State, run: Callable[[], Outcome]
) -> Outcome:
    """Run a command, and put what it certainly writes over the image's files."""
    walk = runner.walk
    changed = _changes(statement, fields, state, runner)
    if changed is None or not (state.certain or _leaves_all(changed, walk)):
        return run()
    walk.telling = True
    outcome = run()
    walk.telling = False
    if outcome.status in {Status.ZERO, Status.LIKELY}:
        walk.write(changed)
    else:  # what it leaves where it fails is not known
        walk.write({path: Written() for path in changed})
        walk.touch(tuple(changed))
    return outcome


def _leaves_all(changed: _Change, walk: Walk) -> bool:
    """Tell whether files are afterwards what they were before, so that it does not matter whether the command runs."""
    entries = {path: walk.rootfs.resolve(path) for path in changed}
    return all(
        entry is not None and walk.text_of(entry) == changed[path].data for path, entry in entries.items()
    )


def _changes(statement: Simple, fields: Fields, state: State, runner: Runner) -> _Change | None:
    """Return what a command makes of files, by their real paths; None where it is not known, or not certain."""
    name = fields[0]
    if name is None or name in state.functions or state.user not in ROOT:
        return None
    if state.background or None in fields or not (name in _MOVES | _PRINTS or name == "rm"):
        return None
    words = [word for word in fields[1:] if word is not None]
    reader = _Reader(state, runner.walk)
    if not statement.redirects:
        return _changed_in_place(reader, name, words)
    source, target = _redirected(statement, state, runner.expander, reader)
    if target is None:
        return None
    text = reader.printed(name, words, source)
    path, append = target
    if append and text is not None:
        before = reader.text(path)
        text = None if before is None else before + text
    return reader.file(path, text)


def _redirected(
    statement: Simple, state: State, expander: Expander, reader: _Reader
) -> tuple[str | None, tuple[str, bool] | None]:
    """Return the standard input's text, and the file of the standard output and whether it is added to."""
    source: str | None = None
    target: tuple[str, bool] | None = None
    for item in statement.redirects:
        text = expander.value(item.target, state) if item.target else None
        if item.operator == "<<" and item.text is not None:
            source = expander.value(item.text, state.fork())
        elif item.operator == "<" and text is not None:
            source = reader.text(text)
        elif (
            item.operator in {">", ">>", ">|"}
            and item.fd in {None, 1}
            and text is not None
            and target is None
        ):
            target = text, item.operator == ">>"
        else:
            return None, None
    return source, target


def _changed_in_place(reader: _Reader, name: str, words: list[str]) -> _Change | None:
    if name == "sed":
        return reader.edited_files(words)
    options = {word for word in words if word.startswith("-")}
    names = [word for word in words if not word.startswith("-")]
    if not options <= _PLAIN.get(name, set()):
        return None
    if name == "rm":
        return reader.removed(names)
    if len(names) != 2 or (name == "ln" and not (names[0].startswith("/") and options)):
        return None
    return reader.moved(name, *names)


class _Reader:
    """Reads files in a state of the walk."""

    def __init__(self, state: State, walk: Walk) -> None:
        self._state = state
        self._walk = walk

    def text(self, name: str) -> str | None:
        """Return a file's text; None where it is not known."""
        path = absolute(name, self._state.cwd)
        entry = self._walk.rootfs.resolve(path) if path is not None else None
        if (
            path is None
            or entry is None
            or entry.kind is not EntryKind.FILE
            or not self._walk.rootfs.complete
        ):
            return None
        real = "/" + entry.path
        if real not in self._walk.files and self._walk.maybe_changed(path, real):
            return None
        data = self._walk.text_of(entry)
        return (
            data.decode("utf-8", "surrogateescape") if data is not None and len(data) <= LIMIT_BYTES else None
        )

    def file(self, name: str, text: str | None, mode: int = 0o644) -> _Change | None:
        """Return the change that writes a file; None where it cannot be told."""
        path = absolute(name, self._state.cwd)
        if path is None or text is None or len(text) > LIMIT_BYTES or path.startswith(_AT_RUN_TIME):
            return None
        if not self._walk.afford(text) or len(self._walk.files) >= LIMIT_FILES:
            return None
        entry = self._walk.rootfs.resolve(path)
        if entry is None and self._walk.rootfs.lookup(path) is not None:
            return None  # a link that leads to nothing
        if entry is not None and entry.kind is not EntryKind.FILE:
            return None
        real = "/" + entry.path if entry is not None else real_path(self._walk.rootfs, path)
        if real is None or real.startswith(_AT_RUN_TIME):
            return None
        return {real: Written(text.encode("utf-8", "surrogateescape"), mode=mode)}

    def printed(self, name: str, words: list[str], source: str | None) -> str | None:
        """Return what a command prints, given its standard input."""
        match name:
            case "echo":
                return self._echo(words)
            case "printf":
                return _printf(words)
            case "cat":
                texts = [source if word == "-" else self.text(word) for word in words or ["-"]]
                known = [text for text in texts if text is not None]
                return "".join(known) if len(known) == len(texts) else None
            case "envsubst" if source is not None and len(words) < 2 and not "".join(words).startswith("-"):
                return with_variables(source, self._environment(), words[0] if words else None)
            case "sed":
                return self._filtered(words, source)
        return None

    def _filtered(self, words: list[str], source: str | None) -> str | None:
        """Return what sed prints."""
        parsed = sed_words(words)
        if parsed is None or parsed[3] or len(parsed[2]) > 1:
            return None
        text = self.text(parsed[2][0]) if parsed[2] else source
        return None if text is None else self._edited(text, parsed[0], extended=parsed[1])

    def _environment(self) -> dict[str, str | None]:
        known = self._state.environment()
        return {**dict.fromkeys(self._state.unset, ""), **known}

    def _echo(self, words: list[str]) -> str | None:
        end = "\n"
        if words[:1] == ["-n"]:
            words, end = words[1:], ""
        escapes = self._state.dialect == "dash"
        if words[:1] == ["-e"] and self._state.dialect == "bash":
            words, escapes = words[1:], True
        text = " ".join(words)
        if (words and words[0].startswith("-")) or self._state.dialect not in {"bash", "dash"}:
            return None
        return _unescaped(text, end) if escapes else text + end

    def _edited(self, text: str, scripts: list[str], *, extended: bool) -> str | None:
        return edited(text, scripts, extended=extended) if self._walk.afford(text, len(scripts)) else None

    def edited_files(self, words: list[str]) -> _Change | None:
        """Return what ``sed -i`` makes of files."""
        parsed = sed_words(words)
        if parsed is None or not parsed[3]:
            return None
        found: _Change = {}
        for name in parsed[2]:
            text = self.text(name)
            made = self._edited(text, parsed[0], extended=parsed[1]) if text is not None else None
            change = self.file(name, made)
            if change is None:
                return None
            found.update(change)
        return found or None

    def removed(self, names: list[str]) -> _Change | None:
        """Return what ``rm`` leaves; None where a name is a directory or a link, or is not known."""
        found: _Change = {}
        for name in names:
            path = absolute(name, self._state.cwd)
            real = real_path(self._walk.rootfs, path) if path is not None else None
            if path is None or any(char in name for char in "*?["):
                return None
            entry = self._walk.rootfs.lookup(path)
            if entry is not None and entry.kind is EntryKind.DIRECTORY:
                return None
            if real is not None and entry is not None:
                found[real] = Written(gone=True)
        return found or None

    def moved(self, name: str, source: str, target: str) -> _Change | None:
        """Return what ``cp``, ``mv`` or ``ln -s`` makes of two names."""
        path = absolute(target, self._state.cwd)
        there = self._walk.rootfs.resolve(path) if path is not None else None
        if path is None or (target.endswith("/") and there is None):
            return None
        if there is not None and there.kind is EntryKind.DIRECTORY:
            path = posixpath.join(path, posixpath.basename(source))
        link = self._walk.rootfs.lookup(path)
        if link is not None and link.kind is not EntryKind.FILE:
            return None
        full = absolute(source, self._state.cwd)
        original = self._walk.rootfs.resolve(full) if full is not None else None
        found = self.file(path, self.text(source), original.mode if original is not None else 0)
        if found is not None and name == "mv":
            gone = self.removed([source])
            return None if gone is None else {**gone, **found}
        return found


def _printf(words: list[str]) -> str | None:
    """Return what printf prints, for ``%s`` and plain text."""
    if not words or words[0].startswith("-"):
        return None
    text = _unescaped(words[0], "")
    pieces = re.split(r"(%.)", text) if text is not None else []
    given = words[1:]
    asked = sum(piece == "%s" for piece in pieces)
    if text is None or any(
        len(piece) == 2 and piece[0] == "%" and piece not in {"%s", "%%"} for piece in pieces
    ):
        return None
    if asked != len(given):
        return None
    values = iter(given)
    return "".join(next(values) if piece == "%s" else "%" if piece == "%%" else piece for piece in pieces)


def _unescaped(text: str, end: str) -> str | None:
    found = re.sub(r"\\.", lambda one: _ESCAPES.get(one[0], "\0"), text, flags=re.DOTALL)
    return None if "\0" in found or found.endswith("\\") else found + end
