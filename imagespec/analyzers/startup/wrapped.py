"""Which wrapper a program is, and what it changes for the program that it starts."""

from __future__ import annotations

import re

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, State
from imagespec.analyzers.startup import conda, virtualenvs
from imagespec.analyzers.startup.changeuser import unwrap_su
from imagespec.analyzers.startup.initscripts import unwrap_service
from imagespec.analyzers.startup.walk import Walk
from imagespec.analyzers.startup.wrapperdoubts import folder_doubt, rights_doubt, wrapper_doubt
from imagespec.analyzers.startup.wrappers import Unwrapped, Words, unwrap
from imagespec.entry import Entry
from imagespec.rootfs import RootFs

_CHANGE_USER = frozenset({"gosu", "su-exec", "sudo", "setpriv", "runuser", "su"})


def wrapped(name: str, words: Words, state: State, walk: Walk, *, applet: bool) -> Unwrapped | None:
    """Return what ``words``, whose program is called ``name``, start; None when that is no wrapper."""
    asked_as = any(word and word.startswith(("-u", "--user")) for word in words)
    if name == "su" or (name == "runuser" and not asked_as):
        return unwrap_su(words, state, walk.rootfs, busybox=applet)
    if name == "service":
        return unwrap_service(words, walk)
    if name in virtualenvs.TOOLS:
        return virtualenvs.unwrap_run(name, words)
    return unwrap(name, words)


def prepare(
    name: str, words: Words, inner: Unwrapped, state: State, program: Entry | None, rootfs: RootFs
) -> None:
    """Make the changes of a wrapper, whose own file is ``program``, to what the program behind it finds."""
    if name in _CHANGE_USER:
        state.changed_user |= inner.user not in {state.user, *ROOT}
        state.user = inner.user
    if inner.clear:
        state.variables, state.exported = {}, set()
        state.unset.add("PATH")
    for variable in inner.unset:
        state.remove(variable)
    for variable, value in inner.assign:
        state.assign(variable, value, export=True)
    if inner.cwd is not None:
        state.cwd = absolute(inner.cwd, state.cwd)
    state.background |= inner.background
    if name in virtualenvs.TOOLS and not virtualenvs.activate(name, words, state, rootfs):
        state.assign("PATH", None, export=True)
    if inner.hides:
        environment = conda.named_environment(words)
        own = program.path if program is not None and name == "conda" else None
        if own is None or not conda.activate(own, environment, state, rootfs):
            state.assign("PATH", None, export=True)
        if name != "sudo" and not {"--no-capture-output", "--live-stream"} & set(words):
            state.sinks = dict.fromkeys(state.sinks)


def note_doubts(name: str, inner: Unwrapped, state: State, walk: Walk) -> None:
    """Note why a wrapper may not start its program, or not let it go on."""
    doubt = wrapper_doubt(name, inner.own, inner.user, state, walk) or rights_doubt(name, inner.own)
    doubt = doubt or folder_doubt(inner.cwd, state, walk) if name == "env" else doubt
    if doubt is not None:
        walk.doubt(state, doubt)
        state.doubts.add(Doubt.BRANCH)
    if name == "timeout" and not re.fullmatch(r"0+(\.0*)?[smhd]?", inner.own[-1] or "1"):
        state.limited = True
