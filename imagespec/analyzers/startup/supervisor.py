"""
supervisord's configuration (Supervisor 3.3 to 4.2, docs "Configuration File"): the programs that it starts.

``autostart`` is true by default; a program's output goes to a file of its own unless ``stdout_logfile`` says otherwise.
"""

from __future__ import annotations

import configparser
import posixpath
import re
import shlex

import attrs

from imagespec.analyzers.shell.patterns import matches_pattern, parse_pattern
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.supervisorchecks import section_refusals, word_refusal
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

FILE_BYTES = 64 << 10
_LIMIT_FILES = 50
_LIMIT_PROGRAMS = 50
_TRUE = {"true", "on", "yes", "1"}
_DEFAULTS = (
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
)
_EXPANSION = re.compile(r"%(?:%|\(([A-Za-z_][A-Za-z0-9_]*)\)s)")
_AUTO = "/tmp/(supervisor's own file)"  # noqa: S108 - childlogdir's default is the temporary directory
_PAIR = re.compile(r"""\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^,"'\s]*))\s*(?:,|\Z)""")


@attrs.frozen(kw_only=True)
class Supervised:
    """One ``[program:…]``; None for what is not known."""

    name: str
    words: tuple[str, ...] | None
    autostart: bool
    directory: str | None
    environment: dict[str, str | None]
    stdout: str | None
    stderr: str | None
    user: str
    """Whom it runs as; empty for supervisord's own."""
    entry: Entry


@attrs.frozen(kw_only=True)
class Supervision:
    """What supervisord is told; ``problems`` is what could not be read."""

    programs: tuple[Supervised, ...] = ()
    nodaemon: bool = False
    problems: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """Why it may start nothing at all."""
    port: str | None = None
    """Where it listens itself: ``host:port`` or a port."""


def read_supervision(words: tuple[str | None, ...], state: State, walk: Walk) -> Supervision:
    """Return what a ``supervisord`` command line leads to."""
    path = _config_path(words, state, walk.rootfs)
    if path is None:
        return Supervision(problems=("which configuration supervisord reads is not known",))
    reader = _Reader(state, walk)
    reader.read(path)
    odd = word_refusal(words)
    if odd is not None:
        reader.refusals.append(f"it may not know {odd[:60]}")
    if not reader.has_own and not reader.problems:
        reader.refusals.append(f"{path} has no section [supervisord]")
    nodaemon = bool({"-n", "--nodaemon"} & set(words)) or reader.nodaemon
    return Supervision(
        programs=tuple(reader.programs),
        nodaemon=nodaemon,
        problems=tuple(reader.problems),
        refusals=tuple(reader.refusals[:_LIMIT_PROGRAMS]),
        port=reader.port,
    )


def _config_path(words: tuple[str | None, ...], state: State, rootfs: RootFs) -> str | None:
    if None in words or state.cwd is None:
        return None
    texts = [word or "" for word in words[1:]]
    for number, text in enumerate(texts):
        if text in {"-c", "--configuration"} and number + 1 < len(texts):
            return posixpath.normpath(posixpath.join(state.cwd, texts[number + 1]))
        if text.startswith("--configuration="):
            return posixpath.normpath(posixpath.join(state.cwd, text.partition("=")[2]))
        if text.startswith("-c"):
            return posixpath.normpath(posixpath.join(state.cwd, text[2:]))
    paths = [posixpath.join(state.cwd, name) for name in _DEFAULTS]
    return next((path for path in paths if rootfs.resolve(path) is not None), None)


class _Reader:
    def __init__(self, state: State, walk: Walk) -> None:
        self._state = state
        self._walk = walk
        self._rootfs = walk.rootfs
        self.refusals: list[str] = []
        self.has_own = False
        self.port: str | None = None
        self.programs: list[Supervised] = []
        self.problems: list[str] = []
        self.nodaemon = False
        self._files = 0

    def read(self, path: str) -> None:
        """Read the main file, then what its ``[include]`` names."""
        included = self._file(path, main=True)
        for pattern in included:
            full = posixpath.normpath(posixpath.join(posixpath.dirname(path), pattern))
            folder, _, base = full.rpartition("/")
            parsed = parse_pattern([(base, False)])
            if parsed is None or any(char in folder for char in "*?[") or "%" in pattern:
                self.problems.append(f"the include {pattern} of {path} is not followed")
                continue
            for entry in sorted(self._rootfs.list(folder), key=lambda item: item.path):
                if matches_pattern(parsed, entry.path.rpartition("/")[2]):
                    self._file("/" + entry.path, main=False)

    def _file(self, path: str, *, main: bool) -> list[str]:
        self._files += 1
        entry = self._rootfs.resolve(path)
        data = self._rootfs.content(entry) if entry is not None and entry.kind is EntryKind.FILE else None
        if (
            entry is None
            or data is None
            or len(data) < entry.size_bytes
            or len(data) > FILE_BYTES
            or self._files > _LIMIT_FILES
        ):
            self.problems.append(f"{path} is not in the image, or was not kept when the layer was read")
            return []
        parser = configparser.RawConfigParser(
            strict=False, inline_comment_prefixes=(";", "#"), allow_no_value=True
        )
        try:
            parser.read_string(data.decode("utf-8", "replace"))
        except configparser.Error as error:
            self.problems.append(
                f"{path} is no configuration of supervisord: {str(error).splitlines()[0][:200]}"
            )
            return []
        for section in parser.sections()[:500]:
            self._section(section, {key: value or "" for key, value in parser.items(section)}, entry)
        if not main or not parser.has_option("include", "files"):
            return []
        return (parser.get("include", "files") or "").split()[:_LIMIT_FILES]

    def _section(self, section: str, values: dict[str, str], entry: Entry) -> None:
        kind, _, name = section.partition(":")
        self.refusals.extend(section_refusals(section, values, self._state, self._walk))
        if section == "inet_http_server":
            self.port = values.get("port", "").strip() or None
        if section == "supervisord":
            self.has_own = True
            self.nodaemon |= values.get("nodaemon", "false").strip().lower() in _TRUE
            if "environment" in values:
                self.problems.append("the environment of [supervisord] is not followed")
        elif kind in {"eventlistener", "fcgi-program"}:
            self.problems.append(f"[{section}] is not followed")
        elif kind == "program" and len(self.programs) < _LIMIT_PROGRAMS:
            self.programs.append(self._program(name.strip(), values, entry))

    def _program(self, name: str, values: dict[str, str], entry: Entry) -> Supervised:
        command = self._expanded(values.get("command", ""), name)
        try:
            words = None if command is None else tuple(shlex.split(command))
        except ValueError:
            words = None
        stdout = self._sink(values, "stdout")
        both = values.get("redirect_stderr", "false").strip().lower() in _TRUE
        return Supervised(
            name=name,
            words=words or None,
            autostart=values.get("autostart", "true").strip().lower() in _TRUE,
            directory=self._expanded(values["directory"], name) if "directory" in values else self._state.cwd,
            environment=self._environment(values.get("environment", ""), name),
            stdout=stdout,
            stderr=stdout if both else self._sink(values, "stderr"),
            user=values.get("user", "").strip(),
            entry=entry,
        )

    def _sink(self, values: dict[str, str], stream: str) -> str | None:
        text = values.get(f"{stream}_logfile", "AUTO").strip()
        if text.upper() in {"AUTO", "NONE"}:
            return _AUTO if text.upper() == "AUTO" else "/dev/null"
        path = None if "%" in text else posixpath.join(self._state.cwd or "/", text)
        # A stream that is rotated cannot be sought: supervisord stumbles over it unless the limit is 0.
        rotates = values.get(f"{stream}_logfile_maxbytes", "50MB").strip() not in {"0", "0MB", "0KB", "0B"}
        is_device = path is not None and path.startswith(("/dev/", "/proc/")) and path != "/dev/null"
        return None if is_device and rotates else path

    def _environment(self, text: str, name: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        at = 0
        while at < len(text) and len(found) < 100:
            match = _PAIR.match(text, at)
            if match is None:
                self.problems.append(f"the environment of the program {name} is not followed")
                self.refusals.append(f"it may not be able to read the environment of the program {name}")
                break
            value = next((item for item in match.groups()[1:] if item is not None), "")
            found[match[1]] = self._expanded(value, name)
            at = match.end()
        return found

    def _expanded(self, text: str, name: str) -> str | None:
        """Return a text with ``%(ENV_X)s`` and its like replaced; None where one is not known."""
        own = {"program_name": name, "here": None, "process_num": "0", "group_name": name}
        known = True

        def replaced(match: re.Match[str]) -> str:
            nonlocal known
            key = match[1]
            value: str | None
            if key is None:
                return "%"
            value = self._state.variables.get(key[4:]) if key.startswith("ENV_") else own.get(key)
            known &= value is not None
            return value or ""

        result = _EXPANSION.sub(replaced, text)
        return result if known else None
