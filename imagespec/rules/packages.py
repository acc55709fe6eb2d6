"""
A batch image has python, a JRE or JDK, and zip, and they start.

What it checks
--------------
That `python3` or `python`, `java` and `zip` are found on the image's `PATH`, through links and `/etc/alternatives`, and
that each is an executable file of the image's architecture whose loader or interpreter is in the image, and that the
shared libraries which the program itself names are where its loader looks for them: `DT_RPATH`, `DT_RUNPATH`,
`LD_LIBRARY_PATH`, `/etc/ld.so.cache` and the loader's own directories. What those libraries need in their turn is not
looked at. A link to busybox counts where busybox has that program. A shell script in a program's place is followed to the
program behind it; a JDK is asked for its `jvm.cfg`, its virtual machine and its modules.

Why it matters
--------------
The platform calls these programs around a batch service. A package database can list a program that is not there any
more, or one for another architecture.

What passes
-----------
All three are found and can start; versions are told where the image says them.

What fails
----------
One is not on the `PATH`, or is found and cannot start: a dangling link, no execute bit, another architecture, a missing
loader, or a shared library that is nowhere in the image.

What stays unknown
------------------
A program was found but its kind could not be told from the bytes that were kept; or it needs a shared library that
is in the image, where its loader is not known to look.

How to fix
----------
Install the packages in the image (`apt-get install python3 default-jre-headless zip`) and set `PATH` by `ENV`.

Source
------
"Specifications for Custom Images Used for Importing Models", image dependencies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from imagespec.analyzers.facts import Facts
from imagespec.analyzers.programs.applets import judge_applet
from imagespec.analyzers.programs.javahome import java_fault, option_doubt
from imagespec.analyzers.programs.libraries import find_libraries
from imagespec.analyzers.programs.packages import find_version
from imagespec.analyzers.programs.programs import Startable, judge_startable
from imagespec.analyzers.startup.programcalls import Called, call_script
from imagespec.analyzers.startup.tools import SHELLS
from imagespec.analyzers.startup.users import EXECUTE, closed_directory, may
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import DEFAULT_PATH
from imagespec.rules.base import Parameters, Rule, Service
from imagespec.verdict import Evidence, Outcome, Verdict

_PROGRAMS = (("python", ("python3", "python")), ("java", ("java",)), ("zip", ("zip",)))

_ASKS = {"python": "--version", "java": "-version", "zip": "-v"}
_ZIP_OPTIONS = re.compile(r"\s*(-[0-9rqyjX]+\s*)*")
_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


def _check(facts: Facts, _: Parameters) -> Outcome:
    answers = [_judge(facts, title, names) for title, names in _PROGRAMS]
    # What decides comes first: a report for people shows the first few.
    answers.sort(key=lambda answer: _ORDER.index(answer.verdict))
    evidence = tuple(item for answer in answers for item in answer.evidence)
    failed = [answer for answer in answers if answer.verdict is Verdict.FAIL]
    if failed:
        return Outcome(
            Verdict.FAIL, "; ".join(answer.summary for answer in failed), evidence, failed[0].advice
        )
    if not facts.rootfs.complete:
        summary = "not every layer could be read, so it is not certain that the programs can start"
        return Outcome(Verdict.UNKNOWN, summary, evidence)
    unclear = [answer.summary for answer in answers if answer.verdict is Verdict.UNKNOWN]
    if unclear:
        return Outcome(Verdict.UNKNOWN, "; ".join(unclear), evidence)
    *others, last = (answer.summary for answer in answers)
    return Outcome(Verdict.PASS, f"{', '.join(others)} and {last} can start", evidence)


def _judge(facts: Facts, title: str, names: tuple[str, ...]) -> Outcome:
    """Judge one program under any of its names: one that starts is enough."""
    config = facts.image.config
    path = config.environment().get("PATH")
    worst: Outcome | None = None
    for name in names:
        entry = facts.rootfs.which(name, path)
        if entry is None:
            continue
        startable = _judge_program(facts, entry, name, path)
        if startable.startable:
            version = find_version(facts.rootfs, title, entry)
            known = f"{title} {version.text}" if version.text else title
            return Outcome(Verdict.PASS, f"{known} (/{entry.path})", (*startable.evidence, *version.evidence))
        reason = startable.reason.rstrip(".")
        if startable.startable is None:
            answer = Outcome(
                Verdict.UNKNOWN, f"it is not certain that {title} can start: {reason}", startable.evidence
            )
        else:
            advice = f"Install {title} for the image's architecture, with its loader."
            answer = Outcome(Verdict.FAIL, f"{title} cannot start: {reason}", startable.evidence, advice)
        worst = answer if worst is None or answer.verdict is Verdict.UNKNOWN else worst
    if worst:
        return worst
    return _missing(facts, DEFAULT_PATH if path is None else path, title, names)


def _judge_program(facts: Facts, entry: Entry, name: str, path: str | None) -> Startable:
    """Judge a program with the libraries that it needs and, where it is busybox, what busybox has."""
    config, rootfs = facts.image.config, facts.rootfs
    found = judge_startable(rootfs, entry, config.architecture, path=path)
    if not found.startable or found.program is None:
        return found
    libraries = find_libraries(rootfs, found.program, config.environment().get("LD_LIBRARY_PATH"))
    evidence = (*found.evidence, *libraries.evidence)
    if not libraries.present:
        return attrs.evolve(found, startable=libraries.present, reason=libraries.reason, evidence=evidence)
    doubt = _doubt(facts, entry, found, name)
    if doubt is not None:
        return attrs.evolve(found, startable=doubt.starts, reason=doubt.reason, evidence=evidence)
    applet = judge_applet(rootfs, found.program, name) if found.program == entry else None
    if applet is None:
        return attrs.evolve(found, evidence=evidence)
    return attrs.evolve(applet, evidence=(*evidence, *applet.evidence))


def _doubt(facts: Facts, entry: Entry, found: Startable, name: str) -> Called | None:
    """Return what a program lacks that its own bytes do not tell; None for nothing."""
    config, rootfs = facts.image.config, facts.rootfs
    user = config.user
    closed = closed_directory(user, entry.path, rootfs) if user else None
    if closed is not None or not may(user, EXECUTE, entry, rootfs):
        return Called(starts=None, reason=f"the user {user} may not be allowed to run /{entry.path}")
    if found.program != entry and found.program is not None:
        shell = found.program.path.rpartition("/")[2] in SHELLS
        called = call_script(config, rootfs, f"/{entry.path}", _ASKS[name.rstrip("3")]) if shell else None
        return called if called is not None and called.starts is not True else None
    env = config.environment()
    if name == "java":
        fault, doubt = java_fault(rootfs, entry), option_doubt(env)
        if fault is not None:
            return Called(starts=False, reason=f"/{entry.path} cannot start: {fault}")
        return Called(starts=None, reason=doubt) if doubt is not None else None
    odd = next((env[key] for key in ("ZIPOPT", "ZIP") if not _ZIP_OPTIONS.fullmatch(env.get(key, ""))), None)
    if name == "zip" and odd is not None:
        return Called(starts=None, reason=f"zip may not know its options from the environment: {odd[:100]}")
    return None


def _missing(facts: Facts, shown: str, title: str, names: tuple[str, ...]) -> Outcome:
    nearby = dict.fromkeys(_remains(facts, shown, names))  # once, where /bin is a link to /usr/bin
    message = f"no executable {' or '.join(names)} on the PATH"
    missing = Evidence(message=message, pointer="config#/config/Env", seen=shown)
    advice = f"Install {title}, or add its directory to PATH."
    return Outcome(Verdict.FAIL, f"{title} is not on the PATH", (missing, *nearby), advice)


def _remains(facts: Facts, path: str, names: tuple[str, ...]) -> Iterator[Evidence]:
    """Yield what lies on the PATH under these names and is no program, to explain why it does not count."""
    for directory in path.split(":"):
        for name in names:
            entry = facts.rootfs.lookup(f"{directory}/{name}")
            if entry is None:
                continue
            end = facts.rootfs.resolve(f"{directory}/{name}")
            if end is None:
                yield _place("a link that leads to nothing", entry, seen=entry.link_target)
            elif end.kind is not EntryKind.FILE:
                yield _place(f"a {end.kind.value}, not a program", end)
            else:
                yield _place("a file without an execute bit", end, seen=f"{end.mode:04o}", wanted="0755")


def _place(message: str, entry: Entry, seen: str | None = None, wanted: str | None = None) -> Evidence:
    return Evidence(message=message, path=entry.path, layer=entry.layer, seen=seen, wanted=wanted)


RULE = Rule(id="packages", doc=__doc__, check=_check, services=frozenset({Service.BATCH}))
