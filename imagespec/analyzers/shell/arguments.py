"""The command line of a shell (POSIX 2018 XCU "sh"; bash 5.2 manual, section 6.1)."""

from __future__ import annotations

import attrs

Words = tuple[str | None, ...]
_LETTERS = frozenset("abcefhiklmnoprstuvxBCDEHIOPTV")
"""Of bash 5.2 and dash 0.5.12 together."""
_WITH_ARGUMENT = frozenset({"--rcfile", "--init-file"})


@attrs.frozen(kw_only=True)
class ShellArguments:
    """``text`` of ``-c`` or the ``file`` to read; with neither, the shell reads standard input."""

    text: str | None = None
    file: str | None = None
    name: str | None = None
    """``$0``."""
    arguments: Words = ()
    """``$1`` and on."""
    errexit: bool = False
    nounset: bool = False
    login: bool = False
    options: tuple[str, ...] = ()
    """Long names behind ``-o``."""
    noexec: bool = False
    """The script is only read."""
    restricted: bool = False


def parse_shell_arguments(words: Words) -> ShellArguments | None:
    """Return what a shell is asked to do; None when a word that matters is not known."""
    at, letters, long = 1, "", set()
    named: list[str | None] = []
    while at < len(words):
        word = words[at]
        if word is None:
            return None
        if word[:1] not in {"-", "+"} or len(word) == 1:
            at += word in {"-", "+"}
            break
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            long.add(word)
            at += word in _WITH_ARGUMENT
            continue
        letters += word[1:] if word[0] == "-" else ""
        named += words[at : at + word.count("o")] if word[0] == "-" else ()
        at += sum(letter in "oO" for letter in word[1:])
    rest, wants_text = words[at:], "c" in letters
    if rest[:1] == (None,) or (wants_text and not rest) or None in named or not set(letters) <= _LETTERS:
        return None  # one that is refused, as two options in one word of a `#!` line
    base = ShellArguments(
        errexit="e" in letters,
        nounset="u" in letters,
        login="l" in letters or "--login" in long,
        options=tuple(name for name in named if name),
        noexec="n" in letters,
        restricted="r" in letters or "--restricted" in long or (words[0] or "").endswith("rbash"),
    )
    if wants_text:
        name = rest[1] if len(rest) > 1 else words[0]
        return attrs.evolve(base, text=rest[0], name=name, arguments=rest[2:])
    if not rest or "s" in letters:
        return base
    return attrs.evolve(base, file=rest[0], name=rest[0], arguments=rest[1:])
