"""
Extended headers: what PAX and GNU long-name headers say of the member that follows them.

Merged as Go's archive/tar does it (go1.26 reader.go, `next` and `mergePAX`): the last PAX header alone counts, a GNU
long name wins over a PAX path, an empty value keeps the header's, and a global header is applied to nothing.
"""

from __future__ import annotations

import attrs

from imagespec.errors import LimitError, TarError
from imagespec.limits import Limits
from imagespec.tar import header, pax
from imagespec.tar.index import Findings

TYPES = frozenset((header.PAX, header.PAX_GLOBAL, header.GNU_LONG_NAME, header.GNU_LONG_LINK))

_LIBARCHIVE_XATTR = b"LIBARCHIVE.xattr."
_SPARSE = b"GNU.sparse."


@attrs.define
class Member:
    """One member, as its own header says it until the extended ones are applied."""

    name: bytes
    typeflag: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    link: bytes
    device: tuple[int, int]
    xattrs: dict[str, bytes] = attrs.field(factory=dict)

    @classmethod
    def of(cls, head: header.Header) -> Member:
        """Return the member that one header block describes."""
        device = head.major, head.minor
        return cls(
            head.name, head.typeflag, head.mode, head.uid, head.gid, head.size, head.mtime, head.link, device
        )


@attrs.define
class ExtendedHeaders:
    """What the extended headers since the last member said."""

    records: dict[bytes, bytes] | None = None
    long_name: bytes = b""
    long_link: bytes = b""
    count: int = 0
    first_offset: int = 0

    @property
    def mentions_sparse(self) -> bool:
        """Tell whether a PAX record concerns sparse files."""
        return any(key.startswith(_SPARSE) for key in self.records or ())

    def admit(self, head: header.Header, at: int, limits: Limits) -> None:
        """Count one more header, found at ``at``, before its body is read; raises LimitError."""
        if not self.count:
            self.first_offset = at
        self.count += 1
        for limit, allowed, seen in (
            ("meta_header_bytes", limits.meta_header_bytes, head.size),
            ("meta_header_chain", limits.meta_header_chain, self.count),
        ):
            if seen > allowed:
                raise LimitError(limit, allowed, seen, f"tar header at byte {at:,}")

    def take(self, head: header.Header, body: bytes, at: int, findings: Findings) -> None:
        """Take the body of an admitted header; raises TarError."""
        for code, message in head.oddities:
            findings.add(code, at, message)
        if head.typeflag in (header.GNU_LONG_NAME, header.GNU_LONG_LINK):
            self._take_long(head.typeflag, body, at, findings)
            return
        if not head.is_ustar:
            findings.add("tar.meta-ambiguous", at, "a PAX header without ustar magic")
        records, repeated = pax.parse_records(body, at)
        if repeated:
            findings.add("tar.meta-duplicate", at, "a PAX key that comes twice in one header")
        if not records:
            findings.add("tar.meta-ambiguous", at, "an empty PAX header")
        if head.typeflag == header.PAX_GLOBAL:
            self._take_global(records, at, findings)
            return
        if self.records is not None:
            findings.add("tar.meta-duplicate", at, "two PAX headers for one member; only the last counts")
        self.records = records

    def _take_global(self, records: dict[bytes, bytes], at: int, findings: Findings) -> None:
        # Go gives a global header as a member of its own, applies none of it, and forgets what came before it.
        if records.keys() - {b"comment"}:
            message = "a global PAX header that some readers apply to later members"
            findings.add("tar.pax-global-override", at, message)
        if self.count > 1:
            message = "a global PAX header between extended headers and their member"
            findings.add("tar.meta-ambiguous", at, message)
        self.records, self.long_name, self.long_link, self.count = None, b"", b"", 0

    def _take_long(self, typeflag: bytes, body: bytes, at: int, findings: Findings) -> None:
        value = header.cut_string(body)
        if not value:
            findings.add("tar.meta-ambiguous", at, "an empty GNU long name, which some readers apply")
        if body[len(value) :].strip(b"\0"):
            findings.add("tar.longname-nul", at, "bytes behind the NUL of a GNU long name")
        is_name = typeflag == header.GNU_LONG_NAME
        if self.long_name if is_name else self.long_link:
            findings.add("tar.meta-duplicate", at, "two GNU long names for one member; only the last counts")
        if is_name:
            self.long_name = value
        else:
            self.long_link = value

    def apply(self, member: Member, at: int, findings: Findings) -> None:
        """Change ``member``, whose header is at ``at``, into what the extended headers make of it; raises TarError."""
        records = self.records or {}
        if records:
            self._apply_records(member, records, at, findings)
        for long, key in ((self.long_name, b"path"), (self.long_link, b"linkpath")):
            if long and records.get(key) and records[key] != long:
                message = f"a GNU long name and a PAX {key.decode()}; Go takes the GNU one"
                findings.add("tar.meta-ambiguous", at, message)
        if self.long_link and member.typeflag not in (header.SYMLINK, header.HARD_LINK):
            findings.add("tar.meta-ambiguous", at, "a GNU long link target for a member that is no link")
        member.name = self.long_name or member.name
        member.link = self.long_link or member.link

    def _apply_records(
        self, member: Member, records: dict[bytes, bytes], at: int, findings: Findings
    ) -> None:
        def number(key: bytes, default: int, overflow: str = "tar.bad-number") -> int:
            value = records.get(key)
            if not value:
                return default
            if value[:1] == b"+":
                findings.add("tar.pax-nonstandard-number", at, f"PAX {key.decode()} with a plus sign")
            return pax.parse_integer(value, at, overflow=overflow)

        for key in (b"path", b"linkpath", b"size"):
            if records.get(key) == b"":
                findings.add(
                    "tar.meta-ambiguous", at, f"an empty PAX {key.decode()}, which some readers apply"
                )
        size = number(b"size", member.size, overflow="tar.size-overflow")
        if size < 0:
            raise TarError("tar.bad-number", at, "a negative PAX size")
        # From 8 GiB on the header cannot hold the size, and writers leave zero there.
        if member.size not in (0, size):
            findings.add("tar.size-mismatch", at, "PAX and header sizes differ")
        member.size = size
        member.uid, member.gid = number(b"uid", member.uid), number(b"gid", member.gid)
        member.name = records.get(b"path") or member.name
        member.link = records.get(b"linkpath") or member.link
        # Go refuses the member when any of its times is malformed.
        times = {
            key: pax.parse_time(records[key], at)
            for key in (b"atime", b"ctime", b"mtime")
            if records.get(key)
        }
        member.mtime = times.get(b"mtime", member.mtime)
        self._apply_xattrs(member, records, at, findings)

    @staticmethod
    def _apply_xattrs(member: Member, records: dict[bytes, bytes], at: int, findings: Findings) -> None:
        for key, value in records.items():
            if key.startswith(pax.XATTR_PREFIX):
                # An empty value is an empty attribute for runtimes: Go's Header.PAXRecords keeps it.
                name = key[len(pax.XATTR_PREFIX) :].decode("utf-8", "surrogateescape")
                member.xattrs[name] = value
            elif key.startswith(_LIBARCHIVE_XATTR):
                findings.add(
                    "tar.meta-ambiguous", at, "extended attributes in libarchive's form, which Go ignores"
                )
