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
        if node.type == "heredoc_end" and not _alone(node, source):
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


def _alone(node: Node, source: bytes) -> bool:
    """Tell whether the end of a here-document has a line of its own, behind tabs only where ``<<-`` allows them."""
    start = source.rfind(b"\n", 0, node.start_byte) + 1
    before = (
        source[start : node.start_byte] + node.text[: len(node.text) - len(node.text.lstrip())]
        if node.text
        else b""
    )
    tabs = node.parent is not None and any(child.type == "<<-" for child in node.parent.children)
    plain = not before or (tabs and not before.strip(b"\t"))
    return plain and source[node.end_byte : node.end_byte + 1] in {b"", b"\n"}
