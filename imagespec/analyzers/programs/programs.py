"""
Programs: which file a name means, and whether a kernel would start it.

A package database says what was installed once; here the file itself is looked at, as execve(2) would.
"""

from __future__ import annotations

import attrs

from imagespec.analyzers.programs import elf, filetype
from imagespec.analyzers.programs.shebang import Shebang, parse_shebang
from imagespec.analyzers.wanted import KIB, LIBRARIES, Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import DEFAULT_PATH, RootFs
from imagespec.verdict import Evidence

WANTED = (
    # Go's linker puts the loader's name at the end of the first 4 KiB; the others put it nearer to the start.
    Wanted(executables=True, head_bytes=4 * KIB),
    Wanted(executables=True, outside=LIBRARIES, head_bytes=16 * KIB, up_to_bytes=16 * KIB),
)

_SCRIPT_LEVELS = 5
"""Scripts in a row before a program must come (Linux fs/exec.c, exec_binprm; observed on 6.18)."""


@attrs.frozen(kw_only=True)
class Startable:
    """Whether a kernel would start a file; shared libraries and what the program then does are not looked at."""

    startable: bool | None
    """None when the bytes do not decide it."""
    reason: str
    """One sentence."""
    evidence: tuple[Evidence, ...] = ()
    """The files looked at: the program, its interpreters and its loader."""
    shell_fallback: bool = False
    """The kernel refuses the file for its format, and a shell that was asked to run it would read it as a script."""
    program: Entry | None = None
    """Of something startable, the ELF program that runs in the end: the last interpreter of a script."""
    invoked_as: str = ""
    """The name by which that program is started, as written; a multi-call program such as busybox goes by it."""


def judge_startable(
    rootfs: RootFs, entry: Entry, architecture: str, *, path: str | None = None, cwd: str = "/"
) -> Startable:
    """
    Tell whether a kernel for ``architecture`` (of the image's config; empty when it says none) would start a file.

    ``path`` and ``cwd`` matter to scripts only: for ``#!/usr/bin/env NAME`` and for relative interpreters. With
    ``path`` None a name that `DEFAULT_PATH` does not have leaves the answer open.
    """
    found = _Judge(rootfs, architecture, path, cwd).judge(entry, 0, f"/{entry.path}")
    if rootfs.complete:
        return found
    # A layer that could not be read may hold, replace or delete any of these files.
    return attrs.evolve(found, startable=None, reason=f"Not every layer could be read. {found.reason}")


@attrs.frozen
class _Judge:
    rootfs: RootFs
    architecture: str
    path: str | None
    cwd: str

    def judge(self, entry: Entry, level: int, name: str) -> Startable:
        if entry.kind is not EntryKind.FILE:
            return _answer(entry, startable=False, what=f"is not a regular file ({entry.kind.value})")
        if not entry.is_executable:
            return _answer(
                entry, startable=False, what="has no execute bit", seen=f"{entry.mode:04o}", wanted="0755"
            )
        if entry.size_bytes == 0:
            return _answer(entry, startable=False, what="is empty", shell_fallback=True)
        head = self.rootfs.content(entry)
        if head is None or len(head) < min(256, entry.size_bytes):
            return _answer(entry, startable=None, what="could not be examined: its content was not kept")
        if head.startswith(elf.MAGIC):
            return attrs.evolve(self._elf(entry), program=entry, invoked_as=name)
        shebang = parse_shebang(head)
        if shebang:
            return self._script(entry, shebang, level)
        # Shells read a file as a script unless its first line looks binary (bash: check_binary_file).
        text = b"\0" not in head[:256].split(b"\n", 1)[0]
        what = "is no ELF program and without a '#!' line that names an interpreter"
        # What it is instead is asked of libmagic for the reader's sake only; it decides nothing.
        return _answer(entry, startable=False, what=what, seen=filetype.describe(head), shell_fallback=text)

    def _elf(self, entry: Entry) -> Startable:
        header = self._header(entry)
        if isinstance(header, Startable):
            return header
        wrong = self._misfit(entry, header)
        if wrong:
            return wrong
        what = (
            f"is an executable with the loader {header.interpreter}"
            if header.interpreter
            else "is a static executable"
        )
        found = _answer(entry, startable=True, what=what, seen=header.target)
        return found if header.interpreter is None else _through(found, self._loader(entry, header))

    def _header(self, entry: Entry, role: str = "") -> elf.Elf | Startable:
        head = self.rootfs.content(entry)
        if head is None:
            return _answer(
                entry, startable=None, what=f"{role}could not be examined: its content was not kept"
            )
        try:
            return elf.parse_elf(head, entry.size_bytes)
        except elf.ElfError as error:
            return _answer(
                entry, startable=False, what=f"{role}cannot be started: {error}", seen=repr(head[:16])
            )
        except elf.ElfCutError as error:
            return _answer(entry, startable=None, what=f"{role}could not be examined: {error}")

    def _misfit(self, entry: Entry, header: elf.Elf) -> Startable | None:
        match header.runs_on(self.architecture):
            case True:
                return None
            case False:
                what = f"is built for another processor than the image's ({self.architecture})"
                return _answer(
                    entry, startable=False, what=what, seen=header.target, wanted=self.architecture
                )
        known = (
            f"the image's architecture is {self.architecture!r}"
            if self.architecture
            else "the image says no architecture"
        )
        return _answer(
            entry, startable=None, what=f"runs or not depending on the machine: {known}", seen=header.target
        )

    def _loader(self, entry: Entry, program: elf.Elf) -> Startable:
        name, role = program.interpreter or "", f"is the loader of /{entry.path}"
        loader = self.rootfs.resolve(_join(self.cwd, name))
        if loader is None:
            what = f"needs the loader {name}, which is not in the image"
            return _answer(entry, startable=False, what=what, seen="no such file", wanted=name)
        if not loader.is_executable:
            return _answer(loader, startable=False, what=f"{role} but no executable file")
        header = self._header(loader, f"{role} and ")
        if isinstance(header, Startable):
            return header
        if (header.machine, header.bits) != (program.machine, program.bits):
            what = f"{role} but built for another processor"
            return _answer(loader, startable=False, what=what, seen=header.target, wanted=program.target)
        return _answer(loader, startable=True, what=role, seen=header.target)

    def _script(self, entry: Entry, shebang: Shebang, level: int) -> Startable:
        found = _answer(entry, startable=True, what=f"is a script for {shebang.interpreter!r}", line=1)
        if level >= _SCRIPT_LEVELS:
            what = f"is a script below {_SCRIPT_LEVELS} others, where the kernel stops"
            return _answer(entry, startable=False, what=what, line=1)
        interpreter = self.rootfs.resolve(_join(self.cwd, shebang.interpreter))
        if interpreter is None:
            what = f"names the interpreter {shebang.interpreter!r}, which is not in the image"
            if shebang.interpreter.endswith("\r"):
                what += " (the line ends with CR LF; save the file with LF endings)"
            return _answer(
                entry, startable=False, what=what, line=1, seen="no such file", wanted=shebang.interpreter
            )
        found = _through(found, self.judge(interpreter, level + 1, shebang.interpreter))
        if found.startable and shebang.interpreter.rpartition("/")[2] == "env":
            return _through(found, self._env(entry, shebang.argument, level))
        return found

    def _env(self, entry: Entry, argument: str | None, level: int) -> Startable:
        """Judge what env(1) starts in its turn."""
        if not argument:
            return _answer(
                entry, startable=False, what="lets env start the script itself, without end", line=1
            )
        name = _env_program(argument)
        if name is None:
            return _answer(
                entry, startable=None, what=f"gives env {argument!r}, which is not understood here", line=1
            )
        program = self.rootfs.which(name, self.path, self.cwd)
        if program:
            return self.judge(program, level + 1, name)
        certain = self.path is not None or "/" in name
        what = (
            f"lets env start {name!r}, which is in no directory of {self.path if certain else DEFAULT_PATH}"
        )
        return _answer(entry, startable=False if certain else None, what=what, line=1, wanted=name)


def _env_program(argument: str) -> str | None:
    """Return the program that env starts, given the one argument of a ``#!`` line; None when it is not understood."""
    if not argument.startswith("-"):
        # Without -S the whole argument is one word: "python3 -u" is a program of that name.
        return None if "=" in argument else argument
    words = argument[2:] if argument.startswith("-S") else argument.removeprefix("--split-string=")
    if words == argument or any(char in words for char in "'\"\\$#"):
        return None
    name = next((word for word in words.split() if "=" not in word), "-")
    return None if name.startswith("-") else name


def _through(first: Startable, then: Startable) -> Startable:
    """Return the answer about a file that is started through another."""
    decisive = first if then.startable else then
    return attrs.evolve(
        decisive,
        evidence=first.evidence + then.evidence,
        shell_fallback=False,
        program=then.program,
        invoked_as=then.invoked_as,
    )


def _answer(
    entry: Entry,
    *,
    startable: bool | None,
    what: str,
    shell_fallback: bool = False,
    line: int | None = None,
    seen: str | None = None,
    wanted: str | None = None,
) -> Startable:
    reason = f"/{entry.path} {what}."
    evidence = Evidence(
        message=reason, path=f"/{entry.path}", layer=entry.layer, line=line, seen=seen, wanted=wanted
    )
    return Startable(startable=startable, reason=reason, evidence=(evidence,), shell_fallback=shell_fallback)


def _join(base: str, name: str) -> str:
    return name if name.startswith("/") else f"{base}/{name}"
