"""
The decoders of compressed streams: any number of gzip, xz or bzip2 members, or of zstd frames.

Apart from `imagespec.compression`, which chooses among them, because importing them costs several milliseconds.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, Any, Protocol, cast

from imagespec.codec import Codec, sniff
from imagespec.errors import CompressionError, LimitError
from imagespec.limits import Limits
from imagespec.streams import READ_BYTES, CountingReader, Lookahead, Reader
from imagespec.zstdframes import FrameWalker

_DAMAGE: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)
igzip_lib: Any
try:
    from isal import igzip_lib
except ImportError:  # no wheel for this platform: zlib does the same, slower
    igzip_lib = None
else:
    _DAMAGE += (igzip_lib.error,)

_FIRST_PIECE = 1 << 10
_GATHER = 1 << 16
_SNIFF_BYTES = 6

# RFC 1952, 2.3.1: the flags of a gzip header.
_GZIP_CHECKSUM, _GZIP_EXTRA, _GZIP_NAME, _GZIP_COMMENT, _GZIP_RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_GZIP_TEXT_BYTES = 1 << 16


class _MemberDecoder(Protocol):
    """What igzip_lib, lzma and bz2 decompressors share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class _ZlibDecoder:
    """zlib in the shape of the other decompressors."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)  # a gzip header and trailer, both checked
        self._rest = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        out = self._inner.decompress(self._rest + data, max(max_length, 0))
        self._rest = self._inner.unconsumed_tail
        self.needs_input = not self._rest and len(out) < max_length
        return out


def _member_decoder(codec: Codec, limits: Limits) -> _MemberDecoder:
    if codec is Codec.XZ:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.xz_memory_bytes)
    if codec is Codec.BZIP2:
        return bz2.BZ2Decompressor()
    if igzip_lib:
        decoder: _MemberDecoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        return decoder
    return _ZlibDecoder()


class MemberReader:
    """Reads gzip, xz or bzip2: any number of members, one after the other."""

    def __init__(self, source: Reader, codec: Codec, limits: Limits) -> None:
        self.trailing_zero_bytes = 0
        self._input = Lookahead(source)
        self._codec = codec
        self._limits = limits
        self._piece = 0
        self._decoder: _MemberDecoder | None = self._open_member()

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; raises CompressionError or LimitError."""
        pieces, missing = [], size
        # Tiny members are gathered, so that the reader behind pays per kilobyte and not per member.
        while self._decoder and missing > max(size - _GATHER, 0):
            if self._decoder.eof:
                self._input.give_back(len(self._decoder.unused_data))
                self._decoder = self._open_next_member()
                continue
            if out := self._decode(self._decoder, missing):
                pieces.append(out)
                missing -= len(out)
        return b"".join(pieces)

    def _decode(self, decoder: _MemberDecoder, size: int) -> bytes:
        data = b""
        if decoder.needs_input:
            data = self._input.take(self._piece)
            self._piece = min(self._piece * 4, READ_BYTES)
            if not data:
                raise CompressionError(self._codec.value, "the stream is truncated; export the image again")
        try:
            return decoder.decompress(data, size)
        except lzma.LZMAError as error:
            if "emory usage limit" in str(error):
                allowed = self._limits.xz_memory_bytes
                raise LimitError("xz_memory_bytes", allowed, allowed + 1, "xz stream") from None
            raise self._damaged(str(error)) from error
        except _DAMAGE as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> CompressionError:
        return CompressionError(self._codec.value, f"the stream is damaged ({reason})")

    def _open_member(self) -> _MemberDecoder:
        # Little first: what a short member leaves must be given back. But a whole gzip header: isal 1.9's igzip_lib
        # misreads some of those that come in two pieces (with a header checksum, with several optional fields).
        self._piece = _FIRST_PIECE + (_measure_gzip_header(self._input) if self._codec is Codec.GZIP else 0)
        return _member_decoder(self._codec, self._limits)

    def _open_next_member(self) -> _MemberDecoder | None:
        zeros = self._input.skip_zeros() if self._codec in (Codec.GZIP, Codec.XZ) else 0
        head = self._input.peek(_SNIFF_BYTES)
        if self._codec is Codec.XZ:
            if zeros % 4:  # The .xz File Format, 2.2
                raise self._damaged("stream padding that is no multiple of four bytes")
        elif not head:
            self.trailing_zero_bytes = zeros
        if not head:
            return None
        if sniff(head) is not self._codec or (zeros and self._codec is Codec.GZIP):
            raise CompressionError(self._codec.value, "other data follows the compressed stream")
        return self._open_member()


def _measure_gzip_header(stream: Lookahead) -> int:
    """
    Return how many bytes the gzip header at hand has (RFC 1952, 2.3), all of them being in ``stream``'s reach.

    Raises CompressionError for what decoders let pass: reserved flags, and texts that fill the memory.
    """
    head = stream.peek(12)
    if len(head) < 12:
        return len(head)  # too short for any member: the decoder says so
    flags, end = head[3], 10
    if flags & _GZIP_RESERVED:
        raise CompressionError("gzip", "reserved flags are set in the header")
    if flags & _GZIP_EXTRA:
        end = 12 + int.from_bytes(head[10:12], "little")
    for flag in (_GZIP_NAME, _GZIP_COMMENT):
        if flags & flag:
            most = end + _GZIP_TEXT_BYTES
            text = stream.peek(most)
            end = text.find(b"\0", end) + 1
            if not end:
                if len(text) < most:
                    return len(text)  # truncated, as the decoder will find
                raise CompressionError("gzip", f"a name or comment of more than {_GZIP_TEXT_BYTES:,} bytes")
    end += 2 if flags & _GZIP_CHECKSUM else 0
    return len(stream.peek(end))


class ZstdReader:
    """
    Reads zstd frames and skippable frames.

    libzstd's streaming reader as python-zstandard 0.25 offers it ends cleanly on a truncated frame, so a
    `FrameWalker` watches the compressed bytes and knows whether the last frame is whole.
    """

    def __init__(self, source: Reader, limits: Limits) -> None:
        import zstandard  # noqa: PLC0415 - 11 ms that only zstd layers should cost

        self._walker = FrameWalker(limits)
        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=limits.zstd_window_bytes)
        watched = cast("IO[bytes]", CountingReader(source, self._walker.feed))  # it only calls read()
        self._reader = decompressor.stream_reader(watched, read_size=READ_BYTES, read_across_frames=True)

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; raises CompressionError or LimitError."""
        try:
            data: bytes = self._reader.read(size)
        except self._error as error:
            raise CompressionError("zstd", f"the stream is damaged ({error})") from error
        if not data:
            self._walker.close()
        return data
