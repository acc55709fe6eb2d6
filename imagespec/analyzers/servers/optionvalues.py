"""
What servers refuse of the values of their options, and so do not start.

An option is checked by its kind: a number, one of some words, a file that is read or written, a user. `Wrong.certain`
tells what no mount and no variable of the platform can mend.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.servers.words import Command, Options
from imagespec.analyzers.shell.accounts import ROOT, find_account, has_group
from imagespec.analyzers.startup.users import EXECUTE, READ, WRITE, closed_directory, may
from imagespec.entry import EntryKind

_ALWAYS = {"/tmp", "/dev/shm"}  # noqa: S108 - compared with
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


@attrs.frozen
class Wrong:
    """Why a server does not start with a value, or may not."""

    message: str
    certain: bool = False


Check = Callable[[str, Command], Wrong | None]


def number(text: str, _command: Command) -> Wrong | None:
    """Check a whole number, as Python's ``int`` reads it."""
    plain = re.fullmatch(r"\s*[+-]?[0-9]+(_[0-9]+)*\s*", text)
    return None if plain else Wrong(f"{text[:60]!r} is no whole number", certain=True)


def natural(text: str, command: Command) -> Wrong | None:
    """Check a whole number that is not below 0."""
    wrong = number(text, command)
    return wrong or (Wrong(f"{text[:60]} is below 0", certain=True) if int(text[:12]) < 0 else None)


def count(text: str, command: Command) -> Wrong | None:
    """Check a number of processes, of which there must be one."""
    wrong = number(text, command)
    return wrong or (Wrong(f"{text} of them serve nobody") if int(text[:12]) < 1 else None)


def decimal(text: str, _command: Command) -> Wrong | None:
    """Check a number with or without a fraction."""
    plain = re.fullmatch(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?\s*", text, re.IGNORECASE)
    return None if plain else Wrong(f"{text[:60]!r} is no number", certain=True)


def one_of(words: str, *, certain: bool = True) -> Check:
    """Return a check for one of some words."""
    known = frozenset(words.split())

    def check(text: str, _command: Command) -> Wrong | None:
        fits = text in known or (not certain and ":" in text)  # a module's own
        return (
            None if fits else Wrong(f"{text[:60]!r} is none of {', '.join(sorted(known))}", certain=certain)
        )

    return check


def read_file(text: str, command: Command) -> Wrong | None:
    """Check a file that is read."""
    path = _path(text, command)
    entry = command.rootfs.resolve(path) if path is not None else None
    if entry is None or entry.kind is not EntryKind.FILE:
        return Wrong(f"{path or text} is not in the image")
    user = command.step.user
    if not may(user, READ, entry, command.rootfs) or closed_directory(user, path or "/", command.rootfs):
        return Wrong(f"the user {user} may not be allowed to read {path}")
    return None


def folder(text: str, command: Command) -> Wrong | None:
    """Check a directory."""
    path = _path(text, command)
    entry = command.rootfs.resolve(path) if path is not None else None
    made = path in _ALWAYS or path in _made(command)
    there = made or (entry is not None and entry.kind is EntryKind.DIRECTORY)
    return None if there else Wrong(f"{path or text} is no directory of the image")


def written_file(text: str, command: Command) -> Wrong | None:
    """Check a file that is made or written."""
    path, user = _path(text, command), command.step.user
    if text in {"-", ""} or path is None:
        return None if path is not None else Wrong("its working directory is not known")
    if path.startswith(_STREAMS):
        handed = command.step.changed_user
        return (
            Wrong(f"{path} belongs to the user who started the container, not to {user}") if handed else None
        )
    entry, above = command.rootfs.resolve(path), command.rootfs.resolve(posixpath.dirname(path))
    if entry is None and (above is None or above.kind is not EntryKind.DIRECTORY):
        made = posixpath.dirname(path) in _made(command) | _ALWAYS
        return None if made else Wrong(f"the directory of {path} is not in the image")
    target = entry or above
    bits = (WRITE,) if entry is not None else (WRITE, EXECUTE)
    if target is not None and not all(may(user, bit, target, command.rootfs) for bit in bits):
        return Wrong(f"the user {user} may not be allowed to write {path}")
    return None


def user(text: str, command: Command) -> Wrong | None:
    """Check a user, a name or number."""
    known = text in ROOT or text.isdecimal() or find_account(text, command.rootfs) is not None
    return None if known else Wrong(f"there is no user {text[:60]} in /etc/passwd")


def group(text: str, command: Command) -> Wrong | None:
    """Check a group, a name or number."""
    known = text.isdecimal() or has_group(text, command.rootfs)
    return None if known else Wrong(f"there may be no group {text[:60]} in /etc/group")


def pair(separator: str) -> Check:
    """Return a check for two texts with a separator between them."""

    def check(text: str, _command: Command) -> Wrong | None:
        return None if separator in text else Wrong(f"{text[:60]!r} has no {separator!r}", certain=True)

    return check


def never(message: str) -> Check:
    """Return a check for an option with which a server does not stay up."""
    return lambda _text, _command: Wrong(message)


def kinds(*rows: tuple[str, Check]) -> Mapping[str, Check]:
    """Return a table of options by name; each row names some that are alike."""
    return {name: check for names, check in rows for name in names.split()}


def wrongs(options: Options, checks: Mapping[str, Check], command: Command) -> Iterator[tuple[str, Wrong]]:
    """Yield the options that are refused, with why; numbers and words that are not known are taken to be good ones."""
    for name, values in options.values.items():
        for text in values if name in checks else ():
            files = checks[name] in {read_file, written_file, folder}
            unknown = Wrong("its value is not known") if files else None
            wrong = unknown if text is None else checks[name](text, command)
            if wrong is not None:
                yield name, wrong


def of_variables(
    names: Mapping[str, str], checks: Mapping[str, Check], command: Command
) -> Iterator[tuple[str, Wrong]]:
    """Yield the environment variables that are refused, each checked as the option that it stands for."""
    for variable, option in names.items():
        text = command.step.env.get(variable, "")
        wrong = checks[option](text, command) if text else None
        if wrong is not None:
            yield variable, wrong


def lacking(options: Options, packages: Mapping[str, str], program: Program) -> Iterator[tuple[str, Wrong]]:
    """Yield the options whose values need a package that is not found."""
    for name, values in options.values.items():
        for text in values if name in {"--loop", "--http", "--ws", "-k", "--worker-class"} else ():
            package = packages.get(text or "")
            if package is not None and program.sources.find(package).kind == "missing":
                yield name, Wrong(f"it needs the package {package}, which was not found")


def refused(
    found: Iterable[tuple[str, Wrong]], server: str, command: Command, program: Program
) -> str | None:
    """Return why a server certainly does not start; what only may keep it from that becomes a gap of its program."""
    for name, wrong in found:
        message = (
            f"{server} does not start{'' if wrong.certain else ' or stay'} with this {name}: {wrong.message}"
        )
        if wrong.certain:
            return message
        program.gap(attrs.evolve(command.evidence, message=message.replace("does not", "may not")))
    return None


def _made(command: Command) -> set[str]:
    """Return the directories that ``mkdir`` certainly made before, with those above them."""
    found: set[str] = set()
    for step in command.before:
        if step.certain and step.argv and (step.argv[0] or "").rpartition("/")[2] in {"mkdir", "install"}:
            for word in step.argv[1:]:
                path = posixpath.normpath(posixpath.join(step.cwd or "/", word or "/"))
                while path != "/" and path not in found:
                    found.add(path)
                    path = posixpath.dirname(path)
    return found


def _path(text: str, command: Command) -> str | None:
    if not text.startswith("/") and command.step.cwd is None:
        return None
    return posixpath.normpath(posixpath.join(command.step.cwd or "/", text))
