"""
What the analyzers need to read, declared so that one pass over a layer keeps it and nothing else.

The declarations know nothing of a particular image: in a pipe the layers pass before the config that would say which
files matter. Paths are those of the layer, before links are resolved, so they are matched by base name, ending or
directory rather than from the root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

import attrs

from imagespec.tar import Want

KIB = 1 << 10


@attrs.frozen(kw_only=True)
class Wanted:
    """
    Regular files whose first ``head_bytes`` bytes are to be kept.

    A file is meant when *any* of ``names`` (base names), ``suffixes`` (of the base name), ``infixes`` (parts of the
    base name) or ``directories`` (such as ``/etc/cron.d/``: part of the path, which is compared with a slash before and
    none behind; each begins with a slash) fits, or, with ``executables``, when it has an execute bit. Files larger than ``up_to_bytes`` are left out; None for no bound.
    ``outside`` leaves out paths that contain one of its parts, ``inside`` paths that contain none of its parts.
    """

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    infixes: tuple[str, ...] = ()
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
    items = tuple(wanted)
    table = [_Compiled.of(item) for item in items]
    by_name: dict[bytes, list[_Compiled]] = {}
    for item in table:
        for base in item.names:
            by_name.setdefault(base, []).append(item)
    suffixes = _encode({suffix for item in items for suffix in item.suffixes})
    infixes = _any_of({part for item in items for part in item.infixes})
    directories = _any_of({part for item in items for part in item.directories})
    executables = [item for item in table if item.executables]
    others = [item for item in table if item.suffixes or item.infixes or item.directories]

    def want(name: bytes, size: int, mode: int) -> int:
        path = b"/" + name
        base = path[path.rfind(b"/") + 1 :]
        keep = 0
        for item in by_name.get(base, ()):
            keep = item.keep(keep, path, size)
        if mode & 0o111:
            for item in executables:
                keep = item.keep(keep, path, size)
        # Most files of an image are nobody's: one look at all declarations together tells them apart.
        if base.endswith(suffixes) or (infixes and infixes(base)) or (directories and directories(path)):
            for item in others:
                if item.means(path, base):
                    keep = item.keep(keep, path, size)
        return keep

    return want


_Search = Callable[[bytes], object]


def _any_of(parts: Collection[str]) -> _Search | None:
    """Return a search for any of ``parts``; None for no parts. It is fast when all begin with the same character."""
    return re.compile(b"|".join(map(re.escape, _encode(parts)))).search if parts else None


def _encode(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


@attrs.frozen
class _Compiled:
    names: frozenset[bytes]
    suffixes: tuple[bytes, ...]
    infixes: _Search | None
    directories: _Search | None
    executables: bool
    outside: _Search | None
    inside: _Search | None
    head_bytes: int
    up_to_bytes: int

    @classmethod
    def of(cls, item: Wanted) -> _Compiled:
        return cls(
            frozenset(_encode(item.names)),
            _encode(item.suffixes),
            _any_of(item.infixes),
            _any_of(item.directories),
            item.executables,
            _any_of(item.outside),
            _any_of(item.inside),
            item.head_bytes,
            1 << 62 if item.up_to_bytes is None else item.up_to_bytes,
        )

    def means(self, path: bytes, base: bytes) -> bool:
        """Tell whether the end of the name, a part of it or the place says that a file is meant."""
        return bool(
            base.endswith(self.suffixes)
            or (self.infixes and self.infixes(base))
            or (self.directories and self.directories(path))
        )

    def keep(self, so_far: int, path: bytes, size: int) -> int:
        """Return how many bytes of a file that is meant are kept, where other declarations keep ``so_far``."""
        if (
            self.head_bytes <= so_far
            or size > self.up_to_bytes
            or (self.outside and self.outside(path))
            or (self.inside and not self.inside(path))
        ):
            return so_far
        return self.head_bytes
