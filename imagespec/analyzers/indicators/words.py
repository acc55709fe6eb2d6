"""Lines of shell taken apart far enough to recognise suspicious ones: no grammar, and linear in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

LINE_CHARACTERS = 16_384
"""Longer lines are looked at as far as this."""
_QUOTES = str.maketrans("()", "  ", "\"'`")
_GLUED_REDIRECT = re.compile(r"(?<![\s\d<>&])(?=[<>])")
_WRAPPERS = frozenset(
    (
        "sudo",
        "nohup",
        "exec",
        "busybox",
        "command",
        "time",
        "env",
        "-E",
        "-H",
        "-n",
        "$",
        "{",
        "then",
        "do",
        "else",
    )
)
NETCATS = frozenset(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"))
TALKERS = NETCATS | {"telnet", "socat", "openssl"}
_ASSIGNMENT = re.compile(r"\w{1,64}=")
_SHELL = r"(?:/usr)?(?:/bin/)?(?:ba|da|z|k|a|mk)?sh"
SHELL_WORD = re.compile(rf"{_SHELL}\Z")


def has_long_line(text: str) -> bool:
    """Tell whether a line is longer than what is looked at of it."""
    return len(text) > LINE_CHARACTERS and max(map(len, text.split("\n"))) > LINE_CHARACTERS


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) without comments, with lines joined that end in a backslash or in a pipe."""
    start, parts, size = 1, list[str](), 0
    for number, line in enumerate(text.split("\n"), 1):
        if not parts:
            start = number
        part = _without_comment(line[:LINE_CHARACTERS]).rstrip()
        goes_on = part.endswith(("\\", "|")) and size < LINE_CHARACTERS
        parts.append(part.removesuffix("\\"))
        size += len(part)
        if not goes_on:
            yield start, " ".join(parts)
            parts, size = [], 0
    if parts:
        yield start, " ".join(parts)


_QUOTES_AND_COMMENTS = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|(?:(?<=\s)|\A)#")


def _without_comment(line: str) -> str:
    """Return a line up to its comment: a number sign that begins a word outside of quotes."""
    if "#" not in line:
        return line
    for match in _QUOTES_AND_COMMENTS.finditer(line):
        if match.group() == "#":
            return line[: match.start()]
    return line


def is_bare_shell(words: list[str]) -> bool:
    """Tell whether a command is a shell that reads its commands from its input: it has no script and no -c."""
    if not words or not SHELL_WORD.match(words[0]):
        return False
    for word in words[1:]:
        if word in {"-", "-s"} or word[0] in "<>&}" or (word[0].isdigit() and word[1:2] in {"<", ">"}):
            return True
        if word[0] != "-" or (word[1] != "-" and "c" in word):
            return False
    return True


def split_words(stage: str) -> list[str]:
    """Return a command's words without quotes, and without what only starts it (sudo, env A=b …)."""
    words = _GLUED_REDIRECT.sub(" ", stage.translate(_QUOTES)).split()
    start = 0
    while start < len(words) and (base_name(words[start]) in _WRAPPERS or _ASSIGNMENT.match(words[start])):
        start += 1
    return _after_schedule(words[start:])


def _after_schedule(words: list[str]) -> list[str]:
    # A crontab line, or any text before the program: what counts is the last program name that we look for.
    known = TALKERS | {"curl", "wget", "base64"}
    for number, word in enumerate(words[:24]):
        if base_name(word) in known:
            return words[number:]
    return words


def base_name(word: str) -> str:
    """Return the last part of a path, without what opens a group or a substitution before it."""
    return word.rpartition("/")[2].lstrip("$")
