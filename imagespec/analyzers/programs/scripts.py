"""
A boot script: whether the interpreter that really runs it gets commands out of it.

What the commands do is another analyzer's question; this one is about the file.
"""

from __future__ import annotations

import attrs

from imagespec.analyzers.programs import elf
from imagespec.analyzers.programs.programs import Startable, judge_startable
from imagespec.analyzers.programs.scripttext import (
    DIALECTS,
    CrEffect,
    Dialect,
    Line,
    MarkEffect,
    bash_syntax,
    first_command_ends_it,
    lines_of,
    mark_effect,
    stops_on_error,
)
from imagespec.analyzers.programs.shebang import Shebang, parse_shebang
from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

__all__ = ["WANTED", "ScriptJudgement", "Shebang", "judge_script", "parse_shebang"]

WANTED = (Wanted(names=frozenset({"run.sh"}), head_bytes=1024 * KIB, up_to_bytes=1024 * KIB),)

_HASH_COMMENTS = ("python", "pypy", "perl", "ruby")
"""Other interpreters, by the beginning of their names: '#' begins a comment, CR LF ends a line, a mark is skipped."""
_MOST_LINES = 5


@attrs.frozen(kw_only=True)
class ScriptJudgement:
    """Whether an interpreter can run a script."""

    usable: bool | None
    """False: it certainly serves nothing. None: the bytes do not decide it."""
    reason: str
    """One sentence."""
    evidence: tuple[Evidence, ...] = ()
    """What decided, with line numbers."""
    remarks: tuple[Evidence, ...] = ()
    """What is worth knowing and decides nothing."""
    interpreter: Entry | None = None
    """The program that reads the script, after all links."""


def judge_script(
    rootfs: RootFs,
    entry: Entry,
    interpreter: str | None,
    architecture: str,
    *,
    path: str | None = None,
    cwd: str = "/",
) -> ScriptJudgement:
    """
    Judge the script ``entry`` (after links) as ``interpreter`` reads it; with None the kernel starts it directly.

    ``interpreter`` is a name or a path as in the start command, looked up in ``path`` from ``cwd``. Only a direct
    start needs an execute bit and a working ``#!`` line; to an interpreter that line is a comment. The name
    ``busybox`` stands for ``busybox sh``. Options of the interpreter (``sh -e``) are not known here.
    """
    found = _Judge(rootfs, entry, architecture, path, cwd).judge(interpreter)
    if rootfs.complete:
        return found
    return attrs.evolve(found, usable=None, reason=f"Not every layer could be read. {found.reason}")


@attrs.frozen
class _Judge:
    rootfs: RootFs
    entry: Entry
    architecture: str
    path: str | None
    cwd: str

    def judge(self, interpreter: str | None) -> ScriptJudgement:
        entry = self.entry
        if entry.kind is not EntryKind.FILE:
            return self._say(usable=False, what=f"is not a regular file ({entry.kind.value})")
        if entry.size_bytes == 0:
            return self._say(usable=False, what="is empty")
        raw = self.rootfs.content(entry)
        if raw is None:
            return self._say(usable=None, what="could not be examined: its content was not kept")
        if raw.startswith(elf.MAGIC) and interpreter is not None:
            return self._say(
                usable=False, what="is an ELF program, which no interpreter reads", seen=repr(raw[:4])
            )
        started = self._start(interpreter)
        if isinstance(started, ScriptJudgement):
            return started
        if not started.startable or started.program is None:
            return ScriptJudgement(
                usable=False if started.startable is False else None,
                reason=started.reason,
                evidence=started.evidence,
            )
        found = self._text(raw, started, direct=interpreter is None)
        return attrs.evolve(found, interpreter=started.program)

    def _start(self, interpreter: str | None) -> Startable | ScriptJudgement:
        """Judge the interpreter: the one that the ``#!`` line names, or the one of the start command."""
        if interpreter is None:
            return judge_startable(self.rootfs, self.entry, self.architecture, path=self.path, cwd=self.cwd)
        program = self.rootfs.which(interpreter, self.path, self.cwd)
        if program is None:
            certain = self.path is not None or "/" in interpreter
            what = f"has no interpreter: {interpreter!r} is not in the image"
            return self._say(usable=False if certain else None, what=what, wanted=interpreter)
        started = judge_startable(self.rootfs, program, self.architecture, path=self.path, cwd=self.cwd)
        return attrs.evolve(started, invoked_as=interpreter) if program == started.program else started

    def _text(self, raw: bytes, started: Startable, *, direct: bool) -> ScriptJudgement:
        assert started.program is not None
        runner = f"/{started.program.path}"
        shebang = parse_shebang(raw) if direct else None
        argument = (shebang.argument if shebang else None) or ""
        if argument.endswith("\r"):
            what = f"gives its interpreter the argument {argument!r}: the line ends with CR LF"
            return self._say(usable=None, what=what, line=1, seen=argument)
        dialect = _dialect(started, argument)
        if dialect is None and not _name(runner).startswith(_HASH_COMMENTS):
            return self._say(usable=None, what=f"is given to {runner}, which is not known to run scripts")
        lines = lines_of(raw)
        whole = len(raw) == self.entry.size_bytes
        if whole and all(line.is_idle for line in lines):
            return self._say(
                usable=False, what="holds nothing but blank lines and comments, so it serves nothing"
            )
        found = self._say(usable=True, what=f"holds commands for {runner}")
        if dialect is not None:
            found = self._shell_text(raw, lines, dialect, found)
            notes = self._syntax_notes(lines, dialect, runner)
            found = attrs.evolve(found, remarks=found.remarks + notes)
            if notes and found.usable:
                # dash ends at some of it, and goes on after a "not found" at the rest: both may serve nothing.
                found = attrs.evolve(found, usable=None, reason=notes[0].message)
        if not whole and found.usable:
            return attrs.evolve(
                found, usable=None, reason=f"{found.reason} Only {len(raw):,} bytes of it were kept."
            )
        return found

    def _shell_text(
        self, raw: bytes, lines: list[Line], dialect: Dialect, found: ScriptJudgement
    ) -> ScriptJudgement:
        """Judge what Windows editors leave in a script that a shell reads; ``found`` is the answer without that."""
        effect = mark_effect(raw)
        marked = self._say(usable=None, what=f"begins with a byte order mark: {effect.value}", line=1)
        if effect is MarkEffect.FIRST_COMMAND and all(line.is_idle for line in lines[1:]):
            return attrs.evolve(marked, usable=False)
        if effect is MarkEffect.ONE_ERROR:
            found = attrs.evolve(found, remarks=marked.evidence)
        elif effect is not MarkEffect.NONE:
            return marked
        returns = self._returns(lines, dialect)
        if returns:
            return attrs.evolve(returns, remarks=found.remarks + returns.remarks)
        if b"\0" in raw:
            return self._say(usable=None, what="holds NUL bytes, which shells treat differently")
        lone = next((line for line in lines if line.is_lone_cr), None)
        if lone is None:
            return found
        what = "is blank but for a CR, which is a command that does not exist"
        note = self._note(what, lone.number)
        if stops_on_error(lines):
            return attrs.evolve(found, usable=None, reason=note.message, evidence=(note,))
        return attrs.evolve(found, remarks=(*found.remarks, note))

    def _returns(self, lines: list[Line], dialect: Dialect) -> ScriptJudgement | None:
        """Judge carriage returns: a shell takes one at a line's end for a part of the last word."""
        code = [line for line in lines if not line.is_idle]
        ended = [line for line in code if line.cr is not CrEffect.NONE]
        if not ended:
            return None
        hopeless = all(line.cr is CrEffect.BREAKS for line in code) or first_command_ends_it(lines, dialect)
        extent = (
            "every command" if len(ended) == len(code) else f"{len(ended)} of {len(code)} lines with commands"
        )
        what = f"has CR LF line endings: the CR becomes part of {extent}; save it with LF endings"
        found = self._say(
            usable=False if hopeless else None, what=what, line=ended[0].number, seen="CR LF", wanted="LF"
        )
        more = tuple(self._note("ends with CR LF", line.number) for line in ended[1:_MOST_LINES])
        return attrs.evolve(found, evidence=found.evidence + more)

    def _syntax_notes(self, lines: list[Line], dialect: Dialect, runner: str) -> tuple[Evidence, ...]:
        what = f"which {dialect.value} ({runner}) does not know"
        return tuple(
            self._note(f"uses {name}, {what}", number) for number, name in bash_syntax(lines, dialect)
        )

    def _note(self, what: str, line: int) -> Evidence:
        message = f"Line {line} of /{self.entry.path} {what}."
        return Evidence(message=message, path=f"/{self.entry.path}", layer=self.entry.layer, line=line)

    def _say(
        self,
        *,
        usable: bool | None,
        what: str,
        line: int | None = None,
        seen: str | None = None,
        wanted: str | None = None,
    ) -> ScriptJudgement:
        place = f"/{self.entry.path}"
        reason = f"{place} {what}."
        item = Evidence(
            message=reason, path=place, layer=self.entry.layer, line=line, seen=seen, wanted=wanted
        )
        return ScriptJudgement(usable=usable, reason=reason, evidence=(item,))


def _dialect(started: Startable, argument: str) -> Dialect | None:
    """Return the shell language that a program reads; None where it is no shell."""
    assert started.program is not None
    base = _name(started.program.path)
    if base != "busybox":
        return DIALECTS.get(base)
    # busybox is what it is called; under its own name, its first argument says so.
    applet = _name(started.invoked_as)
    if applet == "busybox":
        applet = argument.partition(" ")[0] or "sh"
    return Dialect.ASH if applet in {"sh", "ash", "bash"} else None


def _name(path: str) -> str:
    return path.rpartition("/")[2]
