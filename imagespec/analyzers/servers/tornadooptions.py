"""
Values of ``tornado.options`` (6.0 to 6.5, options.py): defaults, then files of settings and the command line.

A file of settings is Python, of which only assignments of literals are read. An option's ``callback`` is called with the
value that the command line gives, most often to read such a file.
"""

from __future__ import annotations

import ast

from imagespec.analyzers.python.datafiles import read_text
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, External, Function, Value, text_of

OPTIONS = "tornado.options.options."
_FILE = "tornado.options.parse_config_file"


def option_value(value: Value | None, program: Program) -> Value | None:
    """Return what an attribute of ``tornado.options.options`` is; any other value as it is."""
    if not isinstance(value, External) or not value.name.startswith(OPTIONS):
        return value
    name = value.name.removeprefix(OPTIONS)
    words = program.argv[1:]
    read = any(call.name == "tornado.options.parse_command_line" for call in program.calls)
    if read and any(word is None for word in words):
        return UNKNOWN
    given = [_of_word(word or "", name) for word in words] if read else []
    texts = [text for text in given if text is not None]
    made = [call for call in program.calls if call.name == "tornado.options.define"]
    files = _files(program, made, words if read else [])
    if files is None:
        return UNKNOWN
    if texts:  # behind a file that is read by a callback or afterwards, either may come last
        return Const(texts[-1]) if not files else UNKNOWN
    for path in reversed(files):
        found = _setting(program, path, name)
        if found is not None:
            return found
    defined = [call for call in made if call.args and text_of(call.args[0]) == name]
    default = defined[0].argument(1, "default") if len(defined) == 1 else None
    return UNKNOWN if default is None else default


def _of_word(word: str, name: str) -> str | None:
    """Return the value that a word of the command line gives to an option; None where it is about another."""
    option, equals, text = word.lstrip("-").partition("=")
    named = word.startswith("-") and option.replace("-", "_") == name.replace("-", "_")
    return (text if equals else "true") if named else None


def _files(program: Program, made: list[Call], words: list[str | None]) -> list[Value] | None:
    """Return the files of settings that are read; None where that is not known."""
    calls = [call for call in program.calls if call.name == _FILE]
    if any(not call.certain or not call.args for call in calls):
        return None
    files = [call.args[0] for call in calls]
    for call in made:
        callback, name = call.argument(None, "callback"), text_of(call.args[0]) if call.args else None
        if call.spread or name is None:
            return None
        if callback in {None, Const(None)}:
            continue
        given = [text for word in words if (text := _of_word(word or "", name)) is not None]
        if given and not _reads_its_file(callback):
            return None
        files += [Const(text) for text in given]
    return files


def _reads_its_file(callback: Value | None) -> bool:
    """Tell whether a callback is ``lambda path: parse_config_file(path, …)``."""
    node = callback.node if isinstance(callback, Function) else None
    call = node.body if isinstance(node, ast.Lambda) else None
    if not isinstance(node, ast.Lambda) or not isinstance(call, ast.Call) or not node.args.args:
        return False
    named = ast.unparse(call.func).rpartition(".")[2] == "parse_config_file"
    first = call.args[0] if call.args else None
    return named and isinstance(first, ast.Name) and first.id == node.args.args[0].arg


def _setting(program: Program, path: Value, name: str) -> Value | None:
    """Return what a file of settings gives an option: None for nothing, unknown where the file is not followed."""
    text = read_text(program, path)
    try:
        tree = ast.parse(text) if text is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        return UNKNOWN
    found: Value | None = None
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            return UNKNOWN
        if node.targets[0].id == name:
            known = isinstance(node.value, ast.Constant) and len(node.targets) == 1
            found = Const(node.value.value) if known and isinstance(node.value, ast.Constant) else UNKNOWN
    return found
