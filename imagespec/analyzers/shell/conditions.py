"""
Tests that can be decided from what is known: ``[ … ]``, ``test …`` and ``[[ … ]]`` (POSIX 2018 XCU "test"; bash 5.2).

A variable that the image never sets counts as unset for ``-z`` and ``-n``, as it does where a default is given for it: a
script that asks is made for both. What it is compared with stays open. Names that platforms set are not known. What is
not in the image may be mounted into it where such things are mounted, so that a file's absence is only known elsewhere.
"""

from __future__ import annotations

import re

import attrs

from imagespec.analyzers.shell.expand import Expander, pattern_of
from imagespec.analyzers.shell.parameters import UNSET, lookup
from imagespec.analyzers.shell.patterns import matches_pattern
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, Outcome, State, Status
from imagespec.analyzers.shell.tree import Literal, Parameter, Part, Word
from imagespec.analyzers.startup.places import ENGINE_MADE, IMAGE_ONLY, Places
from imagespec.analyzers.startup.walk import Walk
from imagespec.entry import Entry, EntryKind

Texts = list[str | None]
_LIMIT_WORDS = 60
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}\Z")
_SET_BY_PLATFORMS = ("KUBERNETES_", "MA_", "MODELARTS_", "NVIDIA_", "ASCEND_", "CUDA_")
_CHANGING = ("/dev/", "/proc/", "/sys/", "/tmp/", "/run/", "/var/run/", "/var/tmp/")  # noqa: S108 - compared with


class _NeverSet(str):
    """A text with variables that the image never sets, which are empty in it."""

    __slots__ = ()


def _as_tested(word: Word, state: State) -> tuple[Word, bool]:
    """Return a word in which variables that are never set are empty, and whether it has such."""
    parts: list[Part] = []
    for part in word.parts:
        if isinstance(part, Parameter) and not part.operator and _is_never_set(part.name, state):
            part = attrs.evolve(part, operator="-", argument=Word(()))
            state.doubts |= {Doubt.EXIT} if state.nounset else set()
        parts.append(part)
    return Word(tuple(parts)), tuple(parts) != word.parts


def _is_never_set(name: str, state: State) -> bool:
    named = name[:1].isalpha() or name[:1] == "_"
    ours = not name.startswith(_SET_BY_PLATFORMS) and name not in state.unset
    return named and ours and lookup(name, state) is UNSET


def decide(words: tuple[Word, ...], state: State, expander: Expander, walk: Walk, *, double: bool) -> Outcome:
    """Return what a test comes to; its words are expanded once, from left to right."""
    tester = _Tester(state, walk)
    if double:
        truth = _Double(words, state, expander, tester).decide()
    else:
        texts: Texts = []
        sizes_known = True
        for written in words:
            word, never = _as_tested(written, state)
            fields = expander.fields((word,), state)
            sizes_known &= None not in fields or all(getattr(part, "quoted", False) for part in word.parts)
            texts.extend(_NeverSet(text) if never and text is not None else text for text in fields)
        truth = tester.single(texts) if sizes_known and len(texts) <= _LIMIT_WORDS else None
    return Outcome(Status.UNKNOWN if truth is None else Status.ZERO if truth else Status.NONZERO)


def _not(truth: bool | None) -> bool | None:  # noqa: FBT001 - a truth of three values
    return None if truth is None else not truth


def _both(first: bool | None, second: bool | None) -> bool | None:  # noqa: FBT001
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _either(first: bool | None, second: bool | None) -> bool | None:  # noqa: FBT001
    return _not(_both(_not(first), _not(second)))


class _Tester:
    """The primaries of tests, and the rules of POSIX for their number of words."""

    def __init__(self, state: State, walk: Walk) -> None:
        self._state = state
        self._walk = walk

    def single(self, texts: Texts) -> bool | None:
        """Decide ``[ texts ]`` by the number of words, as POSIX does up to four; more as bash does."""
        match texts:
            case []:
                return False
            case [None]:
                return None
            case [text]:
                return text != ""
            case [first, operator, second] if operator in _BINARY:
                return self.binary(first, operator, second)
            case ["!", *rest] if len(rest) < 4:
                return _not(self.single(rest))
            case [operator, operand]:
                return self.unary(operator, operand)
            case [_, "-a" | "-o", _]:
                join = _both if texts[1] == "-a" else _either
                return join(self.single(texts[:1]), self.single(texts[2:]))
        return self._any_of(texts) if len(texts) > 3 and not {"(", ")"} & set(texts) else None

    def _any_of(self, texts: Texts) -> bool | None:
        """Decide what ``-o`` and ``-a`` join; a word that may be either or an operand leaves it open."""
        truth: bool | None = False
        for group in _split(texts, "-o"):
            inner: bool | None = True
            for primary in _split(group, "-a"):
                if not _is_primary(primary):
                    return None  # an error, whatever the others come to
                inner = _both(inner, self.single(primary))
            truth = _either(truth, inner)
        return truth

    def binary(self, first: str | None, operator: str | None, second: str | None) -> bool | None:
        """Decide ``first operator second``."""
        if first is None or second is None or isinstance(first, _NeverSet) or isinstance(second, _NeverSet):
            return None
        if operator in {"=", "==", "!="}:
            if operator == "==" and self._state.dialect not in {"bash", "ash"}:
                return None  # dash ends the test with an error
            return (first == second) is (operator != "!=")
        if not _NUMBER.match(first) or not _NUMBER.match(second):
            return None
        left, right = int(first), int(second)
        answers = {"-eq": left == right, "-ne": left != right, "-lt": left < right, "-le": left <= right}
        return {**answers, "-gt": left > right, "-ge": left >= right}.get(operator or "")

    def unary(self, operator: str | None, operand: str | None) -> bool | None:
        """Decide ``operator operand``."""
        if operand is None or operator is None:
            return None
        if operator in {"-z", "-n"}:
            return (operand == "") is (operator == "-z")
        return self._file(operator, operand) if operator in _FILES and type(operand) is str else None

    def _file(self, operator: str, name: str) -> bool | None:
        path = absolute(name, self._state.cwd) if name else None
        walk = self._walk
        if path is None or not walk.rootfs.complete or (path + "/").startswith(_CHANGING):
            return None
        link = walk.rootfs.lookup(path)
        entry = walk.rootfs.resolve(path)
        if walk.maybe_changed(path, entry.path if entry else None) or Places(self._state, walk).closed(path):
            return None
        if operator in {"-L", "-h"}:
            return link.kind is EntryKind.SYMLINK if link is not None else None
        if entry is None:
            # What is mounted is data: directories of programs, such as those in a home, come with the image.
            programs = operator == "-d" and path.endswith(("/bin", "/sbin"))
            kept = programs or (path.startswith(IMAGE_ONLY) and not path.startswith(ENGINE_MADE))
            return False if kept and link is None and not walk.may_have_made(path) else None
        return self._of_entry(operator, entry)

    def _of_entry(self, operator: str, entry: Entry) -> bool | None:
        match operator:
            case "-e":
                return True
            case "-f":
                return entry.kind is EntryKind.FILE
            case "-d":
                return entry.kind is EntryKind.DIRECTORY
            case "-s":
                return entry.size_bytes > 0 if entry.kind is EntryKind.FILE else None
            case "-r":
                return True if entry.mode & 0o444 == 0o444 else None
            case "-x" if "/" + entry.path in self._walk.made_executable:
                return None
            case "-x":
                return entry.mode & 0o001 != 0 if entry.mode & 0o111 in {0, 0o111} else None
        return None


_BINARY = frozenset(
    {"=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "<", ">"}
)
_FILES = frozenset({"-e", "-f", "-d", "-s", "-x", "-r", "-L", "-h"})


def _is_primary(words: Texts) -> bool:
    """Tell whether words are ``operator operand``, ``first operator second`` or one word, perhaps behind ``!``."""
    if words[:1] == ["!"] and len(words) > 1:
        words = words[1:]
    match words:
        case [_]:
            return True
        case [operator, _]:
            return operator is not None and re.match(r"-[a-zA-Z]\Z", operator) is not None
        case [_, operator, _]:
            return operator in _BINARY
    return False


def _split(texts: Texts, operator: str) -> list[Texts]:
    groups: list[Texts] = [[]]
    for text in texts:
        if text == operator:
            groups.append([])
        else:
            groups[-1].append(text)
    return groups


class _Double:
    """``[[ … ]]``: ``||`` over ``&&`` over ``!``, parentheses, and primaries whose words are not split."""

    def __init__(self, words: tuple[Word, ...], state: State, expander: Expander, tester: _Tester) -> None:
        self._words = list(words)
        self._state = state
        self._expander = expander
        self._tester = tester
        self._at = 0
        self._wrong = len(words) > _LIMIT_WORDS

    def decide(self) -> bool | None:
        """Return the truth of the whole."""
        truth = self._either() if not self._wrong else None
        return None if self._wrong or self._at < len(self._words) else truth

    def _peek(self) -> str | None:
        if self._at >= len(self._words):
            return None
        word = self._words[self._at]
        part = word.parts[0] if len(word.parts) == 1 else None
        return part.text if isinstance(part, Literal) and not part.quoted else ""

    def _take(self) -> Word:
        if self._at >= len(self._words):
            self._wrong = True
            return Word(())
        self._at += 1
        return self._words[self._at - 1]

    def _either(self) -> bool | None:
        truth = self._both()
        while self._peek() == "||":
            self._at += 1
            truth = _either(truth, self._both())
        return truth

    def _both(self) -> bool | None:
        truth = self._not()
        while self._peek() == "&&":
            self._at += 1
            truth = _both(truth, self._not())
        return truth

    def _not(self) -> bool | None:
        inverted = False
        while self._peek() == "!":
            self._at += 1
            inverted = not inverted
        truth = self._group() if self._peek() == "(" else self._primary()
        return _not(truth) if inverted else truth

    def _group(self) -> bool | None:
        self._at += 1
        truth = self._either()  # as deep as the words are many, which are bounded
        self._wrong |= self._take().literal != ")"
        return truth

    def _primary(self) -> bool | None:
        first = self._peek()
        word = self._take()
        if (
            first is not None
            and re.match(r"-[a-zA-Z]\Z", first)
            and self._peek() not in {None, "&&", "||", ")"}
        ):
            return self._tester.unary(first, self._value(self._take()))
        operator = self._peek()
        if operator in {None, "&&", "||", ")"}:
            return self._tester.single([self._value(word)])
        self._at += 1
        left, right = self._value(word), self._take()
        if operator in {"=", "==", "!="}:
            pattern = pattern_of(right, self._state, self._expander) if not self._state.nocasematch else None
            known = left is not None and not isinstance(left, _NeverSet)
            fits = (
                matches_pattern(pattern, left) if pattern is not None and left is not None and known else None
            )
            return _not(fits) if operator == "!=" else fits
        return self._tester.binary(left, operator, self._value(right))

    def _value(self, word: Word) -> str | None:
        tested, never = _as_tested(word, self._state)
        text = self._expander.value(tested, self._state)
        return _NeverSet(text) if never and text is not None else text
