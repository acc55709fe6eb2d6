"""Digests as values that cannot be wrong, and the two roles that must never be mixed up."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

Digest = NewType("Digest", str)
"""``algorithm:hex``, checked."""

BlobDigest = NewType("BlobDigest", Digest)
"""Of a blob as stored: for a layer, of its compressed bytes."""

DiffId = NewType("DiffId", Digest)
"""Of a layer's uncompressed tar."""

# image-spec v1.1 descriptor.md, "Registered algorithms": lower-case hex of a fixed length.
_PATTERN = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def parse_digest(text: object) -> Digest:
    """Return ``text`` as a digest; raises ValueError unless it is a well-formed sha256 or sha512 digest."""
    if not isinstance(text, str) or not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is no sha256 or sha512 digest")
    return Digest(text)


def sha256_of(data: bytes) -> Digest:
    """Return the sha256 digest of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_matches(expected: Digest, data: bytes) -> bool:
    """Tell whether ``data`` has the digest ``expected``, computed with its own algorithm."""
    algorithm, _, value = expected.partition(":")
    return hashlib.new(algorithm, data).hexdigest() == value
