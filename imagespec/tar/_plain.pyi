# ruff: noqa: PYI021 - the C function has its documentation here
"""The optional C function: what `imagespec.tar.pure` does, for a batch that `imagespec.tar.native` unpacks."""

def take(
    batch: bytearray,
    window: bytes | None,
    base: int,
    body_end: int,
    at: int,
    limit: int,
    /,
) -> tuple[int, int, int, bytes | None]:
    """
    Append the plain members at the start of ``window`` to ``batch``, as `imagespec.tar.hopping.Take` says.

    Without a window they are read, as `imagespec.tar.hopping.Hop` says, from the file that the batch names, and other
    threads run meanwhile; they must leave the batch alone. Raises ValueError for offsets that are negative or out of order, and for a batch that is none; it never reads
    or writes out of bounds, whatever it is given.
    """
