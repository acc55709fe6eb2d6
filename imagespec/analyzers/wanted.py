"""
What the analyzers need to read, declared so that one pass over a layer keeps it and nothing else.

The declarations know nothing of a particular image: in a pipe the layers pass before the config that would say which
files matter. Paths are those of the layer, before links are resolved, so they are matched by base name, ending or
directory rather than from the root.
"""

from __future__ import annotations

from collections.abc import Iterable

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

    def want(name: bytes, size: int, mode: int) -> int:
        path = b"/" + name
        base = path[path.rfind(b"/") + 1 :]
        keep = 0
        for item in table:
            if item.head_bytes > keep and item.fits(path, base, size, mode):
                keep = item.head_bytes
        return keep

    return want


@attrs.frozen
class _Compiled:
    names: frozenset[bytes]
    suffixes: tuple[bytes, ...]
    directories: tuple[bytes, ...]
    executables: bool
    outside: tuple[bytes, ...]
    inside: tuple[bytes, ...]
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
            item.executables,
            encode(item.outside),
            encode(item.inside),
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
                or (bool(self.directories) and any(part in path for part in self.directories))
            )
            and not any(part in path for part in self.outside)
            and (not self.inside or any(part in path for part in self.inside))
        )
