"""
``su`` and ``runuser`` with a user and a command (util-linux 2.36 to 2.40, su-common.c; busybox 1.36, loginutils/su.c).

The user's shell is started with ``-c COMMAND``. A login (``-``, ``-l``) begins with an empty environment and in the
user's home directory.
"""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.shell.accounts import ROOT, Account, find_account
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.wrappers import Unwrapped, Words
from imagespec.rootfs import RootFs

_ENV_PATH = re.compile(rb"^\s*ENV_PATH\s+(?:PATH=)?(/\S*)", re.MULTILINE)
_PATH = "/usr/local/bin:/bin:/usr/bin"
"""Of a login where /etc/login.defs says nothing (su-common.c, _PATH_DEFPATH)."""
_LOGIN = frozenset({"-", "-l", "--login"})
_VALUED = {"-c": "command", "--command": "command", "-s": "shell", "--shell": "shell"}


@attrs.define
class _Asked:
    """What the words of the command line ask for."""

    login: bool = False
    command: str | None = None
    shell: str | None = None
    user: str | None = None


def unwrap_su(words: Words, state: State, rootfs: RootFs, *, busybox: bool) -> Unwrapped:
    """Return what a ``su`` or ``runuser`` command line starts; its words are None where that is not understood."""
    asked = _read(words)
    account = find_account(asked.user or "root", rootfs) if asked is not None else None
    if asked is None or account is None or asked.command is None or state.user not in ROOT:
        return Unwrapped(words=None)  # anybody but root is asked for a password
    shell = asked.shell or account.shell
    environment = _environment(account, shell, login=asked.login)
    if asked.login:
        environment["PATH"] = _login_path(rootfs, root=account.number == "0", busybox=busybox)
    session = rootfs.resolve("/etc/environment")  # which PAM adds, and may set anything
    if session is not None and session.size_bytes:
        environment["PATH"] = None
    return Unwrapped(
        words=(shell, *(("-l",) if asked.login else ()), "-c", asked.command),
        assign=tuple(environment.items()),
        clear=asked.login,
        cwd=account.home if asked.login else None,
        user=account.name,
    )


def _read(words: Words) -> _Asked | None:
    """Return what a command line asks for; None where it asks for something else, too."""
    asked = _Asked()
    pending = list(words[1:])
    while pending:
        word = pending.pop(0)
        option, equals, value = (word or "").partition("=")
        if word in _LOGIN:
            asked.login = True
        elif option in _VALUED:
            argument = value if equals else pending.pop(0) if pending else None
            if argument is None:
                return None
            setattr(asked, _VALUED[option], argument)
        elif word is None or word.startswith("-") or asked.user is not None:
            return None
        else:
            asked.user = word
    return asked


def _environment(account: Account, shell: str, *, login: bool) -> dict[str, str | None]:
    found: dict[str, str | None] = {"HOME": account.home, "SHELL": shell}
    if login or account.number != "0":
        found.update(USER=account.name, LOGNAME=account.name)
    return found


def _login_path(rootfs: RootFs, *, root: bool, busybox: bool) -> str | None:
    """Return the PATH that a login begins with: ``ENV_PATH`` of /etc/login.defs; None where it is not known."""
    entry = rootfs.resolve("/etc/login.defs")
    if root or busybox:
        return None
    if entry is None:
        return _PATH
    data = rootfs.content(entry)
    if data is None or len(data) < entry.size_bytes:
        return None
    found = _ENV_PATH.findall(data)
    return found[-1].decode("ascii", "replace") if found else _PATH
