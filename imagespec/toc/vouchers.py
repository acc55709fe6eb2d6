"""What a manifest says about a layer's table of contents: the annotations of the layer's descriptor."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from imagespec.digest import Digest, digest_matches, parse_digest
from imagespec.errors import TableError
from imagespec.mediatypes import CHUNKED_PREFIXES, STARGZ_DIGEST_ANNOTATION

# stargz-snapshotter estargz/types.go: of the JSON document. nerdctl and stargz-snapshotter write it for zstd, too.
_OF_JSON = STARGZ_DIGEST_ANNOTATION
# containers/storage pkg/chunked/internal/minimal/compression.go, and the older names that stargz-snapshotter's
# estargz/zstdchunked still writes and skopeo 1.9 wrote: of the compressed table.
_PREFIXES = CHUNKED_PREFIXES
_POSITION = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18})(?::1)?")


@attrs.frozen
class Place:
    """Where compressed data lies in a blob, and how long it is inflated; all in bytes."""

    offset: int
    stored_bytes: int
    raw_bytes: int


@attrs.frozen
class Vouchers:
    """Digests that a table must have, and where the manifest says that it and the tar-split data lie."""

    of_json: Digest | None = None
    """Of the JSON document."""
    of_compressed: Digest | None = None
    """Of the compressed table of zstd:chunked."""
    table: Place | None = None
    tar_split: Place | None = None

    def check(self, compressed: bytes, document: bytes) -> None:
        """Raise TableError, as a contradiction, unless the table has the digests that the manifest says."""
        for digest, data in ((self.of_compressed, compressed), (self.of_json, document)):
            if digest and not digest_matches(digest, data):
                message = (
                    f"the table of contents does not have the digest {digest} that the manifest gives it"
                )
                raise TableError(message, is_contradiction=True)


def find_vouchers(annotations: Mapping[str, str]) -> Vouchers | None:
    """Return what the annotations vouch for, None where they name no table; raises TableError for malformed ones."""
    prefix = next((prefix for prefix in _PREFIXES if prefix + "manifest-checksum" in annotations), None)
    if prefix is None and _OF_JSON not in annotations:
        return None
    if prefix == _PREFIXES[0] and _OF_JSON in annotations:
        # containers/storage pkg/chunked/storage_linux.go refuses this, as readers may use different tables.
        raise TableError("the manifest vouches for two tables of contents, of eStargz and of zstd:chunked")
    try:
        of_json = parse_digest(annotations[_OF_JSON]) if _OF_JSON in annotations else None
        checksum = parse_digest(annotations[prefix + "manifest-checksum"]) if prefix else None
    except ValueError as error:
        raise TableError(f"an annotation of the table of contents: {error}") from None
    if prefix is None:
        return Vouchers(of_json)
    table, tar_split = (
        _place(annotations, prefix + key) for key in ("manifest-position", "tarsplit-position")
    )
    return Vouchers(of_json, checksum, table, tar_split)


def _place(annotations: Mapping[str, str], key: str) -> Place | None:
    if key not in annotations:
        return None
    match = _POSITION.fullmatch(annotations[key])
    if not match:
        raise TableError(f"the annotation {key} is malformed")
    return Place(*map(int, match.groups()))
