"""What ``sed`` and ``envsubst`` make of a known text (POSIX 2018 sed and XBD 9.3; GNU sed 4.9; gettext 0.21 envsubst)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_LIMIT_LINE = 500
_FLAGS = frozenset({"", "g"})


def with_variables(text: str, known: Mapping[str, str | None], names: str | None) -> str | None:
    """
    Return a text with variables replaced, only those in ``names`` where that is given.

    None where one is not known: what is not set in the image may be given when the container is started.
    """
    wanted = None if names is None else {found[1] or found[2] for found in _VARIABLE.finditer(names)}
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name = found[1] or found[2]
        if wanted is not None and name not in wanted:
            return found[0]
        missing |= known.get(name) is None
        return known.get(name) or ""

    made = _VARIABLE.sub(value, text)
    return None if missing else made


def edited(text: str, scripts: list[str], *, extended: bool) -> str | None:
    """Return a text after ``s`` commands of sed; None where one is not followed."""
    commands = [_command(script.strip(), extended=extended) for script in scripts]
    if None in commands or not commands:
        return None
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if at == len(lines) - 1 and not line:
            break  # behind the last line's end there is no line
        for command in commands:
            if command is None or len(line) > _LIMIT_LINE:
                return None
            pattern, replacement, count = command
            if replacement is None and pattern.search(line):
                return None
            line = pattern.sub(lambda _found, text=replacement or "": text, line, count=count)  # type: ignore[misc]
        lines[at] = line
    return "\n".join(lines)


def _command(script: str, *, extended: bool) -> tuple[re.Pattern[str], str | None, int] | None:
    """Return the pattern, replacement (None where it is not plain) and count of ``s/…/…/``; None for any other."""
    if len(script) < 4 or script[0] != "s" or script[1].isalnum() or script[1] in "\\ \n":
        return None
    parts = _parts(script[2:], script[1])
    if parts is None or parts[2] not in _FLAGS or "\n" in script:
        return None
    pattern = expression(parts[0], extended=extended)
    if not parts[0] or pattern is None:
        return None
    return re.compile(pattern), _replacement(parts[1]), 0 if parts[2] == "g" else 1


def _parts(text: str, delimiter: str) -> list[str] | None:
    """Return what stands between delimiters; an escaped one is the character itself."""
    found, at = [""], 0
    while at < len(text):
        if text[at] == delimiter:
            found.append("")
        elif text[at] == "\\" and text[at + 1 : at + 2] == delimiter:
            if delimiter in ".*[]^$+?(){}|&":
                return None
            found[-1] += delimiter
            at += 1
        elif text[at] == "\\":
            found[-1] += text[at : at + 2]
            at += 1
        else:
            found[-1] += text[at]
        at += 1
    return found if len(found) == 3 else None


def expression(text: str, *, extended: bool) -> str | None:
    """Return a basic or extended expression as Python writes it: characters, classes, and one ``*`` at most."""
    made, at, stars = "", 0, 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            escaped = text[at + 1 : at + 2]
            if escaped not in set(".*[]^$/\\{}" if extended else ".*[]^$/\\"):
                return None
            made, at = made + re.escape(escaped), at + 2
            continue
        if char == "[":
            found = re.match(r"\[\^?[A-Za-z0-9_ ;:.,/=\"'-]+\]", text[at:])
            if found is None:
                return None
            made, at = made + found[0], at + len(found[0])
            continue
        if char == "*":
            stars += 1
            if at == 0 or made.endswith("*") or stars > 1:
                return None
            made += "*"
        elif extended and char in "+?(){}|":
            return None
        elif (char == "^" and at) or (char == "$" and at < len(text) - 1) or char == "]":
            return None if char != "$" or extended else _escaped_dollar(made, text, at, extended=extended)
        else:
            made += char if char in ".^$" else re.escape(char)
        at += 1
    return made


def _escaped_dollar(made: str, text: str, at: int, *, extended: bool) -> str | None:
    """Return the pattern of a basic expression with a ``$`` inside, which stands for itself there."""
    rest = expression(text[at + 1 :], extended=extended)
    if rest is None or ("*" in rest and "*" in made) or rest.startswith(("*", "^")):
        return None
    return made + r"\$" + rest


def _replacement(text: str) -> str | None:
    """Return a replacement's text; None where it takes up what was found."""
    if "&" in text or re.search(r"\\[^/.$\"'|;]", text):
        return None
    return text.replace("\\", "")


def sed_words(words: list[str]) -> tuple[list[str], bool, list[str], bool] | None:
    """Return the scripts, whether they are extended expressions, the files, and whether these are changed."""
    scripts: list[str] = []
    files: list[str] = []
    extended = in_place = False
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word in {"-e", "--expression"} and pending:
            scripts.append(pending.pop(0))
        elif word in {"-i", "--in-place"}:
            in_place = True
        elif word in {"-E", "-r"}:
            extended = True
        elif word.startswith("-"):
            return None
        else:
            files.append(word)
    if not scripts and files:
        scripts.append(files.pop(0))
    return scripts, extended, files, in_place
