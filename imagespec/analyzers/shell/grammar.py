"""
The grammar of tree-sitter-bash, and where it reads a text otherwise than a shell does.

Up to 0.25 it ends an unquoted word before the name of a second variable: ``$A/lib/$B/run`` is ``$A/lib/$`` and then the
word ``B/run``. Such a variable is written ``${B}``, which it reads as meant, and the text is parsed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_ROUNDS = 20
_NODES = 200_000
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset(b"0123456789")


def parse_grammar(source: bytes) -> tuple[Node, bytes]:
    """Return the root of a text's tree, and the text that it is of: the same one, but for braces around names."""
    import tree_sitter  # noqa: PLC0415 - heavy, and most images need it for few files
    import tree_sitter_bash  # noqa: PLC0415

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
    root = parser.parse(source).root_node
    for _ in range(_ROUNDS):
        places = _cut_names(root, source)
        if not places:
            break
        for start in reversed(places):
            end = _name_end(source, start)
            source = b"%b{%b}%b" % (source[:start], source[start:end], source[end:])
        root = parser.parse(source).root_node
    return root, source


def _cut_names(root: Node, source: bytes) -> list[int]:
    """Return where names begin whose ``$`` the grammar left to the word before."""
    if b"$" not in source:
        return []
    found = set()
    cursor = root.walk()
    for _ in range(_NODES):
        node = cursor.node
        if node is not None and node.type == "$" and node.parent is not None:
            after, expansion = node.end_byte, node.parent.type.endswith("expansion")
            if not expansion and source[after : after + 1] and source[after] in _LETTERS | _DIGITS:
                found.add(after)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return sorted(found)
    return sorted(found)


def _name_end(source: bytes, start: int) -> int:
    """Return the end of a variable's name: one digit, or letters and digits."""
    end = start + 1
    while source[start] in _LETTERS and end < len(source) and source[end] in _LETTERS | _DIGITS:
        end += 1
    return end
