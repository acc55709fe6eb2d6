"""
The YAML that configuration files are written in: nested mappings, lists and plain or quoted scalars, one to a line.

Lists of scalars may stand in one line (``[one, two]``). Everything else (anchors, tags, block scalars, other flow
collections, several documents) is refused, so that what is read means the same to PyYAML (YAML 1.1).
"""

from __future__ import annotations

import re

_LINES = 2_000
_DEPTH = 20
_KEY = re.compile(r"([A-Za-z_][\w.-]{0,100}|\"[^\"\\]{0,100}\"|'[^'\\]{0,100}')[ ]*:(?:[ ]+(.*))?")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,15})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{1,15}")
_WORDS = {
    "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None, "": None,
}  # fmt: skip
_PLAIN = re.compile(r"(?![+-]?\.(?:inf|nan)\Z)[A-Za-z0-9_./+-][^#\n]*", re.IGNORECASE)
_ODD_NUMBERS = re.compile(r"[-+.]?[0-9][0-9_.:eExXobOabcdefABCDEF+-]*")

Yaml = dict[str, "Yaml"] | list["Yaml"] | str | int | float | bool | None


class NotFollowedError(Exception):
    """The text is more than this subset."""


def parse_yaml(text: str) -> Yaml:
    """Return the document; raises NotFollowedError where the text is not of the subset."""
    lines: list[tuple[int, str]] = []
    if "\t" in text:
        raise NotFollowedError
    for raw in text.removeprefix("---\n").splitlines():
        line = _without_comment(raw.rstrip())
        if line.strip():
            lines.append((len(line) - len(line.lstrip(" ")), line.strip()))
    if not lines or len(lines) > _LINES:
        raise NotFollowedError
    value, rest = _block(lines, 0, lines[0][0], 0)
    if rest != len(lines):
        raise NotFollowedError
    return value


def _without_comment(line: str) -> str:
    if line.lstrip().startswith("#"):
        return ""
    if "#" in line and ("'" in line or '"' in line):
        raise NotFollowedError  # whether it is inside of quotes is not looked at
    return re.split(r"[ ]#", line, maxsplit=1)[0].rstrip()


def _block(lines: list[tuple[int, str]], start: int, indent: int, depth: int) -> tuple[Yaml, int]:
    if depth > _DEPTH:
        raise NotFollowedError
    if lines[start][1] == "-" or lines[start][1].startswith("- "):
        return _list(lines, start, indent)
    found: dict[str, Yaml] = {}
    position = start
    while position < len(lines) and lines[position][0] == indent:
        pair = _KEY.fullmatch(lines[position][1])
        key = pair[1].strip("\"'") if pair else ""
        if pair is None or key in found or key.lower() in _WORDS:
            raise NotFollowedError
        position += 1
        if pair[2]:
            found[key] = _scalar(pair[2].strip())
        elif position < len(lines) and _is_below(lines[position], indent):
            found[key], position = _block(lines, position, lines[position][0], depth + 1)
        else:
            found[key] = None
    if position < len(lines) and lines[position][0] > indent:
        raise NotFollowedError
    return found, position


def _is_below(line: tuple[int, str], indent: int) -> bool:
    return line[0] > indent or (line[0] == indent and line[1].startswith("- "))


def _list(lines: list[tuple[int, str]], start: int, indent: int) -> tuple[Yaml, int]:
    items: list[Yaml] = []
    position = start
    while position < len(lines) and lines[position][0] == indent and lines[position][1].startswith("- "):
        text = lines[position][1][2:].strip()
        if _KEY.fullmatch(text):
            raise NotFollowedError  # a mapping inside of a list
        items.append(_scalar(text))
        position += 1
    if not items or (position < len(lines) and lines[position][0] > indent):
        raise NotFollowedError
    return items, position


def _flow(text: str) -> Yaml:
    """Return ``[one, two]``: a list of scalars in one line, or an empty mapping."""
    if text == "{}":
        return {}
    parts = [part.strip() for part in text[1:-1].split(",")]
    if text[0] != "[" or text[-1] != "]" or any(set("[]{}") & set(part) for part in parts):
        raise NotFollowedError
    if parts == [""]:
        return []
    if any(not part or (":" in part and part[0] not in "'\"") for part in parts):
        raise NotFollowedError
    return [_scalar(part) for part in parts]


def _scalar(text: str) -> Yaml:
    if text[:1] in {"[", "{"}:
        return _flow(text)
    if text[:1] in {"'", '"'}:
        inner = text[1:-1]
        if len(text) < 2 or text[-1] != text[0] or set("\"'\\") & set(inner):
            raise NotFollowedError
        return inner
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", text):
        return text
    if (
        not _PLAIN.fullmatch(text)
        or _ODD_NUMBERS.fullmatch(text)
        or ": " in text
        or text == "-"
        or text.endswith(":")
        or text.startswith("- ")
    ):
        raise NotFollowedError
    return text
