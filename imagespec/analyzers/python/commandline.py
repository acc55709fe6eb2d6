"""What ``argparse`` makes of the command line of a program that is followed without being run."""

from __future__ import annotations

import attrs

from imagespec.analyzers.python.argumentchecks import refused_arguments
from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator
from imagespec.analyzers.python.state import State
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    External,
    Instance,
    Items,
    Value,
    root_of,
    text_of,
)

_SIMPLE = {"store", "store_true", "store_false"}
_GROUPS = ("", ".add_argument_group()", ".add_mutually_exclusive_group()")


@attrs.frozen
class Option:
    """An option of a command line."""

    names: tuple[str, ...]
    target: str
    action: str
    default: Value
    is_number: bool | None
    """None when what the value becomes is unknown."""


def parse_arguments(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """
    Return the namespace: what the command line says, else the defaults.

    Only long and short options with one value or none are understood; with anything else all values are unknown.
    """
    parser = root_of(callee)
    options, simple = _options(run, parser)
    words: list[str | None] | None = run.argv[1:]
    if given.args or given.keywords or given.spread:
        listed = given.get(0, "args")
        known = isinstance(listed, Items) and not listed.open
        words = [text_of(item) for item in listed.items] if isinstance(listed, Items) and known else None
    if words is not None and None not in words:
        refused = refused_arguments(parser, run.calls, [word for word in words if word is not None])
        if refused:
            raise run.stop("exit", f"the program's arguments are refused ({refused})")
    namespace = Instance(None, {})
    values = parse_words(options, words) if simple and words is not None else None
    for option in options:
        namespace.names[option.target] = values.get(option.target, UNKNOWN) if values is not None else UNKNOWN
    return namespace


def parse_known_arguments(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Return the namespace and the other words; where there are others, nothing is known."""
    namespace = parse_arguments(run, callee, given)
    return None if namespace is None else Items([namespace, UNKNOWN], "tuple")


def _options(program: State, parser: Value | None) -> tuple[list[Option], bool]:
    options: list[Option] = []
    simple = True
    for call in program.calls:
        if not isinstance(call.receiver, Value) or root_of(call.receiver) is not parser or call is parser:
            continue
        base = call.name.removeprefix("argparse.ArgumentParser()")
        if base in {group + ".add_argument" for group in _GROUPS}:
            option = _option(call)
            simple = simple and option is not None and call.certain
            options += [option] if option else []
        elif base not in {".add_argument_group", ".add_mutually_exclusive_group", ".set_defaults="}:
            simple = False
    return options, simple


def _option(call: Call) -> Option | None:
    names = [text_of(value) for value in call.args]
    clean = tuple(name for name in names if name)
    action = text_of(call.keywords.get("action", Const("store")))
    if (
        len(clean) < len(names)
        or not clean
        or call.spread
        or action not in _SIMPLE
        or "nargs" in call.keywords
    ):
        return None
    longest = next((name for name in clean if name.startswith("--")), clean[0])
    target = (
        text_of(call.keywords["dest"]) if "dest" in call.keywords else longest.lstrip("-").replace("-", "_")
    )
    if not target or not clean[0].startswith("-"):
        return None
    kind = call.keywords.get("type")
    is_number = {"builtins.int": True, "builtins.str": False}.get(
        kind.name if isinstance(kind, External) else ""
    )
    fallback = Const(None) if action == "store" else Const(action == "store_false")
    default = call.keywords.get("default", fallback)
    text = text_of(default)
    if is_number and text is not None:  # argparse converts a default that is a string
        default = converted(text, is_number=True)
    return Option(clean, target, action, default, False if kind is None else is_number)


def parse_words(options: list[Option], words: list[str | None]) -> dict[str, Value] | None:
    """Return the values; None when the command line is not understood."""
    values = {option.target: option.default for option in options}
    by_name = {name: option for option in options for name in option.names}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word is None:
            return None
        name, equals, text = word.partition("=")
        option = by_name.get(name)
        if option is None or (equals and not name.startswith("--")):
            return None
        if option.action != "store":
            values[option.target] = Const(option.action == "store_true")
            continue
        given: str | None = text
        if not equals:
            if position >= len(words):
                return None
            given = words[position]
            position += 1
        unknown = given is None or option.is_number is None
        values[option.target] = (
            UNKNOWN if unknown else converted(given or "", is_number=bool(option.is_number))
        )
    return values


def converted(text: str, *, is_number: bool) -> Value:
    """Return what a word of the command line becomes."""
    if not is_number:
        return Const(text)
    try:
        return Const(int(text)) if len(text) < 20 else UNKNOWN
    except ValueError:
        return UNKNOWN
