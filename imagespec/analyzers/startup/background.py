"""
Servers that send themselves to the background and return to the shell, as their command line or configuration says.

What they listen on is the servers' own analyzers' business; here it only counts that the next command runs.
"""

from __future__ import annotations

import posixpath
import re

from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.filechances import operands
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import EntryKind
from imagespec.rootfs import RootFs

Words = tuple[str | None, ...]
_DAEMON_OFF = re.compile(r"^[^#\n]*\bdaemon\s+off\s*;", re.MULTILINE)


def goes_to_background(words: Words, rootfs: RootFs, cwd: str | None) -> bool:
    """Tell whether a program certainly returns while what it starts goes on."""
    name = (words[0] or "").rpartition("/")[2]
    if None in words:
        return False
    match name:
        case "nginx":
            return _nginx(words, rootfs, cwd)
        case "gunicorn":
            return bool({"-D", "--daemon"} & set(words))
        case "torchserve":  # docs/management_api.md: --foreground keeps it attached
            return "--start" in words and "--foreground" not in words
        case "supervisord":
            return False  # by its configuration, mostly `nodaemon=true` in containers
        case "uwsgi":
            return any(word is not None and word.startswith(("--daemonize", "-d")) for word in words)
    return False


def stays(words: Words, state: State, walk: Walk) -> bool:
    """Tell whether a program that is no server certainly goes on for ever: ``sleep infinity``, ``tail -f`` of a file."""
    name = (words[0] or "").rpartition("/")[2]
    texts = [word or "?" for word in words[1:]]
    if name == "sleep":
        return texts in (["infinity"], ["inf"])
    if name != "tail" or None in words or any(word.startswith("--pid") for word in texts):
        return False
    retries = any(word in {"-F", "--retry"} or re.fullmatch(r"-[0-9n]*F", word) for word in texts)
    follows = retries or any(
        word.startswith("--follow") or re.fullmatch(r"-[0-9n]*f", word) for word in texts
    )
    files = operands(words, "nc")
    if not follows or retries:
        return retries
    return any(Places(state, walk).readable(word) or _logs_to(word, state, walk) for word in files)


def _logs_to(word: str | None, state: State, walk: Walk) -> bool:
    """Tell whether a server that went to the background before has made a log of this name."""
    path = absolute(word, state.cwd) if word else None
    for step in walk.steps:
        name = (step.argv[0] or "").rpartition("/")[2] if step.argv else ""
        named = path in step.argv or (name == "nginx" and (path or "").startswith("/var/log/nginx/"))
        if path is not None and named and step.certain and not step.background:
            return goes_to_background(step.argv, walk.rootfs, step.cwd)
    return False


def _nginx(words: Words, rootfs: RootFs, cwd: str | None) -> bool:
    texts = [word for word in words[1:] if word is not None]
    if any(word in {"-t", "-T", "-v", "-V", "-s", "-h"} for word in texts):
        return True  # it only tests, prints or signals
    if any(_DAEMON_OFF.search(word if word.endswith(";") else word + ";") for word in texts):
        return False
    path = texts[texts.index("-c") + 1] if "-c" in texts[:-1] else "/etc/nginx/nginx.conf"
    entry = rootfs.resolve(posixpath.join(cwd or "/", path))
    if entry is None or entry.kind is not EntryKind.FILE or "-p" in texts:
        return False
    data = rootfs.content(entry)
    if data is None or len(data) < entry.size_bytes:
        return False
    text = data.decode("utf-8", "replace")
    return not _DAEMON_OFF.search(text)
