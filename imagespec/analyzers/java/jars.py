"""
Java archives of the view, read within bounds.

Only what is plain is read: one directory of members at the end (APPNOTE 6.3.10, 4.3.16), without a comment, Zip64 or
names that occur twice, so that Java's readers see the same members.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Protocol

import attrs

from imagespec.entry import Entry
from imagespec.errors import ImageSpecError
from imagespec.limits import MIB
from imagespec.rootfs import RootFs

MOST_JAR_BYTES = 256 * MIB
_END_BYTES = 22
_LOCAL_BYTES = 30
_DIRECTORY_BYTES = 4 * MIB
MOST_MEMBER_BYTES = 2 * MIB
_READ_BYTES = 24 * MIB
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


class Archive(Protocol):
    """What is read of an application: an archive, or a folder that is one unpacked."""

    @property
    def entry(self) -> Entry:
        """Return its file or folder in the view."""

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all members."""

    def read(self, name: str) -> bytes:
        """Return a member's bytes; raises UnreadJarError."""

    def stored_marks(self, name: str, marks: tuple[bytes, ...]) -> set[bytes] | None:
        """Return which of these bytes a member contains; None where they cannot be told."""


class UnreadJarError(Exception):
    """The archive is not read; the message says why."""


@attrs.define
class Jar:
    """An archive in memory; ``entry`` is its file in the view."""

    entry: Entry
    names: frozenset[str]
    _zip: zipfile.ZipFile
    _data: bytes
    _left: int = _READ_BYTES

    def read(self, name: str) -> bytes:
        """Return a member's bytes; raises UnreadJarError where there is none, it is large, or the archive is broken."""
        try:
            with self._zip.open(name) as member:
                data = member.read(min(MOST_MEMBER_BYTES, self._left) + 1)
        except (KeyError, *_ZIP_ERRORS):
            raise UnreadJarError(f"{name} in /{self.entry.path} cannot be read") from None
        self._left -= len(data)
        if self._left < 0 or len(data) > MOST_MEMBER_BYTES:
            raise UnreadJarError(f"{name} in /{self.entry.path} is larger than what is read of an archive")
        return data

    def stored_marks(self, name: str, marks: tuple[bytes, ...]) -> set[bytes] | None:
        """Return which of these bytes a member that is stored as it is contains; None where it is compressed."""
        info = self._zip.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        at = info.header_offset + _LOCAL_BYTES  # the header's own name and extra field may differ in length
        lengths = self._data[at - 4 : at]
        start = at + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        end = start + info.compress_size
        return {mark for mark in marks if self._data.find(mark, start, end) >= 0}


def open_jar(rootfs: RootFs, entry: Entry) -> Jar:
    """Return the archive of a file of the view; raises UnreadJarError where it cannot be read, or is not plain."""
    try:
        data = rootfs.read(entry, MOST_JAR_BYTES)
    except ImageSpecError as error:  # its layer passed by in a pipe, it is too large, or damaged
        raise UnreadJarError(f"the archive could not be read: {error}") from None
    end = data[-_END_BYTES:]
    if end[:4] != b"PK\5\6" or end[-2:] != b"\0\0" or data[-42:-38] == b"PK\6\7":
        raise UnreadJarError(f"/{entry.path} is no plain zip archive")
    if int.from_bytes(end[12:16], "little") > _DIRECTORY_BYTES:
        raise UnreadJarError(f"/{entry.path} has more members than are read")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_ERRORS:
        raise UnreadJarError(f"/{entry.path} is a broken zip archive") from None
    names = archive.namelist()
    if len(set(names)) != len(names):
        raise UnreadJarError(f"/{entry.path} has members of the same name")
    return Jar(entry, frozenset(names), archive, data)


def read_manifest(data: bytes) -> dict[str, str]:
    """Return the main attributes of a manifest, names in lower case (JAR File Specification, "Manifest")."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    found: dict[str, str] = {}
    for line in text.partition("\n\n")[0].split("\n"):
        name, colon, value = line.partition(": ")
        if colon:
            found[name.lower()] = value.strip()
    return found
