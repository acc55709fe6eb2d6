"""
Whether ``argparse`` takes the command line of a followed program: a parser of the same options is made, and asked.

Only parsers are made of which all arguments are constants; no function of the program is called.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from imagespec.analyzers.python.values import Call, Const, External, Items, Value, root_of, text_of

_ARGUMENTS = 200
_KINDS = {"builtins.int": int, "builtins.float": float, "builtins.str": str}
_WORDS = {"required", "default", "nargs", "choices", "action", "dest", "const", "version"}
_SILENT = {"help", "metavar"}
_GROUPS = {
    "add_argument_group": "add_argument_group",
    "add_mutually_exclusive_group": "add_mutually_exclusive_group",
}


class _RefusedError(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _RefusedError(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _RefusedError(message or f"it prints something and ends with {status}")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print nothing."""


class _NotFollowedError(Exception):
    pass


def refused_arguments(parser: Value | None, calls: Iterable[Call], words: list[str]) -> str | None:
    """Return why a parser refuses a command line, or ends the program with it; None where it does not, as far as known."""
    if not isinstance(parser, Call) or parser.keywords.keys() - {
        "description",
        "prog",
        "epilog",
        "usage",
        "formatter_class",
    }:
        return None
    made = _Parser(prog="program")
    places: dict[int, Any] = {id(parser): made}
    try:
        for call in calls:
            if call.receiver is not None and root_of(call.receiver) is parser:
                _add(call, places)
        made.parse_args(words)
    except _RefusedError as error:
        return str(error)[:200]
    except (_NotFollowedError, argparse.ArgumentError, ValueError, TypeError, AttributeError):
        return None
    return None


def _add(call: Call, places: dict[int, Any]) -> None:
    owner, name = places.get(id(call.receiver)), call.name.rpartition(".")[2]
    if name in {"parse_args", "parse_known_args", "print_help", "print_usage", "format_help"}:
        return
    if owner is None or call.spread or not call.certain or len(places) > _ARGUMENTS:
        raise _NotFollowedError
    if name in _GROUPS:
        required = call.keywords.get("required")
        options = {"required": True} if required == Const(value=True) else {}
        places[id(call)] = getattr(owner, name)(**options)
    elif name == "add_argument":
        texts = [text_of(value) for value in call.args]
        if not all(texts):
            raise _NotFollowedError
        places[id(call)] = owner.add_argument(*texts, **_options(call))
    else:
        raise _NotFollowedError


def _options(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in call.keywords.items():
        if name in _SILENT:
            continue
        if name == "type":
            found[name] = _KINDS.get(value.name if isinstance(value, External) else "")
            if found[name] is None:
                raise _NotFollowedError
        elif name == "default" and not isinstance(value, Const):
            found[name] = None
        elif name == "version":
            found[name] = ""  # its formats may be of any width
        elif name in _WORDS:
            found[name] = _constant(value)
        else:
            raise _NotFollowedError
    if isinstance(found.get("nargs"), int) and not 0 < found["nargs"] <= _ARGUMENTS:
        raise _NotFollowedError  # argparse writes a pattern of that length
    return found


def _constant(value: Value) -> object:
    """Return a constant, or a list of constants."""
    if isinstance(value, Items) and not value.open and len(value.items) <= _ARGUMENTS:
        if not any(isinstance(item, Items) for item in value.items):
            return [_constant(item) for item in value.items]
    elif isinstance(value, Const) and isinstance(value.value, str | int | float | None):
        return value.value
    raise _NotFollowedError
