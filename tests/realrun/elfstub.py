"""
ELF programs without their code: what says how they are started and what they need stays, all else becomes zeros.

Layout after the System V ABI (gABI), chapters "ELF Header", "Program Header" and "Dynamic Section"; 64-bit
little-endian files only, which all programs of the base are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 14, 15, 29
_NAMED = {_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH}


@attrs.frozen
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def stub(data: bytes) -> bytes:
    """Return a file of the same size; one that is not 64-bit little-endian ELF comes back as it is."""
    if data[:6] != b"\x7fELF\x02\x01":
        return data
    table_at, _, _, _, row_bytes, rows = struct.unpack_from("<QQIHHH", data, 32)
    segments = [_segment(data, table_at + number * row_bytes) for number in range(rows)]
    result = bytearray(len(data))
    kept = [(0, 64), (table_at, rows * row_bytes), *_dynamic(data, segments)]
    kept += [(item.offset, item.size) for item in segments if item.kind in {_PT_INTERP, _PT_DYNAMIC}]
    for start, length in kept:
        result[start : start + length] = data[start : start + length]
    result[40:48] = bytes(8)  # e_shoff: the section headers are gone
    result[60:64] = bytes(4)  # e_shnum, e_shstrndx
    return bytes(result)


def _segment(data: bytes, at: int) -> _Segment:
    kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, at)
    return _Segment(kind, offset, address, size)


def _dynamic(data: bytes, segments: list[_Segment]) -> Iterator[tuple[int, int]]:
    """Yield where the names lie that the dynamic section refers to."""
    found = next((item for item in segments if item.kind == _PT_DYNAMIC), None)
    if found is None:
        return
    entries = list(struct.iter_unpack("<QQ", data[found.offset : found.offset + found.size // 16 * 16]))
    strings = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
    loads = [item for item in segments if item.kind == _PT_LOAD]
    holder = next(item for item in loads if item.address <= strings < item.address + item.size)
    table = strings - holder.address + holder.offset
    for tag, value in entries:
        if tag == _DT_NULL:
            return
        if tag in _NAMED:
            yield table + value, data.index(b"\0", table + value) + 1 - table - value
