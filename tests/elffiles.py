"""ELF programs with a dynamic section, written by hand after the gABI; nothing in them can run."""

from __future__ import annotations

import struct
from collections.abc import Sequence

LOADER = "/lib64/ld-linux-x86-64.so.2"


def dynamic_elf(
    needed: Sequence[str] = (),
    *,
    rpath: str | None = None,
    runpath: str | None = None,
    interpreter: str = LOADER,
    ending: bool = True,
) -> bytes:
    """Return an x86-64 program that needs these libraries; its strings lie at another address than in the file."""
    base = 0x400000
    strings, rows = b"\0", []
    texts = [(1, name) for name in needed] + [(15, rpath), (29, runpath)]
    for tag, text in texts:
        if text is not None:
            rows.append((tag, len(strings)))
            strings += text.encode("utf-8", "surrogateescape") + b"\0"
    path = interpreter.encode() + b"\0"
    path_at = 64 + 3 * 56
    strings_at = path_at + len(path)
    table_at = strings_at + len(strings)
    rows += [(5, base + strings_at), (10, len(strings))] + ([(0, 0)] if ending else [])
    table = b"".join(struct.pack("<QQ", *row) for row in rows)
    total = table_at + len(table)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, base + path_at, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    for kind, at, size in ((3, path_at, len(path)), (1, 0, total), (2, table_at, len(table))):
        head += struct.pack("<IIQQQQQQ", kind, 5, at, base + at, base + at, size, size, 1)
    return head + path + strings + table
