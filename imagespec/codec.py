"""How a stream is compressed, told by its first bytes."""

from __future__ import annotations

import enum


class Codec(enum.Enum):
    """How a stream is compressed."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTD = "zstd"
    XZ = "xz"
    BZIP2 = "bzip2"


def sniff(head: bytes) -> Codec:
    """Tell the codec from the first six bytes of a stream; names and media types are not to be trusted."""
    if head.startswith(b"\x1f\x8b"):  # RFC 1952, 2.3.1
        return Codec.GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return Codec.ZSTD  # RFC 8878, 3.1: a frame or a skippable frame
    if head.startswith(b"\xfd7zXZ\0"):  # The .xz File Format, 2.1.1.1
        return Codec.XZ
    if head.startswith(b"BZh"):
        return Codec.BZIP2
    return Codec.PLAIN
