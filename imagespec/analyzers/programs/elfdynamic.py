"""
What the dynamic section of a program says to its loader: the shared libraries that it needs, and where to look.

Read by program headers alone, as loaders do (gABI, chapter "Dynamic Section"): section headers, which libraries for
ELF files go by, may be stripped, and may name other strings than those that the loader sees.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from imagespec.analyzers.programs.elf import PT_DYNAMIC, PT_LOAD, Elf, ElfError

_NULL, _NEEDED, _STRTAB, _RPATH, _RUNPATH = 0, 1, 5, 15, 29  # d_tag
_MOST_ROWS = 4096  # programs have some forty
_LONGEST_NAME = 4096  # PATH_MAX, with the NUL


@attrs.frozen
class Dynamic:
    """What a program asks of its loader; bytes beyond UTF-8 are surrogate-escaped."""

    needed: tuple[str, ...]
    rpath: str | None = None
    runpath: str | None = None


def read_dynamic(data: bytes, program: Elf) -> Dynamic:
    """Read the dynamic section of a program, given its whole file; raises ElfError where a loader would fail."""
    segments = [segment for segment in program.segments if segment.kind == PT_DYNAMIC]
    if not segments:
        return Dynamic(())
    last = segments[-1]  # the one that counts where there are several (glibc elf/rtld.c, rtld_setup_main_map)
    rows = list(_rows(data[last.offset : last.offset + last.size_bytes], program))
    table = next((value for tag, value in rows if tag == _STRTAB), None)
    if table is None:
        if any(tag == _NEEDED for tag, _ in rows):
            raise ElfError("its dynamic section has no table of strings")
        return Dynamic(())
    start = _offset(program, table)

    def names(wanted: int) -> Iterator[str]:
        return (_string(data, start + value) for tag, value in rows if tag == wanted)

    return Dynamic(
        tuple(dict.fromkeys(names(_NEEDED))), next(names(_RPATH), None), next(names(_RUNPATH), None)
    )


def _rows(section: bytes, program: Elf) -> Iterator[tuple[int, int]]:
    form = ("<" if program.byte_order == "little" else ">") + ("QQ" if program.bits == 64 else "II")
    whole = len(section) - len(section) % struct.calcsize(form)
    for number, (tag, value) in enumerate(struct.iter_unpack(form, section[:whole])):
        if tag == _NULL:
            return
        if number == _MOST_ROWS:
            raise ElfError(f"its dynamic section has more than {_MOST_ROWS:,} rows")
        yield tag, value
    raise ElfError("its dynamic section has no end")


def _offset(program: Elf, address: int) -> int:
    """Return where the file holds what is loaded at an address."""
    for segment in program.segments:
        if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.size_bytes:
            return segment.offset + address - segment.address
    raise ElfError("its table of strings is not loaded from the file")


def _string(data: bytes, start: int) -> str:
    end = data.find(b"\0", start, start + _LONGEST_NAME)
    if end < 0:
        raise ElfError("a name of its dynamic section has no end")
    return data[start:end].decode("utf-8", "surrogateescape")
