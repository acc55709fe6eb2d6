"""Where a step's Python interpreter looks for modules."""

from __future__ import annotations

import posixpath
import re

import attrs

from imagespec.analyzers.programs.shebang import parse_shebang
from imagespec.analyzers.startup.steps import Step
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

_HARMLESS_PTH = re.compile(r"(distutils-precedence|_virtualenv|protobuf.*nspkg|.*-nspkg)\.pth\Z")
_VERSION = re.compile(r"python(3\.[0-9]{1,2})t?\Z")
_LIBRARY_DIRECTORY = re.compile(r"python3(\.[0-9]{1,2}t?)?\Z")


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
    minor: int | None = None
    """The interpreter's version, as its file's name tells it: 11 for python3.11."""


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
        minor=_minor(step, rootfs),
        exact=exact
        and all_known
        and first is not None
        and pythonpath is not None
        and "PYTHONHOME" not in step.env,
    )


def _minor(step: Step, rootfs: RootFs) -> int | None:
    real = interpreter_of(step, rootfs)[1]
    version = _VERSION.search(posixpath.basename(real.path)) if real is not None else None
    return int(version[1].removeprefix("3.")) if version else None


def _library_directories(step: Step, rootfs: RootFs) -> tuple[list[str], bool]:
    invoked, real = interpreter_of(step, rootfs)
    if real is None or invoked is None:
        return [], False
    prefix = posixpath.dirname(posixpath.dirname(invoked))
    environment = rootfs.resolve(posixpath.join(prefix, "pyvenv.cfg"))
    if environment is not None:
        found = _site_directories(rootfs, prefix, None)
        cfg = (rootfs.content(environment) or b"").decode("utf-8", "replace")
        shared = re.search(
            r"^include-system-site-packages\s*=\s*(true|false)\s*$", cfg, re.MULTILINE | re.IGNORECASE
        )
        if shared is None or shared[1].lower() == "false":
            return found, bool(found) and shared is not None
        # `venv --copies` copies the interpreter: where the installation lies is in the file (PEP 405).
        home = re.search(r"^home\s*=\s*(.+?)\s*$", cfg, re.MULTILINE)
        name = posixpath.basename(real.path)
        above = rootfs.resolve(posixpath.join(home[1], name)) if home else None
        above = above or (rootfs.resolve(posixpath.join(home[1], "python3")) if home else None)
        more = _of_installation(above, rootfs) if above else []
        return found + more, bool(found and more)
    found = _of_installation(real, rootfs)
    return found, bool(found)


def _of_installation(real: Entry, rootfs: RootFs) -> list[str]:
    """Return the library directories of an interpreter that is in no virtual environment."""
    version = _VERSION.search(posixpath.basename(real.path))
    prefix = posixpath.dirname(posixpath.dirname(real.path))
    found = _site_directories(rootfs, prefix, version and version[1])
    if prefix == "usr":  # Debian's and Fedora's interpreters also look here (their site.py)
        found += _site_directories(rootfs, "usr/local", version and version[1])
    return found


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
    shebang = parse_shebang((rootfs.content(entry) if entry else None) or b"")
    if shebang is None or not shebang.interpreter.endswith("/env"):
        return shebang.interpreter if shebang else None
    words = (shebang.argument or "").split()
    return next((word for word in words if not word.startswith("-") and "=" not in word), None)


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
