"""Starting what supervisord starts: the programs of its configuration, all of them at once."""

from __future__ import annotations

import attrs

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.shell.run import Launch
from imagespec.analyzers.shell.sinks import destination
from imagespec.analyzers.shell.state import Doubt, State, Status
from imagespec.analyzers.startup.places import Places
from imagespec.analyzers.startup.supervisor import Supervised, read_supervision
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Launched, Walk


def supervise(walk: Walk, words: tuple[str | None, ...], state: State, launch: Launch) -> Launched:
    """Follow a ``supervisord`` command line; it returns at once unless it is told to stay in the foreground."""
    if not walk.spend(state):  # one that starts others of its kind may do so without end
        return Launched(Status.UNKNOWN)
    found = read_supervision(words, state, walk)
    for problem in found.problems:
        walk.gap(state, f"supervisord: {problem}")
    for refusal in found.refusals:
        walk.gap(state, f"supervisord may start nothing: {refusal}")
    if found.refusals:
        state.doubts.add(Doubt.BRANCH)
    if found.nodaemon and walk.steps:
        walk.steps[-1] = attrs.evolve(walk.steps[-1], stays=not found.refusals, listens=found.port)
    for item in found.programs:
        if item.autostart:
            _start(walk, item, state, launch)
    return Launched(Status.UNKNOWN if found.nodaemon else Status.LIKELY, returns=not found.nodaemon)


def _start(walk: Walk, item: Supervised, state: State, launch: Launch) -> None:
    child = state.subshell()
    child.trail = state.here(f"supervisord starts the program {item.name}")
    child.path, child.layer, child.line, child.inline = "/" + item.entry.path, item.entry.layer, None, False
    child.depth += 1
    if item.words is None or child.depth > LIMIT_DEPTH:
        walk.gap(child, f"the command of the program {item.name} is not known")
        return
    child.background = True
    child.cwd = item.directory
    if item.directory is not None and not Places(state, walk).is_folder(item.directory):
        walk.doubt(child, f"the directory {item.directory} of the program {item.name} may not be there")
        child.doubts.add(Doubt.BRANCH)
    if item.user:
        child.changed_user |= item.user not in {state.user, *ROOT}
        child.user = item.user
    for name, value in item.environment.items():
        child.assign(name, value, export=True)
    child.sinks = {
        1: destination(item.stdout, state) if item.stdout else None,
        2: destination(item.stderr, state) if item.stderr else None,
    }
    launch(item.words, child, False)
