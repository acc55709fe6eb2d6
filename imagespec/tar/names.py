"""Names that readers, terminals or people may take for others."""

from __future__ import annotations

import unicodedata

from imagespec.tar.index import Findings, LayerIndex

_LONGEST_PATH = 4096  # Linux PATH_MAX
_LONGEST_COMPONENT = 255  # Linux NAME_MAX
_BIDI = frozenset(("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"))
_CONTROLS = bytes((*range(0x20), 0x7F))
_HARMLESS = bytes(set(range(256)) - set(_CONTROLS))
_PIECE = 1 << 16


def check_unusual_name(name: bytes, offset: int, findings: Findings) -> None:
    """Record what is odd about a name that is empty, long or not ASCII; ``offset`` is its header's."""
    if not name:
        findings.add(
            "name.empty", offset, "a member without a name, which readers show, skip or take for the root"
        )
    if len(name) > _LONGEST_COMPONENT and (
        len(name) > _LONGEST_PATH or max(map(len, name.split(b"/"))) > _LONGEST_COMPONENT
    ):
        findings.add("name.too-long", offset, f"a name of {len(name):,} bytes, too long for Linux")
    if name.isascii():
        return
    try:
        text = name.decode()
    except UnicodeDecodeError:
        findings.add("name.not-utf8", offset, "a name that is not UTF-8")
        return
    if any(unicodedata.bidirectional(letter) in _BIDI for letter in text):
        findings.add("name.bidi", offset, "a name with characters that reverse the direction of text")


def check_control_characters(index: LayerIndex, findings: Findings) -> None:
    """Record the names with control characters, which could steer a terminal."""
    # Looked for in all names at once: no member pays for it unless one is odd.
    if not any(_has_controls(index.names[at : at + _PIECE]) for at in range(0, len(index.names), _PIECE)):
        return
    for member, name in enumerate(index.iter_names()):
        if _has_controls(name):
            offset = index.header_offsets[member]
            findings.add("name.control-char", offset, "a name with control characters")


def _has_controls(name: bytes) -> bool:
    return bool(name.translate(None, _HARMLESS))
