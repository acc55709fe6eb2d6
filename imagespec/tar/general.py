"""
The scanner's own way for members that are not plain: any type, extended headers, sparse files, odd fields.

It is the specification of the fast path, too (`imagespec.tar.plain`), which gives the same member where both apply.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from imagespec.errors import LimitError, TarError
from imagespec.limits import Limits
from imagespec.tar import header, names
from imagespec.tar.contents import Contents
from imagespec.tar.extended import ExtendedHeaders, Member
from imagespec.tar.header import BLOCK
from imagespec.tar.index import Findings, IndexBuilder
from imagespec.tar.sparse import SparseReader, Take, Window

_SPARSE_ENTRY_BYTES = 128  # what one entry of a map costs in memory
_KNOWN_TYPES = frozenset((header.REGULAR, header.GNU_SPARSE, *header.HEADER_ONLY))


class GeneralMembers:
    """Appends members of any kind to the columns; ``take`` gets bytes of the stream."""

    def __init__(
        self,
        limits: Limits,
        contents: Contents,
        columns: IndexBuilder,
        findings: Findings,
        take: Callable[[int, int], Take],
    ) -> None:
        self._limits = limits
        self._contents = contents
        self._columns = columns
        self._findings = findings
        self._take = take
        self._sparse = SparseReader(take, limits.sparse_entries)

    def read(
        self, head: header.Header, block: bytes, at: int, meta: ExtendedHeaders
    ) -> Generator[tuple[int, int], Window, int]:
        """
        Append the member whose header ``block`` is at ``at`` and return the offset where its body ends.

        ``meta`` holds the extended headers before it. Raises TarError or LimitError.
        """
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
