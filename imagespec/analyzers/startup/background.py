"""
Servers that send themselves to the background and return to the shell, as their command line or configuration says.

What they listen on is the servers' own analyzers' business; here it only counts that the next command runs.
"""

from __future__ import annotations

import posixpath
import re

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
