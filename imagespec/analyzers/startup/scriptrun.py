"""Reading shell scripts and texts, and running them in the state they are started with."""

from __future__ import annotations

import attrs

from imagespec.analyzers.shell.arguments import ShellArguments
from imagespec.analyzers.shell.joining import settle
from imagespec.analyzers.shell.parser import parse_shell
from imagespec.analyzers.shell.run import Launch, Shell
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import Problem, ShellText
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.beginning import begin
from imagespec.analyzers.startup.gathering import becomes_its_arguments
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Launched, Walk
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import DEFAULT_PATH

Words = tuple[str | None, ...]
_ASH_HAS = frozenset({"[[", "function", "$'…'", "${"})
_NOT_FATAL = frozenset({"[[", "((", "brace expansion"})
"""Bash's own constructs that another shell reads as something else, and goes on."""


@attrs.frozen
class ScriptFile:
    """A script that is there; ``written`` is its path as the command line has it."""

    entry: Entry
    written: str


@attrs.frozen
class NoScript:
    """A script that is not there, or not for certain."""

    reason: str
    unknown: bool


class ScriptRunner:
    """Runs shell texts; programs inside them are started by ``launch``."""

    def __init__(self, walk: Walk, launch: Launch) -> None:
        self._walk = walk
        self._launch = launch
        self._shell = Shell(walk, launch, self.source)

    def fail(self, state: State, reason: str, seen: str, *, final: bool) -> None:
        """Record that something cannot be started; ``final`` when it ends the shell that asked for it."""
        evidence = state.here(reason, seen)[-1]
        if not state.certain or state.background:
            return
        if final and state.main:
            self._walk.fail(evidence)
        else:
            self._walk.fail_if_last(evidence)

    def find(
        self, written: str, state: State, *, search: bool, directories: bool = False
    ) -> ScriptFile | NoScript:
        """
        Return the file that a shell or interpreter is asked to read.

        ``search``: also on PATH, when the name has no slash; ``directories``: one with a ``__main__.py`` will do.
        """
        path = absolute(written, state.cwd)
        if path is None:
            return NoScript(
                f"the working directory is not known here, so neither is the file {written}", unknown=True
            )
        entry = self._walk.rootfs.resolve(path)
        if entry is None and search and "/" not in written:
            if state.variables.get("PATH", "") is None:
                return NoScript(f"PATH is not known, so neither is the file {written}", unknown=True)
            entry = self._walk.rootfs.which(written, state.variables.get("PATH"), state.cwd or "/")
        if entry is not None and entry.kind is EntryKind.DIRECTORY and directories:
            entry = self._walk.rootfs.resolve(f"{path}/__main__.py")
        if entry is not None and entry.kind is EntryKind.FILE:
            return ScriptFile(entry, written)
        link = self._walk.rootfs.lookup(path)
        what = "is no regular file" if entry else "leads to nothing" if link else "is not in the image"
        if self._walk.touched or not self._walk.rootfs.complete:
            return NoScript(f"{path} {what}, as far as can be told", unknown=True)
        return NoScript(f"{path} {what}", unknown=False)

    def run_command_text(self, arguments: ShellArguments, state: State) -> Launched:
        """Run the text of ``sh -c``."""
        state.trail, state.inline = state.here("runs a shell text"), True
        ended = begin(self._walk, arguments, state, self.source)
        if arguments.noexec:
            return Launched(Status.LIKELY, returns=True)
        text = (arguments.text or "").encode("utf-8", "surrogateescape")
        return self._finish(ended or self._run(parse_shell(text), state), state)

    def run_file(self, file: ScriptFile, arguments: ShellArguments, state: State, step: Step) -> Launched:
        """Run a script in a shell of its own; ``step`` is the program that reads it."""
        self._walk.add(step)
        self._enter(file, state)
        if arguments.noexec:
            return Launched(Status.LIKELY, returns=True)
        text = self._walk.text_of(file.entry)
        if arguments.arguments and becomes_its_arguments(file.entry, text, self._walk.rootfs):
            state.assign("LD_LIBRARY_PATH", None, export=True)  # a part may find the driver's libraries
            return self._launch(arguments.arguments, state, True)
        ended = begin(self._walk, arguments, state, self.source)
        return self._finish(ended or self._run_content(file, state), state)

    def source(self, fields: Words, state: State) -> Outcome:
        """Run ``. FILE`` in the shell that says so."""
        written = fields[1] if len(fields) > 1 else None
        if written is None:
            self._walk.gap(state, "a file is read whose name is not known")
            state.forget()
            return Outcome()
        file = self._named(written, state)
        if isinstance(file, NoScript) or state.depth >= LIMIT_DEPTH:
            reason = file.reason if isinstance(file, NoScript) else f"{written}: files too deep to follow"
            self._walk.gap(state, reason, written)
            if isinstance(file, NoScript) and not file.unknown:
                if state.dialect != "bash" or state.posix:
                    state.doubts.add(
                        Doubt.EXIT
                    )  # the shell ends there, which bash under its own name does not
                return Outcome(Status.NONZERO if state.dialect == "bash" else Status.UNKNOWN)
            state.forget()
            return Outcome()
        return self._inline(file, fields, state)

    def _named(self, written: str, state: State) -> ScriptFile | NoScript:
        """Return the file that ``.`` reads: without a slash it is on PATH, or with bash in the working directory."""
        if "/" in written:
            return self.find(written, state, search=False)
        path = state.variables.get("PATH", DEFAULT_PATH)
        for folder in (path or "").split(":") if path is not None else ():
            entry = self._walk.rootfs.resolve(f"{folder}/{written}") if folder.startswith("/") else None
            if entry is not None and entry.kind is EntryKind.FILE:
                return ScriptFile(entry, written)
        if path is None or (state.dialect == "bash" and not state.posix):
            return self.find(written, state, search=False)
        made = bool(self._walk.touched) or not self._walk.rootfs.complete
        return NoScript(f"{written} is in no directory of PATH, and not looked for elsewhere", unknown=made)

    def _inline(self, file: ScriptFile, fields: Words, state: State) -> Outcome:
        before = (
            state.trail,
            state.path,
            state.layer,
            state.source,
            state.inline,
            state.line,
            state.positional,
        )
        self._walk.add(_reading(file, fields, state))
        self._enter(file, state)
        if len(fields) > 2 and state.dialect == "bash":
            state.positional = fields[2:]
        state.depth += 1
        start, returns, state.returns = state.fork(), state.returns, True
        outcome = self._run_content(file, state)
        state.depth -= 1
        state.returns = returns
        positional = state.positional
        (state.trail, state.path, state.layer, state.source, state.inline, state.line, state.positional) = (
            before
        )
        if len(fields) <= 2:
            state.positional = positional
        outcome = settle(state, start, Doubt.RETURN, outcome)
        return Outcome(outcome.status) if outcome.flow is Flow.RETURN else outcome

    def _enter(self, file: ScriptFile, state: State) -> None:
        state.trail = state.here(f"runs the script {file.written}", file.written)
        state.path, state.layer, state.line = f"/{file.entry.path}", file.entry.layer, 1
        state.source, state.inline = file.written, False

    def _run_content(self, file: ScriptFile, state: State) -> Outcome:
        text = self._walk.text_of(file.entry)
        if self._walk.maybe_changed(file.written, file.entry.path):
            self._walk.gap(state, f"a command before may have changed {file.written}")
            state.doubts.add(Doubt.BRANCH)
        if text is None:
            self._walk.gap(
                state, f"the content of /{file.entry.path} was not kept ({file.entry.size_bytes:,} bytes)"
            )
            state.forget()
            state.doubts.add(Doubt.HANG)
            return Outcome()
        if b"\r\n" in text:
            self._walk.gap(
                state, f"lines of /{file.entry.path} end with CR LF: the CR belongs to their last word"
            )
        return self._run(parse_shell(text), state)

    def _run(self, parsed: ShellText, state: State) -> Outcome:
        for problem in parsed.problems:
            self._at(problem, state)
            state.doubts.add(Doubt.BRANCH)
        for problem in self._foreign(parsed, state.dialect):
            self._at(problem, state)
            if problem.reason.rpartition(": ")[2] not in _NOT_FATAL or state.dialect == "sh":
                state.doubts.add(Doubt.BRANCH)
        if parsed.problems and not parsed.body:
            state.doubts.add(Doubt.HANG)
        return self._shell.run_all(parsed.body, state)

    def _at(self, problem: Problem, state: State) -> None:
        if not state.inline:
            state.line = problem.line
        self._walk.gap(state, problem.reason)

    @staticmethod
    def _foreign(parsed: ShellText, dialect: str) -> list[Problem]:
        """Return bash's own constructs in a text that another shell reads."""
        if dialect in {"bash", *tools.FOREIGN_SHELLS}:
            return []
        known = _ASH_HAS if dialect == "ash" else frozenset()
        return [
            Problem(item.line, f"this shell ({dialect}) is not bash: {item.reason}")
            for item in parsed.bashisms
            if item.reason not in known and not (dialect == "ash" and item.reason.startswith("${"))
        ]

    @staticmethod
    def _finish(outcome: Outcome, state: State) -> Launched:
        return Launched(outcome.status, returns=Doubt.HANG not in state.doubts)


def _reading(file: ScriptFile, fields: Words, state: State) -> Step:
    """Return the step that ``. FILE`` is."""
    return Step(
        argv=fields,
        program=None,
        script=file.entry.path,
        env=state.environment(),
        cwd=state.cwd,
        certain=state.certain,
        background=state.background,
        stdout=state.sinks.get(1),
        stderr=state.sinks.get(2),
        trail=state.here(f"reads {file.written} into the running shell"),
    )
