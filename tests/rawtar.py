"""
Tar headers written byte by byte: what no writer would write.

Only the checksum is computed, and that can be overridden, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BLOCK = 512
USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
V7 = bytes(8)
STAR_TRAILER = {508: b"tar\0"}
ZERO = bytes(BLOCK)
END = bytes(2 * BLOCK)

Records = Sequence[tuple[bytes, bytes]]


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def base256(value: int, width: int) -> bytes:
    """Return two's complement with the marker bit set, as GNU tar writes what octal cannot hold."""
    raw = bytearray((value % (1 << (8 * width))).to_bytes(width, "big"))
    raw[0] |= 0x80
    return bytes(raw)


def header(
    name: bytes = b"a.txt",
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 1_600_000_000,
    link: bytes = b"",
    magic: bytes = USTAR,
    owner: bytes = b"",
    device: tuple[bytes, bytes] = (b"", b""),
    prefix: bytes = b"",
    patch: Mapping[int, bytes] | None = None,
    checksum: bytes | None = None,
) -> bytes:
    """Return one header block; numbers given as bytes are written as they are."""
    block = bytearray(BLOCK)
    numbers = ((100, mode, 8), (108, uid, 8), (116, gid, 8), (124, size, 12), (136, mtime, 12))
    texts = {0: name, 156: kind, 157: link, 257: magic, 265: owner, 297: owner, 345: prefix}
    texts |= {329: device[0], 337: device[1]}
    for offset, number, width in numbers:
        texts[offset] = octal(number, width) if isinstance(number, int) else number
    for offset, text in (*texts.items(), *(patch or {}).items()):
        block[offset : offset + len(text)] = text
    assert len(block) == BLOCK
    return (
        seal(bytes(block))
        if checksum is None
        else bytes(block[:148]) + checksum.ljust(8, b"\0") + block[156:]
    )


def seal(block: bytes, *, signed: bool = False) -> bytes:
    """Return the header with the right checksum."""
    rest = block[:148] + b" " * 8 + block[156:]
    total = sum(rest) - (256 * sum(byte > 0x7F for byte in rest) if signed else 0)
    return block[:148] + b"%06o\0 " % total + block[156:]


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes = b"a.txt", data: bytes = b"data", kind: bytes = b"0", **fields: object) -> bytes:
    """Return a header with its body; ``size=`` overrides the body's length."""
    fields.setdefault("size", len(data))
    return header(name, kind=kind, **fields) + pad(data)  # type: ignore[arg-type]


def record(key: bytes, value: bytes) -> bytes:
    """Return one PAX record: its length counts itself."""
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def pax(
    *records: tuple[bytes, bytes], body: bytes | None = None, kind: bytes = b"x", **fields: object
) -> bytes:
    """Return an extended header with these records, or with this body."""
    data = b"".join(record(key, value) for key, value in records) if body is None else body
    return member(b"PaxHeaders/x", data, kind, **fields)


def long(name: bytes, kind: bytes = b"L", **fields: object) -> bytes:
    """Return a GNU long name (L) or long link (K)."""
    fields.setdefault("magic", GNU)
    return member(b"././@LongLink", name, kind, **fields)


def sparse_entry(offset: int, length: int) -> bytes:
    return octal(offset, 12) + octal(length, 12)


def gnu_sparse(
    name: bytes, stored: bytes, entries: Sequence[tuple[int, int]], real_size: int | bytes, **fields: object
) -> bytes:
    """Return an old GNU sparse member: four entries in the header, 21 in each extension block."""
    slots = [sparse_entry(*entry) for entry in entries]
    blocks = [b"".join(slots[at : at + 21]) for at in range(4, len(slots), 21)]
    extensions = b"".join(
        text.ljust(504, b"\0") + (b"\1" if number + 1 < len(blocks) else b"\0") + bytes(7)
        for number, text in enumerate(blocks)
    )
    size = octal(real_size, 12) if isinstance(real_size, int) else real_size
    patch = {386: b"".join(slots[:4]), 482: b"\1" if blocks else b"\0", 483: size}
    fields.setdefault("magic", GNU)
    return header(name, len(stored), b"S", patch=patch, **fields) + extensions + pad(stored)  # type: ignore[arg-type]


def decimal_map(entries: Sequence[tuple[int, int]]) -> bytes:
    """Return the map of PAX sparse 1.0, padded to a block."""
    return pad(
        b"".join(
            b"%d\n" % number for number in (len(entries), *(part for entry in entries for part in entry))
        )
    )


def pax_sparse(
    name: bytes, stored: bytes, entries: Sequence[tuple[int, int]], real_size: int, form: str = "1.0"
) -> bytes:
    """Return a PAX sparse member of the form 0.0, 0.1 or 1.0."""
    common = [(b"GNU.sparse.name", name)]
    pseudo = b"./GNUSparseFile.7/" + name
    if form == "1.0":
        common += [
            (b"GNU.sparse.major", b"1"),
            (b"GNU.sparse.minor", b"0"),
            (b"GNU.sparse.realsize", b"%d" % real_size),
        ]
        return pax(*common) + member(pseudo, decimal_map(entries) + stored)
    size = [(b"GNU.sparse.size", b"%d" % real_size), (b"GNU.sparse.numblocks", b"%d" % len(entries))]
    if form == "0.1":
        flat = b",".join(b"%d,%d" % entry for entry in entries)
        return pax(*size, *common, (b"GNU.sparse.map", flat)) + member(pseudo, stored)
    pairs = [
        pair for at, length in entries
        for pair in ((b"GNU.sparse.offset", b"%d" % at), (b"GNU.sparse.numbytes", b"%d" % length))
    ]  # fmt: skip
    return pax(*size, *pairs) + member(name, stored)
