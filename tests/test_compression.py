"""Compressed streams: concatenated, padded, cut short, damaged, and made to explode."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from imagespec import decoders
from imagespec.compression import Codec, open_decoder, sniff
from imagespec.errors import CompressionError, ImageSpecError, LimitError, TarError
from imagespec.limits import Limits
from imagespec.scan import ScanRequest, scan_stream

SAMPLE = random.Random(1).randbytes(700) + bytes(3000) + b"some text, again and again. " * 40
SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"hello"


def zstd(data: bytes, **options: bool | int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(**{"write_checksum": 1, **options})
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


PACK: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.GZIP: lambda data: gzip.compress(data, mtime=0),
    Codec.ZSTD: zstd,
    Codec.XZ: lzma.compress,
    Codec.BZIP2: bz2.compress,
}
CODECS = pytest.mark.parametrize("codec", list(PACK), ids=lambda codec: codec.value)


@pytest.fixture(autouse=True, params=["isal", "zlib"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test with both inflaters."""
    if request.param == "zlib":
        monkeypatch.setattr(decoders, "igzip_lib", None)
    elif decoders.igzip_lib is None:
        pytest.skip("no isal on this platform")
    name: str = request.param
    return name


class Dribble:
    """A source that gives little at a time, as pipes do."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream = io.BytesIO(data)
        self._most = most

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._most))


def decode(
    raw: bytes, codec: Codec, limits: Limits | None = None, *, size: int = 1 << 16, most: int = 1 << 20
) -> bytes:
    decoder = open_decoder(Dribble(raw, most), codec, limits or Limits())
    return b"".join(iter(lambda: decoder.read(size), b""))


def gzip_member(data: bytes, *, flags: int = 0, fields: bytes = b"") -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(data) + deflate.flush()
    trailer = struct.pack("<II", zlib.crc32(data), len(data))
    return b"\x1f\x8b\x08" + bytes((flags,)) + bytes(5) + b"\xff" + fields + body + trailer


# What every codec does.


@CODECS
@pytest.mark.parametrize("size", [1, 100, 1 << 19])
@pytest.mark.parametrize("most", [1, 13, 1 << 20])
def test_decodes(codec: Codec, size: int, most: int) -> None:
    raw = PACK[codec](SAMPLE)
    assert sniff(raw[:6]) is codec
    assert decode(raw, codec, size=size, most=most) == SAMPLE


@CODECS
@pytest.mark.parametrize("most", [1, 50, 1 << 20])
def test_concatenated_streams_are_one(codec: Codec, most: int) -> None:
    raw = PACK[codec](b"first ") + PACK[codec](b"") + PACK[codec](SAMPLE) + PACK[codec](b" last")
    assert decode(raw, codec, most=most) == b"first " + SAMPLE + b" last"


@CODECS
def test_truncated_at_every_byte(codec: Codec) -> None:
    # Two streams; only the end of the first one is a good place to stop.
    one = PACK[codec](b"first")
    raw = one + PACK[codec](SAMPLE)
    for length in range(len(raw)):
        if length == len(one):
            assert decode(raw[:length], codec) == b"first"
            continue
        with pytest.raises(CompressionError) as caught:
            decode(raw[:length], codec)
        assert caught.value.codec == codec.value


@CODECS
@pytest.mark.parametrize("garbage", [b"x", b"garbage!" * 100, b"\0\0\0\0more", b"\x1f", b"PK\3\4"])
def test_garbage_behind_the_stream_is_an_error(codec: Codec, garbage: bytes) -> None:
    with pytest.raises(CompressionError, match=r"other data|truncated|damaged"):
        decode(PACK[codec](SAMPLE) + garbage, codec)


@pytest.mark.parametrize("zeros", [1, 4, 512, 1 << 20])
def test_zeros_behind_the_stream(zeros: int) -> None:
    # GNU gzip skips them, Go does not; xz calls them padding; zstd's and Go's bzip2 readers fail.
    decoder = open_decoder(io.BytesIO(PACK[Codec.GZIP](SAMPLE) + bytes(zeros)), Codec.GZIP, Limits())
    assert b"".join(iter(lambda: decoder.read(1 << 16), b"")) == SAMPLE
    assert decoder.trailing_zero_bytes == zeros
    padded = PACK[Codec.XZ](SAMPLE) + bytes(zeros)
    if zeros % 4:
        with pytest.raises(CompressionError, match="multiple of four"):
            decode(padded, Codec.XZ)
    else:
        assert decode(padded, Codec.XZ) == SAMPLE
    for codec in (Codec.ZSTD, Codec.BZIP2):
        with pytest.raises(CompressionError):
            decode(PACK[codec](SAMPLE) + bytes(zeros), codec)


@CODECS
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_noticed_or_harmless(codec: Codec, data: st.DataObject) -> None:
    raw = bytearray(PACK[codec](SAMPLE))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        # Header bytes without meaning (gzip's time, operating system) may change and nothing is lost.
        assert decode(bytes(raw), codec) == SAMPLE
    except ImageSpecError:
        return


@CODECS
@pytest.mark.parametrize("size", [100, 1 << 19])
def test_expansion_bombs_are_refused(codec: Codec, size: int) -> None:
    raw = PACK[codec](bytes(8 << 20))
    limits = Limits(expansion_free_bytes=1 << 20, expansion_ratio=100)
    with pytest.raises(LimitError) as caught:
        decode(raw, codec, limits, size=size, most=1000)
    assert caught.value.limit == "expansion_ratio"
    assert decode(raw, codec, Limits(expansion_free_bytes=8 << 20, expansion_ratio=100)) == bytes(8 << 20)


@CODECS
def test_default_ratio_admits_gzip_only(codec: Codec) -> None:
    raw = PACK[codec](bytes(80 << 20))
    if codec is Codec.GZIP:
        assert len(decode(raw, codec, size=1 << 19)) == 80 << 20
    else:
        with pytest.raises(LimitError):
            decode(raw, codec, size=1 << 19)


@CODECS
def test_pieces_are_bounded(codec: Codec) -> None:
    decoder = open_decoder(io.BytesIO(PACK[codec](bytes(8 << 20))), codec, Limits())
    assert max(map(len, iter(lambda: decoder.read(10_000), b""))) <= 10_000


@CODECS
@pytest.mark.parametrize("content", [b"", b"x"])
def test_many_small_streams_are_linear(codec: Codec, content: bytes) -> None:
    one = PACK[codec](content)
    count = 300_000 // len(one)
    start = time.process_time()
    assert decode(one * count, codec, size=1 << 19) == content * count
    assert time.process_time() - start < 3


# gzip.


@pytest.mark.parametrize("position", range(-8, 0))
def test_gzip_checksum_and_length_are_checked(position: int) -> None:
    raw = bytearray(PACK[Codec.GZIP](SAMPLE))
    raw[position] ^= 0x10
    for stream in (bytes(raw), bytes(raw) + PACK[Codec.GZIP](b"next")):
        with pytest.raises(CompressionError):
            decode(stream, Codec.GZIP)


@pytest.mark.parametrize("flag", [0x20, 0x40, 0x80])
@pytest.mark.parametrize("first", [b"", PACK[Codec.GZIP](b"first")])
def test_gzip_reserved_flags_are_an_error(flag: int, first: bytes) -> None:
    with pytest.raises(CompressionError, match="reserved"):
        decode(first + gzip_member(SAMPLE, flags=flag), Codec.GZIP)


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_gzip_header_fields_are_skipped(most: int) -> None:
    extra = struct.pack("<H", 60_000) + b"e" * 60_000
    for flags, fields in (
        (4, extra),
        (8, b"name\0"),
        (16, b"comment\0"),
        (28, extra + b"name\0comment\0"),
        (1, b""),
    ):
        assert decode(gzip_member(SAMPLE, flags=flags, fields=fields), Codec.GZIP, most=most) == SAMPLE


@pytest.mark.parametrize("most", [1, 3, 11, 1 << 20])
def test_gzip_header_checksum_is_checked(most: int) -> None:
    plain = gzip_member(SAMPLE, flags=2)
    right = struct.pack("<H", zlib.crc32(plain[:10]) & 0xFFFF)
    assert decode((plain[:10] + right + plain[10:]) * 2, Codec.GZIP, most=most) == SAMPLE * 2
    with pytest.raises(CompressionError):
        decode(plain[:10] + b"\0\0" + plain[10:], Codec.GZIP)


@pytest.mark.parametrize("flag", [8, 16])
@pytest.mark.parametrize("end", [b"\0", b""])
def test_gzip_endless_text_is_an_error(flag: int, end: bytes) -> None:
    with pytest.raises(CompressionError, match="name or comment"):
        decode(gzip_member(SAMPLE, flags=flag, fields=b"n" * (4 << 20) + end), Codec.GZIP)


def test_gzip_method_other_than_deflate() -> None:
    raw = bytearray(PACK[Codec.GZIP](SAMPLE))
    raw[2] = 7
    with pytest.raises(CompressionError):
        decode(bytes(raw), Codec.GZIP)


# zstd.


@pytest.mark.parametrize("most", [1, 13, 1 << 20])
def test_zstd_skippable_frames(most: int) -> None:
    raw = SKIPPABLE + zstd(b"a") + SKIPPABLE * 3 + zstd(SAMPLE) + SKIPPABLE
    assert sniff(raw[:6]) is Codec.ZSTD
    assert decode(raw, Codec.ZSTD, most=most) == b"a" + SAMPLE
    assert decode(SKIPPABLE, Codec.ZSTD) == b""
    with pytest.raises(CompressionError):
        decode(raw[:-1], Codec.ZSTD)


@pytest.mark.parametrize("checksum", [0, 1])
@pytest.mark.parametrize("size", [0, 1])
def test_zstd_truncated_at_every_byte_whatever_the_header_says(checksum: int, size: int) -> None:
    raw = zstd(SAMPLE, write_checksum=checksum, write_content_size=size)
    assert decode(raw, Codec.ZSTD) == SAMPLE
    for length in range(len(raw)):
        with pytest.raises(CompressionError):
            decode(raw[:length], Codec.ZSTD)


def test_zstd_checksum_is_checked() -> None:
    raw = zstd(SAMPLE)
    with pytest.raises(CompressionError):
        decode(raw[:-1] + bytes((raw[-1] ^ 1,)), Codec.ZSTD)


def zstd_frame(content: bytes, *, descriptor: int, fields: bytes) -> bytes:
    """Return a frame of one raw block."""
    block = (1 | len(content) << 3).to_bytes(3, "little") + content
    return b"\x28\xb5\x2f\xfd" + bytes((descriptor,)) + fields + block


def test_zstd_window_is_bounded() -> None:
    assert decode(zstd_frame(b"x", descriptor=0, fields=bytes((17 << 3,))), Codec.ZSTD) == b"x"  # 128 MiB
    for fields in (bytes((17 << 3 | 1,)), bytes((18 << 3,)), bytes((31 << 3,))):
        with pytest.raises(LimitError) as caught:
            decode(zstd_frame(b"x", descriptor=0, fields=fields), Codec.ZSTD)
        assert caught.value.limit == "zstd_window_bytes"
    one_segment = zstd_frame(b"x", descriptor=0xE0, fields=(1 << 50).to_bytes(8, "little"))
    with pytest.raises(LimitError):
        decode(one_segment, Codec.ZSTD)


def test_zstd_claimed_size_is_checked() -> None:
    raw = zstd_frame(b"x", descriptor=0xC0, fields=b"\0" + (1 << 50).to_bytes(8, "little"))
    with pytest.raises(CompressionError):
        decode(raw, Codec.ZSTD)


def test_zstd_dictionary_is_refused() -> None:
    with pytest.raises(CompressionError, match="dictionary"):
        decode(zstd_frame(b"x", descriptor=1, fields=b"\0\7"), Codec.ZSTD)


def test_zstd_reserved_block_is_an_error() -> None:
    with pytest.raises(CompressionError):
        decode(b"\x28\xb5\x2f\xfd\0\0" + (7).to_bytes(3, "little"), Codec.ZSTD)


def test_zstd_empty_blocks_are_linear() -> None:
    raw = b"\x28\xb5\x2f\xfd\0\0" + bytes(3) * 200_000 + (1).to_bytes(3, "little")
    start = time.process_time()
    assert decode(raw, Codec.ZSTD) == b""
    assert time.process_time() - start < 3


# xz and lzma.


@pytest.mark.parametrize("padding", [0, 4, 8, 512])
@pytest.mark.parametrize("most", [1, 1 << 20])
def test_xz_stream_padding(padding: int, most: int) -> None:
    raw = lzma.compress(b"AAAA") + bytes(padding) + lzma.compress(b"BBBB")
    assert decode(raw, Codec.XZ, most=most) == b"AAAABBBB"


@pytest.mark.parametrize("padding", [1, 2, 7])
def test_xz_crooked_padding_is_an_error(padding: int) -> None:
    with pytest.raises(CompressionError):
        decode(lzma.compress(b"AAAA") + bytes(padding) + lzma.compress(b"BBBB"), Codec.XZ)


def test_xz_memory_is_bounded_in_every_stream() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 8 << 20}]
    hungry = lzma.compress(SAMPLE, filters=filters)
    limits = Limits(xz_memory_bytes=4 << 20)
    small = lzma.compress(b"small", preset=0)
    assert decode(small, Codec.XZ, limits) == b"small"
    for raw in (hungry, small + hungry):
        with pytest.raises(LimitError) as caught:
            decode(raw, Codec.XZ, limits)
        assert caught.value.limit == "xz_memory_bytes"


@pytest.mark.parametrize("check", [lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256])
def test_xz_checks(check: int) -> None:
    assert decode(lzma.compress(SAMPLE, check=check), Codec.XZ) == SAMPLE


# Layers.


def layer_bytes(raw: bytes) -> int:
    return len(scan_stream(io.BytesIO(raw), ScanRequest()).index)


def test_lzma_alone_is_no_layer() -> None:
    with pytest.raises(TarError) as caught:
        layer_bytes(lzma.compress(SAMPLE * 3, format=lzma.FORMAT_ALONE))
    assert caught.value.code in ("tar.not-a-tar", "tar.truncated")


def test_one_level_of_compression_only() -> None:
    inner = gzip.compress(random.Random(2).randbytes(5000), mtime=0)
    with pytest.raises(TarError) as caught:
        layer_bytes(gzip.compress(inner, mtime=0))
    assert caught.value.code == "tar.not-a-tar"


@pytest.mark.parametrize("codec", [None, *PACK])
def test_empty_layers(codec: Codec | None) -> None:
    raw = PACK[codec](bytes(1024)) if codec else bytes(1024)
    assert layer_bytes(raw) == 0


def test_sniff() -> None:
    assert sniff(b"") is Codec.PLAIN
    assert sniff(b"\x1f\x8b") is Codec.GZIP
    assert sniff(b"\x28\xb5") is Codec.PLAIN
    for number in range(16):
        assert sniff(bytes((0x50 + number,)) + b"\x2a\x4d\x18") is Codec.ZSTD


def streams() -> Iterator[bytes]:
    yield from (b"", b"\0", b"abc" * 5000, SAMPLE, bytes(300_000))


@pytest.mark.parametrize("data", list(streams()), ids=len)
def test_both_inflaters_agree(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = gzip_member(data, flags=8, fields=b"n\0") + PACK[Codec.GZIP](data[::-1])
    results = []
    for library in (decoders.igzip_lib, None):
        monkeypatch.setattr(decoders, "igzip_lib", library)
        results.append([decode(raw, Codec.GZIP, size=size, most=99) for size in (10, 1 << 16)])
    assert results == [[data + data[::-1]] * 2] * 2
