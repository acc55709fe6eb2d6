"""Indicators that lie in a file's name, mode and place: set-id programs, hidden programs, miners, ld.so.preload."""

from __future__ import annotations

import re
import stat
from collections import Counter

from imagespec.analyzers.indicators.found import Notebook, Strength, evidence_at
from imagespec.analyzers.packagedb.owners import Owned
from imagespec.analyzers.wanted import Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

PRELOAD = "etc/ld.so.preload"
TEMPORARY = ("tmp/", "var/tmp/", "dev/shm/")

WANTED = (
    Wanted(names=frozenset(("ld.so.preload",)), head_bytes=16_384),
    # Enough to tell a program from a script or from anything else with an execute bit.
    Wanted(executables=True, head_bytes=64),
)

# Programs that need set-id by their own documentation; outside of packages they come with copied root filesystems,
# container tools and browsers (sandboxing(8) of Chromium, newuidmap(1), fusermount3(1) …).
_HARMLESS = frozenset(
    [
        "apptainer",
        "at",
        "bwrap",
        "chage",
        "chfn",
        "chrome-sandbox",
        "chrome_sandbox",
        "chsh",
        "crontab",
        "dbus-daemon-launch-helper",
        "doas",
        "expiry",
        "firejail",
        "fusermount",
        "fusermount3",
        "gpasswd",
        "locate",
        "mount",
        "mount.cifs",
        "mount.nfs",
        "newgidmap",
        "newgrp",
        "newuidmap",
        "passwd",
        "ping",
        "ping6",
        "pkexec",
        "polkit-agent-helper-1",
        "screen",
        "screen-5.0",
        "singularity",
        "snap-confine",
        "ssh-agent",
        "ssh-keysign",
        "starter-suid",
        "su",
        "sudo",
        "sudoedit",
        "traceroute",
        "umount",
        "unix_chkpwd",
        "wall",
        "write",
    ]
)
_CARELESS = 8  # more set-id files in one tree come from a recursive chmod or a copied system

# Names of miners as their projects publish the programs (xmrig, xmr-stak, cpuminer, ethminer, ccminer, nbminer,
# lolMiner, PhoenixMiner, TeamRedMiner, NanoMiner, SRBMiner-MULTI), and those under which the malware families
# Kinsing, Outlaw and PwnRig install theirs (names of kernel threads and daemons, with a letter changed).
_MINERS = frozenset(
    [
        "xmrig",
        "xmrig-notls",
        "xmrig-proxy",
        "xmrigdaemon",
        "xmrigminer",
        "xmr-stak",
        "xmr-stak-rx",
        "xmr-stak-cpu",
        "minerd",
        "cpuminer",
        "cpuminer-multi",
        "cpuminer-opt",
        "ethminer",
        "ethdcrminer64",
        "ccminer",
        "nbminer",
        "lolminer",
        "phoenixminer",
        "teamredminer",
        "nanominer",
        "srbminer",
        "srbminer-multi",
        "wildrig-multi",
        "cryptodredge",
        "kinsing",
        "kdevtmpfsi",
        "pwnrig",
        "kthreaddi",
        "kthreaddk",
        "kswapd0",
        "khugepageds",
    ]
)
# Also names of other programs: t-rex (a traffic generator), cgminer and bfgminer (packages of distributions) …
_PERHAPS_MINERS = frozenset(
    [
        "t-rex",
        "trex",
        "bminer",
        "gminer",
        "cgminer",
        "bfgminer",
        "rigel",
        "dbused",
        "sysupdate",
        "networkservice",
        "miner",
    ]
)
_VERSION = re.compile(r"[-_.]v?\d[\w.-]{0,32}\Z")

_BLANK_NAME = re.compile(r"(?:^|/)[ .]+/")  # `..` and `.` never stand in a real path
_SOCKET_FOLDER = re.compile(
    r"(?:^|/)\.(?:X\d{1,4}|ICE|XIM|font|Test)-unix/"
)  # tmpfiles.d of systemd, x11.conf

# Allocators and shims that people preload on purpose, and that are often built by hand.
_ORDINARY_PRELOADS = re.compile(
    r"lib(?:jemalloc|tcmalloc|mimalloc|hoard|gomp|iomp5|omp|faketime|eatmydata|nss_wrapper|vgpu|cuda|arm|snoopy|stdbuf)"
)
_HIDING_PRELOADS = re.compile(
    r"lib(?:processhider|prochide|hide|bdvl|jynx|azazel|umbreon|vlany|father|medusa)[\w-]*\.so"
)
_SYSTEM_FOLDERS = ("lib/", "lib32/", "lib64/", "usr/lib/", "usr/lib32/", "usr/lib64/", "etc/", "dev/", "var/")


def miner_name(path: str) -> Strength | None:
    """Return how surely a file's name is that of a program that mines; None when it is not."""
    name = path.rpartition("/")[2].lower().removesuffix(".exe")
    for candidate in (name, _VERSION.sub("", name)):
        if candidate in _MINERS:
            return Strength.HIGH
        if candidate in _PERHAPS_MINERS:
            return Strength.LOW
    return None


def check_miners(rootfs: RootFs, entries: list[Entry], notes: Notebook) -> None:
    """Judge executables with a miner's name."""
    for entry in entries:
        strength = miner_name(entry.path)
        if strength is None or entry.size_bytes == 0:
            continue
        # Without its first bytes, a name says too little: data files often have an execute bit.
        is_elf = _is_elf(rootfs, entry)
        message = "a program with the name of a cryptocurrency miner"
        if is_elf and strength is Strength.HIGH:
            notes.find("miner", Strength.HIGH, evidence_at(entry, message))
        elif is_elf or strength is Strength.HIGH:
            notes.find("miner", Strength.LOW, evidence_at(entry, message))


def check_setid(rootfs: RootFs, entries: list[Entry], owned: Owned, notes: Notebook) -> None:
    """Judge regular files with a setuid or setgid bit."""
    trees = Counter(_tree(entry) for entry in entries)
    for entry in entries:
        owner = owned.owns(entry)
        if owner:
            continue
        many = trees[_tree(entry)] > _CARELESS
        kind = "setuid" if entry.mode & stat.S_ISUID else "setgid"
        seen = f"mode {entry.mode & 0o7777:04o}, owner {entry.uid}:{entry.gid}"
        place = _odd_place(entry.path)
        if place and not many and _gives_root(rootfs, entry):
            message = f"a {kind} root program {place}"
            notes.find("setid-odd-place", Strength.HIGH, evidence_at(entry, message, seen=seen))
        elif place or owner is False:
            message = f"a {kind} file {place or 'that belongs to no package'}"
            notes.find("setid-unpackaged", Strength.LOW, evidence_at(entry, message, seen=seen))
        else:
            notes.miss(f"set-id files could not be compared with packages: {owned.why}", entry)


def check_hidden(rootfs: RootFs, entries: list[Entry], notes: Notebook) -> None:
    """Judge executables under the temporary directories."""
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if ".so" in name or entry.size_bytes == 0:
            continue
        if rootfs.content(entry) is None:
            notes.miss("executables in temporary directories, of which no content was kept", entry)
        elif not _is_elf(rootfs, entry):
            continue
        elif _BLANK_NAME.search(entry.path) or _SOCKET_FOLDER.search(entry.path):
            message = "a program in a directory whose name is made not to be seen"
            notes.find("hidden-program", Strength.HIGH, evidence_at(entry, message))
        elif "/." in f"/{entry.path}":
            message = "a program with a hidden name in a temporary directory"
            notes.find("hidden-program", Strength.LOW, evidence_at(entry, message))
        else:
            message = "a program in a temporary directory"
            notes.find("temporary-program", Strength.LOW, evidence_at(entry, message))


def preload_libraries(rootfs: RootFs, notes: Notebook) -> tuple[Entry | None, list[str]]:
    """
    Return ``/etc/ld.so.preload`` and the libraries that it names, as the loader reads them.

    Names are separated by blanks or colons; a number sign begins a comment (glibc elf/rtld.c).
    """
    entry = rootfs.resolve(PRELOAD)
    notes.count("/etc/ld.so.preload looked for", 1)
    if entry is None or entry.kind is not EntryKind.FILE or not entry.size_bytes:
        return None, []
    data = rootfs.content(entry)
    if data is None or len(data) < entry.size_bytes:
        notes.miss("a file of preloaded libraries that was not kept completely", entry)
    text = (data or b"").decode("utf-8", "surrogateescape")
    names = [
        name for line in text.split("\n") for name in re.split(r"[\s:]+", line.partition("#")[0]) if name
    ]
    return entry, list(dict.fromkeys(names))[:100]


def check_preload(rootfs: RootFs, entry: Entry, names: list[str], owned: Owned, notes: Notebook) -> None:
    """Judge the libraries that are loaded into every program."""
    for name in names:
        library = rootfs.resolve(name)
        real = library.path if library else name.lstrip("/")
        base = name.rpartition("/")[2]
        strength, message = Strength.LOW, "a library is preloaded into every program"
        if library is not None and library.kind is EntryKind.FILE:
            if real.startswith(TEMPORARY) or "/." in f"/{real}":
                strength, message = Strength.HIGH, "a library in a hidden or temporary place is preloaded"
            elif _HIDING_PRELOADS.match(base):
                strength, message = Strength.HIGH, "a library known for hiding processes is preloaded"
            elif (
                owned.owns(library) is False
                and real.startswith(_SYSTEM_FOLDERS)
                and not _ORDINARY_PRELOADS.match(base)
            ):
                strength = Strength.HIGH
                message = (
                    "a library that lies among those of the system and belongs to no package is preloaded"
                )
        notes.find("preload", strength, evidence_at(entry, message, seen=name))


def _tree(entry: Entry) -> str:
    return "/".join(entry.path.split("/", 2)[:2])


def _odd_place(path: str) -> str:
    """Return what is odd about a set-id program's place, else an empty text."""
    if path.startswith(TEMPORARY):
        return "in a temporary directory"
    if path.startswith(("home/", "root/")):
        return "in a home directory"
    return "with a hidden name" if "/." in f"/{path}" else ""


def _gives_root(rootfs: RootFs, entry: Entry) -> bool:
    """Tell whether the file is a program that makes its user root, and none that has to; scripts cannot (execve(2))."""
    name = entry.path.rpartition("/")[2]
    return (
        bool(entry.mode & stat.S_ISUID)
        and entry.uid == 0
        and entry.is_executable
        and name not in _HARMLESS
        and ".so" not in name
        and _is_elf(rootfs, entry)
    )


def _is_elf(rootfs: RootFs, entry: Entry) -> bool:
    return (rootfs.content(entry) or b"").startswith(b"\x7fELF")
