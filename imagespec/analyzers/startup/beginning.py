"""How a shell begins: its options, the environment's part in them, and the files that it reads first."""

from __future__ import annotations

from collections.abc import Callable

from imagespec.analyzers.shell.accounts import ROOT
from imagespec.analyzers.shell.arguments import ShellArguments
from imagespec.analyzers.shell.options import LONG_NAMES, set_named
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.walk import Walk

Source = Callable[[tuple[str | None, ...], State], Outcome]
_BEGINS_OFF = (
    "allexport",
    "noglob",
    "pipefail",
    "noclobber",
    "monitor",
    "child_trap",
    "nocasematch",
    "inherits_errexit",
)


def begin(walk: Walk, arguments: ShellArguments, state: State, source: Source) -> Outcome | None:
    """
    Turn the state into that of a shell that has just been started; ``source`` reads a file into it.

    Return how it ends where a file that it reads first ends it.
    """
    state.variables = {key: value for key, value in state.variables.items() if key in state.exported}
    state.functions, state.fixed = {}, set()
    for name in _BEGINS_OFF:
        setattr(state, name, False)
    state.errexit, state.nounset, state.jobs, state.job_names = arguments.errexit, arguments.nounset, (), {}
    state.tested, state.plain_globs = False, True
    state.loops, state.returns = 0, False
    state.name, state.positional = arguments.name, arguments.arguments
    state.doubts = state.doubts_inside
    state.calls = 0
    state.unset -= {"PATH"}  # a shell has a PATH of its own where it is given none
    for name in arguments.options:
        _switch_on(name, walk, state)
    outcomes = [_read_environment(walk, state, source)] if state.dialect == "bash" else []
    if arguments.login:
        outcomes += _log_in(walk, state, source)
    if arguments.restricted:
        walk.gap(
            state, "a restricted shell refuses cd, redirections and names with slashes, which is not followed"
        )
        state.doubts.add(Doubt.BRANCH)
    if state.dialect in tools.FOREIGN_SHELLS:
        walk.gap(state, f"{state.dialect} is another language than the one that is parsed")
        state.doubts.add(Doubt.BRANCH)
    return next((one for one in outcomes if one.flow is Flow.EXIT), None)


def _switch_on(name: str, walk: Walk, state: State) -> None:
    if name in LONG_NAMES:
        setattr(state, name, True)
    set_named(name, walk, state, on=True)


def _read_environment(walk: Walk, state: State, source: Source) -> Outcome:
    """Take what bash takes from its environment (bash 5.2 manual 5.2 and 6.2): options, functions, and BASH_ENV."""
    options = state.variables.get("SHELLOPTS", "")
    for name in (options or "").split(":"):
        _switch_on(name, walk, state)
    functions = [
        name[10:-2] for name in state.variables if name.startswith("BASH_FUNC_") and name.endswith("%%")
    ]
    state.functions.update(dict.fromkeys(functions))
    if options is None or "noexec" in options or state.variables.get("BASHOPTS"):
        walk.gap(state, "options of bash come from the environment, which are not followed")
        state.doubts.add(Doubt.BRANCH)
    first = state.variables.get("BASH_ENV", "")
    there = walk.rootfs.resolve(first) is not None or walk.may_have_made(first) if first else False
    if there and not state.posix:
        return source((".", first), state)
    if first is None and not state.posix:
        walk.gap(state, "bash reads the file BASH_ENV first, whose name is not known")
        state.forget()
    return Outcome()


def _log_in(walk: Walk, state: State, source: Source) -> list[Outcome]:
    """Read what a login shell reads first (bash 5.2 manual 6.2; dash(1)): /etc/profile, then one file of HOME."""
    if state.user in ROOT and state.variables.get("HOME") is None:
        state.assign("HOME", "/root", export=True)  # by /etc/passwd, as the engine sets it
    home = state.variables.get("HOME")
    names = (".bash_profile", ".bash_login", ".profile") if state.dialect == "bash" else (".profile",)
    own = [f"{home}/{name}" for name in names if walk.rootfs.resolve(f"{home}/{name}") is not None]
    if home is None:
        walk.gap(state, "a login shell reads files of HOME, which is not known")
        state.assign("PATH", None, export=True)
        state.wild = True
        return []
    read = [path for path in ("/etc/profile", *own[:1]) if walk.rootfs.resolve(path) is not None]
    return [source((".", path), state) for path in read]
