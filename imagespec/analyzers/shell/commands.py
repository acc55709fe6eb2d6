"""From the grammar's nodes to `shelltree`: commands without commands inside, and their redirections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from imagespec.analyzers.shell.tree import (
    Assignment,
    Condition,
    Declare,
    Literal,
    Opaque,
    Part,
    Redirect,
    Simple,
    Statement,
    Substitution,
    Word,
)
from imagespec.analyzers.shell.wordparts import WordReader

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORD_TYPES = frozenset(
    "word number string raw_string ansi_c_string translated_string concatenation simple_expansion "  # noqa: SIM905 - one word a line is no better
    "expansion command_substitution process_substitution arithmetic_expansion brace_expression "
    "variable_name extglob_pattern regex test_operator $".split()
)


class CommandReader:
    """Lowers commands of one text; ``statements`` lowers what stands inside a substitution."""

    def __init__(self, reader: WordReader, statements: Callable[[Node, int], tuple[Statement, ...]]) -> None:
        self.reader = reader
        self._statements = statements

    def simple(self, node: Node, depth: int) -> Simple:
        """Return a simple command or assignments."""
        children = [node] if node.type == "variable_assignment" else node.children
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        words: list[Node] = []
        for child in children:
            if child.type == "variable_assignment" and not words and self._is_assignment(child):
                assignments.append(self._assignment(child, depth))
            elif child.type.endswith("_redirect"):
                redirects.extend(self.redirects(child, depth))
            elif child.type == "command_name":
                words.extend(child.children[:1])
            elif child.type != "comment":
                words.append(child)
        return Simple(
            line=line_of(node),
            assignments=tuple(assignments),
            words=self.reader.words(words, depth),
            redirects=tuple(redirects),
        )

    def _is_assignment(self, node: Node) -> bool:
        name = node.child_by_field_name("name")
        return name is not None and (
            name.type == "subscript" or bool(_NAME.match(self.reader.text(name.start_byte, name.end_byte)))
        )

    def _assignment(self, node: Node, depth: int) -> Assignment:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        assert name is not None
        text = self.reader.text(name.start_byte, name.end_byte)
        append = any(child.type == "+=" for child in node.children)
        if append or name.type == "subscript" or (value is not None and value.type == "array"):
            self.reader.bashisms.append((line_of(node), "+=" if append else "array"))
        if value is not None and value.type == "array" and name.type != "subscript":
            nodes = [child for child in value.children if child.is_named and child.type != "comment"]
            return Assignment(
                text, None, append, tuple(Word(self.reader.parts(item, depth)) for item in nodes)
            )
        if name.type == "subscript":
            return Assignment(text.partition("[")[0], Word((Opaque(),)))
        return Assignment(text, Word(self.reader.parts(value, depth) if value else ()), append)

    def declare(self, node: Node, depth: int) -> Declare:
        """Return ``export`` and its like, or ``unset``."""
        assignments = [child for child in node.children if child.type == "variable_assignment"]
        words = [child for child in node.children[1:] if child.type in _WORD_TYPES]
        return Declare(
            line_of(node),
            node.children[0].type,
            tuple(Word(self.reader.parts(word, depth)) for word in words),
            tuple(self._assignment(child, depth) for child in assignments),
        )

    def redirects(self, node: Node, depth: int) -> list[Redirect]:
        """Return a redirection; behind the start of a here-document there may be others."""
        if node.type == "file_redirect":
            return [self._redirect(node, depth)]
        if node.type == "herestring_redirect":
            self.reader.bashisms.append((line_of(node), "<<<"))
        inner = [child for child in node.named_children if child.type == "file_redirect"]
        text = self.reader.document(node, depth) if node.type == "heredoc_redirect" else None
        return [Redirect(0, "<<", None, text), *(self._redirect(child, depth) for child in inner)]

    def _redirect(self, node: Node, depth: int) -> Redirect:
        fd = node.child_by_field_name("descriptor")
        digits = self.reader.text(fd.start_byte, fd.end_byte) if fd else ""
        target = node.child_by_field_name("destination")
        operator = next((child.type for child in node.children if not child.is_named), ">")
        return Redirect(
            int(digits) if digits.isdecimal() and len(digits) < 4 else None,
            operator,
            Word(self.reader.parts(target, depth)) if target else None,
        )

    def test(self, node: Node, depth: int) -> Condition:
        """Return a test; its inside is searched, not evaluated."""
        found: list[Substitution] = []
        assigned: list[str] = []
        stack = list(reversed(node.children))
        while stack:
            child = stack.pop()
            if child.type == "command_substitution":
                found.append(Substitution(self._statements(child, depth)))
                continue
            if child.type in {"variable_name", "word"} and (
                node.children[0].type == "((" or "=" in child.type
            ):
                assigned.append(self.reader.text(child.start_byte, child.end_byte))
            if child.type == "expansion" and any(part.type in {":=", "="} for part in child.children):
                assigned.append(
                    self.reader.text(child.start_byte, child.end_byte).strip("${").partition(":")[0]
                )
            stack.extend(reversed(child.children))
        opener = node.children[0].type
        if opener != "[":
            self.reader.bashisms.append((line_of(node), opener))
        words = self._tested(node, depth) if opener in {"[", "[["} and not node.has_error else None
        return Condition(line_of(node), opener, tuple(found), tuple(assigned), words)

    def _tested(self, node: Node, depth: int) -> tuple[Word, ...] | None:
        """
        Return the words between the brackets; None where the grammar leaves text to no node.

        The grammar (tree-sitter-bash 0.25) gives operators the wrong precedence and splits ``--help``, so only its
        leaves count, and those without a blank between them are one word.
        """
        words: list[Word] = []
        end = -1
        double = node.children[0].type == "[["
        leaves = list(_leaves(node))
        for leaf in leaves if len(leaves) < _TEST_LIMIT else ():
            parts = self._leaf(leaf, depth)
            between = self.reader.text(end, leaf.start_byte) if end >= 0 else " "
            between = between.replace("\\\n", "")
            if between.strip():
                return None
            joined = not between and not (double and (leaf.type in "()" or words[-1].literal == "("))
            if joined:
                words[-1] = Word((*words[-1].parts, *parts))
            else:
                words.append(Word(parts))
            end = leaf.end_byte
        return tuple(words) if len(leaves) < _TEST_LIMIT else None

    def _leaf(self, node: Node, depth: int) -> tuple[Part, ...]:
        if node.is_named:
            return self.reader.parts(node, depth)
        return (Literal(self.reader.text(node.start_byte, node.end_byte)),)


_TEST_LIMIT = 200  # leaves of one test: real ones have under twenty


def _leaves(node: Node) -> Iterator[Node]:
    """Yield the words and operators of a test in their order."""
    stack = list(reversed(node.children[1:-1]))
    count = 0
    while stack and count < _TEST_LIMIT:
        child = stack.pop()
        if child.type.endswith("_expression") and child.type != "brace_expression":
            stack.extend(reversed(child.children))
        elif child.type != "comment":
            count += 1
            yield child


def line_of(node: Node) -> int:
    """Return the line on which a node begins, from 1."""
    return node.start_point.row + 1


def names_in(reader: WordReader, nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the names in the head of ``for ((…))``."""
    found: list[str] = []
    stack = [node for node in nodes if node.type not in {"for", "in"}]
    while stack:
        node = stack.pop()
        if node.type in {"variable_name", "word"}:
            found.append(reader.text(node.start_byte, node.end_byte))
        stack.extend(node.children)
    return tuple(found)
