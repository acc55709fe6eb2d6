"""Where output goes: redirections and pipes."""

from __future__ import annotations

import posixpath

from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.state import State
from imagespec.analyzers.shell.tree import Redirect, Redirected, Simple, Statement
from imagespec.analyzers.startup.steps import INHERITED
from imagespec.analyzers.startup.walk import Walk

_NULL = "/dev/null"
_OWN = {
    "/dev/stdout": 1,
    "/dev/stderr": 2,
    "/dev/fd/1": 1,
    "/dev/fd/2": 2,
    "/proc/self/fd/1": 1,
    "/proc/self/fd/2": 2,
}
_CONTAINER = frozenset({"/proc/1/fd/1", "/proc/1/fd/2"})
"""Process 1's own streams, which are the container's log unless process 1 itself was redirected."""


def apply_redirect(redirect: Redirect, text: str | None, state: State, walk: Walk) -> None:
    """Change the state's sinks as one redirection to ``text`` does; input is not followed."""
    operator = redirect.operator
    if operator.startswith("<"):
        return
    descriptors = (1, 2) if operator.startswith("&>") else (1 if redirect.fd is None else redirect.fd,)
    if operator in {">&", ">&-"}:
        if operator == ">&" and text is not None and text.isdecimal():
            sink = state.sinks.get(int(text[:4]))
        elif redirect.fd is None and text and text != "-":
            descriptors, sink = (1, 2), destination(text, state)  # `>& file`, as csh writes it
        else:
            sink = None
    else:
        sink = destination(text, state)
        if text is not None and sink not in {INHERITED, _NULL, None}:
            walk.touch((text, sink))
            walk.spoil(sink)
    for descriptor in descriptors:
        state.sinks[descriptor] = sink


def destination(text: str | None, state: State) -> str | None:
    """Return the sink that a file name means."""
    if text is None:
        return None
    if text in _OWN:
        return state.sinks.get(_OWN[text])
    if text in _CONTAINER:
        return INHERITED
    path = absolute(text, state.cwd)
    return path or None


def absolute(name: str, cwd: str | None) -> str | None:
    """Return a file name as an absolute path without dots; None when the directory is unknown."""
    if name.startswith("/"):
        return "/" + posixpath.normpath(name).lstrip("/")
    return None if cwd is None else "/" + posixpath.normpath(f"{cwd}/{name}").lstrip("/")


def pipe_sink(stage: Statement, state: State, onward: str | None, expander: Expander) -> str | None:
    """
    Return where the output of the stage before ``stage`` ends up, given where ``stage`` itself writes.

    ``tee`` and ``cat`` pass it on; of what any other program makes of it nothing is known. ``tee FILE >/dev/null``
    leaves it in FILE only.
    """
    redirects: tuple[Redirect, ...] = ()
    while isinstance(stage, Redirected):
        redirects, stage = (*redirects, *stage.redirects), stage.inner
    if not isinstance(stage, Simple) or not stage.words:
        return None
    name = (stage.words[0].literal or "").rpartition("/")[2]
    if name not in {"tee", "cat"}:
        return None
    files = [word for word in stage.words[1:] if not (word.literal or "").startswith("-")]
    if name == "cat" and files:
        return None
    trial = state.subshell()
    trial.sinks[1] = onward
    for redirect in (*stage.redirects, *redirects):
        if redirect.operator in {">", ">>", ">|"} and redirect.fd in {None, 1} and redirect.target:
            trial.sinks[1] = destination(expander.value(redirect.target, trial), trial)
    names = [destination(expander.value(word, trial), trial) for word in files]
    if trial.sinks[1] == _NULL and name == "tee" and files:
        return INHERITED if INHERITED in names else names[0]
    return trial.sinks[1] if trial.sinks[1] is not None else (INHERITED if INHERITED in names else None)
