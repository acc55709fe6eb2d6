"""Programs against the packages that brought them: replaced by a layer that installs none, or with capabilities."""

from __future__ import annotations

import struct

from imagespec.analyzers.indicators.found import Notebook, Strength, evidence_at
from imagespec.analyzers.packagedb import apk, dpkg, rpm
from imagespec.analyzers.packagedb.owners import Owned
from imagespec.entry import Entry
from imagespec.rootfs import RootFs

# Where packages put programs and libraries, and hardly anybody else.
_SYSTEM = ("bin/", "sbin/", "lib", "usr/bin/", "usr/sbin/", "usr/lib", "usr/libexec/")
_MOST_LOOKUPS = 2_000

CAPABILITY = "security.capability"
# capabilities(7): those that make their owner root or let it touch what is not its own.
_STRONG = {
    0: "CHOWN",
    1: "DAC_OVERRIDE",
    2: "DAC_READ_SEARCH",
    3: "FOWNER",
    6: "SETGID",
    7: "SETUID",
    8: "SETPCAP",
    16: "SYS_MODULE",
    17: "SYS_RAWIO",
    19: "SYS_PTRACE",
    21: "SYS_ADMIN",
    31: "SETFCAP",
}


def package_layers(rootfs: RootFs) -> frozenset[int]:
    """Return the layers that change a package database: those that installed packages."""
    places = [dpkg.STATUS, f"{dpkg.STATUS}.d", *apk.PLACES]
    places += [f"{place}/{name}" for place in rpm.PLACES for name in (*rpm.DATABASES, rpm.BERKELEY)]
    return frozenset(version.layer for place in places for version in rootfs.versions(place))


def may_replace(entry: Entry, installing: frozenset[int]) -> bool:
    """Tell whether a file lies among the system's programs and libraries, and no package came with its layer."""
    if not installing or entry.layer is None or entry.layer in installing or entry.layer < min(installing):
        return False
    name = entry.path.rpartition("/")[2]
    return entry.path.startswith(_SYSTEM) and (entry.is_executable or ".so" in name)


def check_replaced(rootfs: RootFs, entries: list[Entry], owned: Owned, notes: Notebook) -> None:
    """Judge files of packages that such a layer has anew, with another size: a `chmod` copies a file as it is."""
    listed = [entry for entry in entries if entry.path in owned.packages]
    for number, entry in enumerate(listed):
        if number == _MOST_LOOKUPS:
            notes.miss("files of packages that later layers replace, beyond the first", entry)
            return
        before = [version for version in rootfs.versions(entry.path) if version.layer != entry.layer]
        if before and before[-1].entry.size_bytes != entry.size_bytes:
            package = owned.packages[entry.path].name
            message = f"a file of the package {package}, replaced by a layer that installs no package"
            notes.find("replaced-package-file", Strength.LOW, evidence_at(entry, message))
    notes.count("files of packages in layers that install none", len(listed))


def check_capabilities(rootfs: RootFs, entries: list[Entry], owned: Owned, notes: Notebook) -> None:
    """Judge programs that no package brought and that the kernel gives strong capabilities."""
    for entry in entries:
        names = _strong_capabilities(rootfs.xattrs(entry)[CAPABILITY])
        owner = owned.owns(entry)
        if not names or owner:
            continue
        if owner is None:
            notes.miss(f"programs with capabilities could not be compared with packages: {owned.why}", entry)
            continue
        message = "a program that belongs to no package and has strong capabilities"
        notes.find("capabilities", Strength.LOW, evidence_at(entry, message, seen=", ".join(names)))
    notes.count("programs with capabilities", len(entries))


def _strong_capabilities(raw: bytes) -> list[str]:
    """Return the strong ones that a file is permitted (struct vfs_cap_data, Linux include/uapi/linux/capability.h)."""
    if len(raw) < 12:
        return []
    (permitted,) = struct.unpack_from("<I", raw, 4)
    return [f"CAP_{name}" for bit, name in _STRONG.items() if permitted >> bit & 1]
