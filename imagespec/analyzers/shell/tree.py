"""The tree of a shell text: what `shell.parse_shell` yields and `shellrun` evaluates (POSIX 2018 XCU chapter 2)."""

from __future__ import annotations

import attrs


@attrs.frozen
class Literal:
    """Text that stands for itself, quotes and escapes removed; ``quoted`` keeps it from being a glob or a tilde."""

    text: str
    quoted: bool = False


@attrs.frozen
class Parameter:
    """
    ``$name`` or ``${name OP argument}``; an ``operator`` that is not evaluated makes the value unknown.

    All elements of an array are the name with ``[@]``.
    """

    name: str
    operator: str = ""
    argument: Word | None = None
    quoted: bool = False


@attrs.frozen
class Substitution:
    """``$(body)``, or with ``process`` the file names that ``<(body)`` and ``>(body)`` stand for."""

    body: tuple[Statement, ...]
    quoted: bool = False
    process: bool = False


@attrs.frozen
class Opaque:
    """A part whose value is not evaluated: arithmetic, braces, what the grammar could not tell."""

    quoted: bool = False


Part = Literal | Parameter | Substitution | Opaque


@attrs.frozen
class Word:
    """A word before expansion: parts that are joined without blanks."""

    parts: tuple[Part, ...]

    @property
    def literal(self) -> str | None:
        """The word's text where it needs no expansion."""
        if all(isinstance(part, Literal) for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Literal))
        return None


@attrs.frozen
class Assignment:
    """``name=value``; value None where it cannot be evaluated (elements of arrays); ``name=(elements)``."""

    name: str
    value: Word | None
    append: bool = False
    elements: tuple[Word, ...] | None = None


@attrs.frozen
class Redirect:
    """``fd OP target``; fd None is the operator's default, target None closes or is a here-document."""

    fd: int | None
    operator: str
    target: Word | None
    text: Word | None = None
    """What a here-document holds, as far as it is known before the commands in it have run."""


@attrs.frozen(kw_only=True)
class Simple:
    """A simple command; ``words`` empty for assignments alone."""

    line: int
    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()

    @property
    def shown(self) -> str:
        """The command as evidence quotes it."""
        return " ".join("…" if word.literal is None else word.literal for word in self.words)[:200]


@attrs.frozen
class Declare:
    """``export``, ``declare``, ``local``, ``readonly`` and the like, or ``unset``."""

    line: int
    keyword: str
    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...]


@attrs.frozen
class Condition:
    """
    A test, ``[ … ]`` or ``[[ … ]]``, or an arithmetic command.

    ``words`` are those between the brackets, operators among them; None where they are not understood, and then only
    the substitutions and names inside count.
    """

    line: int
    opener: str
    substitutions: tuple[Substitution, ...] = ()
    assigned: tuple[str, ...] = ()
    words: tuple[Word, ...] | None = None


@attrs.frozen
class Pipeline:
    """Commands that run at once; ``both[i]`` tells that stage i sends stderr along (``|&``)."""

    line: int
    stages: tuple[Statement, ...]
    both: tuple[bool, ...]


@attrs.frozen
class AndOr:
    """``first && second || third``, left to right."""

    line: int
    first: Statement
    rest: tuple[tuple[str, Statement], ...]


@attrs.frozen
class Negated:
    """``! inner``."""

    line: int
    inner: Statement


@attrs.frozen
class Group:
    """``{ body; }`` or, with ``subshell``, ``( body )``."""

    line: int
    body: tuple[Statement, ...]
    subshell: bool = False


@attrs.frozen
class If:
    """Arms of (condition, body) and what stands behind ``else``."""

    line: int
    arms: tuple[tuple[tuple[Statement, ...], tuple[Statement, ...]], ...]
    orelse: tuple[Statement, ...] | None


@attrs.frozen
class CaseItem:
    """One item of ``case``: its patterns, its body, and whether it goes on after ``;;`` (not after ``;&`` or ``;;&``)."""

    patterns: tuple[Word, ...]
    body: tuple[Statement, ...]
    ends: bool = True


@attrs.frozen
class Case:
    """``case`` with its items; ``exhaustive`` when one of them is ``*``."""

    line: int
    value: Word
    items: tuple[CaseItem, ...]
    exhaustive: bool


@attrs.frozen
class Loop:
    """``while`` and ``until`` (``condition``), ``for`` and ``select`` (``variable`` and ``values``)."""

    line: int
    keyword: str
    body: tuple[Statement, ...]
    condition: tuple[Statement, ...] = ()
    variable: str = ""
    values: tuple[Word, ...] = ()
    counts: tuple[str, ...] = ()
    """Names in the head of ``for ((…))``, which may change."""


@attrs.frozen
class Function:
    """The definition of a function."""

    line: int
    name: str
    body: Statement


@attrs.frozen
class Background:
    """``inner &``."""

    line: int
    inner: Statement


@attrs.frozen
class Redirected:
    """A compound command with redirections."""

    line: int
    inner: Statement
    redirects: tuple[Redirect, ...]


@attrs.frozen
class Unparsed:
    """What is not understood; ``reason`` says what it is."""

    line: int
    reason: str


Statement = (
    Simple
    | Declare
    | Condition
    | Pipeline
    | AndOr
    | Negated
    | Group
    | If
    | Case
    | Loop
    | Function
    | Background
    | Redirected
    | Unparsed
)


@attrs.frozen
class Problem:
    """Why a text, or a part of it, cannot be trusted to run as the tree says."""

    line: int
    reason: str


@attrs.frozen
class ShellText:
    """A parsed text. ``problems`` touch the whole of it; ``bashisms`` are constructs that POSIX shells lack."""

    body: tuple[Statement, ...]
    problems: tuple[Problem, ...] = ()
    bashisms: tuple[Problem, ...] = ()
