"""
What the analyzers need to read, declared so that one pass over a layer keeps it and nothing else.

The declarations know nothing of a particular image: in a pipe the layers pass before the config that would say which
files matter. Paths are those of the layer, before links are resolved, so they are matched by base name, ending or
directory rather than from the root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import attrs

from imagespec.tar import Want

KIB = 1 << 10


@attrs.frozen(kw_only=True)
class Wanted:
    """
    Regular files whose first ``head_bytes`` bytes are to be kept.

    A file is meant when *any* of ``names`` (base names), ``suffixes`` (of the base name) or ``directories`` (such as
    ``/etc/cron.d/``: part of the path, which is compared with a slash before and none behind) fits, or, with
    ``executables``, when it has an execute bit. Files larger than ``up_to_bytes`` are left out; None for no bound.
    ``outside`` leaves out paths that contain one of its parts, ``inside`` paths that contain none of its parts.
    """

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    executables: bool = False
    outside: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    head_bytes: int = 64 * KIB
    up_to_bytes: int | None = None


LIBRARIES = ("/site-packages/", "/dist-packages/", "/usr/lib/python", "/usr/local/lib/python", "/usr/share/")
"""Where installed packages keep Python sources: never the user's own server."""


def compile_wanted(wanted: Iterable[Wanted]) -> Want:
    """Return one function that answers for all declarations how many bytes of a file to keep."""
    table = [_Compiled.of(item) for item in wanted]
    # Most files of an image are nobody's: they are told apart by one look at all declarations together.
    names = frozenset().union(*(item.names for item in table))
    suffixes = tuple({suffix for item in table for suffix in item.suffixes})
    directories = _any_of(tuple({part for item in table for part in item.directories}))
    executables = any(item.executables for item in table)

    def want(name: bytes, size: int, mode: int) -> int:
        path = b"/" + name
        base = path[path.rfind(b"/") + 1 :]
        if not (
            base in names
            or base.endswith(suffixes)
            or (mode & 0o111 and executables)
            or (directories and directories(path))
        ):
            return 0
        keep = 0
        for item in table:
            if item.head_bytes > keep and item.fits(path, base, size, mode):
                keep = item.head_bytes
        return keep

    return want


_Search = Callable[[bytes], object]


def _any_of(parts: tuple[bytes, ...]) -> _Search | None:
    """Return a search for any of ``parts``; None for no parts."""
    return re.compile(b"|".join(map(re.escape, parts))).search if parts else None


@attrs.frozen
class _Compiled:
    names: frozenset[bytes]
    suffixes: tuple[bytes, ...]
    directories: tuple[bytes, ...]
    search: _Search | None
    executables: bool
    outside: _Search | None
    inside: _Search | None
    head_bytes: int
    up_to_bytes: int

    @classmethod
    def of(cls, item: Wanted) -> _Compiled:
        def encode(texts: Iterable[str]) -> tuple[bytes, ...]:
            return tuple(text.encode() for text in texts)

        return cls(
            frozenset(encode(item.names)),
            encode(item.suffixes),
            encode(item.directories),
            _any_of(encode(item.directories)),
            item.executables,
            _any_of(encode(item.outside)),
            _any_of(encode(item.inside)),
            item.head_bytes,
            1 << 62 if item.up_to_bytes is None else item.up_to_bytes,
        )

    def fits(self, path: bytes, base: bytes, size: int, mode: int) -> bool:
        return (
            size <= self.up_to_bytes
            and (
                base in self.names
                or base.endswith(self.suffixes)
                or (self.executables and bool(mode & 0o111))
                or (self.search is not None and self.search(path) is not None)
            )
            and not (self.outside and self.outside(path))
            and not (self.inside and not self.inside(path))
        )
