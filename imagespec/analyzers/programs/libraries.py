"""
The shared libraries that a program needs, looked up as its loader would: one level, not those that libraries need.

glibc looks in the directories of DT_RPATH (where there is no DT_RUNPATH), LD_LIBRARY_PATH and DT_RUNPATH, then in
/etc/ld.so.cache, then in those it was built with (ld.so(8), glibc 2.36). It never reads /etc/ld.so.conf: what is not
in the cache that ldconfig made of it is not found. musl looks in LD_LIBRARY_PATH, DT_RPATH or DT_RUNPATH, and the
directories of its own path file (musl 1.2.4 ldso/dynlink.c, load_library).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import attrs

from imagespec.analyzers.programs import elf
from imagespec.analyzers.programs.elfdynamic import Dynamic, read_dynamic
from imagespec.analyzers.reading import read_whole
from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.limits import MIB
from imagespec.rootfs import RootFs
from imagespec.text import shorten
from imagespec.verdict import Evidence

_CACHE = "etc/ld.so.cache"
_PATH_MAX = 4096
_MOST_CACHED = 16  # entries of one name: one for each processor and directory that has it
_MOST_DIRECTORIES = 64  # looked into of those that a program names
_HEAD = 64  # holds class, byte order and processor

WANTED = (
    # The programs about which a specification asks, so that their dynamic section is there.
    Wanted(
        names=frozenset(
            ("java", "zip", "python", "python2", "python3", *(f"python3.{minor}" for minor in range(4, 20)))
        ),
        head_bytes=40 * MIB,
        up_to_bytes=40 * MIB,
    ),
    Wanted(suffixes=(".so",), infixes=(".so.",), inside=("/lib", "lib/"), head_bytes=_HEAD),
    Wanted(names=frozenset(("ld.so.cache",)), head_bytes=2 * MIB),
    Wanted(directories=("/etc/ld-musl-",), head_bytes=4 * KIB),
)

# Parts of musl's libc, which the loader itself is (ldso/dynlink.c, load_library, "reserved").
_IN_MUSL = re.compile(r"lib(?:c|pthread|rt|m|dl|util|xnet)\.")
_MUSL_DIRECTORIES = ("/lib", "/usr/local/lib", "/usr/lib")
_GLIBC = re.compile(r"ld(?:-linux[\w-]*|64|-2\.\d+)?\.so(?:\.\d+)?\Z")
# Put into containers by the runtimes of accelerators (nvidia-container-toolkit, Ascend Docker runtime).
_FROM_HOST = ("libcuda.so", "libnvidia-", "libascend_hal.so", "libdcmi.so")
_TOKEN = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@attrs.frozen
class Libraries:
    """Whether the libraries that a program needs are there."""

    present: bool | None
    """None where that is not certain."""
    reason: str
    """A clause about the program."""
    evidence: tuple[Evidence, ...]


def find_libraries(rootfs: RootFs, program: Entry, search_path: str | None) -> Libraries:
    """Look up what an ELF program needs; ``search_path`` is the LD_LIBRARY_PATH that it starts with."""
    data = read_whole(rootfs, program)
    if data is None:
        what = "needs shared libraries that are not known, because its content was not kept"
        return _answer(program, present=None, what=what)
    try:
        header = elf.parse_elf(data, program.size_bytes)
        dynamic = read_dynamic(data, header)
    except (elf.ElfError, elf.ElfCutError) as error:
        return _answer(program, present=None, what=f"needs shared libraries that cannot be told: {error}")
    loader = rootfs.resolve(header.interpreter) if header.interpreter else None
    if not dynamic.needed or loader is None:
        return _answer(program, present=True, what="needs no shared library")
    return _Search(rootfs, program, header, loader, _search_order(dynamic, search_path)).answer(
        dynamic.needed
    )


def _search_order(dynamic: Dynamic, search_path: str | None) -> tuple[str, ...]:
    texts = (dynamic.rpath if dynamic.runpath is None else None, search_path, dynamic.runpath)
    return tuple(part for text in texts if text for part in re.split("[:;]", text))[:_MOST_DIRECTORIES]


@attrs.frozen
class _Search:
    rootfs: RootFs
    program: Entry
    header: elf.Elf
    loader: Entry
    directories: tuple[str, ...]
    """As written, of the program and the environment."""

    def answer(self, needed: tuple[str, ...]) -> Libraries:
        found = {name: self.find(name) for name in needed}
        missing = [name for name, present in found.items() if not present]
        if not missing:
            shown = shorten(", ".join(needed))
            return _answer(
                self.program,
                present=True,
                what="needs shared libraries, which are there",
                seen=shown,
            )
        elsewhere = self.elsewhere(set(missing))
        gone = [
            name
            for name in missing
            if found[name] is False and name not in elsewhere and not name.startswith(_FROM_HOST)
        ]
        if gone and self.rootfs.complete:
            what = f"needs the shared library {gone[0]}, which is not in the image"
            return _answer(self.program, present=False, what=what, seen="no such file", wanted=gone[0])
        name = missing[0]
        place = elsewhere.get(name)
        what = f"needs the shared library {name}, which its loader may not find"
        seen = f"/{place}, in no directory that is certainly searched" if place else None
        return _answer(self.program, present=None, what=what, seen=seen, wanted=name)

    def find(self, name: str) -> bool | None:
        """Tell whether the loader finds a library; None where what decides was not kept."""
        if name == self.loader.path.rpartition("/")[2] or self.header.interpreter == name:
            return True
        base = (self.header.interpreter or "").rpartition("/")[2]
        if name == base or (self.is_musl and _IN_MUSL.match(name)):
            return True
        unknown = False
        for path in self.candidates(name):
            fits = self.fits(path)
            if fits:
                return True
            if fits is False and self.is_broken(path):
                return None  # with which glibc's loader ends, wherever else another one is
            unknown |= fits is None
        return None if unknown else False

    def is_broken(self, path: str) -> bool:
        """Tell whether a file at a path is no ELF file at all (glibc elf/dl-load.c, open_verify)."""
        entry = self.rootfs.resolve(path)
        head = self.rootfs.content(entry) if entry is not None and entry.kind is EntryKind.FILE else None
        return head is not None and not head.startswith(elf.MAGIC) and not self.is_musl

    @property
    def is_musl(self) -> bool:
        return "ld-musl" in (self.header.interpreter or "")

    def candidates(self, name: str) -> Iterator[str]:
        if "/" in name:
            if name.startswith("/"):
                yield name
            return
        for directory in (*filter(None, map(self.expand, self.directories)), *self.defaults()):
            yield f"{directory}/{name}"
        yield from self.cached(name)

    def expand(self, directory: str) -> str | None:
        """Return a directory with $ORIGIN replaced; None for one that depends on the machine or on where one is."""
        origin = "/" + self.program.path.rpartition("/")[0]
        text = _TOKEN.sub(lambda match: origin if "ORIGIN" in match.groups() else "\0", directory)
        return text if text.startswith("/") and "\0" not in text else None

    def defaults(self) -> tuple[str, ...]:
        """Return the directories that the loader was built with."""
        folder, _, name = self.loader.path.rpartition("/")
        if self.is_musl:
            base = (self.header.interpreter or "").rpartition("/")[2].removesuffix(".so.1")
            listed = self.rootfs.resolve(f"etc/{base}.path")
            if listed is None:
                return _MUSL_DIRECTORIES
            kept = self.rootfs.content(listed) or b""
            return tuple(re.split(r"[:\n]", kept.decode("utf-8", "surrogateescape")))
        if not _GLIBC.match(name):
            return ()  # a loader of its own, such as gcompat's
        last = folder.rpartition("/")[2]
        if "-linux-gnu" in last:  # Debian's multiarch
            return (f"/{folder}", f"/lib/{last}", f"/usr/lib/{last}", "/lib", "/usr/lib")
        return ("/lib64", "/usr/lib64") if last == "lib64" else (f"/{folder}", "/lib", "/usr/lib")

    def cached(self, name: str) -> Iterator[str]:
        """Yield the paths of ld.so.cache with this name: its strings end with NULs (glibc sysdeps/generic/dl-cache.h)."""
        cache = self.rootfs.resolve(_CACHE)
        if cache is None or self.is_musl:
            return
        raw = self.rootfs.content(cache) or b""
        wanted = b"/" + name.encode("utf-8", "surrogateescape") + b"\0"
        at = raw.find(wanted)
        for _ in range(_MOST_CACHED):
            if at < 0:
                return
            start = raw.rfind(b"\0", max(at - _PATH_MAX, 0), at) + 1
            yield raw[start : at + len(wanted) - 1].decode("utf-8", "surrogateescape")
            at = raw.find(wanted, at + 1)

    def fits(self, path: str) -> bool | None:
        """Tell whether a library for the program's processor is at a path."""
        entry = self.rootfs.resolve(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return False
        head = self.rootfs.content(entry)
        if head is None or len(head) < min(_HEAD, entry.size_bytes):
            return None
        wanted = bytes((1 if self.header.bits == 32 else 2,))
        order: Literal["little", "big"] = "little" if self.header.byte_order == "little" else "big"
        machine = int.from_bytes(head[18:20], order)
        return head.startswith(elf.MAGIC + wanted) and machine == self.header.machine

    def elsewhere(self, names: set[str]) -> dict[str, str]:
        """Return where in the image files with these names are."""
        found = {}
        for entry in self.rootfs.walk():
            name = entry.path.rpartition("/")[2]
            if name in names:
                found[name] = entry.path
        return found


def _answer(
    program: Entry, *, present: bool | None, what: str, seen: str | None = None, wanted: str | None = None
) -> Libraries:
    reason = f"/{program.path} {what}"
    place = Evidence(message=reason, path=program.path, layer=program.layer, seen=seen, wanted=wanted)
    return Libraries(present, reason, (place,))
