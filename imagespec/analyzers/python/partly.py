"""
Texts of which some characters are not known: a date, a number of a process.

The name of a log file is mostly such a text, and whether it is a file does not depend on them. What stands for them
here has no slash, so that a path's directories are known as far as they are written out.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import attrs

from imagespec.analyzers.python.values import MOST_CHARACTERS, UNKNOWN, Call, Const, Member, Value, text_of

GAP = "\ufffc"
"""Stands for characters that are not known, in texts of `Partly`."""
_CLOCK = ("datetime.", "time.", "pendulum.", "arrow.")
_CHAIN = 20
_PLAIN = (
    "os.getpid", "os.getppid", "uuid.uuid1", "uuid.uuid4", "socket.gethostname", "platform.node", "random.randint",
    "secrets.token_hex", "threading.get_ident",
)  # fmt: skip


@attrs.frozen
class Partly(Value):
    """A text with `GAP` where its characters are not known; each stands for at least one, and none of them is a slash."""

    text: str


def piece_of(value: Value | None) -> str | None:
    """Return what a value puts into a text, with gaps; None where nothing is known of it."""
    match value:
        case Partly(text=text):
            return text
        case Const(value=str() | int() | PurePosixPath() as known) if GAP not in str(known):
            return str(known)
        case Member(attribute="hex", owner=Call() as call) if call.name.startswith("uuid."):
            return GAP
        case Call() if value.name in _PLAIN or value.name.startswith(_CLOCK):
            return _of_clock(value)
    return None


def _of_clock(call: Call) -> str | None:
    """Return a gap, unless something that the text is made with may put a slash into it."""
    value: Value | None = call
    for _ in range(_CHAIN):
        if isinstance(value, Call):
            texts = [text_of(item) for item in (*value.args, *value.keywords.values())]
            formats = [text or "/" for text in texts] if value.name.endswith("strftime") else texts
            if any(mark in (text or "") for text in formats for mark in ("/", "%D", "%x", "%c")):
                return None
            value = value.receiver
        elif isinstance(value, Member):
            value = value.owner
        else:
            return GAP
    return None


def joined(pieces: list[str | None]) -> Value:
    """Return the text that pieces come to, in one."""
    known = [piece for piece in pieces if piece is not None]
    if len(known) < len(pieces) or sum(map(len, known)) > MOST_CHARACTERS:
        return UNKNOWN
    text = "".join(known)
    return Partly(text) if GAP in text else Const(text)


def path_piece(value: Value | None) -> str | None:
    """Return a path with its gaps; None where it is not known to be one."""
    piece = piece_of(value)
    plain = isinstance(value, Partly) or (
        isinstance(value, Const) and isinstance(value.value, str | PurePosixPath)
    )
    return piece if plain and piece and len(piece) <= 4096 else None


def shown(path: str) -> str:
    """Return a path for people to read."""
    return path.replace(GAP, "*")
