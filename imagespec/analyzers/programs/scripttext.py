"""
What can be said about a script's bytes line by line: marks of Windows editors, lines without commands, bash syntax.

Behaviour after dash 0.5.12, busybox 1.35 ash and bash 5.2, each run on the constructs named here.
"""

from __future__ import annotations

import enum
import re

import attrs

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_NOTES = 20
_FORGIVING = {bytes([char]) for char in b" \t'\"0123456789"}


class CrEffect(enum.Enum):
    """What a carriage return at the end of a line does."""

    NONE = enum.auto()
    """There is none, or a comment swallows it."""
    UNSURE = enum.auto()
    """It becomes an argument, or part of one that the program may still understand."""
    BREAKS = enum.auto()
    """It becomes part of a name: of a file, a keyword, a command."""


@attrs.frozen
class Line:
    """One line of a script, without its line feed."""

    number: int
    """From 1."""
    text: bytes

    @property
    def is_idle(self) -> bool:
        """Tell whether it is blank or a comment."""
        bare = self.text.strip()
        return not bare or bare.startswith(b"#")

    @property
    def is_lone_cr(self) -> bool:
        """Tell whether it holds a carriage return only, which a shell takes for a command that does not exist."""
        return self.text.strip(b" \t") == b"\r"

    @property
    def cr(self) -> CrEffect:
        """Tell what a carriage return at the line's end does to a shell."""
        if self.is_idle or not self.text.endswith(b"\r"):
            return CrEffect.NONE
        # A comment behind the command swallows the CR; with quotes before the '#' it may be none.
        before, comment, _ = self.text.partition(b" #")
        if comment and not any(quote in before for quote in b"'\""):
            return CrEffect.NONE
        # "x.py \r" gets one argument too many, int("8080\r") is 8080 in Python, and nginx skips a CR in -g "…".
        return CrEffect.UNSURE if self.text[-2:-1] in _FORGIVING else CrEffect.BREAKS


def lines_of(raw: bytes) -> list[Line]:
    """Return the lines of a script; a byte order mark is not part of the first."""
    texts = raw.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    if texts and not texts[-1]:
        texts.pop()
    return [Line(number, text) for number, text in enumerate(texts, 1)]


class MarkEffect(enum.Enum):
    """What a byte order mark does to a script that a shell reads."""

    NONE = "there is no mark"
    ONE_ERROR = "one 'not found' line, and the rest runs"
    FIRST_COMMAND = "the first command is not found"
    UNKNOWN = "the first line is read as a command, with all its quotes and separators"


def mark_effect(raw: bytes) -> MarkEffect:
    """
    Tell what a byte order mark does when a shell is given the file.

    The mark joins the first word, so that a comment becomes a command.
    """
    if not raw.startswith(BYTE_ORDER_MARK):
        return MarkEffect.NONE
    first = raw.removeprefix(BYTE_ORDER_MARK).split(b"\n", 1)[0]
    if any(char in first for char in b"'\"`$;&|<>(){}\\"):
        return MarkEffect.UNKNOWN
    return MarkEffect.ONE_ERROR if not first.strip() or first.startswith(b"#") else MarkEffect.FIRST_COMMAND


class Dialect(enum.Enum):
    """A shell's own language, by the program that reads the script."""

    DASH = "dash"
    ASH = "busybox ash"
    BASH = "bash"
    OTHER = "another shell"


DIALECTS = {
    "dash": Dialect.DASH,
    "busybox": Dialect.ASH,
    "ash": Dialect.ASH,
    "bash": Dialect.BASH,
    "sh": Dialect.OTHER,
    "ksh": Dialect.OTHER,
    "ksh93": Dialect.OTHER,
    "mksh": Dialect.OTHER,
    "yash": Dialect.OTHER,
    "zsh": Dialect.OTHER,
}
"""Shells by the base name of the file that really runs, after all links."""

_SET = re.compile(rb"[ \t]*set[ \t]+-[A-Za-z]{1,20}\r")
_STOPS_ON_ERROR = re.compile(rb"(?:^|[ \t;&])set[ \t]+-[A-Za-z]{0,20}e|errexit|^#![^ ]* +-[A-Za-z]{0,20}e")


def first_command_ends_it(lines: list[Line], dialect: Dialect) -> bool:
    """Tell whether the first command is ``set -e`` with a CR, which ends dash and ash but not bash."""
    first = next((line for line in lines if not line.is_idle), None)
    return (
        dialect in {Dialect.DASH, Dialect.ASH}
        and first is not None
        and _SET.fullmatch(first.text) is not None
    )


def stops_on_error(lines: list[Line]) -> bool:
    """Tell whether some line may ask the shell to stop at the first error."""
    return any(
        _STOPS_ON_ERROR.search(line.text[:4096])
        for line in lines
        if not line.is_idle or line.text.startswith(b"#!")
    )


_BOTH = (
    ("an array", rb"\w\+?=\("),
    ("'<<<'", rb"<<<"),
    ("a C-style 'for'", rb"\bfor[ \t]*\(\("),
    ("'(( … ))' as a command", rb"^[ \t]*\(\("),
    ("'${name^^}' or '${name,,}'", rb"\$\{\w{1,64}(?:\^|,)"),
    ("'+='", rb"^[ \t]*\w{1,64}\+="),
    ("a brace range", rb"[ \t]\{\w{1,16}\.\.\w{1,16}\}"),
    ("'declare'", rb"^[ \t]*declare[ \t]"),
    ("'shopt'", rb"^[ \t]*shopt[ \t]"),
    ("BASH_SOURCE", rb"\bBASH_SOURCE\b"),
)
_DASH_ONLY = (
    ("'[['", rb"(?:^|[ \t;&|!(])\[\[[ \t]"),
    ("'function'", rb"^[ \t]*function[ \t]"),
    ("'source'", rb"(?:^|[ \t;&|])source[ \t]"),
    ("process substitution", rb"[ \t][<>]\("),
    ("'&>'", rb"&>"),
    ("'${name//…}'", rb"\$\{\w{1,64}/"),
    ("'${name:offset}'", rb"\$\{\w{1,64}:[ \t]*\d"),
    ("'pipefail'", rb"\bpipefail\b"),
    ("'let'", rb"^[ \t]*let[ \t]"),
    ("'trap … ERR'", rb"\btrap\b.*[ \t]ERR\b"),
    ("'exec -a'", rb"\bexec -a\b"),
)


def bash_syntax(lines: list[Line], dialect: Dialect) -> list[tuple[int, str]]:
    """
    Return (line number, construct) for bash syntax that ``dialect`` does not understand; the first 20.

    Lines are matched without parsing, so one inside a string or a here-document may be named too.
    """
    patterns = {Dialect.DASH: _BOTH + _DASH_ONLY, Dialect.ASH: _BOTH}.get(dialect, ())
    found = []
    for line in lines:
        if line.is_idle:
            continue
        for name, pattern in patterns:
            if re.search(pattern, line.text[:4096]):
                found.append((line.number, name))
                if len(found) == _MOST_NOTES:
                    return found
    return found
