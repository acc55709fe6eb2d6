"""
Every exception that leaves the public API.

::

    ImageSpecError                what went wrong, never raised directly
    ├── InputError                the bytes break the format they claim
    │   ├── UnknownFormatError    no image archive, layout or layer that we know
    │   ├── TarError              a tar stream whose framing cannot be trusted; knows the offset
    │   │   └── TruncatedTarError the stream ends inside a member
    │   ├── CompressionError      a damaged or truncated compressed stream
    │   ├── DocumentError         a JSON or TOML document that is broken or breaks its schema
    │   ├── TableError            a layer's table of contents that cannot be used, or contradicts what it belongs to
    │   └── MissingBlobError      a document names bytes that the archive does not hold
    ├── ReadError                 storage or a network that does not answer, or not with what it has
    ├── LimitError                an input exceeds one of `imagespec.Limits`
    ├── UsageError                the caller's mistake: a profile, image or option that does not exist
    │   └── PathError             a path of an image that leads to nothing, or to something else than was asked for
    └── NotKeptError              a file's content that passed by in a pipe

`imagespec.open` raises; `imagespec.check` turns what it meets while reading layers into `Problem` entries of
the report, and the verdicts that depended on them into ``unknown``.
"""

from __future__ import annotations


class ImageSpecError(Exception):
    """
    Base of all errors raised on purpose.

    ``slug`` is a stable identifier, one per class, used in reports.
    """

    slug = "error"


class InputError(ImageSpecError):
    """The input breaks the format that it claims to have."""

    slug = "input"


class UnknownFormatError(InputError):
    """The input is nothing that can be read as an image; the message says what it looks like."""

    slug = "unknown-format"


class TarError(InputError):
    """
    A tar stream whose framing cannot be trusted.

    ``code`` names the defect (``tar.bad-checksum`` …); ``offset`` is the byte offset of the block in the
    uncompressed stream.
    """

    slug = "tar"

    def __init__(self, code: str, offset: int, reason: str) -> None:
        super().__init__(f"{reason} at byte {offset:,} of the tar stream [{code}]")
        self.code = code
        self.offset = offset
        self.reason = reason


class TruncatedTarError(TarError):
    """The tar stream ends inside a header or a member."""

    slug = "truncated"

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__("tar.truncated", offset, reason)


class CompressionError(InputError):
    """A compressed stream that is damaged or ends too early; ``codec`` is gzip, zstd, xz or bzip2."""

    slug = "compression"

    def __init__(self, codec: str, reason: str) -> None:
        super().__init__(f"{codec}: {reason}")
        self.codec = codec
        self.reason = reason


class DocumentError(InputError):
    """A document (manifest, config, profile …) that cannot be parsed or breaks its schema."""

    slug = "document"

    def __init__(self, document: str, reason: str) -> None:
        super().__init__(f"{document}: {reason}")
        self.document = document
        self.reason = reason


class TableError(InputError):
    """
    A layer's table of contents cannot be used; the layer itself can.

    ``is_contradiction`` says that it contradicts the manifest or the layer.
    """

    slug = "table"

    def __init__(self, reason: str, *, is_contradiction: bool = False) -> None:
        super().__init__(reason)
        self.is_contradiction = is_contradiction


class MissingBlobError(InputError):
    """``named_by`` names ``blob``, and the archive does not hold it."""

    slug = "missing-blob"

    def __init__(self, blob: str, named_by: str) -> None:
        super().__init__(f"{named_by} names {blob}, which is not in the archive")
        self.blob = blob
        self.named_by = named_by


class LimitError(ImageSpecError):
    """
    The input exceeds the limit ``limit`` (a field of `imagespec.Limits`).

    ``allowed`` and ``seen`` have that field's unit; ``seen`` may be the first value past the limit.
    """

    slug = "limit"

    def __init__(self, limit: str, allowed: int, seen: int, where: str, *, advice: str | None = None) -> None:
        advice = advice or f"if the input can be trusted, raise it with Limits({limit}=…)"
        super().__init__(f"{where}: {seen:,} exceeds {limit} = {allowed:,}; {advice}")
        self.limit = limit
        self.allowed = allowed
        self.seen = seen
        self.where = where


class ReadError(ImageSpecError):
    """Storage or a network does not answer, or not with the bytes that it says it has."""

    slug = "unreadable"


class UsageError(ImageSpecError):
    """The caller asked for something that does not exist; the message lists what does."""

    slug = "usage"


class PathError(UsageError):
    """A path of an image leads to nothing, or not to what was asked for; the message begins with the path."""

    slug = "path"


class NotKeptError(ImageSpecError):
    """The content of a file passed by in a pipe and was not kept."""

    slug = "not-kept"
