"""
The streaming tar scanner: bytes in, members out.

It reads what Go's archive/tar reads (go1.26 `Reader.next`), because container runtimes do; it raises where framing
cannot be trusted, and records a `Finding` where other readers would see something else.

A driver feeds it pieces of the stream and learns from each call where the next interesting byte is, so that it can
hop over file bodies, or drop them as they pass::

    scanner = Scanner(limits)
    offset = 0
    while chunk := pread(CHUNK, offset):
        offset = scanner.feed(chunk, offset)
    index = scanner.close(size)

Where the stream lies in a file, `Scanner.hop` reads it in the best pieces.
"""

from __future__ import annotations

from collections.abc import Generator

from imagespec.errors import TarError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.tar import backends, extended, header, names
from imagespec.tar.contents import Contents, Room, Want
from imagespec.tar.extended import ExtendedHeaders
from imagespec.tar.general import GeneralMembers
from imagespec.tar.header import BLOCK
from imagespec.tar.hopping import LEAST_WINDOW, MOST_WINDOW, FileSpan
from imagespec.tar.index import Finding, Findings, IndexBuilder, LayerIndex
from imagespec.tar.plain import Keep, MakeReader, PlainMembers
from imagespec.tar.sparse import Take, Window

_Steps = Generator[tuple[int, int], Window, None]

_NEVER = 1 << 62  # an offset that no stream reaches


class Scanner:
    """
    A tar stream's state machine; `feed` it in order, then `close` it once.

    ``want`` chooses the regular files whose first bytes are kept in ``kept`` (by member number), as long as there is
    ``room``: `Limits.kept_bytes`, unless several scans share one. The chunks may be cut anywhere: the members,
    findings and errors are the same.
    """

    def __init__(
        self,
        limits: Limits,
        want: Want | None = None,
        *,
        room: Room | None = None,
        reader: MakeReader | None = None,
    ) -> None:
        self._limits = limits
        self._contents = Contents(limits, want, room)
        self.kept = self._contents.kept
        self._findings = Findings(limits.findings)
        self._columns = IndexBuilder()
        self._plain = PlainMembers(limits, self._contents, self._columns, reader or backends.DEFAULT)
        self._general = GeneralMembers(limits, self._contents, self._columns, self._findings, self._take)
        self._partial = bytearray()
        self._at_eof = False
        self._end = 0
        # Where the last body ended, with its padding behind it, and where the next header is.
        self._body_end = self._at = 0
        self._is_between = True  # a member is complete, and no extended header waits for the next one
        self._wanted: Keep | None = None
        self._window_bytes = LEAST_WINDOW
        self._parser = self._parse()
        self._request = next(self._parser)

    @property
    def findings(self) -> list[Finding]:
        """Return what was found, up to `Limits.findings`."""
        return self._findings.kept

    @property
    def dropped_findings(self) -> int:
        """Return how many findings exceeded the limit."""
        return self._findings.dropped

    def feed(self, data: bytes, offset: int) -> int:
        """
        Take ``data``, the bytes of the stream from ``offset`` on, and return the offset to go on from.

        That is ``offset + len(data)`` or, where the bytes behind it do not matter, later; never earlier. Raises
        TarError or LimitError.
        """
        end = offset + len(data)
        if self._partial:
            at, need = self._request
            missing = need - len(self._partial)
            self._partial += data[:missing]
            if len(data) < missing:
                return end
            window, self._partial = bytes(self._partial), bytearray()
            self._advance(window, at)
        while True:
            at, need = self._request
            if at + need > end:
                self._partial = bytearray(data[at - offset :] if at < end else b"")
                return max(at, end)
            self._advance(data, offset)

    def _advance(self, window: bytes, base: int) -> None:
        # The window holds what was requested.
        if self._is_between:
            before = self._at
            body_end, at, keep = self._plain.read(window, base, self._body_end, before)
            self._move(body_end, at, keep)
            if at != before:
                return
        self._request = self._parser.send((window, base))

    def _move(self, body_end: int, at: int, keep: Keep | None) -> None:
        # To behind the plain members that were read.
        self._body_end, self._at, self._wanted = body_end, at, keep
        self._request = body_end, at - body_end + BLOCK
        if keep:
            self._request = self._parser.send((b"", 0))

    def hop(self, file: FileSpan, offset: int, *, thrifty: bool = False) -> int:
        """
        Go on at ``offset`` of a file, from header to header, and return as `feed`.

        Returns ``offset`` itself only where the file ends before it. ``thrifty`` reads a header at a time and not the
        padding behind members, in which nothing is then found. Do not mix with calls of `feed`, or several files.
        """
        if self._is_between and not self._partial:
            self._move(*self._plain.hop(file, self._body_end, self._at, thrifty=thrifty))
            offset = self._request[0]
        window = file.pread(self._window_bytes, offset)
        end, following = offset + len(window), self.feed(window, offset)
        if self._is_between and self._partial and offset < self._body_end and end < file.size:
            # Rather read the whole header again than put it together.
            self._partial.clear()
            following = self._body_end
        # Trailing zeros may be many.
        self._window_bytes = LEAST_WINDOW if following > end else min(4 * self._window_bytes, MOST_WINDOW)
        return following

    def close(self, end: int) -> LayerIndex:
        """Return the members once the stream has ended at offset ``end``; raises TarError or LimitError."""
        self._at_eof, self._end = True, end
        window = bytes(self._partial), self._request[0]
        try:
            while True:
                self._request = self._parser.send(window)
                window = b"", self._request[0]
        except StopIteration:
            self._plain.settle()
            index = self._columns.build()
        names.check_control_characters(index, self._findings)
        return index

    # The parser is a generator that yields (offset, length) of the bytes it needs and is sent a window that holds
    # them; at the end of the stream the window is as short as the stream is.

    def _parse(self) -> _Steps:
        meta = ExtendedHeaders()
        while True:
            self._is_between = not meta.count
            window, base = yield self._body_end, self._at - self._body_end + BLOCK
            if self._wanted:
                number, data, length = self._wanted
                self._is_between, self._wanted = False, None
                self._contents.kept[number] = yield from self._take(data, length)
                continue
            self._is_between, body_end, at = False, self._body_end, self._at
            self._plain.settle()
            start, need = body_end - base, at - body_end + BLOCK
            if start + need > len(window):
                self._end_without_marker(body_end, at, meta)
                return
            if window[start : start + need - BLOCK].strip(b"\0"):
                self._findings.add(
                    "tar.padding-nonzero", body_end, "bytes hidden in the padding behind a member"
                )
            block = window[start + need - BLOCK : start + need]
            if not block[0] and not any(block):
                yield from self._finish(at, meta)
                return
            if not at and not header.checksum_is_right(block):
                yield from self._refuse_first(block)
            head = header.parse_header(block, at)
            if head.typeflag in extended.TYPES:
                meta.admit(head, at, self._limits)
                body_end = at + BLOCK + head.size
                meta.take(head, (yield from self._take(at + BLOCK, head.size)), at, self._findings)
            else:
                body_end = yield from self._general.read(head, block, at, meta)
                meta = ExtendedHeaders()
                self._plain.settle()
            self._body_end, self._at = body_end, body_end + -body_end % BLOCK

    def _take(self, at: int, need: int) -> Take:
        if not need:
            return b""
        window, base = yield at, need
        data = window[at - base : at - base + need]
        if len(data) < need:
            raise TruncatedTarError(self._end, "the stream ends inside a member")
        return data

    # The ends of the archive.

    def _refuse_first(self, block: bytes) -> _Steps:
        # A stream that never was a tar gets a name of its own; one with a damaged first header does not.
        window, base = yield BLOCK, BLOCK
        second = window[BLOCK - base : 2 * BLOCK - base]
        if block[257:262] != b"ustar" and not header.is_header(second):
            raise TarError("tar.not-a-tar", 0, "no tar header where the stream begins")

    def _end_without_marker(self, body_end: int, at: int, meta: ExtendedHeaders) -> None:
        if self._end < body_end:
            raise TruncatedTarError(self._end, "the stream ends inside a member")
        if self._end > at:
            raise TruncatedTarError(self._end, "the stream ends inside a header")
        # A body whose last padding alone is missing is complete: Go ignores the padding at the end, too.
        if self._end:
            self._findings.add("tar.no-eoa", self._end, "the archive has no end marker")
        else:
            self._findings.add("layer.empty", 0, "the archive is empty: zero bytes")
        self._check_dangling(meta)

    def _finish(self, at: int, meta: ExtendedHeaders) -> _Steps:
        window, base = yield at + BLOCK, BLOCK
        second = window[at + BLOCK - base : at + 2 * BLOCK - base]
        if 0 < len(second) < BLOCK:
            raise TruncatedTarError(self._end, "the stream ends inside the end marker")
        if any(second):
            raise TarError("tar.stray-zero-block", at, "a single block of zeros inside the archive")
        self._check_dangling(meta)
        at += 2 * BLOCK
        while not self._at_eof:
            window, base = yield at, 1
            rest = window[at - base :].lstrip(b"\0")
            at = base + len(window)
            if rest:
                self._findings.add(
                    "tar.data-after-eoa", at - len(rest), "bytes behind the end of the archive"
                )
                at = _NEVER

    def _check_dangling(self, meta: ExtendedHeaders) -> None:
        if meta.count:
            message = "an extended header that no member follows"
            self._findings.add("tar.meta-dangling", meta.first_offset, message)
