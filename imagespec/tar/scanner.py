"""
The streaming tar scanner: bytes in, members out, no input or output of its own.

It reads what Go's archive/tar reads (go1.26 `Reader.next`), because container runtimes do; it raises where framing
cannot be trusted, and records a `Finding` where other readers would see something else.

A driver feeds it pieces of the stream and learns from each call where the next interesting byte is, so that it can
hop over file bodies, or drop them as they pass::

    scanner = Scanner(limits)
    offset = 0
    while chunk := pread(CHUNK, offset):
        offset = scanner.feed(chunk, offset)
    index = scanner.close(size)
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from imagespec.errors import LimitError, TarError, TruncatedTarError
from imagespec.limits import Limits
from imagespec.tar import backends, extended, header, names
from imagespec.tar.contents import Contents, Room, Want
from imagespec.tar.extended import ExtendedHeaders, Member
from imagespec.tar.header import BLOCK
from imagespec.tar.index import Finding, Findings, IndexBuilder, LayerIndex
from imagespec.tar.plain import Keep, MakeReader, PlainMembers
from imagespec.tar.sparse import SparseReader, Take, Window

_Steps = Generator[tuple[int, int], Window, None]

_LEAST_WINDOW = 1 << 11
_MOST_WINDOW = 1 << 16
_NEAR = 1 << 13  # reading so many bytes costs about what a call of the system does
_NEAR_END = 1 << 11  # of a window: read on from there, because an extended header may be cut
_NEVER = 1 << 62  # an offset that no stream reaches
_SPARSE_ENTRY_BYTES = 128  # what one entry of a map costs in memory
_KNOWN_TYPES = frozenset((header.REGULAR, header.GNU_SPARSE, *header.HEADER_ONLY))


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
        self._sparse = SparseReader(self._take, limits.sparse_entries)
        self._partial = bytearray()
        self._at_eof = False
        self._end = 0
        # Where the last body ended, with its padding behind it, and where the next header is.
        self._body_end = self._at = 0
        self._is_between = True  # a member is complete, and no extended header waits for the next one
        self._wanted: Keep | None = None
        self._window_bytes = _LEAST_WINDOW
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

    def hop(self, read: Callable[[int, int], bytes], start: int, offset: int, size: int) -> int:
        """
        Read at ``offset``, go on from header to header as long as nothing but plain members comes, and return as `feed`.

        ``read`` gives (length, offset) of a file in which the stream of ``size`` bytes begins at ``start``. Returns
        ``offset`` itself only where the file ends before it. Do not mix with calls of `feed`.
        """
        plain, body_end, at, length = self._plain, self._body_end, self._at, self._window_bytes
        take, limit, wants = plain.take, plain.limit, self._contents.want is not None
        keep, can_hop = None, self._is_between and not self._partial
        while True:
            window = read(length if offset + length < size else size - offset, start + offset)
            end = offset + len(window)
            if not can_hop:
                break
            body_end, at, count, meta = take(window, offset, body_end, at, limit)
            while meta or (wants and count):
                body_end, at, keep, is_refused = plain.look(window, offset, body_end, at, count, meta)
                can_hop = not keep and not is_refused
                if not can_hop or not meta:
                    break
                body_end, at, count, meta = take(window, offset, body_end, at, limit)
            # What stands far from the window's end is not plain, or there is no room for it.
            if not can_hop or at + _NEAR_END <= end or body_end <= offset or body_end >= size:
                break
            # Near headers are worth larger reads, far ones smaller.
            if body_end - end > _NEAR:
                length = max(length // 4, _LEAST_WINDOW)
            elif length < _MOST_WINDOW:
                length = min(length * 4, _MOST_WINDOW)
            offset = body_end
        if self._is_between and not self._partial:
            self._move(body_end, at, keep)
        self._window_bytes = length
        following = self.feed(window, offset)
        if self._is_between and self._partial and offset < self._body_end and end < size:
            # Rather read the whole header again than put it together.
            self._partial.clear()
            return self._body_end
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
                body_end = yield from self._read_member(head, block, at, meta)
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

    # Members that are not plain.

    def _read_member(
        self, head: header.Header, block: bytes, at: int, meta: ExtendedHeaders
    ) -> Generator[tuple[int, int], Window, int]:
        """Append the member to the columns and return the offset where its body ends."""
        for code, message in head.oddities:
            self._findings.add(code, at, message)
        member = Member.of(head)
        if meta.count:
            meta.apply(member, at, self._findings)
        self._settle_type(head, member, at)
        data = at + BLOCK
        body_end = data + member.size
        is_file = member.typeflag == header.REGULAR
        if member.typeflag == header.GNU_SPARSE or meta.mentions_sparse:
            stored = member.size
            data, is_sparse = yield from self._read_sparse(member, block, at, meta)
            is_file = is_file and not is_sparse
            # The size counts the map of a PAX sparse file, but not the extension blocks of an old GNU one.
            body_end = data + stored if member.typeflag == header.GNU_SPARSE else body_end
        self._append(member, at, data)
        if (
            member.size
            and is_file
            and (length := self._contents.choose(member.name, member.size, member.mode))
        ):
            self._contents.kept[len(self._columns) - 1] = yield from self._take(data, length)
        return body_end

    def _settle_type(self, head: header.Header, member: Member, at: int) -> None:
        is_directory_name = member.name.endswith(b"/")
        if member.typeflag == header.REGULAR_V7:
            member.typeflag = header.DIRECTORY if is_directory_name else header.REGULAR
            if head.name.endswith(b"/") != is_directory_name:
                message = (
                    "a directory by its header's name and a file by its long one, or the other way round"
                )
                self._findings.add("tar.type-ambiguous", at, message)
        elif member.typeflag == header.REGULAR and is_directory_name:
            self._findings.add("tar.type-ambiguous", at, "a regular file with a directory's name")
        if member.typeflag in header.HEADER_ONLY:
            if member.size:
                message = "a size on a member without a body; some readers skip bytes"
                self._findings.add("tar.header-only-size", at, message)
            member.size = 0
        elif member.typeflag == header.SOLARIS_PAX:
            message = "a Solaris extended header, which is a member of its own to Go"
            self._findings.add("tar.meta-ambiguous", at, message)
        elif member.typeflag not in _KNOWN_TYPES:
            message = f"member type {member.typeflag!r}, which runtimes refuse"
            self._findings.add("tar.type-unsupported-by-runtime", at, message)

    def _read_sparse(
        self, member: Member, block: bytes, at: int, meta: ExtendedHeaders
    ) -> Generator[tuple[int, int], Window, tuple[int, bool]]:
        """Give ``member`` its logical size and real name; return its data's offset, and whether it is sparse at all."""
        records, stored = meta.records or {}, member.size
        if member.typeflag == header.GNU_SPARSE:
            layout = yield from self._sparse.read_gnu(block, stored, at)
        else:
            found = yield from self._sparse.read_pax(records, stored, at)
            if found is None:
                self._findings.add("tar.sparse", at, "GNU sparse records that describe no sparse file")
                return at + BLOCK, False
            if member.typeflag in header.HEADER_ONLY:
                raise TarError("tar.sparse-malformed", at, "sparse records on a member without a body")
            layout = found
            real_name = records.get(b"GNU.sparse.name")
            if real_name and records.get(b"path", real_name) != real_name:
                message = "a sparse file with two names; Go takes GNU.sparse.name"
                self._findings.add("tar.meta-ambiguous", at, message)
            member.name = real_name or member.name
        self._findings.add("tar.sparse", at, "a sparse file; image-spec says layers should have none")
        member.size, data, sparse_map = layout
        self._columns.sparse[len(self._columns)] = sparse_map
        self._columns.text_bytes += _SPARSE_ENTRY_BYTES * len(sparse_map)
        return data, True

    def _append(self, member: Member, at: int, data: int) -> None:
        columns, number = self._columns, len(self._columns)
        self._check_limits(member, number, at)
        names.check_unusual_name(member.name, at, self._findings)
        owner = member.mode & 0o7777, member.uid, member.gid
        row = member.name, member.typeflag[0], owner, member.size, member.mtime, at, data
        columns.extend((row,), {0: member.link} if member.link else {})
        if not member.link and member.typeflag in (header.SYMLINK, header.HARD_LINK):
            self._findings.add("name.empty", at, "a link without a target")
        if member.xattrs:
            columns.xattrs[number] = member.xattrs
            columns.text_bytes += _xattr_bytes(member)
        if any(member.device):
            columns.devices[number] = member.device

    def _check_limits(self, member: Member, number: int, at: int) -> None:
        limits, columns = self._limits, self._columns
        longest = max(len(member.name), len(member.link))
        text_bytes = columns.text_bytes + len(member.name) + len(member.link) + _xattr_bytes(member)
        for limit, allowed, seen in (
            ("layer_members", limits.layer_members, number + 1),
            ("name_bytes", limits.name_bytes, longest),
            ("names_bytes", limits.names_bytes, text_bytes),
        ):
            if seen > allowed:
                raise LimitError(limit, allowed, seen, f"tar header at byte {at:,}")


def _xattr_bytes(member: Member) -> int:
    return sum(len(key) + len(value) for key, value in member.xattrs.items())
