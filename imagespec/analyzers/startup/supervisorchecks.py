"""What supervisord refuses of its configuration, and so starts nothing (Supervisor 3.3 to 4.3, options.py and datatypes.py)."""

from __future__ import annotations

import posixpath
import re
import signal
from collections.abc import Iterator, Mapping

from imagespec.analyzers.shell.accounts import ROOT, find_account
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import Walk

_BARE_PERCENT = re.compile(r"%(?!\([A-Za-z_][A-Za-z0-9_]*\)[0-9]*[sd])")
_NAMED = re.compile(r"%\(([A-Za-z_][A-Za-z0-9_]*)\)[0-9]*[sd]")
_NAMES = frozenset({"program_name", "group_name", "process_num", "here", "host_node_name", "numprocs"})
_BOOLEANS = frozenset("true false on off yes no 0 1".split())  # noqa: SIM905
_NUMBERS = (
    "priority",
    "numprocs",
    "numprocs_start",
    "startretries",
    "startsecs",
    "stopwaitsecs",
    "minfds",
    "minprocs",
)
_SWITCHES = (
    "autostart",
    "redirect_stderr",
    "stopasgroup",
    "killasgroup",
    "nodaemon",
    "nocleanup",
    "strip_ansi",
)
_SIGNALS = frozenset(one.name.removeprefix("SIG") for one in signal.Signals)
_NO_FILES = frozenset({"NONE", "AUTO", "SYSLOG", ""})


def section_refusals(section: str, values: Mapping[str, str], state: State, walk: Walk) -> Iterator[str]:
    """Yield why supervisord may not start with a section."""
    program = section.partition(":")[0] == "program"
    if section == "unix_http_server" and "file" in values:
        yield from _of_socket(values["file"].strip(), state, walk)
    if not program and section != "supervisord":
        return
    for key, value in values.items():
        yield from (f"{key} of [{section}]: {why}" for why in _of_value(key, value.strip(), state))
    if program and not values.get("command", "").strip():
        yield f"[{section}] has no command"
    several = values.get("numprocs", "1").strip()
    if several != "1" and "process_num" not in values.get("process_name", ""):
        yield f"[{section}] has several processes of one name"
    yield from (f"[{section}]: {why}" for why in _of_user(values.get("user", "").strip(), state, walk))
    yield from _of_files(section, values, state, walk)


def _of_socket(name: str, state: State, walk: Walk) -> Iterator[str]:
    path = posixpath.normpath(posixpath.join(state.cwd or "/", name))
    if "%" not in name and not Places(state, walk).open_folder(posixpath.dirname(path)):
        yield f"the directory of its socket {path} may not be there, or not be writable"


def _of_percents(value: str, state: State) -> Iterator[str]:
    if _BARE_PERCENT.search(value.replace("%%", "")):
        yield "a percent sign that is not doubled"
    for name in _NAMED.findall(value.replace("%%", "")):
        if name.startswith("ENV_") and name[4:] not in state.variables:
            yield f"the variable {name[4:]} is not set"
        elif not name.startswith("ENV_") and name not in _NAMES:
            yield f"{name} stands for nothing"


def _of_value(key: str, value: str, state: State) -> Iterator[str]:
    if "%" in value:
        yield from _of_percents(value, state)
        return
    if key in _NUMBERS and not re.fullmatch(r"-?[0-9]{1,9}", value):
        yield f"{value[:60]!r} is no number"
    if key in _SWITCHES and value.lower() not in _BOOLEANS:
        yield f"{value[:60]!r} is neither true nor false"
    if key == "autorestart" and value.lower() not in _BOOLEANS | {"unexpected"}:
        yield f"{value[:60]!r} is none of true, false and unexpected"
    if key == "stopsignal" and value.upper().removeprefix("SIG") not in _SIGNALS and not value.isdecimal():
        yield f"{value[:60]!r} is no signal"


def _of_user(user: str, state: State, walk: Walk) -> Iterator[str]:
    if not user or "%" in user:
        return
    if user not in ROOT and not user.isdecimal() and find_account(user, walk.rootfs) is None:
        yield f"there is no user {user[:60]} in /etc/passwd"
    elif state.user not in ROOT and user != state.user:
        yield f"only root becomes the user {user[:60]}"


def _of_files(section: str, values: Mapping[str, str], state: State, walk: Walk) -> Iterator[str]:
    places = Places(state, walk)
    keys = ("stdout_logfile", "stderr_logfile") if section != "supervisord" else ("logfile", "pidfile")
    defaults = {"logfile": "supervisord.log", "pidfile": "supervisord.pid"}
    for key in keys:
        name = values.get(key, defaults.get(key, "")).strip()
        if name.upper() in _NO_FILES or "%" in name:
            continue
        path = posixpath.normpath(posixpath.join(state.cwd or "/", name))
        if not path.startswith(("/dev/", "/proc/")) and not places.is_folder(posixpath.dirname(path)):
            yield f"the directory of {key} {path} of [{section}] may not be there"
        elif key != "pidfile" and not places.writable(path):
            yield f"{key} {path} of [{section}] may not be writable"


def word_refusal(words: tuple[str | None, ...]) -> str | None:
    """Return the word of a command line that supervisord does not know (options.py, ServerOptions)."""
    pending = [word or "" for word in words[1:]]
    while pending:
        word = pending.pop(0)
        if word in _FLAGS or (word.partition("=")[0] in _VALUED and "=" in word):
            continue
        short = len(word) > 2 and word[0] == "-" and word[:2] in _VALUED and word[1] != "-"
        if word in _VALUED:
            del pending[:1]
        elif not short:
            return word
    return None


_FLAGS = frozenset({"-n", "--nodaemon", "-s", "--silent", "-t", "--strip_ansi", "-k", "--nocleanup"})
_VALUED = frozenset({"-c", "--configuration", "-u", "--user", "-m", "--umask", "-d", "--directory", "-l", "--logfile",
                     "-y", "--logfile_maxbytes", "-z", "--logfile_backups", "-e", "--loglevel", "-j", "--pidfile",
                     "-i", "--identifier", "-q", "--childlogdir", "-a", "--minfds", "--minprocs"})  # fmt: skip
