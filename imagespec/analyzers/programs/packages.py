"""
Versions of programs, where the image says them.

Package databases say what was installed; whether it is still there and starts is `programs`' question. So a version is
looked for only for a file that is there, and only where a record speaks of that very file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.entry import Entry
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_DATABASE_BYTES = 8 * 1024 * KIB  # a full desktop has 4 MiB of either database

WANTED = (
    Wanted(
        # dpkg's status and status.d (distroless images); apk's database, which moved below /usr with apk 3.
        directories=("/lib/dpkg/status", "/lib/apk/db/installed"),
        outside=("/status-old",),
        head_bytes=_DATABASE_BYTES,
        up_to_bytes=_DATABASE_BYTES,
    ),
    Wanted(names=frozenset({"release", "patchlevel.h"}), head_bytes=16 * KIB, up_to_bytes=16 * KIB),
    Wanted(
        names=frozenset(
            {
                "zip.list",
                *(f"python{version}-minimal.list" for version in ("2.7", *(f"3.{n}" for n in range(4, 20)))),
            }
        ),
        head_bytes=256 * KIB,
    ),
)

_DPKG = "var/lib/dpkg/status"
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_RPM = ("var/lib/rpm", "usr/lib/sysimage/rpm")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+:~_-]{0,63}")
_PYTHON = re.compile(r"python([0-9]\.[0-9]{1,2})")


@attrs.frozen
class Version:
    """What the image says of a program's version; ``text`` is None where it says nothing that can be relied on."""

    text: str | None
    """The version of the program itself, without a distribution's revision: ``3.11.2``, or less: ``3.11``."""
    evidence: tuple[Evidence, ...]
    """The record that says it; with None, what was looked at."""


def find_version(rootfs: RootFs, name: str, entry: Entry) -> Version:
    """
    Return the version of ``entry``, the file (after links) that ``name`` starts: python, java or zip.

    The first that speaks counts: a JDK's own ``release`` file, the package database, conda's, Python's header
    ``patchlevel.h``, the executable's own name.
    """
    if not rootfs.complete:
        return Version(None, (_at(entry, "not every layer could be read, so that no record is certain"),))
    gaps: list[Evidence] = []
    for source in (_release_file, _dpkg, _apk, _conda, _header, _own_name):
        found = source(rootfs, name, entry)
        if found is None:
            continue
        if found.text is not None:
            return found
        gaps += found.evidence
    for directory in _RPM:
        if rootfs.list(directory):
            gaps.append(Evidence(message="the rpm database is not read", path=f"/{directory}"))
    return Version(None, (*gaps, _at(entry, f"no record that was read says which version of {name} this is")))


def _release_file(rootfs: RootFs, name: str, entry: Entry) -> Version | None:
    """Read the file ``release`` of a JDK or JRE: in the directory that holds ``bin``, or above its ``jre``."""
    home, _, inside = entry.path.rpartition("/bin/")
    if name != "java" or inside != "java":
        return None
    for directory in (home, home.removesuffix("/jre")):
        file = rootfs.resolve(f"{directory}/release")
        raw = rootfs.content(file) if file else None
        match = re.search(rb'^JAVA_VERSION="([^"\n]{1,64})"', raw, re.MULTILINE) if raw else None
        if file and match:
            return _version(match.group(1), file, f"says JAVA_VERSION of /{directory}")
    return None


def _dpkg(rootfs: RootFs, name: str, entry: Entry) -> Version | None:
    gap = None
    for package in _dpkg_packages(name, entry):
        for file in (rootfs.resolve(_DPKG), rootfs.resolve(f"{_DPKG}.d/{package}")):
            if file is None:
                continue
            raw = rootfs.content(file)
            text = _dpkg_version(raw or b"", package)
            if text and _dpkg_owns(rootfs, package, entry):
                upstream = text.partition(":")[2] or text  # [epoch:]upstream[-revision], deb-version(7)
                return _version(
                    upstream.rpartition("-")[0] or upstream, file, f"has {package} {text} for /{entry.path}"
                )
            gap = gap or _gap(raw, file)
    return gap


def _dpkg_packages(name: str, entry: Entry) -> Iterator[str]:
    """Yield the Debian packages whose program would be this file."""
    directory, _, base = entry.path.rpartition("/")
    python, jdk = _PYTHON.fullmatch(base), re.match(r"usr/lib/jvm/java-([0-9]{1,3})-openjdk", directory)
    if name == "python" and python and directory == "usr/bin":
        yield f"{base}-minimal"
    elif name == "zip" and entry.path == "usr/bin/zip":
        yield "zip"
    elif name == "java" and jdk:
        yield f"openjdk-{jdk.group(1)}-jre-headless"


def _dpkg_version(raw: bytes, package: str) -> str | None:
    """Return the version of an installed package from a status file (deb-status(5)); status.d has no Status."""
    for paragraph in raw.split(b"\n\n"):
        fields = dict(
            line.partition(b":")[::2] for line in paragraph.splitlines() if line[:1] not in {b" ", b"\t"}
        )
        if fields.get(b"Package", b"").strip() != package.encode():
            continue
        if fields.get(b"Status", b"install ok installed").split()[-1:] == [b"installed"]:
            return fields.get(b"Version", b"").strip().decode("ascii", "replace")
    return None


def _dpkg_owns(rootfs: RootFs, package: str, entry: Entry) -> bool:
    """Tell whether the package's file list names the file; where there is no list, its path alone must do."""
    listing = rootfs.resolve(f"var/lib/dpkg/info/{package}.list")
    raw = rootfs.content(listing) if listing else None
    return raw is None or f"/{entry.path}".encode("utf-8", "surrogateescape") in raw.splitlines()


def _apk(rootfs: RootFs, _name: str, entry: Entry) -> Version | None:
    """Look for the file's owner in apk's database: P package, V version, F directory, R file (apk-package(5))."""
    file = next(filter(None, map(rootfs.resolve, _APK)), None)
    if file is None:
        return None
    raw = rootfs.content(file)
    wanted_directory, _, wanted_base = entry.path.encode("utf-8", "surrogateescape").rpartition(b"/")
    package = version = directory = b""
    for line in (raw or b"").splitlines():
        kind, value = line[:2], line[2:]
        if kind == b"P:":
            package, version, directory = value, b"", b""
        elif kind == b"V:":
            version = value
        elif kind == b"F:":
            directory = value
        elif kind == b"R:" and value == wanted_base and directory == wanted_directory:
            what = f"has {_text(package)} {_text(version)} with /{entry.path}"
            return _version(re.sub(rb"-r[0-9]+$", b"", version), file, what)
    return _gap(raw, file)


def _conda(rootfs: RootFs, name: str, entry: Entry) -> Version | None:
    """Read the names in conda-meta: NAME-VERSION-BUILD.json for each package of the environment."""
    prefix = entry.path.rpartition("/bin/")[0] or entry.path.rpartition("/lib/jvm/bin/")[0]
    package = "openjdk" if name == "java" else name
    for file in rootfs.list(f"{prefix}/conda-meta") if prefix else ():
        base = file.path.rpartition("/")[2]
        parts = base.removesuffix(".json").rsplit("-", 2)
        if len(parts) == 3 and parts[0] == package and base.endswith(".json"):
            return _version(parts[1], file, f"is conda's record of {package} {parts[1]} in /{prefix}")
    return None


def _header(rootfs: RootFs, name: str, entry: Entry) -> Version | None:
    """Read Python's own header of the same prefix, which builds from source install."""
    prefix, _, base = entry.path.rpartition("/bin/")
    if name != "python" or not _PYTHON.fullmatch(base):
        return None
    file = rootfs.resolve(f"{prefix}/include/{base}/patchlevel.h")
    raw = rootfs.content(file) if file else None
    match = re.search(rb'^#define[ \t]+PY_VERSION[ \t]+"([^"\n]{1,64})"', raw, re.MULTILINE) if raw else None
    return _version(match.group(1), file, f"says PY_VERSION for /{entry.path}") if file and match else None


def _own_name(_rootfs: RootFs, name: str, entry: Entry) -> Version | None:
    match = _PYTHON.fullmatch(entry.path.rpartition("/")[2])
    if name != "python" or not match:
        return None
    return _version(match.group(1), entry, "its name says so")


def _version(text: str | bytes, file: Entry, what: str) -> Version | None:
    shown = _text(text) if isinstance(text, bytes) else text
    if not _VERSION.fullmatch(shown):
        return None
    return Version(shown, (attrs.evolve(_at(file, what), seen=shown),))


def _gap(raw: bytes | None, file: Entry) -> Version | None:
    """Return an open answer where a database was not kept as a whole, None where it is only silent."""
    if raw is not None and len(raw) == file.size_bytes:
        return None
    return Version(None, (_at(file, f"was kept to {len(raw or b''):,} of its {file.size_bytes:,} bytes"),))


def _at(entry: Entry, what: str) -> Evidence:
    return Evidence(message=what, path=entry.path, layer=entry.layer)


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
