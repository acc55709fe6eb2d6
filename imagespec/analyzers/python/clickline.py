"""
What ``click`` (7 to 8.3) and ``typer`` (0.4 to 0.20) make of a program's command line, and the function that they call.

Options with one value and flags are understood: on the command line, then from their ``envvar``, then their default. With
anything else nothing is known, and the function is followed as one that somebody may call.
"""

from __future__ import annotations

import ast

import attrs

from imagespec.analyzers.python.commandline import Option, converted, parse_words
from imagespec.analyzers.python.evaluator import Arguments, Evaluator
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    External,
    Function,
    Value,
    root_of,
    text_of,
)

_TYPER = "typer.Typer()"
_RUNS = ("click.command()()", "click.group()()", "typer.Typer()", "typer.run")
_NUMBERS = {"builtins.int", "click.INT", "click.IntRange()"}
_TEXTS = {"builtins.str", "click.STRING", "click.Path()", "click.Choice()", "click.Path", "pathlib.Path"}


@attrs.frozen
class _Command:
    """A function behind a command line, its options, and their variables of the environment."""

    function: Function
    options: tuple[Option, ...]
    variables: tuple[tuple[str, str], ...] = ()
    """Pairs of an option's target and the variable that it is read from."""


def is_of_command_line(call: Call) -> bool:
    """Tell whether a call is one of click or typer."""
    return call.name.startswith(("click.", "typer."))


def runs_command_line(call: Call) -> bool:
    """Tell whether a call hands a command line to click or typer."""
    return call.name in _RUNS or call.name.endswith("().main")


def chosen_function(run: Evaluator, call: Call) -> tuple[Function, Arguments] | None:
    """Return the function that is called, and its arguments; None where that is not known."""
    words = run.argv[1:]
    plain = call.name == "typer.run" or not (call.args or call.keywords or call.spread)
    commands = _commands(run, call) if plain and call.name in _RUNS else None
    if commands is None:
        return None
    command = commands.get("")
    if command is None and words and words[0]:
        command, words = commands.get(words[0]), words[1:]
    values = parse_words(list(command.options), words) if command is not None else None
    if command is None or values is None:
        return None
    given = {word.partition("=")[0] for word in words if word}
    for target, variable in command.variables:
        option = next(one for one in command.options if one.target == target)
        if variable in run.environment and not given & set(option.names):
            text = run.environment[variable]
            number = bool(option.is_number)
            values[target] = UNKNOWN if text is None else converted(text, is_number=number)
    return command.function, Arguments(keywords=values)


def _commands(run: Evaluator, call: Call) -> dict[str, _Command] | None:
    """Return the commands by their names; one without a name where no word names it."""
    if call.name == "typer.run":
        return _by_name([("", _typed(call.args[0] if call.args else None))])
    made = call.receiver
    if call.name == "click.command()()":
        return _by_name([("", _clicked(made))])
    registered = [
        one
        for one in run.calls
        if one.decorator
        and one.args
        and one.name
        == (f"{_TYPER}.command()" if call.name.startswith("typer") else "click.group()().command()")
        and (root_of(one.receiver) is root_of(made))
    ]
    if call.name.startswith("typer"):
        found = [(_name(one), _typed(one.args[0])) for one in registered]
        others = any(one.name.startswith((f"{_TYPER}.callback", f"{_TYPER}.add_typer")) for one in run.calls)
        if len(found) == 1 and not others:
            found = [("", found[0][1])]
        return None if others else _by_name(found)
    own = _clicked(made)
    if own is None or own.options or not _does_nothing(own.function):
        return None
    return _by_name([(_name(one), _clicked(one)) for one in registered])


def _does_nothing(function: Function) -> bool:
    body = [] if isinstance(function.node, ast.Lambda) else function.node.body
    constants = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return all(isinstance(node, ast.Pass) or node in constants for node in body)


def _by_name(rows: list[tuple[str | None, _Command | None]]) -> dict[str, _Command] | None:
    named = {name: command for name, command in rows if name is not None and command is not None}
    return named if len(named) == len(rows) and named else None


def _name(registered: Call) -> str | None:
    """Return the name of a sub-command: the given one, or the function's with dashes."""
    made = registered.receiver
    given = made.argument(0, "name") if isinstance(made, Call) else None
    if given not in {None, Const(None)}:
        return text_of(given)
    value: Value | None = registered.args[0]
    while isinstance(value, Call) and value.decorator and value.args:
        value = value.args[0]
    return value.name.lower().replace("_", "-") if isinstance(value, Function) else None


# click.


def _clicked(value: Value | None) -> _Command | None:
    """Return what decorators of click make a command of."""
    options: list[Option] = []
    variables: list[tuple[str, str]] = []
    while isinstance(value, Call) and value.decorator and value.args:
        made = value.receiver
        if value.name == "click.option()" and isinstance(made, Call):
            option = _option(made)
            if option is None:
                return None
            options.append(option)
            variable = made.argument(None, "envvar")
            if variable not in {None, Const(None)}:
                if text_of(variable) is None:
                    return None
                variables.append((option.target, text_of(variable) or ""))
        elif not value.name.endswith((".command()", ".group()")):
            return None
        value = value.args[0]
    return _Command(value, tuple(options), tuple(variables)) if isinstance(value, Function) else None


def _option(made: Call) -> Option | None:
    texts = [text_of(item) for item in made.args]
    names = tuple(text for text in texts if text and text.startswith("-"))
    own = [text for text in texts if text and not text.startswith("-")]
    odd = {"multiple", "nargs", "callback", "count", "flag_value", "cls", "prompt"} & made.keywords.keys()
    if odd or made.spread or None in texts or not names or any("/" in name for name in names):
        return None
    target = own[0] if own else max(names, key=lambda name: (name.startswith("--"), len(name))).lstrip("-")
    flag = made.argument(None, "is_flag") == Const(value=True)
    default = made.argument(None, "default") or Const(value=False if flag else None)
    return _made_option(
        names, target.replace("-", "_").lower(), default, made.argument(None, "type"), flag=flag
    )


def _made_option(
    names: tuple[str, ...], target: str, default: Value, kind: Value | None, *, flag: bool
) -> Option:
    name = kind.name if isinstance(kind, External) else f"{kind.name}()" if isinstance(kind, Call) else ""
    is_number: bool | None = True if name in _NUMBERS else False if name in _TEXTS else None
    if kind is None:  # by the default's type
        value = default.value if isinstance(default, Const) else ...
        plain = not isinstance(value, bool) and isinstance(value, int | str | None)
        is_number = isinstance(value, int) if plain else None
    text = text_of(default)
    if is_number and text is not None:
        default = converted(text, is_number=True)
    return Option(names, target, "store_true" if flag else "store", default, is_number)


# typer.


def _typed(value: Value | None) -> _Command | None:
    """Return what typer makes of a function's parameters: options of all that have defaults."""
    if not isinstance(value, Function) or isinstance(value.node, ast.Lambda):
        return None
    spec = value.node.args
    if spec.vararg or spec.kwarg or spec.posonlyargs:
        return None
    options: list[Option] = []
    variables: list[tuple[str, str]] = []
    for item in (*spec.args, *spec.kwonlyargs):
        told = _parameter(item, value.defaults.get(item.arg))
        if told is None:
            return None
        options.append(told[0])
        variables += [(item.arg, name) for name in told[1]]
    return _Command(value, tuple(options), tuple(variables))


_TYPES = {name: External(name) for name in ("builtins.int", "builtins.str", "pathlib.Path")}
_ANNOTATIONS = {
    "int": "builtins.int",
    "str": "builtins.str",
    "Path": "pathlib.Path",
    "pathlib.Path": "pathlib.Path",
}
_EXPLAINING = {"envvar", "help", "show_default", "show_envvar", "metavar", "rich_help_panel", "hidden"}


def _parameter(item: ast.arg, default: Value | None) -> tuple[Option, list[str]] | None:
    """Return the option that a parameter is, and the variables of the environment that it is read from."""
    kind = item.annotation
    names: list[str] = []
    variables: list[str] = []
    if isinstance(kind, ast.Subscript) and ast.unparse(kind.value).rpartition(".")[2] == "Annotated":
        parts = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else []
        told = _annotated(parts[1]) if len(parts) == 2 else None
        if told is None:
            return None
        kind, (names, variables) = parts[0], told
    if isinstance(default, Call):
        if default.name != "typer.Option" or default.keywords.keys() - _EXPLAINING - {"default"}:
            return None
        names = [text or "" for text in map(text_of, default.args[1:])]
        given = default.argument(None, "envvar")
        variables = [] if given in {None, Const(None)} else [text_of(given) or ""]
        default = default.argument(0, "default")
    name = _ANNOTATIONS.get(ast.unparse(kind)) if kind is not None else None
    if not isinstance(default, Const) or default.value is ... or name is None or "" in (*names, *variables):
        return None
    flags = tuple(names) or ("--" + item.arg.replace("_", "-"),)
    return _made_option(flags, item.arg, default, _TYPES[name], flag=False), variables


def _annotated(node: ast.expr) -> tuple[list[str], list[str]] | None:
    """Return the names and the variable that ``Option("--name", envvar="NAME")`` of an annotation gives."""
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("Option"):
        return None
    if {word.arg for word in node.keywords} - _EXPLAINING:
        return None
    given = [*node.args, *(word.value for word in node.keywords if word.arg == "envvar")]
    texts = [item.value for item in given if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return (texts[: len(node.args)], texts[len(node.args) :]) if len(texts) == len(given) else None
