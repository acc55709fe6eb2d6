"""From the grammar's word nodes to `shelltree` words: quotes and escapes (POSIX 2018 XCU 2.2, bash 5.2 manual 3.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from imagespec.analyzers.shell.tree import Literal, Opaque, Parameter, Part, Statement, Substitution, Word

if TYPE_CHECKING:
    from tree_sitter import Node

_LIMIT_DEPTH = 40
_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_ANSI_C = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_OPERATORS = frozenset({":-", "-", ":=", "=", ":+", "+", ":?", "error"})
_PLAIN = re.compile(r"[\w./:=@%+,-]+\Z")
_ALL_ELEMENTS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[@\]\Z")
CARRIAGE_RETURN_STAND_IN = "\x01"
"""The grammar takes CR for a blank, shells take it for a letter; this control character the grammar takes for one."""


PLAIN_REPLACEMENT = re.compile(r"((?:[\w .,:;=@+-]|\\/){1,50})(?:/([\w .,:;=@+/-]{0,50}))?", re.ASCII)
"""What stands behind ``${name/`` and ``${name//`` where it is text only: what is looked for, and what takes its place."""


class WordReader:
    """Turns word nodes of one text into words; ``statements`` lowers the commands inside a substitution."""

    def __init__(self, source: bytes, statements: Callable[[Node, int], tuple[Statement, ...]]) -> None:
        self._source = source
        self._statements = statements
        self.bashisms: list[tuple[int, str]] = []

    def text(self, start: int, end: int) -> str:
        """Return the source between two byte offsets."""
        raw = self._source[start:end].decode("utf-8", "surrogateescape")
        return raw.replace(CARRIAGE_RETURN_STAND_IN, "\r")

    def words(self, nodes: Iterable[Node], depth: int) -> tuple[Word, ...]:
        """
        Return the words of a command.

        The grammar (tree-sitter-bash 0.25) loses a lone ``-`` before a here-document and splits ``a"b"$c``: text
        between two nodes is a word when it is plain, and nodes without a blank between them are one unknown word.
        """
        found: list[Word] = []
        end = -1
        for node in nodes:
            between = self.text(end, node.start_byte) if end >= 0 else " "
            found.extend(self.lost_words(between))
            if between.replace("\\\n", "") == "" and found:
                found[-1] = Word((Opaque(),))
            else:
                found.append(Word(self.parts(node, depth)))
            end = node.end_byte
        return tuple(found)

    @staticmethod
    def lost_words(between: str) -> list[Word]:
        """Return the words in text that no node covers."""
        words = between.replace("\\\n", " ").split()
        return [Word((Literal(text),)) if _PLAIN.match(text) else Word((Opaque(),)) for text in words]

    def parts(self, node: Node, depth: int, *, quoted: bool = False) -> tuple[Part, ...]:  # noqa: C901 - a table
        """Return the parts of one word node."""
        if depth > _LIMIT_DEPTH:
            return (Opaque(quoted),)
        raw = self.text(node.start_byte, node.end_byte)
        match node.type:
            case "word" | "number" | "variable_name" | "test_operator" | "extglob_pattern" | "regex" | "$":
                return tuple(_unescape(raw)) if not quoted else (Literal(raw, quoted=True),)
            case "raw_string":
                return (Literal(raw[1:-1], quoted=True),)
            case "ansi_c_string":
                self.bashisms.append((node.start_point.row + 1, "$'…'"))
                return (_ansi_c(raw[2:-1]),)
            case "string":
                return self._string(node, depth, node.start_byte + 1, node.end_byte - 1)
            case "translated_string":
                return self.parts(node.children[-1], depth + 1) if node.children else (Opaque(),)
            case "concatenation":
                return self._joined(node.children, node.start_byte, node.end_byte, depth)
            case "simple_expansion":
                return self._simple(node, raw, quoted=quoted)
            case "expansion":
                return (self._expansion(node, depth, quoted=quoted),)
            case "command_substitution":
                return (Substitution(self._statements(node, depth + 1), quoted),)
            case "process_substitution":
                self.bashisms.append((node.start_point.row + 1, "process substitution"))
                return (Substitution(self._statements(node, depth + 1), quoted, process=True),)
            case _:
                return (Opaque(quoted),)

    def document(self, node: Node, depth: int) -> Word | None:
        """Return what a here-document holds; None where that is not known. Commands in it are not followed."""
        inner = {child.type: child for child in node.children}
        body, start = inner.get("heredoc_body"), inner.get("heredoc_start")
        if start is None or any(child.is_error for child in node.children):
            return None
        if body is None:
            return Word((Literal("", quoted=True),))
        raw = self.text(body.start_byte, body.end_byte)
        quoted = any(char in self.text(start.start_byte, start.end_byte) for char in "'\"\\")
        expands = not quoted and any(char in raw for char in "$`\\")
        if "<<-" in inner:
            return None if expands else Word((Literal(re.sub(r"(?m)^\t+", "", raw), quoted=True),))
        if not expands:
            return Word((Literal(raw, quoted=True),))
        if any(child.type == "command_substitution" for child in body.children) or '\\"' in raw:
            return None
        return Word(self._string(body, depth, body.start_byte, body.end_byte))

    def _string(self, node: Node, depth: int, start: int, end: int) -> tuple[Part, ...]:
        """Return the parts of quoted text; the grammar leaves blanks between expansions to no node."""
        inner = [child for child in node.children if child.is_named]
        found: list[Part] = []
        at = start
        for child in inner:
            if child.type in {"string_content", "heredoc_content"}:
                continue  # its text is read with the gaps
            # The token of a `$` after blanks inside quotes begins with these blanks.
            raw = self.text(child.start_byte, child.end_byte)
            text = self.text(at, child.start_byte) + raw[: len(raw) - len(raw.lstrip())]
            if text:
                found.append(Literal(_unescape_quoted(text), quoted=True))
            found.extend(self.parts(child, depth + 1, quoted=True))
            at = child.end_byte
        if end > at or not found:  # an empty literal beside "$@" would make a word where there is none
            found.append(Literal(_unescape_quoted(self.text(at, end)), quoted=True))
        return tuple(found)

    def _joined(self, children: list[Node], start: int, end: int, depth: int) -> tuple[Part, ...]:
        found: list[Part] = []
        at = start
        for child in children:
            if child.start_byte > at:
                found.append(Literal(self.text(at, child.start_byte)))
            found.extend(self.parts(child, depth + 1))
            at = child.end_byte
        if end > at:
            found.append(Literal(self.text(at, end)))
        texts = [part.text for part in found if isinstance(part, Literal) and not part.quoted]
        if "{" in texts and "}" in texts and any("," in text or ".." in text for text in texts):
            self.bashisms.append((children[0].start_point.row + 1, "brace expansion"))
            return (Opaque(),)
        return tuple(found)

    def _simple(self, node: Node, raw: str, *, quoted: bool) -> tuple[Part, ...]:
        if not node.named_children:
            return (Opaque(quoted),)
        return (Parameter(raw.strip()[1:], quoted=quoted),)

    def _expansion(self, node: Node, depth: int, *, quoted: bool) -> Part:
        children = node.children[1:-1]
        if self.text(node.start_byte, node.end_byte) == "${BASH_SOURCE[0]}":
            return Parameter("BASH_SOURCE", quoted=quoted)
        if len(children) == 1 and children[0].type == "subscript":
            raw = self.text(children[0].start_byte, children[0].end_byte)
            return Parameter(raw, quoted=quoted) if _ALL_ELEMENTS.match(raw) else Opaque(quoted)
        if not children or children[0].type not in {"variable_name", "special_variable_name"}:
            return Opaque(quoted)
        name = self.text(children[0].start_byte, children[0].end_byte)
        if len(children) == 1:
            return Parameter(name, quoted=quoted)
        operator = "error" if children[1].type == "?" else children[1].type
        argument = self._joined(children[2:], children[1].end_byte, node.end_byte - 1, depth)
        if quoted and any(child.type in {"raw_string", "ansi_c_string"} for child in children[2:]):
            return Opaque(quoted)  # quotes that stand for themselves there
        if operator in _OPERATORS:
            return Parameter(name, operator, Word(argument), quoted)
        if operator in {"#", "##", "%", "%%"}:
            return Parameter(name, operator, self._pattern(children[2:], argument), quoted)
        if operator in {"/", "//", ":", "^", "^^", ",", ",,", "@"}:
            self.bashisms.append((node.start_point.row + 1, f"${{{name}{operator}…}}"))
        text = self.text(children[1].end_byte, node.end_byte - 1)
        if operator == ":" or (operator in {"/", "//"} and PLAIN_REPLACEMENT.fullmatch(text)):
            return Parameter(name, operator, Word((Literal(text),)), quoted)
        return Parameter(name, "?", None, quoted)

    @staticmethod
    def _pattern(nodes: list[Node], argument: tuple[Part, ...]) -> Word:
        """Return the pattern behind ``#`` or ``%``; the grammar takes quotes and expansions in it for plain text."""
        texts = [part.text for part in argument if isinstance(part, Literal)]
        plain = all(node.type in {"regex", "word", "string", "raw_string"} for node in nodes)
        odd = any(char in text for text in texts for char in "\\$'\"`")
        return Word((Opaque(),)) if odd or not plain else Word(argument)


def _unescape(raw: str) -> list[Part]:
    """Return unquoted text without its backslashes; an escaped character counts as quoted."""
    if "\\" not in raw:
        return [Literal(raw)]
    found: list[Part] = []
    at = 0
    for match in _ESCAPE.finditer(raw):
        if match.start() > at:
            found.append(Literal(raw[at : match.start()]))
        if match[1] != "\n":
            found.append(Literal(match[1], quoted=True))
        at = match.end()
    return [*found, Literal(raw[at:])] if at < len(raw) else found


def _unescape_quoted(raw: str) -> str:
    r"""Return text of double quotes; there a backslash escapes only ``$`` `````` ``"`` ``\\`` and a line's end."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "\n":
            return ""
        return match[1] if match[1] in '$`"\\' else match[0]

    return _ESCAPE.sub(replaced, raw)


def _ansi_c(raw: str) -> Part:
    known = {**_ANSI_C, "\\": "\\", "'": "'", '"': '"', "?": "?"}
    if any(match[1] not in known for match in _ESCAPE.finditer(raw)):
        return Opaque(quoted=True)
    return Literal(_ESCAPE.sub(lambda match: known[match[1]], raw), quoted=True)
