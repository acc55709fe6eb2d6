"""Indicators in what starts by itself and who may come in: cron, units, keys, sudoers, accounts. All are weak."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from imagespec.analyzers.indicators.found import Notebook, Strength, evidence_at
from imagespec.analyzers.packagedb.owners import Owned
from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.entry import Entry
from imagespec.rootfs import RootFs

WANTED = (
    Wanted(
        names=frozenset(("passwd", "shadow", "sudoers")),
        directories=("/etc/sudoers.d/", "/etc/ssh/authorized_keys"),
        inside=("/etc/",),
        head_bytes=256 * KIB,
    ),
    Wanted(names=frozenset(("authorized_keys", "authorized_keys2"))),
)

# What runs without anybody asking: cron(8) of Debian, cronie and busybox (Alpine's etc/crontabs, etc/periodic),
# systemd.unit(5) and System V scripts. A container runs none of it unless its start command starts the daemon.
_SCHEDULES = (
    "etc/cron.",
    "etc/crontab",
    "etc/crontabs/",
    "etc/periodic/",
    "var/spool/cron/",
    "var/spool/anacron/",
)
_UNITS = (
    "etc/systemd/system/",
    "usr/lib/systemd/system/",
    "lib/systemd/system/",
    "etc/init.d/",
    "etc/rc.local",
)
_STARTED = (*_SCHEDULES, *_UNITS)

_READ = re.compile(
    r"etc/(?:passwd|shadow|sudoers|sudoers\.d/[^/]+|ssh/authorized_keys[^/]*(?:/[^/]+)?)\Z"
    r"|(?:.*/)?\.ssh/authorized_keys2?\Z"
)
_KEY = re.compile(
    r"(?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)[\w@.-]+[ \t]+[A-Za-z0-9+/]{16}"
)  # sshd(8), AUTHORIZED_KEYS


def is_addition(path: str) -> bool:
    """Tell whether a file starts by itself, so that it is worth knowing which package brought it."""
    if not path.startswith(_STARTED):
        return False
    name = path.rpartition("/")[2]
    # Written by insserv when packages are installed, and kept in the way of `rm -r`, respectively.
    return not name.startswith((".depend.", ".placeholder", ".keep"))


def is_access(path: str) -> bool:
    """Tell whether a file says who may come in."""
    # Most paths are told by their beginning, for less than the pattern takes.
    return (path.startswith("etc/") or ".ssh/" in path) and _READ.match(path) is not None


def check_additions(entries: list[Entry], owned: Owned, notes: Notebook) -> None:
    """Judge the files that start by themselves."""
    for entry in entries:
        if not entry.size_bytes:
            continue
        owner = owned.owns(entry)
        what = "schedule" if entry.path.startswith(_SCHEDULES) else "unit"
        if owner is None:
            notes.miss(f"schedules and units could not be compared with packages: {owned.why}", entry)
        elif not owner:
            message = f"a {what} that belongs to no package"
            notes.find(f"added-{what}", Strength.LOW, evidence_at(entry, message))


def check_access(rootfs: RootFs, entries: list[Entry], notes: Notebook) -> None:
    """Judge accounts, keys and sudoers."""
    for entry in entries:
        data = rootfs.content(entry)
        if data is None or len(data) < entry.size_bytes:
            notes.miss("files about accounts, keys or sudoers that were not kept completely", entry)
            continue
        kind, judge = _judge_of(entry.path)
        text = data.decode("utf-8", "replace")
        for number, line in enumerate(text.split("\n"), 1):
            # The text itself stays out of the report: it holds names of people and hashes of passwords.
            if not line.lstrip().startswith("#") and (message := judge(line)):
                notes.find(kind, Strength.LOW, evidence_at(entry, message, line=number))


def _judge_of(path: str) -> tuple[str, Callable[[str], str]]:
    if path == "etc/passwd":
        return "account", _passwd
    if path == "etc/shadow":
        return "account", _shadow
    return ("sudoers", _sudoers) if path.startswith("etc/sudoers") else ("authorized-key", _authorized_key)


def _passwd(line: str) -> str:
    fields = line.strip().split(":")  # passwd(5): name, password, UID, GID …
    if len(fields) < 7 or not fields[0]:
        return ""
    return ", ".join(_account_faults(fields))


def _account_faults(fields: list[str]) -> Iterator[str]:
    name, password, uid = fields[:3]
    if uid.isascii() and uid.isdigit() and not uid.strip("0") and name != "root":
        yield f"the account {name!r} has user number 0, as root has"
    if not password:
        yield f"the account {name!r} has no password"


def _shadow(line: str) -> str:
    fields = line.strip().split(":")  # shadow(5): name, hashed password …
    empty = len(fields) >= 8 and fields[0] and not fields[1]
    return f"the account {fields[0]!r} has an empty password" if empty else ""


def _sudoers(line: str) -> str:
    words = line.split()
    return (
        "sudo without a password"
        if any(word.startswith("NOPASSWD:") or ":NOPASSWD:" in word for word in words)
        else ""
    )


def _authorized_key(line: str) -> str:
    return "a key that may log in" if _KEY.search(line) else ""
