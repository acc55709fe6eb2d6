"""
The fast path of the scanner: members that one header block tells completely, or nearly so.

Nearly all members of real layers are of this kind. What is *plain* is defined narrowly, so that nothing has to be
interpreted here: a ustar or GNU header in ASCII with a right checksum; a file, directory or link without a body where
none belongs; texts with nothing behind the NUL that ends them; no device numbers. One PAX or GNU long-name header may
precede it, if all that counts in that is a time or a short name. Everything else is left to the scanner proper, which
reads any header, and both give the same member for the same bytes.

A *reader* takes apart the headers: `imagespec.tar.pure` in Python, or `imagespec.tar.native` through a C function.
What they share is here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from imagespec.errors import TarError
from imagespec.limits import Limits
from imagespec.tar import header, pax
from imagespec.tar.contents import Contents
from imagespec.tar.header import BLOCK
from imagespec.tar.hopping import FileSpan, Hop, Take, Taken, Windows
from imagespec.tar.index import IndexBuilder

MOST_META = 2048
"""Bytes of an extended header's body that the fast path takes on."""

_LONGEST_NAME = 255  # one component of a name may have so many bytes
_MOST_NAME_BYTES = 256  # prefix, slash and name of a header
_MOST_TEXT_BYTES = 2 * _MOST_NAME_BYTES  # of a member's name and link target
_ONLY_RECORD = re.compile(
    rb"([0-9]{1,4}) (?:mtime=(-?[0-9]{1,12}(?:\.[0-9]{1,9})?)|path=([^\0\n]+))\n"
).fullmatch
_TIMES = frozenset((b"mtime", b"atime", b"ctime"))
_TELLING = (b"uid", b"gid", pax.XATTR_PREFIX, b"LIBARCHIVE.xattr.", b"GNU.sparse.")
_LINKS = frozenset(header.HARD_LINK + header.SYMLINK)
_FILE, _LONG_NAME = header.REGULAR[0], header.GNU_LONG_NAME[0]

Keep = tuple[int, int, int]
"""Number of a member, offset of its content, and how many bytes of it to keep."""


class Reader(Protocol):
    """
    Takes apart plain headers, and holds the members until they are settled into the index.

    It is made from the index and the most bytes of an extended header that it may take.
    """

    @property
    def capacity(self) -> int:
        """Return how many members to hold before they should be settled."""

    @property
    def take(self) -> Take:
        """Return the function that takes the next plain members."""

    def open(self, file: FileSpan) -> Hop | None:
        """Return the function that takes them from a file, if the reader has one that can."""

    def files(self, count: int) -> Iterator[tuple[int, bytes, int, int, int]]:
        """Yield (number, name, size, mode, data offset) of the files with content among the last ``count`` members."""

    def held(self) -> int:
        """Return how many members are held."""

    def last(self) -> tuple[int, int]:
        """Return the type and size of the last member."""

    def amend(self, name: bytes | None, link: bytes | None, mtime: float | None) -> None:
        """Change the last member into what its extended header says; None keeps."""

    def drop(self) -> None:
        """Take back the last member."""

    def settle(self) -> None:
        """Move the members into the index."""


class MakeReader(Protocol):
    """The class of a reader."""

    def __call__(self, columns: IndexBuilder, most_meta: int) -> Reader:
        """Return a reader that settles into ``columns``."""


class PlainMembers:
    """Appends plain members to the columns as long as they come."""

    def __init__(self, limits: Limits, contents: Contents, columns: IndexBuilder, make: MakeReader) -> None:
        self._limits = limits
        self._contents = contents
        self._columns = columns
        most_meta = min(limits.meta_header_bytes, MOST_META) if limits.meta_header_chain > 0 else 0
        self._reader = make(columns, most_meta)
        self._take = self._reader.take
        self._hop: Hop | None = None
        self._limit = 0  # members that the reader may hold: they stay below every limit, whatever they are
        self.settle()

    def read(self, window: bytes, base: int, body_end: int, at: int) -> tuple[int, int, Keep | None]:
        """
        Take the plain members at the start of ``window``, whose first byte is at offset ``base``.

        ``body_end`` is where the last body ended and ``at`` where the next header is. Returns both for the first
        header that was not taken, and the wanted content that the window lacks, behind which it stopped.
        """

        def fetch(length: int, offset: int) -> bytes:
            return window[offset - base : offset - base + length]

        while body_end >= base:
            taken = self._take(window, base, body_end, at, self._limit)
            body_end, at, keep, is_done = self._settle(taken, fetch)
            if is_done:
                return body_end, at, keep
        return body_end, at, None

    def hop(self, file: FileSpan, body_end: int, at: int, *, thrifty: bool) -> tuple[int, int, Keep | None]:
        """Take the next plain members of a file, as `read`; one batch of them, because somebody may watch progress."""
        if not self._hop:
            self._hop = (None if thrifty else self._reader.open(file)) or Windows(
                file, self._take, thrifty=thrifty
            ).hop
        meta: bytes | None = b""
        while meta is not None:
            taken = self._hop(body_end, at, self._limit)
            body_end, at, keep, is_done = self._settle(taken, file.pread)
            meta = None if is_done else taken[3]
        return body_end, at, keep

    def _settle(self, taken: Taken, fetch: Callable[[int, int], bytes]) -> tuple[int, int, Keep | None, bool]:
        """
        Apply the extended header of what was just taken, and keep the wanted contents.

        Returns where to go on from, the wanted content that ``fetch`` does not get, and whether to stop there: for
        that content, or because the next member is the scanner's business.
        """
        body_end, at, count, meta = taken
        is_refused = bool(meta) and not self._apply(meta or b"", at)
        if is_refused and meta:
            _, size = self._reader.last()
            self._reader.drop()
            body_end = at = body_end - size - BLOCK - len(meta) - -len(meta) % BLOCK
            count -= 1
        keep = self._keep(fetch, count) if count and self._contents.want else None
        if keep or is_refused:
            return body_end, at, keep, True
        if meta:
            return body_end, at, None, False
        is_full = self._reader.held() >= self._limit
        if is_full:
            self.settle()
        return body_end, at, None, not (is_full and self._limit)

    def _keep(self, fetch: Callable[[int, int], bytes], count: int) -> Keep | None:
        contents = self._contents
        for number, name, size, mode, data in self._reader.files(count):
            if not (length := contents.choose(name, size, mode)):
                continue
            content = fetch(length, data)
            if len(content) < length:
                return number, data, length  # the last one: all others lie before a header that was read
            contents.kept[number] = content
        return None

    def _apply(self, meta: bytes, at: int) -> bool:
        # Tells whether the extended header was so plain that it could be applied to the last member.
        body = meta[BLOCK:]
        if meta[156] == _LONG_NAME:
            name = header.cut_string(body)
            return not body[len(name) :].strip(b"\0") and self._rename(name)
        only = _ONLY_RECORD(body)
        if only and int(only[1]) == len(body):
            _, mtime, path = only.groups()
            if path:
                return self._rename(path)
            self._reader.amend(None, None, float(mtime))
            return True
        try:
            records, is_repeated = pax.parse_records(body, at)
            times = {key: pax.parse_time(records[key], at) for key in _TIMES & records.keys() if records[key]}
        except TarError:
            return False  # the scanner proper will raise it
        return bool(records) and not is_repeated and self._apply_records(records, times.get(b"mtime"))

    def _rename(self, name: bytes) -> bool:
        # Tells whether a name from an extended header may stand without a finding.
        if not (0 < len(name) <= _LONGEST_NAME and name.isascii()):
            return False
        if name.endswith(b"/") and self._reader.last()[0] == _FILE:
            return False
        self._reader.amend(name, None, None)
        return True

    def _apply_records(self, records: dict[bytes, bytes], mtime: float | None) -> bool:
        link, (kind, size) = records.get(b"linkpath"), self._reader.last()
        if (
            any(key.startswith(_TELLING) for key in records)
            or records.get(b"size", b"%d" % size) != b"%d" % size
        ):
            return False
        if link is not None and (kind not in _LINKS or not 0 < len(link) <= _LONGEST_NAME):
            return False
        if b"path" in records and not self._rename(records[b"path"]):
            return False
        self._reader.amend(None, link, mtime)
        return True

    def settle(self) -> None:
        """Move what was read into the columns, so that they are complete."""
        self._reader.settle()
        limits, columns = self._limits, self._columns
        members = limits.layer_members - len(columns)
        texts = (limits.names_bytes - columns.text_bytes) // _MOST_TEXT_BYTES
        # The members behind these are checked exactly, by the scanner.
        self._limit = max(min(members, texts, self._reader.capacity), 0)
        if limits.name_bytes < _MOST_NAME_BYTES:
            self._limit = 0
