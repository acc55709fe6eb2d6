"""The instructions of a method's code, one after the other (Java Virtual Machine Specification 17, chapter 6)."""

from __future__ import annotations

import attrs

_ALOAD_0, _ATHROW, _INVOKESTATIC, _INVOKEVIRTUAL = 0x2A, 0xBF, 0xB8, 0xB6
_TABLESWITCH, _LOOKUPSWITCH, _WIDE, _IINC = 0xAA, 0xAB, 0xC4, 0x84
_RETURNS = range(0xAC, 0xB2)
_REFERENCES = range(0xB2, 0xBA)  # getstatic to invokeinterface
_OPERANDS = {
    **dict.fromkeys((0x10, 0x12, 0xBC, *range(0x15, 0x1A), *range(0x36, 0x3B), 0xA9), 1),
    **dict.fromkeys((0x11, 0x13, 0x14, _IINC, *range(0x99, 0xA9), 0xC6, 0xC7), 2),
    **dict.fromkeys((*range(0xB2, 0xB9), 0xBB, 0xBD, 0xC0, 0xC1), 2),
    **dict.fromkeys((0xB9, 0xBA, 0xC8, 0xC9), 4),
    0xC5: 3,
}
_LAST = 0xC9


class BrokenCodeError(Exception):
    """The code is none."""


@attrs.frozen
class Code:
    """What a method's code names, as numbers of the constant pool."""

    references: tuple[int, ...]
    with_argument: tuple[int, ...]
    """Those that are called right after the method's first argument was loaded (``aload_0``)."""
    returns: bool
    throws: bool


def find_references(attribute: bytes) -> Code:
    """Read a Code attribute (4.7.3); raises BrokenCodeError."""
    code = attribute[8 : 8 + int.from_bytes(attribute[4:8], "big")]
    references: list[int] = []
    with_argument: list[int] = []
    seen: set[int] = set()
    at, before = 0, -1
    while at < len(code):
        opcode = code[at]
        if opcode > _LAST:
            raise BrokenCodeError
        seen.add(opcode)
        number = int.from_bytes(code[at + 1 : at + 3], "big")
        if opcode in _REFERENCES:
            references.append(number)
        if opcode in {_INVOKESTATIC, _INVOKEVIRTUAL} and before == _ALOAD_0:
            with_argument.append(number)
        before = opcode
        at += _length(code, at)
    returns = any(opcode in _RETURNS for opcode in seen)
    return Code(tuple(references), tuple(with_argument), returns, _ATHROW in seen)


def _length(code: bytes, at: int) -> int:
    """Return how many bytes the instruction at a place has."""
    opcode = code[at]
    if opcode == _WIDE:
        return 6 if code[at + 1 : at + 2] == bytes((_IINC,)) else 4
    if opcode not in {_TABLESWITCH, _LOOKUPSWITCH}:
        return 1 + _OPERANDS.get(opcode, 0)
    first = at // 4 * 4 + 4
    words = [
        int.from_bytes(code[place : place + 4], "big", signed=True) for place in range(first, first + 12, 4)
    ]
    rows = words[1] * 2 + 2 if opcode == _LOOKUPSWITCH else words[2] - words[1] + 4
    if not 0 < rows <= len(code):
        raise BrokenCodeError
    return first + rows * 4 - at
