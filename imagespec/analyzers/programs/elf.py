"""
ELF headers, read as strictly as the kernel reads them before it starts a program.

Layout after the System V ABI (gABI), chapters "ELF Header" and "Program Header"; what a kernel refuses after Linux
fs/binfmt_elf.c (load_elf_binary, load_elf_phdrs).
"""

from __future__ import annotations

import struct

import attrs

MAGIC = b"\x7fELF"

_EXECUTABLE, _SHARED = 2, 3  # e_type ET_EXEC and ET_DYN: the only two that can be started
PT_LOAD, PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_LONGEST_INTERPRETER = 4096  # PATH_MAX, with the NUL

_NAMES = {
    3: "x86",
    8: "MIPS",
    20: "32-bit PowerPC",
    21: "64-bit PowerPC",
    22: "S/390",
    40: "32-bit Arm",
    62: "x86-64",
    183: "64-bit Arm",
    243: "RISC-V",
    258: "LoongArch",
}

_ARCHITECTURES: dict[str, tuple[int, int, str]] = {
    "386": (3, 32, "little"),
    "amd64": (62, 64, "little"),
    "arm": (40, 32, "little"),
    "arm64": (183, 64, "little"),
    "loong64": (258, 64, "little"),
    "mips64le": (8, 64, "little"),
    "mipsle": (8, 32, "little"),
    "ppc64": (21, 64, "big"),
    "ppc64le": (21, 64, "little"),
    "riscv64": (243, 64, "little"),
    "s390x": (22, 64, "big"),
}
"""GOARCH values, which image-spec v1.1 config.md uses: (e_machine, bits, byte order)."""

_SECOND_CHOICE = {("amd64", 3, 32), ("amd64", 62, 32), ("arm64", 40, 32)}
"""Started only by kernels built for it: IA-32 emulation, x32, 32-bit Arm on 64-bit Arm."""


class ElfError(ValueError):
    """The bytes are no ELF file that a kernel starts; the message is a clause such as "it has no …"."""


class ElfCutError(Exception):
    """What decides lies behind the bytes that were kept; the message names it."""


@attrs.frozen
class Segment:
    """One program header: what part of the file the kernel or the loader maps, and where."""

    kind: int
    """p_type."""
    offset: int
    address: int
    size_bytes: int
    """In the file."""


@attrs.frozen
class Elf:
    """What decides whether a kernel starts the file."""

    machine: int
    bits: int
    byte_order: str
    """"little" or "big"."""
    interpreter: str | None
    """The loader that PT_INTERP names; None for a static program. Bytes beyond UTF-8 are surrogate-escaped."""
    segments: tuple[Segment, ...] = attrs.field(repr=False)

    @property
    def target(self) -> str:
        """Describe the processor that the code is for."""
        name = _NAMES.get(self.machine, f"machine {self.machine}")
        return f"{name}, {self.bits}-bit, {self.byte_order}-endian"

    def runs_on(self, architecture: str) -> bool | None:
        """Tell whether processors of an image's architecture run the code; None when that cannot be said."""
        wanted = _ARCHITECTURES.get(architecture)
        if wanted is None or (architecture, self.machine, self.bits) in _SECOND_CHOICE:
            return None
        return wanted == (self.machine, self.bits, self.byte_order)


def parse_elf(head: bytes, size_bytes: int) -> Elf:
    """
    Parse the first bytes of a file of ``size_bytes`` bytes.

    Raises ElfError where a kernel would refuse the file, ElfCutError where more of it would have to be read.
    """
    if not head.startswith(MAGIC):
        raise ElfError("it does not begin as an ELF file does")
    bits, order = _class(_part(head, size_bytes, 0, 16, "identification"))
    # e_type … e_phnum; addresses and offsets are words of the class.
    form = order + ("HHIQQQIHHH" if bits == 64 else "HHIIIIIHHH")
    raw = _part(head, size_bytes, 16, struct.calcsize(form), "header")
    kind, machine, version, start, table_at, _, _, _, row_bytes, rows = struct.unpack(form, raw)
    if kind not in {_EXECUTABLE, _SHARED}:
        raise ElfError(f"its ELF type is {kind}, not an executable's (2 or 3)")
    if version != 1:
        raise ElfError(f"its ELF version is {version}, not 1")
    form = order + ("IIQQQQQQ" if bits == 64 else "IIIIIIII")
    if rows == 0 or start == 0:
        raise ElfError("it has no program headers" if rows == 0 else "it has no entry point, as a library")
    if row_bytes != struct.calcsize(form):
        raise ElfError(f"its program headers have {row_bytes} bytes, not {struct.calcsize(form)}")
    table = _part(head, size_bytes, table_at, rows * row_bytes, "program headers")
    segments = tuple(_segment(row, bits) for row in struct.iter_unpack(form, table))
    byte_order = "little" if order == "<" else "big"
    return Elf(machine, bits, byte_order, _loader(head, size_bytes, segments), segments)


def _segment(row: tuple[int, ...], bits: int) -> Segment:
    # Rows of 64 bits begin p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz; those of 32 have p_flags behind.
    kind, *rest = row
    offset, address, _, size = rest[1:5] if bits == 64 else rest[:4]
    return Segment(kind, offset, address, size)


def _loader(head: bytes, size_bytes: int, segments: tuple[Segment, ...]) -> str | None:
    """Return the loader that the first PT_INTERP names."""
    if not any(segment.kind == PT_LOAD for segment in segments):
        raise ElfError("it has no segment to load")
    first = next((segment for segment in segments if segment.kind == _PT_INTERP), None)
    return _interpreter(head, size_bytes, first.offset, first.size_bytes) if first else None


def _class(ident: bytes) -> tuple[int, str]:
    bits, order = {1: 32, 2: 64}.get(ident[4]), {1: "<", 2: ">"}.get(ident[5])
    if bits is None or order is None or ident[6] != 1:
        seen = ", ".join(str(byte) for byte in ident[4:7])
        raise ElfError(f"its ELF class, byte order and version are {seen}, which do not exist")
    return bits, order


def _interpreter(head: bytes, size_bytes: int, offset: int, length: int) -> str:
    if not 2 <= length <= _LONGEST_INTERPRETER:
        raise ElfError(f"the name of its loader has {length} bytes")
    name = _part(head, size_bytes, offset, length, "name of the loader")
    if name[-1:] != b"\0":
        raise ElfError("the name of its loader does not end with a NUL")
    return name.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _part(head: bytes, size_bytes: int, offset: int, length: int, what: str) -> bytes:
    if offset + length > size_bytes:
        raise ElfError(f"it ends inside its {what}")
    if offset + length > len(head):
        raise ElfCutError(f"its {what} (at byte {offset:,}) was not kept")
    return head[offset : offset + length]
