"""What is wrong with a shell text, as far as the grammar and its known leniency tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagespec.analyzers.shell.tree import Problem

if TYPE_CHECKING:
    from tree_sitter import Node

LIMIT_PROBLEMS = 20


def syntax_problems(root: Node, source: bytes) -> list[Problem]:
    """Return the places that are no shell syntax."""
    documents = b"<<" in source
    if not root.has_error and not documents:
        return []
    found: list[Problem] = []
    stack = [root]
    while stack and len(found) < LIMIT_PROBLEMS:
        node = stack.pop()
        if node.type == "heredoc_end" and source[node.end_byte : node.end_byte + 1] not in {b"", b"\n"}:
            found.append(
                Problem(node.start_point.row + 1, "the end of a here-document has a line of its own")
            )
        if node.is_error or node.is_missing:
            found.append(Problem(node.start_point.row + 1, "this is no shell syntax that the grammar knows"))
        elif node.has_error or documents:
            stack.extend(reversed(node.children))
    if not root.has_error:
        return found
    return found or [Problem(1, "the text breaks off inside a command")]
