"""
Shell text to commands, by the grammar of tree-sitter-bash.

The tree that comes out is bounded in depth, so that everything behind it may recurse. Where the grammar is known to
read a text otherwise than a shell does, the tree is put right here, or the place is reported as a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagespec.analyzers.shell.commands import CommandReader, line_of, names_in
from imagespec.analyzers.shell.grammar import parse_grammar
from imagespec.analyzers.shell.syntax import LIMIT_PROBLEMS, syntax_problems
from imagespec.analyzers.shell.tree import (
    AndOr,
    Background,
    Case,
    CaseItem,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Negated,
    Parameter,
    Pipeline,
    Problem,
    Redirect,
    Redirected,
    ShellText,
    Simple,
    Statement,
    Unparsed,
    Word,
)
from imagespec.analyzers.shell.wordparts import CARRIAGE_RETURN_STAND_IN, WordReader

if TYPE_CHECKING:
    from tree_sitter import Node

LIMIT_TEXT_BYTES = 64 << 10
"""Longer texts are not parsed: scripts that start containers are far shorter."""
_LIMIT_DEPTH = 30  # nested compound commands; keeps every later recursion under Python's limit
_RESERVED = frozenset(
    [
        "!",
        "{",
        "}",
        "case",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "fi",
        "for",
        "if",
        "in",
        "then",
        "until",
        "while",
    ]
)
"""Reserved words of POSIX shells (XCU 2.4)."""
_NOT_STATEMENTS = frozenset({"comment", "heredoc_body", "file_descriptor"})


def parse_shell(text: bytes) -> ShellText:
    """Return the commands of a text; whatever is wrong with it is among the result's problems."""
    if len(text) > LIMIT_TEXT_BYTES:
        reason = f"{len(text):,} bytes of shell text are more than the {LIMIT_TEXT_BYTES:,} that are read"
        return ShellText((), (Problem(1, reason),))
    if CARRIAGE_RETURN_STAND_IN.encode() in text or b"\0" in text:
        return ShellText((), (Problem(1, "control characters that no shell script has"),))
    root, source = parse_grammar(text.replace(b"\r", CARRIAGE_RETURN_STAND_IN.encode()))
    lowering = _Lowering(source)
    body = lowering.sequence(root.children, 0)
    problems = [*syntax_problems(root, source), *lowering.problems]
    bashisms = [Problem(line, what) for line, what in sorted(lowering.reader.bashisms)]
    return ShellText(body, tuple(problems[:LIMIT_PROBLEMS]), tuple(bashisms[:LIMIT_PROBLEMS]))


class _Lowering:
    """One text on its way from the grammar's nodes to `shelltree`."""

    def __init__(self, source: bytes) -> None:
        self.reader = WordReader(source, self._inside)
        self._commands = CommandReader(self.reader, self._inside)
        self.problems: list[Problem] = []

    def sequence(self, nodes: list[Node], depth: int) -> tuple[Statement, ...]:
        """Return the statements among sibling nodes; a ``&`` sends the one before it to the background."""
        found: list[Statement] = []
        for node in nodes:
            if node.type == "&" and found:
                found[-1] = Background(line_of(node), found[-1])
            elif node.is_named and node.type not in _NOT_STATEMENTS and not node.is_error:
                found.append(self.statement(node, depth))
        return tuple(found)

    def _inside(self, node: Node, depth: int) -> tuple[Statement, ...]:
        return self.sequence(node.children, depth)

    def statement(self, node: Node, depth: int) -> Statement:  # noqa: C901, PLR0912 - a table of node types
        """Return one statement."""
        if depth > _LIMIT_DEPTH:
            return self._unparsed(node, "commands nested too deeply to follow")
        line, below = line_of(node), depth + 1
        match node.type:
            case "command" | "variable_assignment" | "variable_assignments":
                return self._simple(node, below)
            case "declaration_command" | "unset_command":
                return self._commands.declare(node, below)
            case "redirected_statement":
                return self._redirected(node, below)
            case "list":
                return self._list(node, below)
            case "pipeline":
                return self._pipeline(node, below)
            case "negated_command":
                return Negated(line, self.statement(node.children[-1], below))
            case "subshell" if self.reader.text(node.start_byte, node.start_byte + 2) == "((":
                return self._unparsed(node, "parentheses that may be arithmetic are not followed")
            case "subshell":
                return Group(line, self.sequence(node.children, below), subshell=True)
            case "compound_statement" if node.children[0].type == "((":
                return self._commands.test(node, below)
            case "compound_statement":
                return Group(line, self.sequence(node.children, below))
            case "test_command":
                return self._commands.test(node, below)
            case "if_statement":
                return self._if(node, below)
            case "case_statement":
                return self._case(node, below)
            case "while_statement" | "for_statement" | "c_style_for_statement":
                return self._loop(node, below)
            case "function_definition":
                return self._function(node, below)
            case _:
                return self._unparsed(node, f"{node.type.replace('_', ' ')} is not followed")

    def _simple(self, node: Node, depth: int) -> Statement:
        made = self._commands.simple(node, depth)
        first = made.words[0].parts if made.words and not made.assignments else ()
        word = first[0] if len(first) == 1 else None
        if isinstance(word, Literal) and not word.quoted and word.text in _RESERVED:
            # As in `! { …; }`, which the grammar takes for a command `{`.
            self.problems.append(Problem(made.line, f"{word.text!r} is a word of the shell itself"))
        return made

    def _unparsed(self, node: Node, reason: str) -> Unparsed:
        return Unparsed(line_of(node), reason)

    def _redirected(self, node: Node, depth: int) -> Statement:
        body = node.child_by_field_name("body")
        nodes = [child for child in node.children if child.type.endswith("_redirect")]
        redirects = tuple(item for child in nodes for item in self._commands.redirects(child, depth))
        if body is None:
            return Simple(line=line_of(node), redirects=redirects)
        inner = _with_redirects(self.statement(body, depth), redirects)
        if isinstance(inner, Simple) and nodes:
            # A lone `-` before a here-document is in no node.
            lost = self.reader.lost_words(self.reader.text(body.end_byte, nodes[0].start_byte))
            inner = Simple(
                line=inner.line,
                assignments=inner.assignments,
                words=(*inner.words, *lost),
                redirects=inner.redirects,
            )
        for child in nodes:
            inner = self._behind_heredoc(inner, child, depth)
        return inner

    def _behind_heredoc(self, inner: Statement, node: Node, depth: int) -> Statement:
        """Return ``inner`` joined with what stands on the line of its here-document's start."""
        right = node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        for child in node.named_children:
            if child.type == "pipeline":
                rest = self.sequence(child.children, depth)
                return Pipeline(line_of(child), (inner, *rest), (False,) * (len(rest) + 1))
        if right is not None and operator is not None:
            return AndOr(line_of(node), inner, ((operator.type, self.statement(right, depth)),))
        return inner

    def _list(self, node: Node, depth: int) -> AndOr:
        rest: list[tuple[str, Statement]] = []
        first = node
        while first.type == "list" and len(first.children) >= 3:  # left-nested: as deep as the chain is long
            rest.append((first.children[1].type, self.statement(first.children[2], depth)))
            first = first.children[0]
        return AndOr(line_of(node), self.statement(first, depth), tuple(reversed(rest)))

    def _pipeline(self, node: Node, depth: int) -> Pipeline:
        stages = self.sequence(node.children, depth)
        pipes = [child.type == "|&" for child in node.children if child.type in {"|", "|&"}]
        if any(pipes):
            self.reader.bashisms.append((line_of(node), "|&"))
        both = (*pipes, *(False for _ in stages))[: len(stages)]
        return Pipeline(line_of(node), stages, both)

    def _if(self, node: Node, depth: int) -> If:
        arms = [self._arm(node, depth)]
        orelse: tuple[Statement, ...] | None = None
        for child in node.children:
            if child.type == "elif_clause":
                arms.append(self._arm(child, depth))
            elif child.type == "else_clause":
                orelse = self.sequence(child.children, depth)
        return If(line_of(node), tuple(arms), orelse)

    def _arm(self, node: Node, depth: int) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        then = next((i for i, child in enumerate(node.children) if child.type == "then"), len(node.children))
        body = [child for child in node.children[then:] if child.type not in {"elif_clause", "else_clause"}]
        return self.sequence(node.children[:then], depth), self.sequence(body, depth)

    def _case(self, node: Node, depth: int) -> Case:
        value = node.child_by_field_name("value")
        items: list[CaseItem] = []
        exhaustive = False
        for item in node.children:
            if item.type != "case_item":
                continue
            close = next((i for i, child in enumerate(item.children) if child.type == ")"), 0)
            patterns = [child for child in item.children[:close] if child.is_named]
            exhaustive |= any(self.reader.text(p.start_byte, p.end_byte) == "*" for p in patterns)
            words = tuple(Word(self.reader.parts(pattern, depth)) for pattern in patterns)
            ends = not any(child.type in {";&", ";;&"} for child in item.children)
            items.append(CaseItem(words, self.sequence(item.children[close:], depth), ends))
        word = Word(self.reader.parts(value, depth) if value else ())
        return Case(line_of(node), word, tuple(items), exhaustive)

    def _loop(self, node: Node, depth: int) -> Loop:
        body = node.child_by_field_name("body")
        inside = self.sequence(body.children, depth) if body else ()
        variable = node.child_by_field_name("variable")
        if node.type == "while_statement":
            head = node.children[1 : node.children.index(body)] if body else []
            return Loop(line_of(node), node.children[0].type, inside, self.sequence(head, depth))
        if node.type == "c_style_for_statement":
            self.reader.bashisms.append((line_of(node), "for (("))
        values = tuple(
            Word(self.reader.parts(value, depth)) for value in node.children_by_field_name("value")
        )
        if node.type == "for_statement" and not any(child.type == "in" for child in node.children):
            values = (Word((Parameter("@", quoted=True),)),)
        return Loop(
            line_of(node),
            node.children[0].type,
            inside,
            variable=self.reader.text(variable.start_byte, variable.end_byte) if variable else "",
            values=values,
            counts=names_in(self.reader, node.children[: node.children.index(body)] if body else []),
        )

    def _function(self, node: Node, depth: int) -> Statement:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return self._unparsed(node, "a function without a body")
        if node.children[0].type == "function":
            self.reader.bashisms.append((line_of(node), "function"))
        nodes = [child for child in node.children if child.type.endswith("_redirect")]
        redirects = tuple(item for child in nodes for item in self._commands.redirects(child, depth))
        inner = self.statement(body, depth)
        made = Redirected(line_of(node), inner, redirects) if redirects else inner
        return Function(line_of(node), self.reader.text(name.start_byte, name.end_byte), made)


def _with_redirects(inner: Statement, redirects: tuple[Redirect, ...]) -> Statement:
    """Return ``inner`` redirected; the grammar hangs a redirection of the last command on the whole list."""
    match inner:
        case Simple():
            return Simple(
                line=inner.line,
                assignments=inner.assignments,
                words=inner.words,
                redirects=(*inner.redirects, *redirects),
            )
        case AndOr():
            operator, last = inner.rest[-1]
            return AndOr(
                inner.line, inner.first, (*inner.rest[:-1], (operator, _with_redirects(last, redirects)))
            )
        case Pipeline():
            last = _with_redirects(inner.stages[-1], redirects)
            return Pipeline(inner.line, (*inner.stages[:-1], last), inner.both)
        case Negated():
            return Negated(inner.line, _with_redirects(inner.inner, redirects))
        case _:
            return Redirected(inner.line, inner, redirects)
