"""Follows an image's start command through wrappers and shell scripts to the programs that it runs."""

from __future__ import annotations

import attrs

from imagespec.analyzers.shell.accounts import ROOT, find_account, has_group
from imagespec.analyzers.shell.parser import LIMIT_TEXT_BYTES
from imagespec.analyzers.shell.state import RUNTIME_VARIABLES, State
from imagespec.analyzers.startup import supervisor
from imagespec.analyzers.startup.command import effective_command, working_directory
from imagespec.analyzers.startup.launch import Launcher
from imagespec.analyzers.startup.permissions import weigh_permissions
from imagespec.analyzers.startup.steps import StartCommand
from imagespec.analyzers.startup.tools import ends_by_itself
from imagespec.analyzers.startup.walk import Walk
from imagespec.analyzers.wanted import LIBRARIES, Wanted
from imagespec.documents.config import ImageConfig
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

WANTED = (
    Wanted(
        suffixes=(".sh", ".bash", ".env", ".profile", ".rc"),
        names=frozenset(
            {
                "run",
                "start",
                "serve",
                "entrypoint",
                "docker-entrypoint",
                "boot",
                "launch",
                "activate",
                "profile",
                ".env",
                ".flaskenv",
                "Pipfile",
            }
        ),
        outside=LIBRARIES,
        head_bytes=LIMIT_TEXT_BYTES,
        up_to_bytes=LIMIT_TEXT_BYTES,
    ),
    # Scripts without an ending are told by their execute bit; programs that are no scripts are mostly larger.
    Wanted(
        executables=True,
        outside=(*LIBRARIES, ".so"),
        head_bytes=LIMIT_TEXT_BYTES,
        up_to_bytes=LIMIT_TEXT_BYTES,
    ),
    Wanted(executables=True, head_bytes=256),
    Wanted(
        names=frozenset({"passwd", "group", "login.defs"}),
        directories=("/etc/default/",),
        outside=LIBRARIES,
        up_to_bytes=LIMIT_TEXT_BYTES,
    ),
    Wanted(
        names=frozenset({"supervisord.conf"}),
        directories=("/supervisor",),
        outside=LIBRARIES,
        head_bytes=supervisor.FILE_BYTES,
        up_to_bytes=supervisor.FILE_BYTES,
    ),
)
"""Shell scripts whole, and of every other program what tells its kind."""


def follow_start_command(config: ImageConfig, rootfs: RootFs) -> StartCommand:
    """
    Return the programs that a container of the image runs, certainly or possibly.

    Nothing is run. Values come from the config's Env, assignments and defaults; a variable that the image never sets
    is unknown where it is used as it is, and unset where a default is given for it (``${PORT:-8080}``).
    """
    command = effective_command(config)
    if not command.words:
        reason = "the image has no start command: neither Entrypoint nor Cmd"
        failure = Evidence(message=reason, pointer="config#/config")
        return StartCommand(argv=(), failures=(failure,))
    variables: dict[str, str | None] = dict.fromkeys(RUNTIME_VARIABLES)
    user = config.user.partition(":")[0] or "0"
    account = find_account(user, rootfs, by_number=True)
    if account is not None:  # as engines set it (runc, libcontainer/user)
        variables["HOME"] = account.home
    variables.update(config.environment())
    state = State(
        variables=variables,
        exported=set(variables),
        cwd=working_directory(config),
        user=user,
        trail=command.trail,
    )
    walk = Walk(rootfs, config.architecture)
    if not rootfs.complete:
        walk.gap(state, "not every layer could be read: any file may differ from what was seen")
    unknown = _unknown_user(config.user, rootfs)
    if unknown is not None:
        walk.fail(Evidence(message=unknown, pointer="config#/config/User", seen=config.user))
    launched = Launcher(walk).launch(command.words, state, replaces=True)
    walk.close()
    ends = launched.returns and _check_left_alone(walk)
    steps, gaps = weigh_permissions(walk, config.user, rootfs)
    return StartCommand(
        argv=command.words,
        steps=tuple(steps),
        failures=tuple(walk.failures),
        ends=ends,
        architecture=config.architecture,
        gaps=tuple(gaps),
        doubts=tuple(walk.doubts),
        held=frozenset(walk.held),
        holds=walk.holds,
    )


def _unknown_user(user: str, rootfs: RootFs) -> str | None:
    """Return why an engine starts no container as the config's user: names must be in /etc/passwd and /etc/group."""
    name, _, group = user.partition(":")
    passwd = rootfs.resolve("/etc/passwd")
    known = not name or name in ROOT or name.isdecimal() or find_account(name, rootfs) is not None
    unread = passwd is not None and passwd.size_bytes > 0 and not rootfs.content(passwd)
    if not rootfs.complete or unread:
        return None
    if not known:
        return f"the engine finds no user {name[:60]} in /etc/passwd, and starts nothing"
    if group and not group.isdecimal() and has_group(group, rootfs) is False:
        return f"the engine finds no group {group[:60]} in /etc/group, and starts nothing"
    return None


def _check_left_alone(walk: Walk) -> bool:
    """Report programs in the background that nobody waits for: a container ends with its first process."""
    left = [step for step in walk.steps if step.background and not ends_by_itself(step.argv)]
    if left and not walk.gaps and not walk.failures:
        message = "the start command ends while this program runs in the background, and the container stops"
        walk.fail(attrs.evolve(left[0].trail[-1], message=message))
        return True
    return False
