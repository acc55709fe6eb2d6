"""
Which handlers the root logger comes to have (library reference, logging).

``basicConfig`` does nothing where the root logger has handlers, unless it is forced, and then it takes them away; the
module's own ``logging.info`` and its like call it where there are none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

import attrs

from imagespec.analyzers.python.values import Call, Const, Items, Module, Value, name_of, text_of

_LEVELS = {"debug", "info", "warning", "warn", "error", "critical", "exception", "log"}
IMPLICIT = {f"logging.{name}" for name in _LEVELS}
"""Functions that give the root logger a stream where it has no handlers."""
_CHANGES = (
    ".removeHandler",
    ".handlers=",
    ".handlers.clear",
    ".handlers[]=",
    ".handlers.remove",
    ".handlers.pop",
)
_OTHERS = ("flask.", "loguru.")
"""What has methods of these names and is not the root logger."""


def logger_name(logger: Value | None) -> str | None:
    """Return a logger's name, empty for the root; None when unknown."""
    if logger is None or name_of(logger) == "logging.root":
        return ""
    if isinstance(logger, Call) and logger.name == "logging.getLogger" and not logger.spread:
        given = logger.argument(0, "name")
        return "" if given is None or given == Const(None) else text_of(given)
    return None


@attrs.frozen
class RootHandlers:
    """The root logger's handlers once the program has set up its logging."""

    attached: tuple[Value, ...] | None
    """Calls that made them: of a handler, or of ``basicConfig``; None where they are not known."""
    unused: frozenset[int]
    """Calls of ``basicConfig`` and of handlers for it, by identity, that certainly get no records."""


def root_handlers(calls: Iterable[Call]) -> RootHandlers:
    """Go over a program's calls in their order."""
    unused: set[int] = set()
    attached: list[Value] | None = []
    for call in calls:
        if not _concerns_root(call):
            continue
        if attached is None or not call.certain or call.thread:
            attached = None
        elif call.name in IMPLICIT:
            attached = attached or [call]
        elif call.name == "logging.basicConfig":
            attached = _basic(call, attached, unused)
        elif call.name.endswith(".addHandler") and logger_name(call.receiver) == "":
            attached += call.args[:1]
        else:
            attached = None
    return RootHandlers(None if attached is None else tuple(attached), frozenset(unused))


def _basic(call: Call, attached: list[Value], unused: set[int]) -> list[Value] | None:
    """Return the handlers after ``basicConfig``; those that it leaves out or takes away go to ``unused``."""
    force, listed = call.keywords.get("force", Const(value=False)), call.keywords.get("handlers")
    if call.spread or not isinstance(force, Const):
        return None
    if listed is not None and (not isinstance(listed, Items) or listed.open):
        return None
    own: list[Value] = [call, *(listed.items if isinstance(listed, Items) else ())]
    kept, lost = (attached, own) if attached and not force.value else (own, attached)
    unused.update(map(id, lost))
    return kept


def _concerns_root(call: Call) -> bool:
    if call.name in IMPLICIT or call.name == "logging.basicConfig" or call.name.startswith("logging.config."):
        return True
    changes = call.name.endswith((".addHandler", *_CHANGES)) and not call.name.startswith(_OTHERS)
    return changes and not logger_name(call.receiver)


def may_log_by_module(modules: Iterable[Module]) -> bool:
    """Tell whether something in these modules may call one of `IMPLICIT`, at any time."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "logging"
        for module in modules
        for node in (ast.walk(module.tree) if module.tree is not None else ())
    )


def propagates(name: str, calls: Iterable[Call]) -> bool:
    """Tell whether a logger's records certainly reach the root logger's handlers."""
    for call in calls:
        if call.name.endswith(".propagate=") and call.args[:1] != (Const(value=True),):
            other = logger_name(call.receiver)
            if other is None or f"{name}.".startswith(f"{other}."):
                return False
    return True
