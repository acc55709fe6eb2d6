"""
The Python sources that a step can import, and where its interpreter looks for them.

The search order is CPython's (library reference, "The initialization of the sys.path module search path", and
"site"): the script's directory or the working directory, PYTHONPATH, the standard library, site-packages.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
import warnings
from collections.abc import Iterable

import attrs

from imagespec.analyzers.python.paths import PythonPaths
from imagespec.analyzers.startup.users import EXECUTE, READ, closed_directory, may
from imagespec.analyzers.wanted import KIB, LIBRARIES, Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

SOURCE_BYTES = 1024 * KIB
MODULES = 200
"""Source files of one program that are followed."""
TOTAL_BYTES = 8 * SOURCE_BYTES
"""Source text of one program that is parsed."""

WANTED: tuple[Wanted, ...] = (
    Wanted(suffixes=(".py",), outside=LIBRARIES, head_bytes=SOURCE_BYTES, up_to_bytes=SOURCE_BYTES),
    Wanted(
        suffixes=(".json", ".yaml", ".yml", ".toml", ".cfg"),
        outside=(
            *LIBRARIES,
            "/usr/",
            "/etc/",
            "/node_modules/",
            "/conda-meta/",
            "/pkgs/",
            "/share/",
            "/.git/",
        ),
        head_bytes=32 * KIB,
        up_to_bytes=32 * KIB,
    ),
    Wanted(suffixes=(".pth",), names=frozenset({"pyvenv.cfg"}), head_bytes=4 * KIB),
    Wanted(directories=("/bin/",), executables=True, head_bytes=4 * KIB, up_to_bytes=16 * KIB),
)

_FORMER_STDLIB = {
    "asynchat", "asyncore", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "formatter",
    "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser", "pipes",
    "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",
}  # fmt: skip
"""Removed from the standard library between Python 3.9 and 3.13 (What's New, "Removed")."""
_OLDEST_MINOR = 8
_STDLIB = sys.stdlib_module_names | _FORMER_STDLIB
_STARTUP = {
    "abc", "codecs", "encodings", "genericpath", "io", "os", "ntpath", "posixpath", "site", "sitecustomize", "stat",
    "usercustomize", "_collections_abc", "_sitebuiltins", "importlib", "zipimport", "runpy",
}  # fmt: skip
_SELDOM = {"antigravity", "idlelib", "pydoc_data", "test", "this", "turtle", "turtledemo"}
_SHADOWED = sys.stdlib_module_names - frozenset(sys.builtin_module_names) - _STARTUP - _SELDOM
"""Modules that libraries take from the program's own directory where it has one of that name."""
_COMPILED = re.compile(r"\.(cpython-3[0-9a-z]{1,4}-[a-z0-9_-]{1,40}|abi3)\.so\Z|\.so\Z|\.pyc\Z")


@attrs.frozen
class Source:
    """A parsed source file."""

    path: str
    layer: int | None
    tree: ast.Module = attrs.field(repr=False)


@attrs.frozen
class Found:
    """
    What an import name leads to.

    ``kind`` is ``source`` (``path`` is the file), ``directory`` (a namespace package), ``library`` (found, not
    followed), ``perhaps`` (a library that may be out of reach), or ``missing``.
    """

    kind: str
    path: str = ""
    directory: str | None = None
    """Of a package of the program: where its submodules are."""


LIBRARY = Found("library")
MISSING = Found("missing")


class BrokenSource(str):
    """Why a file cannot be parsed, where the image's own Python cannot parse it either."""

    __slots__ = ()


class Sources:
    """Finds and parses the modules of one program, within bounds."""

    def __init__(self, rootfs: RootFs, paths: PythonPaths, user: str = "") -> None:
        self.rootfs = rootfs
        self.user = user
        self.unreadable: Entry | None = None
        """The first file or directory that was asked for and that the user may not be allowed to read."""
        self.own = list(paths.own)
        self.libraries = paths.libraries
        self.late = paths.late
        self.perhaps = paths.perhaps
        self.exact = paths.exact and rootfs.complete
        self.minor = paths.minor
        self.count = 0
        self.size_bytes = 0

    def find(self, name: str) -> Found:
        """Return what the absolute import name ``name`` leads to."""
        top, *rest = name.split(".")
        if top in sys.builtin_module_names:
            return LIBRARY
        # A directory without __init__.py is a package only where no module follows on the path (PEP 420).
        portions: list[str] = []
        if found := self._search(self.own, top, rest, portions):
            return found
        if top in _STDLIB or any(self._at(directory, top) for directory in self.libraries):
            return LIBRARY
        if found := self._search(self.late, top, rest, portions):
            return found
        if portions:
            return self._descend(portions[0], top, rest) or MISSING
        return Found("perhaps") if any(self._at(directory, top) for directory in self.perhaps) else MISSING

    def _search(
        self, directories: Iterable[str], top: str, rest: list[str], portions: list[str]
    ) -> Found | None:
        for directory in directories:
            found = self._at(directory, top)
            if found and found.kind == "directory":
                portions.append(directory)
            elif found:
                return self._descend(directory, top, rest)
        return None

    def shadowing(self) -> str | None:
        """Return the path of a module of the program that takes the place of the standard library's; None without."""
        for directory in self.own:
            for entry in self.rootfs.list(directory):
                name = entry.path.rpartition("/")[2].removesuffix(".py")
                found = self._at(directory, name) if name in _SHADOWED else None
                if found is not None and found.kind == "source":
                    return found.path
        return None

    def find_below(self, directory: str, name: str) -> Found:
        """Return what the submodule ``name`` of the package in ``directory`` leads to."""
        return self._descend(directory, name, []) or MISSING

    def _descend(self, directory: str, top: str, rest: list[str]) -> Found | None:
        found = self._at(directory, top)
        for part in rest[:20] if found and found.kind != "library" else ():
            if not found or found.directory is None:
                return MISSING
            found = self._at(found.directory, part) or MISSING
            if found.kind == "library":
                return found
        return found

    def _at(self, directory: str, name: str) -> Found | None:
        found = self._look(directory, name)
        if found is not None and self.user:
            base = posixpath.join(directory, name)
            self._weigh(base, f"{base}/__init__.py", f"{base}.py")
        return found

    def _weigh(self, *paths: str) -> None:
        """Note what the user may not be allowed to read."""
        for path in paths:
            entry = self.rootfs.resolve(path)
            if self.unreadable is not None or entry is None:
                continue
            closed = closed_directory(self.user, posixpath.dirname(path), self.rootfs)
            bits = (READ, EXECUTE) if entry.kind is EntryKind.DIRECTORY else (READ,)
            if closed is not None or not all(may(self.user, bit, entry, self.rootfs) for bit in bits):
                self.unreadable = closed or entry

    def _look(self, directory: str, name: str) -> Found | None:
        """Look for one module in one directory, as importlib's FileFinder does: packages before files."""
        base = posixpath.join(directory, name)
        here = self.rootfs.resolve(base)
        is_directory = here is not None and here.kind is EntryKind.DIRECTORY
        if is_directory and self._is_file(base + "/__init__.py"):
            return LIBRARY if self._is_library(directory) else Found("source", base + "/__init__.py", base)
        if self._is_file(base + ".py"):
            return LIBRARY if self._is_library(directory) else Found("source", base + ".py")
        if any(
            entry.path.rpartition("/")[2].startswith(name + ".") and _COMPILED.search(entry.path)
            for entry in self.rootfs.list(directory)
        ):
            return LIBRARY
        if is_directory and any(not entry.path.endswith("/__pycache__") for entry in self.rootfs.list(base)):
            return LIBRARY if self._is_library(directory) else Found("directory", base, base)
        return None

    def _is_file(self, path: str) -> bool:
        entry = self.rootfs.resolve(path)
        return entry is not None and entry.kind is EntryKind.FILE

    def _is_library(self, directory: str) -> bool:
        """Tell whether a directory holds installed packages (``pip install --target``), not the program itself."""
        path = f"/{directory}/"
        return any(part in path for part in LIBRARIES) or any(
            entry.path.endswith(".dist-info") for entry in self.rootfs.list(directory)
        )

    def load(self, path: str) -> Source | str:
        """Return the parsed file, or the reason why there is none."""
        entry = self.rootfs.resolve(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return "is no file"
        if entry.size_bytes > SOURCE_BYTES:
            return f"has {entry.size_bytes:,} bytes, more than are followed"
        data = self.rootfs.content(entry)
        if data is None or len(data) < entry.size_bytes:
            return "was not kept when the layer was read"
        self._weigh(entry.path)
        return self.parse(data, entry.path, entry.layer)

    def parse(self, data: bytes | str, path: str, layer: int | None) -> Source | str:
        """Return parsed text, or the reason why it cannot be."""
        self.count += 1
        self.size_bytes += len(data)
        if self.count > MODULES or self.size_bytes > TOTAL_BYTES:
            return "is beyond the number or size of sources that are followed"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Source(path, layer, ast.parse(data))
        except (SyntaxError, ValueError) as error:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            reason = f"cannot be parsed as Python {version}: {str(error)[:200]}"
            # What a newer Python 3 refuses, an older one refuses as well: the language has only grown since 3.8.
            surely = isinstance(error, SyntaxError) and self.minor is not None
            is_older = surely and _OLDEST_MINOR <= (self.minor or 0) <= sys.version_info.minor
            return BrokenSource(reason) if is_older else reason
        except (RecursionError, MemoryError):
            return "is nested too deeply to be parsed"
