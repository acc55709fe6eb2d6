"""Words to fields: parameters, quotes, splitting and globs (POSIX 2018 XCU 2.6)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

from imagespec.analyzers.shell.parameters import LIMIT_FIELDS, UNSET, Fields, certainly_unset, joined, lookup
from imagespec.analyzers.shell.patterns import Pattern, parse_pattern, without
from imagespec.analyzers.shell.state import Doubt, State
from imagespec.analyzers.shell.tree import Literal, Opaque, Parameter, Part, Substitution, Word
from imagespec.analyzers.shell.wordparts import PLAIN_REPLACEMENT
from imagespec.rootfs import RootFs

_LIMIT_NAMES = 30  # files that a pattern stands for
Substitute = Callable[[Substitution, State], str | None]


class Expander:
    """Expands words in a state; ``substitute`` runs the commands of a substitution and may know its value."""

    def __init__(
        self,
        view: Callable[[], RootFs],
        substitute: Substitute,
        may_have_made: Callable[[str], bool],
        remark: Callable[[State, str], None],
    ) -> None:
        self._remark = remark
        self._view = view
        self._may_have_made = may_have_made
        self._substitute = substitute

    def fields(self, words: tuple[Word, ...], state: State) -> tuple[str | None, ...]:
        """Return the words of a command; None stands for one or more, or even no, words of unknown text."""
        found: list[str | None] = []
        for word in words:
            found.extend(self._fields(word, state))
            if len(found) > LIMIT_FIELDS:
                return (*found[:LIMIT_FIELDS], None)
        return tuple(found)

    def value(self, word: Word, state: State) -> str | None:
        """Return a word's text where no splitting is done: in assignments and redirections."""
        texts: list[str | None] = []
        for number, part in enumerate(word.parts):
            if isinstance(part, Literal) and not part.quoted and number == 0:
                texts.append(_tilde(part.text, state))
            else:
                texts.append(self._text(part, state))
        return joined(texts)

    def _fields(self, word: Word, state: State) -> list[str | None]:
        building = Fields()
        self._build(word, state, building)
        return self._globbed(building, state)

    def _build(self, word: Word, state: State, building: Fields, *, inner: bool = False) -> None:
        """Add a word's parts; those of an ``inner`` one, the default of a parameter, are split where not quoted."""
        for number, part in enumerate(word.parts):
            if isinstance(part, Literal) and inner and not part.quoted and "~" not in part.text:
                building.split(None if "IFS" in state.variables else part.text)
            elif isinstance(part, Literal):
                text = _tilde(part.text, state) if number == 0 and not part.quoted else part.text
                building.append(text)
                special = any(char in part.text for char in "*?[")
                building.glob |= not part.quoted and special
                building.quoted_glob |= part.quoted and special
            elif isinstance(part, Parameter) and self._takes_argument(part, state):
                self._build(part.argument or Word(()), state, building, inner=True)
            elif isinstance(part, Parameter) and part.name in "@*" and not part.operator:
                self._all_of(state.positional, part, building)
            elif isinstance(part, Parameter) and part.name.endswith("[@]"):
                self._all_of(state.arrays.get(part.name[:-3]), part, building)
            elif part.quoted:
                text = self._text(part, state)
                building.append(text)
                building.quoted_glob |= text is None or any(char in text for char in "*?[")
            else:
                value = self._text(part, state)
                building.split(None if "IFS" in state.variables else value)

    @staticmethod
    def _takes_argument(part: Parameter, state: State) -> bool:
        """Tell whether an unquoted parameter certainly stands for its argument, whose own quotes then count."""
        if part.quoted or part.operator not in {":-", "-", ":+", "+"}:
            return False
        value = lookup(part.name, state)
        if part.operator.endswith("+"):
            return isinstance(value, str) and (value != "" or part.operator == "+")
        return value is UNSET or (value == "" and part.operator == ":-")

    def _globbed(self, building: Fields, state: State) -> list[str | None]:
        if not building.glob:
            return building.done()
        done = building.done()
        if len(done) == 1 and done[0] is not None and not state.noglob and not building.quoted_glob:
            matched = self._matched(done[0], state)
            if matched is not None:
                return list(matched)
        return [
            None if text is None or not state.plain_globs or self._may_match(text, state.cwd) else text
            for text in done
        ]

    def _matched(self, pattern: str, state: State) -> list[str] | None:
        """Return the names that a pattern comes to, itself where it names nothing; None where they are not known."""
        head, slash, base = pattern.rpartition("/")
        if not state.plain_globs or self._may_have_made(head or "/") or not pattern.startswith("/"):
            return None
        if any(char in head for char in "*?[") or "[" in base or not self._view().complete:
            return None
        names = [entry.path.rpartition("/")[2] for entry in self._view().list(head or "/")]
        fitting = sorted(
            name for name in names if fnmatch.fnmatchcase(name, base) and not name.startswith(".")
        )
        return [head + slash + name for name in fitting] or [pattern] if len(fitting) < _LIMIT_NAMES else None

    def _may_match(self, pattern: str, cwd: str | None) -> bool:
        """Tell whether a pattern may name files; when it names none it stays as it is."""
        head, _, base = pattern.rpartition("/")
        if cwd is None or any(char in head for char in "*?[") or not self._view().complete:
            return True
        directory = pattern[: len(head) + 1] if pattern.startswith("/") else f"{cwd}/{head}"
        names = (entry.path.rpartition("/")[2] for entry in self._view().list(directory))
        return any(fnmatch.fnmatchcase(name, base) for name in names)

    @staticmethod
    def _all_of(items: tuple[str | None, ...] | None, part: Parameter, building: Fields) -> None:
        if items is None:
            building.append(None)
        elif part.quoted and part.name == "*":
            building.append(joined([x for item in items for x in (" ", item)][1:]))
        elif part.quoted:
            for number, item in enumerate(items):
                if number:
                    building.end()
                building.append(item)
        else:
            for item in items:
                building.end()
                building.split(item)
            building.end()

    def _text(self, part: Part, state: State) -> str | None:
        match part:
            case Literal(text):
                return text
            case Parameter():
                return self._parameter(part, state)
            case Substitution():
                value = self._substitute(part, state)
                return None if part.process else value
            case Opaque():
                state.doubts |= {Doubt.EXIT} if state.nounset else set()
                return None

    def _parameter(self, part: Parameter, state: State) -> str | None:  # noqa: C901, PLR0912 - a table of operators
        value = lookup(part.name, state)
        argument = part.argument or Word(())
        unset = value is UNSET
        known = value if isinstance(value, str) else None
        if part.name in {"@", "*"} and part.operator and (not unset or part.operator == ":"):
            return None  # words that are each changed
        if unset and state.nounset and part.operator not in _DEFAULTING and part.name not in {"@", "*"}:
            self._remark(state, f"the shell ends here where {part.name} is not set")
            state.doubts.add(Doubt.EXIT)
        match part.operator:
            case "":
                # Never set in the image: it may still be given when the container is started.
                return "" if unset and certainly_unset(part.name, state) else known
            case ":-" | "-" | ":=" | "=":
                if not unset and known is None and part.operator.endswith("="):
                    state.assign(part.name, None)
                if not unset and (known or known is None or not part.operator.startswith(":")):
                    return known
                default = self.value(argument, state)
                if part.operator.endswith("="):
                    state.assign(part.name, default)
                return default
            case ":+" | "+":
                if unset or (known == "" and part.operator == ":+"):
                    return ""
                return None if known is None else self.value(argument, state)
            case ":?" | "error":
                if known is None or (known == "" and part.operator == ":?"):
                    self._remark(state, f"the shell ends here where {part.name} is not set")
                    state.doubts.add(Doubt.EXIT)
                return known
            case "#" | "##" | "%" | "%%":
                pattern = pattern_of(argument, state, self)
                known = "" if unset and certainly_unset(part.name, state) else known
                return None if known is None or pattern is None else without(known, part.operator, pattern)
            case ":":
                known = "" if unset and certainly_unset(part.name, state) else known
                return None if known is None else _section(known, argument.literal or "")
            case "/" | "//":
                known = "" if unset and certainly_unset(part.name, state) else known
                return None if known is None else _replaced(known, argument.literal or "", part.operator)
            case _:
                return None


def _replaced(text: str, wanted: str, operator: str) -> str | None:
    """Return ``${text/old/new}`` or ``//`` for plain texts."""
    found = PLAIN_REPLACEMENT.fullmatch(wanted)
    if found is None:
        return None
    return text.replace(found[1].replace("\\/", "/"), found[2] or "", -1 if operator == "//" else 1)


_DEFAULTING = frozenset({":-", "-", ":=", "=", ":+", "+"})
_SECTION = re.compile(r"([0-9]{1,6})(?::([0-9]{1,6}))?\Z")


def _section(text: str, wanted: str) -> str | None:
    """Return ``${text:offset:length}`` for plain numbers."""
    found = _SECTION.match(wanted)
    if found is None:
        return None
    start = int(found[1])
    return text[start:] if found[2] is None else text[start : start + int(found[2])]


def pattern_of(word: Word, state: State, expander: Expander) -> Pattern | None:
    """Return the pattern that a word is; None where it is not known."""
    pieces: list[tuple[str, bool]] = []
    for part in word.parts:
        if isinstance(part, Literal):
            pieces.append((part.text, part.quoted))
            continue
        text = expander.value(Word((part,)), state)
        if text is None:
            return None
        pieces.append((text, part.quoted))
    return parse_pattern(pieces)


def _tilde(text: str, state: State) -> str | None:
    if not text.startswith("~"):
        return text
    home = state.variables.get("HOME")
    return home + text[1:] if home and (text == "~" or text.startswith("~/")) else None
