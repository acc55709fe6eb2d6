"""
Why a wrapper may not start its program: options that it does not know, users that are not there, rights that it lacks.

Options after GNU coreutils 9.1, util-linux 2.38, tini 0.19, dumb-init 1.2 and gosu 1.14; what containers may not do
without being given the right for it, after Docker's default profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from imagespec.analyzers.shell.accounts import ROOT, find_account, has_group
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.walk import Walk

Words = tuple[str | None, ...]
_KNOWN: Mapping[str, str] = {
    "nohup": "", "nice": "n0123456789 --adjustment", "ionice": "cnPput --class --classdata --ignore",
    "taskset": "ac --all-tasks --cpu-list", "time": "apvqof --append --portability --verbose --output --format",
    "timeout": "ksvf --kill-after --signal --preserve-status --foreground --verbose", "stdbuf": "ioe --input --output --error",
    "setsid": "cfw --ctty --fork --wait", "tini": "psvwgel", "tini-static": "psvwgel", "docker-init": "psvwgel",
    "dumb-init": "crv --single-child --rewrite --verbose", "catatonit": "gP", "gosu": "", "su-exec": "",
    "setpriv": "d --reuid --regid --ruid --rgid --euid --egid --groups --clear-groups --keep-groups --init-groups "
               "--inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --no-new-privs --nnp --reset-env "
               "--selinux-label --apparmor-profile",
    "runuser": "ugGmp --user --group --supp-group --preserve-environment",
}  # fmt: skip
"""The letters and long names of options that a wrapper knows, other than those that only print."""
_TO_USER = frozenset({"gosu", "su-exec", "runuser", "setpriv"})


def wrapper_doubt(name: str, words: Words, user: str | None, state: State, walk: Walk) -> str | None:
    """Return why a wrapper may not start its program; ``words`` are its own, up to the program's."""
    if name not in _KNOWN:
        return None
    known = _KNOWN[name].split() or [""]
    letters = set(known[0] if not known[0].startswith("-") else "")
    for word in words[1:]:
        if word is None or not word.startswith("-") or word in {"-", "--"}:
            continue
        long = word.startswith("--")
        if (word.partition("=")[0] not in known) if long else (word[1] not in letters):
            return f"{name} may not know the option {word[:60]}, or only print and end with it"
    found = _user_doubt(name, words, user, state, walk) if name in _TO_USER else None
    special = _SPECIAL.get(name)
    return found or (special(words) if special is not None else None)


def _user_doubt(name: str, words: Words, user: str | None, state: State, walk: Walk) -> str | None:
    asks = name != "setpriv" or any("id" in (word or "") or "groups" in (word or "") for word in words[1:])
    if asks and state.user not in ROOT:
        return f"{name} needs root, and is started by {state.user or 'somebody else'}"
    known = user is None or user in ROOT or user.isdecimal() or find_account(user, walk.rootfs) is not None
    if not known and not walk.may_have_made("/etc/passwd"):
        return f"{name} finds no user {(user or '')[:60]} in /etc/passwd"
    spec = (
        next((word for word in words[1:] if word is not None and ":" in word), "")
        if name != "setpriv"
        else ""
    )
    group = spec.partition(":")[2]
    if group and not group.isdecimal() and not has_group(group, walk.rootfs):
        return f"{name} finds no group {group[:60]} in /etc/group"
    return None


def _setpriv(words: Words) -> str | None:
    texts = [(word or "").partition("=")[0] for word in words]
    groups = {"--clear-groups", "--keep-groups", "--init-groups", "--groups"} & set(texts)
    if not groups and any(word in {"--regid", "--rgid", "--egid"} for word in texts):
        return "setpriv with a group wants --clear-groups, --keep-groups, --init-groups or --groups"
    return None


def _stdbuf(words: Words) -> str | None:
    return (
        None
        if any((word or "").startswith("-") for word in words[1:])
        else "stdbuf wants a mode, such as -oL"
    )


def _taskset(words: Words) -> str | None:
    """Weigh a mask or list of processors, of which the first is certainly there."""
    text = words[-1] or "?"
    listed = any((word or "").startswith(("-c", "-ac", "--cpu-list")) for word in words[1:-1])
    first = re.match(r"0(\D|\Z)", text) if listed else re.search(r"[13579bdf]\Z", text, re.IGNORECASE)
    return None if first else "taskset names processors that the machine may not have"


_SPECIAL: Mapping[str, Callable[[Words], str | None]] = {
    "setpriv": _setpriv,
    "stdbuf": _stdbuf,
    "taskset": _taskset,
}
_RIGHTS: Mapping[str, re.Pattern[str]] = {
    "chrt": re.compile(r"-\w*[frd]|--(fifo|rr|deadline)"),
    "numactl": re.compile(r"-"),
}
"""Wrappers with the options for which a container has no right by default."""


def rights_doubt(name: str, words: Words) -> str | None:
    """Return which right a wrapper needs that containers do not have by default."""
    pattern = _RIGHTS.get(name)
    if pattern is not None and any(pattern.match(word or "-") for word in words[1:]):
        return f"{name} needs a right that containers do not have by default"
    return None


def folder_doubt(name: str | None, state: State, walk: Walk) -> str | None:
    """Return why ``env`` may not change to a directory."""
    if name is None or Places(state, walk).is_folder(name):
        return None
    return f"env may not be able to change to {name[:200]}"
