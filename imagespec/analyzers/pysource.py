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

import attrs

from imagespec.analyzers.steps import Step
from imagespec.analyzers.wanted import KIB, LIBRARIES, Wanted
from imagespec.layer import Entry, EntryKind
from imagespec.rootfs import RootFs

SOURCE_BYTES = 1024 * KIB
MODULES = 200
"""Source files of one program that are followed."""
TOTAL_BYTES = 8 * SOURCE_BYTES
"""Source text of one program that is parsed."""

WANTED: tuple[Wanted, ...] = (
    Wanted(suffixes=(".py",), outside=LIBRARIES, head_bytes=SOURCE_BYTES, up_to_bytes=SOURCE_BYTES),
    Wanted(suffixes=(".pth",), names=frozenset({"pyvenv.cfg"}), head_bytes=4 * KIB),
    Wanted(directories=("/bin/",), executables=True, head_bytes=4 * KIB, up_to_bytes=16 * KIB),
)

_FORMER_STDLIB = {
    "asynchat", "asyncore", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "formatter",
    "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser", "pipes",
    "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",
}  # fmt: skip
"""Removed from the standard library between Python 3.9 and 3.13 (What's New, "Removed")."""
_STDLIB = sys.stdlib_module_names | _FORMER_STDLIB
_HARMLESS_PTH = re.compile(r"(distutils-precedence|_virtualenv|protobuf.*nspkg|.*-nspkg)\.pth\Z")
_VERSION = re.compile(r"python(3\.[0-9]{1,2})t?\Z")
_LIBRARY_DIRECTORY = re.compile(r"python3(\.[0-9]{1,2}t?)?\Z")
_COMPILED = re.compile(r"\.(cpython-3[0-9a-z]{1,4}-[a-z0-9_-]{1,40}|abi3)\.so\Z|\.so\Z|\.pyc\Z")


@attrs.frozen(kw_only=True)
class PythonPaths:
    """
    Where one interpreter looks for modules; paths are relative to the root.

    ``own`` comes before the standard library, ``libraries`` after it. ``exact`` is False when there may be more
    places, so that a module found nowhere is not proven to be missing.
    """

    own: tuple[str, ...]
    libraries: tuple[str, ...]
    late: tuple[str, ...] = ()
    """Directories that .pth files add: the places of editable installations."""
    perhaps: tuple[str, ...] = ()
    """Libraries that are used only under some user or home directory."""
    exact: bool = True


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


class Sources:
    """Finds and parses the modules of one program, within bounds."""

    def __init__(self, rootfs: RootFs, paths: PythonPaths) -> None:
        self.rootfs = rootfs
        self.own = list(paths.own)
        self.libraries = paths.libraries
        self.late = paths.late
        self.perhaps = paths.perhaps
        self.exact = paths.exact and rootfs.complete
        self.count = 0
        self.size_bytes = 0

    def find(self, name: str) -> Found:
        """Return what the absolute import name ``name`` leads to."""
        top, *rest = name.split(".")
        if top in sys.builtin_module_names:
            return LIBRARY
        for directory in self.own:
            if found := self._descend(directory, top, rest):
                return found
        if top in _STDLIB:
            return LIBRARY
        if any(self._at(directory, top) for directory in self.libraries):
            return LIBRARY
        for directory in self.late:
            if found := self._descend(directory, top, rest):
                return found
        return Found("perhaps") if any(self._at(directory, top) for directory in self.perhaps) else MISSING

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
        if is_directory:
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
            return f"cannot be parsed as Python {version}: {str(error)[:200]}"
        except (RecursionError, MemoryError):
            return "is nested too deeply to be parsed"


def python_paths(step: Step, rootfs: RootFs, first: str | None) -> PythonPaths:
    """
    Return where the interpreter of ``step`` looks for modules.

    ``first`` is the directory that comes first: the script's or the working directory; None when unknown.
    """
    libraries, exact = _library_directories(step, rootfs)
    own = [] if first is None else [first.strip("/")]
    pythonpath = step.env.get("PYTHONPATH", "")
    for part in (pythonpath or "").split(":")[:50] if pythonpath else ():
        if not part.startswith("/") and step.cwd is None:
            exact = False
        else:
            own.append(posixpath.normpath(posixpath.join(step.cwd or "/", part)).strip("/"))
    named, all_known = _named_by_pth(rootfs, libraries)
    return PythonPaths(
        own=tuple(own),
        libraries=tuple(libraries),
        late=tuple(named),
        perhaps=tuple(_user_sites(step, rootfs)),
        exact=exact
        and all_known
        and first is not None
        and pythonpath is not None
        and "PYTHONHOME" not in step.env,
    )


def _library_directories(step: Step, rootfs: RootFs) -> tuple[list[str], bool]:
    invoked, real = interpreter_of(step, rootfs)
    if real is None or invoked is None:
        return [], False
    prefix = posixpath.dirname(posixpath.dirname(invoked))
    environment = rootfs.resolve(posixpath.join(prefix, "pyvenv.cfg"))
    if environment is not None:
        found = _site_directories(rootfs, prefix, None)
        cfg = (rootfs.content(environment) or b"").decode("utf-8", "replace").lower()
        isolated = re.search(r"^include-system-site-packages\s*=\s*false", cfg, re.MULTILINE) is not None
        return found, bool(found) and isolated
    version = _VERSION.search(posixpath.basename(real.path))
    prefix = posixpath.dirname(posixpath.dirname(real.path))
    found = _site_directories(rootfs, prefix, version and version[1])
    if prefix == "usr":  # Debian's and Fedora's interpreters also look here (their site.py)
        found += _site_directories(rootfs, "usr/local", version and version[1])
    return found, bool(found)


def _site_directories(rootfs: RootFs, prefix: str, version: str | None) -> list[str]:
    found = []
    for lib in ("lib", "lib64"):
        for entry in rootfs.list(posixpath.join(prefix, lib)):
            name = entry.path.rpartition("/")[2]
            if not _LIBRARY_DIRECTORY.match(name) or (
                version and name not in {"python3", "python" + version}
            ):
                continue
            for part in ("site-packages", "dist-packages"):
                site = rootfs.resolve(f"{entry.path}/{part}")
                if site is not None and site.kind is EntryKind.DIRECTORY and site.path not in found:
                    found.append(site.path)
    return found


def interpreter_of(step: Step, rootfs: RootFs) -> tuple[str | None, Entry | None]:
    """Return the path by which the step's interpreter is invoked, without its links resolved, and its file."""
    candidates = []
    word = step.argv[0] if step.argv else None
    if step.program is not None:
        shebang = _shebang(rootfs, step.program) or (_shebang(rootfs, rootfs.resolve(step.script or "")))
        candidates = [word, *_in_path(step, word), shebang, *_in_path(step, shebang), "/" + step.program.path]
    for candidate in candidates:
        if candidate and "/" in candidate and is_python(candidate):
            real = rootfs.resolve(posixpath.join(step.cwd or "/", candidate))
            fits = step.program is None or not is_python(step.program.path) or real == step.program
            if real is not None and fits:
                return posixpath.join(step.cwd or "/", candidate).strip("/"), real
    return None, None


def _in_path(step: Step, word: str | None) -> list[str]:
    if not word or "/" in word or word.startswith("-"):
        return []
    return [
        f"{part}/{word}"
        for part in (step.env.get("PATH") or "/usr/local/bin:/usr/bin:/bin").split(":")
        if part
    ]


def _shebang(rootfs: RootFs, entry: Entry | None) -> str | None:
    line = ((rootfs.content(entry) if entry else None) or b"").partition(b"\n")[0]
    if not line.startswith(b"#!"):
        return None
    words = line[2:].decode("utf-8", "replace").split()
    if words and words[0].endswith("/env"):
        return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), None)
    return words[0] if words else None


def is_python(path: str) -> bool:
    """Tell whether a path names a Python 3 interpreter."""
    return re.fullmatch(r"(python|pypy)(3(\.[0-9]{1,2}t?)?)?", path.rpartition("/")[2]) is not None


def _user_sites(step: Step, rootfs: RootFs) -> list[str]:
    homes = {step.env.get("HOME") or "root", "root"} | {entry.path for entry in rootfs.list("home")[:50]}
    return [
        site
        for home in sorted(homes)
        for site in _site_directories(rootfs, home.strip("/") + "/.local", None)
    ]


def _named_by_pth(rootfs: RootFs, libraries: list[str]) -> tuple[list[str], bool]:
    """Return the directories that .pth files add, and whether all of these files are understood (module site)."""
    named: list[str] = []
    known = True
    for site in libraries:
        for entry in rootfs.list(site):
            if not entry.path.endswith(".pth") or _HARMLESS_PTH.search(entry.path):
                continue
            data = rootfs.content(entry)
            known = known and data is not None and len(data) == entry.size_bytes
            for line in (data or b"").decode("utf-8", "replace").splitlines()[:100]:
                if line.startswith(("import ", "import\t")):
                    known = False
                elif line.strip() and not line.startswith("#"):
                    named.append(posixpath.normpath(posixpath.join("/", site, line.strip())).strip("/"))
    return named, known
