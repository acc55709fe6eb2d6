"""The command line of ``java``, as far as it is understood (JDK 8 to 21, "The java Command")."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from imagespec.analyzers.startup.steps import Step

_SAFE_FLAG = re.compile(
    r"-(?:ea|esa|server|showversion|Xm[sxn][0-9]{1,6}[kKmMgG]?|Xss[0-9]{1,6}[kKmM]|Xrs|XX:\+?(?:"
    r"UseContainerSupport|HeapDumpOnOutOfMemoryError|ExitOnOutOfMemoryError|CrashOnOutOfMemoryError|AlwaysPreTouch|"
    r"(?:Max|Min|Initial)RAMPercentage=[0-9]{1,2}(?:\.[0-9]{1,4})?|HeapDumpPath=\S+|(?:Max)?MetaspaceSize=[0-9]{1,5}[kKmMgG]|"
    r"TieredStopAtLevel=[1-4]|MaxDirectMemorySize=[0-9]{1,5}[kKmMgG]|MaxGCPauseMillis=[0-9]{1,5}|"
    r"Use(?:G1|Serial|Parallel)GC))\Z"
)
_VALUED = {"-cp", "-classpath", "--class-path"}
_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


@attrs.frozen(kw_only=True)
class JavaCommand:
    """What ``java`` is to run: an archive, and the class of it where it is not the archive's own."""

    archive: str
    main: str = ""
    paths: tuple[str, ...] = ()
    """The class path, where the archive is not all of it."""
    arguments: tuple[str | None, ...] = ()
    properties: Mapping[str, str | None] = attrs.field(factory=dict)
    doubts: tuple[str, ...] = ()
    """Options that may keep the machine from starting."""


def read_command(step: Step, words: tuple[str | None, ...]) -> JavaCommand | str:
    """Return what a command line runs, or why that is not known."""
    given = _variables(step)
    if isinstance(given, str):
        return given
    pending = [*given, *words]
    properties: dict[str, str | None] = {}
    flags: list[str] = []
    paths = step.env.get("CLASSPATH", "") if "CLASSPATH" in step.env else ""
    while pending and (word := pending.pop(0)) is not None:
        if word in _VALUED and pending:
            paths = pending.pop(0)
        elif word == "-jar" or not word.startswith(("-", "@")):
            archive = pending.pop(0) if word == "-jar" and pending else paths
            if archive is None or (word == "-jar" and not archive):
                return "which archive java reads is not known"
            made = JavaCommand(archive=archive) if word == "-jar" else _from_paths(archive, word)
            return attrs.evolve(
                made, arguments=tuple(pending), properties=properties, doubts=tuple(_doubts(flags))
            )
        elif word.startswith("-D"):
            properties[word[2:].partition("=")[0]] = word.partition("=")[2]
        elif word.startswith(("-X", "-ea", "-esa", "-server", "-showversion")):
            flags.append(word)
        else:
            break
    return "java is started without a program, or with an option that is not followed"


def _from_paths(text: str, main: str) -> JavaCommand:
    """Return what a class path and a class come to; an empty part is the working directory."""
    paths = tuple(part or "." for part in text.split(":"))
    return JavaCommand(archive=paths[0], main=main, paths=paths)


def _variables(step: Step) -> list[str | None] | str:
    """Return the options that variables give (JDK_JAVA_OPTIONS since JDK 9)."""
    words: list[str | None] = []
    for name in _VARIABLES:
        value = step.env.get(name) if name in step.env else ""
        if value is None or set("\"'\\@") & set(value):
            return f"the options of {name} are not known"
        words += value.split()
    if any(word is not None and not word.startswith(("-D", "-X")) for word in words):
        return "options for java from the environment are not followed"
    return words


def _doubts(flags: list[str]) -> list[str]:
    """Return which options may keep java from starting: those that are not known, or contradict each other."""
    found = [f"java's option {flag} is not known" for flag in flags if not _SAFE_FLAG.match(flag)]
    if found:
        return found
    if len({flag for flag in flags if flag.endswith("GC")}) > 1:
        return ["java is told of several collectors"]
    sizes = {flag[:4]: _bytes(flag[4:]) for flag in flags if flag.startswith(("-Xms", "-Xmx"))}
    if sizes.get("-Xms", 0) > sizes.get("-Xmx", 1 << 62):
        return ["java's heap begins above its bound (-Xms, -Xmx)"]
    return []


def _bytes(text: str) -> int:
    unit = {"k": 10, "m": 20, "g": 30}.get(text[-1].lower(), 0)
    return int(text[:-1] if unit else text) << unit
