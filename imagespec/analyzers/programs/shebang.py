"""The first line of a script, read as the kernel reads it (Linux 5.1 and later, fs/binfmt_script.c)."""

from __future__ import annotations

import attrs

_WINDOW = 256  # BINPRM_BUF_SIZE since Linux 5.1; its last byte may hold the end of the line and nothing else
_BLANKS = b" \t"


@attrs.frozen
class Shebang:
    """The interpreter that a script names and the one argument that the kernel passes before the script's path."""

    interpreter: str
    """As written; a carriage return at its end is part of it."""
    argument: str | None
    """All that follows the blanks, as one word; None when there is nothing."""


def parse_shebang(head: bytes) -> Shebang | None:
    """
    Return what the first line of a file names; None where the kernel takes the file for no script.

    ``head`` must hold the file's first 256 bytes, or all of a shorter file.
    """
    if not head.startswith(b"#!"):
        return None
    # The kernel's buffer is filled up with NULs behind the end of a short file.
    window = head[:_WINDOW].ljust(_WINDOW, b"\0")
    line, newline, _ = window.partition(b"\n")
    if not newline or b"\0" in line:
        # No end of line in sight: a name without anything behind it may be cut, and the kernel refuses it.
        line = window[:-1]
        rest = line[2:].lstrip(_BLANKS)
        if not rest or _separator(rest) == len(rest):
            return None
    name = line[2:].rstrip(_BLANKS).lstrip(_BLANKS)
    end = _separator(name)
    if end == 0:
        return None
    argument = None
    if end < len(name) and name[end] != 0:
        words = name[end:].lstrip(_BLANKS)
        argument = _text(words.split(b"\0", 1)[0]) if words else None
    return Shebang(_text(name[:end]), argument)


def _separator(text: bytes) -> int:
    """Return where the first blank or NUL of ``text`` stands, its length when there is none."""
    return next((at for at, byte in enumerate(text) if byte in b" \t\0"), len(text))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
