"""Suspicious lines: where they are looked for (scripts, schedules, the image's history and commands)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from imagespec.analyzers.indicators.found import Notebook, Strength, evidence_at
from imagespec.analyzers.indicators.lines import LineHit, find_lines, has_markers
from imagespec.analyzers.indicators.words import has_long_line
from imagespec.analyzers.packagedb.owners import Owned
from imagespec.analyzers.programs.shebang import parse_shebang
from imagespec.analyzers.wanted import KIB, LIBRARIES, Wanted
from imagespec.entry import Entry
from imagespec.image import Image
from imagespec.limits import MIB
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_PACKAGES = (*LIBRARIES, "/usr/lib/", "/lib/python", "/node_modules/", "/conda/pkgs/")
_STARTED = (
    "/etc/cron",
    "/var/spool/cron/",
    "/etc/periodic/",
    "/etc/profile.d/",
    "/etc/init.d/",
    "/etc/systemd/system/",
)
_SHELL_FILES = (
    "crontab",
    "rc.local",
    "profile",
    "bash.bashrc",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".profile",
)
_SMALL = 16 * KIB

WANTED = (
    Wanted(
        suffixes=(".sh", ".bash"),
        names=frozenset((*_SHELL_FILES, ".zshrc", "supervisord.conf")),
        directories=_STARTED,
        outside=_PACKAGES,
    ),
    # Miners' own configurations (xmrig: config.json; xmr-stak: pools.txt) hold the pool's address.
    Wanted(names=frozenset(("config.json", "pools.txt")), outside=_PACKAGES, up_to_bytes=64 * KIB),
    Wanted(executables=True, outside=LIBRARIES, head_bytes=_SMALL, up_to_bytes=_SMALL),
)

_NAMES = frozenset(name for item in WANTED for name in item.names)
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"))
_HISTORY_CHARACTERS = 64 * KIB  # looked at of one history line
# Of all scripts with a suspicious word: a hostile image cannot make them cost more than some twenty seconds.
_MOST_BYTES = 16 * MIB
_BUILD_ONLY = frozenset(("download-from-address",))


def may_be_read(entry: Entry) -> bool:
    """Tell whether `WANTED` can mean a file of the merged view: a cheap look before each declaration is compared."""
    name = entry.path.rpartition("/")[2]
    return (
        name in _NAMES
        or name.endswith((".sh", ".bash"))
        or entry.is_executable
        or entry.path.startswith(("etc/", "var/spool/"))
    )


@attrs.frozen
class Suspect:
    """A script with something to report: its suspicious lines, and what was not read of it."""

    entry: Entry
    hits: tuple[LineHit, ...]
    gap: str


def look_at_scripts(rootfs: RootFs, entries: Sequence[Entry], notes: Notebook) -> list[Suspect]:
    """Read the files that `WANTED` means; return those about which the package databases must be asked."""
    suspects = []
    read = marked = 0
    for entry in entries:
        data = rootfs.content(entry)
        if data is None:
            notes.miss("scripts or configurations of which no content was kept", entry)
            continue
        if b"\0" in data[: 4 * KIB]:
            continue  # a program, or a database
        read += 1
        marked += len(data) if has_markers(data) else 0
        if marked > _MOST_BYTES:
            notes.miss(f"suspicious scripts beyond {_MOST_BYTES // MIB} MiB in all", entry)
            continue
        suspect = _look_at(entry, data)
        if suspect.hits or suspect.gap:
            suspects.append(suspect)
    notes.count("scripts and configurations read for suspicious lines", read)
    return suspects


def look_at_heads(rootfs: RootFs, entries: Sequence[Entry]) -> list[Suspect]:
    """Return those executables, too large to be kept, that are scripts."""
    gap = f"executable scripts larger than {_SMALL // KIB} KiB outside of packages"
    own = (entry for entry in entries if not any(part in f"/{entry.path}" for part in _PACKAGES))
    heads = ((entry, rootfs.content(entry)) for entry in own)
    return [Suspect(entry, (), gap) for entry, head in heads if head and head.startswith(b"#!")]


def check_scripts(suspects: Sequence[Suspect], owned: Owned, notes: Notebook) -> None:
    """Write down what the scripts yielded; lines of a package's own file are weak indicators only."""
    for suspect in suspects:
        packaged = owned.owns(suspect.entry) is True
        if suspect.gap and not packaged:
            notes.miss(suspect.gap, suspect.entry)
        for hit in suspect.hits:
            strength = Strength.LOW if packaged else hit.strength
            message = f"{hit.message} (in a file of a package)" if packaged else hit.message
            evidence = evidence_at(suspect.entry, message, line=hit.line, seen=hit.text)
            notes.find(hit.kind, strength, evidence)


def check_history(image: Image, notes: Notebook) -> None:
    """Judge the commands that built the image and those that it starts."""
    texts = 0
    for pointer, layer, text in _commands(image):
        texts += 1
        if len(text) > _HISTORY_CHARACTERS:
            notes.miss(f"history lines and commands beyond {_HISTORY_CHARACTERS // KIB} KiB")
            text = text[:_HISTORY_CHARACTERS]
        elif has_long_line(text):
            notes.miss(_LONG_LINE)
        if not has_markers(text.encode("utf-8", "replace")):
            continue
        for hit in find_lines(text, is_shell=True):
            # While an image is built, bare addresses are those of build servers.
            strength = Strength.LOW if layer != _AT_START and hit.kind in _BUILD_ONLY else hit.strength
            place = Evidence(
                message=hit.message,
                pointer=pointer,
                layer=None if layer == _AT_START else layer,
                seen=hit.text,
            )
            notes.find(hit.kind, strength, place)
    notes.count("history lines and start commands read for suspicious commands", texts)


_LONG_LINE = "lines longer than 16 KiB, beyond their beginning"
_AT_START = -1  # in place of a layer: a command of the container, not of the build


def _look_at(entry: Entry, data: bytes) -> Suspect:
    gap = ""
    if len(data) < entry.size_bytes:
        gap = "scripts and configurations outside of packages, beyond their first bytes"
    if not has_markers(data):
        return Suspect(entry, (), gap)
    text = data.decode("utf-8", "replace")
    if has_long_line(text):
        gap = gap or _LONG_LINE
    return Suspect(entry, tuple(find_lines(text, is_shell=_is_shell(entry.path, data))), gap)


def _is_shell(path: str, data: bytes) -> bool:
    shebang = parse_shebang(data)
    if shebang is None:
        return not path.endswith((".json", ".txt", ".py"))
    words = f"{shebang.interpreter} {shebang.argument or ''}".split()
    return any(word.rpartition("/")[2] in _SHELLS for word in words)


def _commands(image: Image) -> Iterator[tuple[str, int | None, str]]:
    """Yield (pointer, layer, text) of each history line and command; the layer is None for empty ones."""
    config = image.config
    filled = sum(not item.empty_layer for item in config.history)
    number = -1
    for row, item in enumerate(config.history):
        number += not item.empty_layer
        layer = number if not item.empty_layer and filled == len(image.layers) else None
        # BuildKit and the classic builder put `|2 A=b C=d` before a command that saw build arguments.
        text = item.created_by.removeprefix("RUN ").lstrip("|")
        yield f"config#/history/{row}/created_by", layer, text
    for key, words in (("Entrypoint", config.entrypoint), ("Cmd", config.cmd)):
        if words:
            yield f"config#/config/{key}", _AT_START, " ".join(words)
    test = (config.healthcheck or {}).get("Test")
    if isinstance(test, (list, tuple)):
        words = tuple(word for word in test if isinstance(word, str))
        yield "config#/config/Healthcheck/Test", _AT_START, " ".join(words)
