"""
Versions of programs, where the image says them.

Package databases say what was installed; whether it is still there and starts is `programs`' question. So a version is
looked for only for a file that is there, and only where a record speaks of that very file.
"""

from __future__ import annotations

import functools
import re

import attrs

from imagespec.analyzers.packagedb import dpkg
from imagespec.analyzers.packagedb.owners import Owned, read_owned
from imagespec.analyzers.packagedb.package import upstream
from imagespec.analyzers.reading import read_whole
from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.entry import Entry
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

WANTED = (Wanted(names=frozenset({"release", "patchlevel.h"}), head_bytes=16 * KIB, up_to_bytes=16 * KIB),)

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+:~_-]{0,63}")
_PACKAGES = {"python": re.compile("python"), "java": re.compile("java|jdk|jre"), "zip": re.compile("zip")}
"""Package names by the program: another package's file of that name has that package's version, not the program's."""
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
    owned = read_owned(rootfs, [entry])
    sources = (
        functools.partial(_release_file, rootfs),
        functools.partial(_package, rootfs, owned),
        functools.partial(_conda, rootfs),
        functools.partial(_header, rootfs),
        _own_name,
    )
    for source in sources:
        found = source(name, entry)
        if found:
            return found
    gap = () if owned.complete else (_at(entry, f"no package could be asked: {owned.why}"),)
    return Version(None, (*gap, _at(entry, f"no record that was read says which version of {name} this is")))


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


def _package(rootfs: RootFs, owned: Owned, name: str, entry: Entry) -> Version | None:
    """Take the version of the package that lists the file, where the package is named after the program."""
    package = owned.packages.get(entry.path)
    if package is None or not _PACKAGES[name].search(package.name):
        return None
    file, version = package.record, package.version
    if version is None:  # dpkg's lists of files do not say it
        for place in (dpkg.STATUS, f"{dpkg.STATUS}.d/{package.name}"):
            status = rootfs.resolve(place)
            raw = read_whole(rootfs, status) if status else None
            version = dpkg.find_version(raw, package.name) if raw else None
            if status and version:
                file = status
                break
    if not version:
        return None
    what = f"has {package.name} {version} for /{entry.path}"
    return _version(upstream(version), file, what)


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


def _own_name(name: str, entry: Entry) -> Version | None:
    match = _PYTHON.fullmatch(entry.path.rpartition("/")[2])
    if name != "python" or not match:
        return None
    return _version(match.group(1), entry, "its name says so")


def _version(text: str | bytes, file: Entry, what: str) -> Version | None:
    shown = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    if not _VERSION.fullmatch(shown):
        return None
    return Version(shown, (attrs.evolve(_at(file, what), seen=shown),))


def _at(entry: Entry, what: str) -> Evidence:
    return Evidence(message=what, path=entry.path, layer=entry.layer)
