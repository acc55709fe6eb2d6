"""Follows an image's start command through wrappers and shell scripts to the programs that it runs."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagespec.analyzers.shell.accounts import ROOT, find_account, has_group
from imagespec.analyzers.shell.parser import LIMIT_TEXT_BYTES
from imagespec.analyzers.shell.state import RUNTIME_VARIABLES, State
from imagespec.analyzers.startup import supervisor
from imagespec.analyzers.startup.command import effective_command, working_directory
from imagespec.analyzers.startup.launch import Launcher
from imagespec.analyzers.startup.steps import StartCommand, Step
from imagespec.analyzers.startup.tools import ends_by_itself
from imagespec.analyzers.startup.users import EXECUTE, READ, closed_directory, may
from imagespec.analyzers.startup.walk import Walk
from imagespec.analyzers.wanted import LIBRARIES, Wanted
from imagespec.documents.config import ImageConfig
from imagespec.entry import Entry, EntryKind
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
    variables.update(config.environment())
    state = State(
        variables=variables,
        exported=set(variables),
        cwd=working_directory(config),
        user=config.user.partition(":")[0] or "0",
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
    steps, gaps = _weigh_permissions(walk, config.user, rootfs)
    return StartCommand(
        argv=command.words,
        steps=tuple(steps),
        failures=tuple(walk.failures),
        ends=ends,
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


def _weigh_permissions(walk: Walk, user: str, rootfs: RootFs) -> tuple[list[Step], list[Evidence]]:
    """
    Return the steps and gaps, with the steps from the first one on uncertain that ``user`` may not be allowed to take.

    Which groups a user is in depends on the image and the engine, so only what everybody may do is taken as allowed.
    """
    own = "" if user.partition(":")[0] in {"", *ROOT} else user
    walk.steps[:] = [attrs.evolve(step, user=own or step.user) for step in walk.steps]
    for number, step in enumerate(walk.steps):
        user = step.user
        if not user:
            continue
        if (step.argv[0] or "").rpartition("/")[2] == "nginx" if step.argv else False:
            message = (
                f"nginx started by the user {user} may not be allowed to write its process file and logs"
            )
            walk.gaps[attrs.evolve(step.trail[-1], message=message)] = None
            walk.steps[number] = attrs.evolve(step, certain=False)
            continue
        script = rootfs.resolve(step.script) if step.script else None
        for entry, bit in ((step.program, EXECUTE), (script, READ), *_directories(step, user, rootfs)):
            if entry is not None and not may(user, bit, entry, rootfs):
                what = "search" if entry.kind is EntryKind.DIRECTORY else "run" if bit == EXECUTE else "read"
                message = f"the user {user} may not be allowed to {what} it (mode {entry.mode:04o})"
                gap = Evidence(message=message, path=entry.path, layer=entry.layer)
                doubtful = [attrs.evolve(later, certain=False) for later in walk.steps[number:]]
                return [*walk.steps[:number], *doubtful], [*walk.gaps, gap]
    return walk.steps, list(walk.gaps)


def _directories(step: Step, user: str, rootfs: RootFs) -> Iterator[tuple[Entry | None, int]]:
    """Yield the directories that keep a user from a step's program, script or working directory."""
    for path in (step.program.path if step.program else None, step.script, step.cwd):
        if path is not None:
            yield closed_directory(user, path, rootfs), EXECUTE


def _check_left_alone(walk: Walk) -> bool:
    """Report programs in the background that nobody waits for: a container ends with its first process."""
    left = [step for step in walk.steps if step.background and not ends_by_itself(step.argv)]
    if left and not walk.gaps and not walk.failures:
        message = "the start command ends while this program runs in the background, and the container stops"
        walk.fail(attrs.evolve(left[0].trail[-1], message=message))
        return True
    return False
