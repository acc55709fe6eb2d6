"""
``service NAME start``: Debian's script runs /etc/init.d/NAME with hardly any environment (init-system-helpers 1.65).

The init scripts of Debian's nginx and supervisor are known by what they hold. Both start their daemon by
start-stop-daemon, which waits until the daemon has gone to the background.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from imagespec.analyzers.startup.walk import Walk
from imagespec.analyzers.startup.wrappers import Unwrapped, Words
from imagespec.entry import EntryKind

_ACTIONS = frozenset({"start", "restart"})
_SETTING = re.compile(rb"^\s*(?!#)(?!DAEMON_OPTS=(\"\"|'')?\s*$)\S", re.MULTILINE)
"""A line of /etc/default/NAME that may change something."""


@attrs.frozen
class _Known:
    daemon: str
    words: tuple[str, ...]
    lines: tuple[bytes, ...]
    """What the script must hold."""


_KNOWN: Mapping[str, _Known] = {
    "nginx": _Known(
        "/usr/sbin/nginx",
        (),
        (b"start-stop-daemon --start --quiet --pidfile $PID --exec $DAEMON -- \\\n\t\t$DAEMON_OPTS",),
    ),
    "supervisor": _Known(
        "/usr/bin/supervisord",
        ("-c", "/etc/supervisor/supervisord.conf"),
        (
            b'\nDAEMON_OPTS="-c /etc/supervisor/supervisord.conf $DAEMON_OPTS"\n',
            b"\t\t--startas $DAEMON -- $DAEMON_OPTS",
        ),
    ),
}


def unwrap_service(words: Words, walk: Walk) -> Unwrapped | None:
    """Return the daemon that ``service NAME start`` starts; None where that is not known."""
    if len(words) != 3 or words[2] not in _ACTIONS:
        return None
    name = words[1] or ""
    known = _KNOWN.get(name)
    script, settings = f"/etc/init.d/{name}", f"/etc/default/{name}"
    if known is None or walk.maybe_changed(script, settings) or walk.rootfs.resolve("/run/systemd/system"):
        return None
    text = _text(walk, script)
    daemons = re.findall(rb"^\s*(?:export\s+)?DAEMON=(\S+)", text or b"", re.MULTILINE)
    paths = re.findall(rb"^\s*(?:export\s+)?PATH=(\S+)", text or b"", re.MULTILINE)
    if text is None or daemons != [known.daemon.encode()] or any(line not in text for line in known.lines):
        return None
    defaults = _text(walk, settings)
    if len(paths) != 1 or (
        walk.rootfs.lookup(settings) is not None and (defaults is None or _SETTING.search(defaults))
    ):
        return None
    path = (("PATH", paths[0].decode("ascii", "replace")),)
    return Unwrapped(words=(known.daemon, *known.words), assign=path, clear=True, cwd="/")


def _text(walk: Walk, path: str) -> bytes | None:
    entry = walk.rootfs.resolve(path)
    return walk.text_of(entry) if entry is not None and entry.kind is EntryKind.FILE else None
