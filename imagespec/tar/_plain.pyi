# ruff: noqa: PYI021 - the C function has its documentation here
"""The optional C function: what `imagespec.tar.pure` does, for a batch that `imagespec.tar.native` unpacks."""

from typing import Final

BATCH_BYTES: Final[int]
"""The size of a batch."""

def take(
    batch: bytearray,
    most_meta: int,
    window: bytes,
    base: int,
    body_end: int,
    at: int,
    limit: int,
    /,
) -> tuple[int, int, int, bytes | None]:
    """
    Append the plain members at the start of ``window`` to ``batch``, as `imagespec.tar.plain.Take` says.

    ``most_meta`` bounds the bytes of an extended header that is taken. Raises ValueError for offsets that are
    negative or out of order, and for a batch that is none; it never reads or writes out of bounds, whatever it is given.
    """
