"""What a Java launcher needs beside its shared libraries (OpenJDK 8 to 21, src/java.base/share/native/libjli)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs

_CONFIGS = (
    "lib/jvm.cfg",
    "lib/amd64/jvm.cfg",
    "lib/aarch64/jvm.cfg",
    "jre/lib/amd64/jvm.cfg",
    "jre/lib/aarch64/jvm.cfg",
)
_MACHINES = ("server", "client", "minimal", "default", "j9vm", "zero")
_SIZE = r"[0-9]+[kKmMgGtT]?"
_OPTION = re.compile(
    rf"-X(mx|ms|mn|ss){_SIZE}|-D[\w.-]+(=\S*)?|-server|-ea|-XX:(MaxRAMPercentage|InitialRAMPercentage|MinRAMPercentage)=[0-9.]+|"
    rf"-XX:(MaxMetaspaceSize|MetaspaceSize|MaxDirectMemorySize|ReservedCodeCacheSize)={_SIZE}|"
    r"-XX:[+-](UseContainerSupport|UseG1GC|UseParallelGC|UseSerialGC|HeapDumpOnOutOfMemoryError|ExitOnOutOfMemoryError|"
    r"CrashOnOutOfMemoryError|UseStringDeduplication|UseCompressedOops|DisableExplicitGC|AlwaysPreTouch|PrintFlagsFinal)|"
    r"-XX:HeapDumpPath=\S+|-XX:(ActiveProcessorCount|ParallelGCThreads|ConcGCThreads)=[0-9]+|-Xlog:\S+|-verbose:gc"
)
"""Options that every JVM since 8u191 takes (but for logging, since 9)."""
_VARIABLES = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")


def java_fault(rootfs: RootFs, launcher: Entry) -> str | None:
    """Return what a JDK or JRE certainly lacks of itself; None where nothing shows that."""
    home = posixpath.dirname(posixpath.dirname(launcher.path))
    for name in _CONFIGS:
        link = rootfs.lookup(f"{home}/{name}")
        spare = rootfs.resolve(f"{home}/{name}-default") is not None  # Debian's launcher falls back to it
        if link is not None and not spare and rootfs.resolve(f"{home}/{name}") is None:
            return f"/{home}/{name} is a link to {link.link_target}, which is not in the image"
    if _is_file(rootfs, f"{home}/lib/libjava.so"):
        machines = [f"{home}/lib/{name}/libjvm.so" for name in _MACHINES]
        if not any(_is_file(rootfs, path) for path in machines):
            return f"/{home}/lib has no libjvm.so"
    if _is_file(rootfs, f"{home}/lib/libjimage.so") and not _is_file(rootfs, f"{home}/lib/modules"):
        return f"/{home}/lib has no modules"
    return None


def option_doubt(env: Mapping[str, str]) -> str | None:
    """Return the variable with options that a JVM may refuse, and not start then."""
    for name in _VARIABLES:
        unknown = [word for word in env.get(name, "").split() if not _OPTION.fullmatch(word)]
        if unknown:
            return f"{name} has {unknown[0][:100]}, which a JVM may not know"
    return None


def _is_file(rootfs: RootFs, path: str) -> bool:
    entry = rootfs.resolve(path)
    return entry is not None and entry.kind is EntryKind.FILE
