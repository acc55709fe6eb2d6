"""
The content of files, read from their layers when somebody asks.

From a plain layer that is a read at an offset, from a compressed one the layer is decoded up to the file and no
further; what the scan kept costs nothing. Sparse files have their holes back.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from typing import BinaryIO, cast

from imagespec.entry import Entry
from imagespec.errors import NotKeptError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.scan import LayerBlob, LayerScan
from imagespec.tar.sparse import SparseMap
from imagespec.tarbytes import TarBytes

_ZEROS = 1 << 20  # of a hole, at a time
_BUFFER = 1 << 16


class MemberFile(io.RawIOBase):
    """
    One regular file of a layer as a binary file that can be sought.

    Reading raises TruncatedTarError where the layer ends before the file does, and what the layer's bytes raise.
    """

    def __init__(
        self, tar: TarBytes, data_offset: int, size_bytes: int, pieces: SparseMap | None = None
    ) -> None:
        super().__init__()
        self._tar = tar
        self._data_offset = data_offset
        self._size_bytes = size_bytes
        self._pieces = ((0, size_bytes),) if pieces is None else pieces
        self._starts = [start for start, _ in self._pieces]
        self._stored: list[int] = []  # where each piece's bytes begin, from the first stored byte
        at = 0
        for _, length in self._pieces:
            self._stored.append(at)
            at += length
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True; going back costs decoding anew where the layer is compressed."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; behind the end nothing is read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"negative position {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer`` and return how many bytes that were; fewer than asked for where a piece ends."""
        data = self._next(min(len(buffer), self._size_bytes - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _next(self, size: int) -> bytes:
        """Return some of the next ``size`` bytes, from one piece or one hole."""
        if size <= 0:
            return b""
        place = bisect_right(self._starts, self._at) - 1
        start, length = self._pieces[place] if place >= 0 else (0, 0)
        inside = self._at - start
        if inside >= length:
            following = self._starts[place + 1] if place + 1 < len(self._starts) else self._size_bytes
            return bytes(min(size, following - self._at, _ZEROS))
        wanted = min(size, length - inside)
        offset = self._data_offset + self._stored[place] + inside
        data = self._tar.pread(wanted, offset)
        if len(data) < wanted:
            raise TruncatedTarError(offset + len(data), "the layer became shorter since it was scanned")
        return data


class LayerFiles:
    """The regular files of one layer; its bytes are opened when the first file needs them."""

    def __init__(self, blob: LayerBlob | None, scan: LayerScan, limits: Limits) -> None:
        self._blob = blob
        self._scan = scan
        self._limits = limits
        self._tar: TarBytes | None = None

    def open(self, entry: Entry) -> BinaryIO:
        """
        Open a file for reading; of a compressed layer, read it before you open the next.

        Raises NotKeptError where the layer passed by in a pipe and the file was not kept whole.
        """
        assert entry.member is not None
        if not entry.size_bytes:
            return io.BytesIO()
        kept = self._scan.kept.get(entry.member)
        if kept is not None and len(kept) == entry.size_bytes:
            return io.BytesIO(kept)
        index = self._scan.index
        if self._scan.files:
            file = MemberFile(self._scan.files.open(entry.member), 0, entry.size_bytes)
            return cast("BinaryIO", io.BufferedReader(file, _BUFFER))
        pieces, data_offset = index.sparse.get(entry.member), index.data_offsets[entry.member]
        file = MemberFile(self._bytes(entry), data_offset, entry.size_bytes, pieces)
        return cast("BinaryIO", io.BufferedReader(file, _BUFFER))

    def _bytes(self, entry: Entry) -> TarBytes:
        if self._blob is None:
            raise NotKeptError(f"/{entry.path}: the view does not know the bytes of layer {entry.layer}")
        if self._tar is None:
            try:
                self._tar = self._blob.open_tar(self._limits)
            except NotKeptError as error:
                raise NotKeptError(f"/{entry.path}: {error}") from None
        return self._tar
