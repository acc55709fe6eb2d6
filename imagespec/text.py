"""Names from images made safe to show: whoever made the image chose them."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line separators, bidirectional controls (UAX #9) and the surrogates that stand for bytes
# that are no UTF-8: anything that moves a cursor, changes colours or the order of what is read.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def printable(text: str) -> str:
    r"""Return ``text`` with every unsafe character written as ``\x1b`` or ``\u202e``."""
    return _UNSAFE.sub(_escape, text)


def shorten(text: str, width: int = 200) -> str:
    """Return ``text`` cut to ``width`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def human_bytes(size: int | None) -> str:
    """Return a size in decimal units; a question mark where it is not known."""
    if size is None:
        return "?"
    if size < 1000:
        return f"{size} B"
    for power, unit in ((1, "kB"), (2, "MB")):
        if size < 999_950 * 1000 ** (power - 1):
            return f"{size / 1000**power:.1f} {unit}"
    return f"{size / 1000**3:.1f} GB"


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # a byte kept by the surrogateescape handler
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
