"""
The configuration language of nginx (src/core/ngx_conf_file.c, 1.18 to 1.29): words, blocks, includes.

Read from the merged view, so that nothing of the machine's own file system is looked at; in bounded steps and without
recursion over the input.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import attrs

from imagespec.analyzers.shell.patterns import matches_pattern, parse_pattern
from imagespec.analyzers.wanted import KIB
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

FILE_BYTES = 64 * KIB
_LIMIT_FILES = 100
_LIMIT_DIRECTIVES = 20_000
_LIMIT_INCLUDES = 10  # files inside files
_LIMIT_BLOCKS = 20

_BLOCKS = frozenset(
    [
        "http",
        "server",
        "location",
        "events",
        "types",
        "upstream",
        "map",
        "if",
        "limit_except",
        "geo",
        "split_clients",
        "stream",
        "mail",
        "match",
    ]
)
"""Directives with a block; any other before a brace is most likely one whose semicolon is missing, which nginx refuses."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<mark>[;{}])
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |'(?P<single>(?:[^'\\]|\\.)*)'
    |(?P<word>(?:\\.|\$\{[^}\s]{0,100}\}|[^\s;{}"'\\])(?:\\.|\$\{[^}\s]{0,100}\}|[^\s;{}\\])*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}


class ConfigError(Exception):
    """The configuration cannot be followed; the message says why."""

    def __init__(self, message: str, evidence: Evidence) -> None:
        super().__init__(message)
        self.evidence = attrs.evolve(evidence, message=message)


@attrs.frozen
class Directive:
    """One directive: its name and arguments, and what stands in its block."""

    name: str
    args: tuple[str, ...]
    place: Evidence
    block: tuple[Directive, ...] | None = None

    def all(self, *names: str) -> Iterator[Directive]:
        """Yield the directives of these names in the block."""
        return (item for item in self.block or () if item.name in names)

    def last(self, name: str) -> Directive | None:
        """Return the last directive of a name in the block."""
        return next(iter([*self.all(name)][::-1]), None)


class ConfigReader:
    """Reads a configuration with what it includes; ``files`` are the paths that were read or searched."""

    def __init__(self, rootfs: RootFs, prefix: str) -> None:
        self._rootfs = rootfs
        self._prefix = prefix
        self.files: list[str] = []
        self._count = 0

    def read(self, path: str, depth: int = 0) -> tuple[Directive, ...]:
        """Return the directives of a file; raises ConfigError."""
        place = Evidence(message="", path=path)
        entry = self._rootfs.resolve(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            raise ConfigError(f"nginx is to read {path}, which is no file of the image", place)
        self.files.append("/" + entry.path)
        if len(self.files) > _LIMIT_FILES or depth > _LIMIT_INCLUDES:
            raise ConfigError("more files of an nginx configuration than are followed", place)
        data = self._rootfs.content(entry)
        if data is None or len(data) < entry.size_bytes or len(data) > FILE_BYTES:
            raise ConfigError("the file was not kept when the layer was read, or is too long", place)
        return self.parse(data.decode("utf-8", "replace"), entry, depth)

    def parse(self, text: str, entry: Entry | Evidence, depth: int = 0) -> tuple[Directive, ...]:
        """Return the directives of a text; raises ConfigError."""
        stack: list[tuple[Directive | None, list[Directive]]] = [(None, [])]
        words: list[str] = []
        line = 1
        for piece, kind, at in _tokens(text, entry):
            if kind != "mark":
                if not words:
                    line = at
                words.append(piece)
                continue
            place = _place(entry, line if words else at)
            self._spend(place)
            if piece == "}":
                opened, inner = stack.pop()
                if words or opened is None:
                    raise ConfigError("a brace of the nginx configuration has no counterpart", place)
                stack[-1][1].append(attrs.evolve(opened, block=tuple(inner)))
                continue
            if not words:
                raise ConfigError("an nginx directive has no name", place)
            made = Directive(words[0], tuple(words[1:]), place)
            words = []
            if piece == ";":
                stack[-1][1].extend(self._include(made, depth) if made.name == "include" else (made,))
            elif made.name not in _BLOCKS or len(stack) > _LIMIT_BLOCKS:
                raise ConfigError(f"a block of {made.name} in the nginx configuration is not followed", place)
            else:
                stack.append((made, []))
        if words or len(stack) > 1:
            raise ConfigError("the nginx configuration breaks off", _place(entry, line))
        return tuple(stack[0][1])

    def _spend(self, place: Evidence) -> None:
        self._count += 1
        if self._count > _LIMIT_DIRECTIVES:
            raise ConfigError("the nginx configuration is longer than is followed", place)

    def _include(self, made: Directive, depth: int) -> Iterator[Directive]:
        if len(made.args) != 1 or "$" in made.args[0]:
            raise ConfigError("an include of the nginx configuration is not followed", made.place)
        path = posixpath.normpath(posixpath.join(self._prefix, made.args[0]))
        if not any(char in path for char in "*?["):
            yield from self.read(path, depth + 1)
            return
        folder, _, base = path.rpartition("/")
        pattern = parse_pattern([(base, False)])
        if pattern is None or any(char in folder for char in "*?["):
            raise ConfigError(f"the pattern {path} of the nginx configuration is not followed", made.place)
        self.files.append(path)
        names = sorted(entry.path for entry in self._rootfs.list(folder))
        for name in names:
            own = name.rpartition("/")[2]
            if (not own.startswith(".") or base.startswith(".")) and matches_pattern(pattern, own):
                yield from self.read("/" + name, depth + 1)


def _place(entry: Entry | Evidence, line: int) -> Evidence:
    if isinstance(entry, Evidence):
        return entry
    return Evidence(message="", path="/" + entry.path, line=line, layer=entry.layer)


def _tokens(text: str, entry: Entry | Evidence) -> Iterator[tuple[str, str, int]]:
    """Yield each token with its kind and line."""
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ConfigError("a quote of the nginx configuration is not closed", _place(entry, line))
        kind = found.lastgroup or ""
        if kind != "blank":
            yield _ESCAPE.sub(_unescape, found[kind]), kind, line
        line += text.count("\n", at, found.end())
        at = found.end()


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[1])
