"""Starting programs: wrappers, scripts by their interpreters, shells, and what is none of these."""

from __future__ import annotations

import attrs

from imagespec.analyzers.programs.shebang import parse_shebang
from imagespec.analyzers.shell.accounts import ROOT, user_number
from imagespec.analyzers.shell.arguments import parse_shell_arguments
from imagespec.analyzers.shell.state import Doubt, State, Status
from imagespec.analyzers.shell.waiting import end_named
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.background import goes_to_background, stays
from imagespec.analyzers.startup.chances import chance
from imagespec.analyzers.startup.locate import locate, note_chmod, note_rights, note_written
from imagespec.analyzers.startup.scriptrun import ScriptFile, ScriptRunner
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.supervised import supervise
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Launched, Walk
from imagespec.analyzers.startup.wrapped import note_doubts, prepare, wrapped
from imagespec.analyzers.startup.wrappers import starts_others
from imagespec.entry import Entry
from imagespec.verdict import Evidence

Words = tuple[str | None, ...]
_LIMIT_WRAPPERS = 20
_MISSING = Launched(Status.NONZERO, returns=True)


@attrs.define(kw_only=True)
class _Call:
    """One command line on its way to the program behind its wrappers."""

    words: Words
    state: State
    replaces: bool
    """The program takes the place of the one that starts it: the container's command, or ``exec``."""
    shown: Words = ()
    """The words of the step, where they differ from those that are looked at."""
    entry: Entry | None = None
    applet: bool = False
    through: list[str] = attrs.field(factory=list)
    script: str | None = None
    interpreters: int = 0

    @property
    def name(self) -> str:
        """The program's base name."""
        return (self.words[0] or "").rpartition("/")[2]


class Launcher:
    """Starts programs on behalf of the engine and of shells."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._scripts = ScriptRunner(walk, self.launch)

    def launch(self, words: Words, state: State, replaces: bool) -> Launched:  # noqa: FBT001 - the shape of `Launch`
        """
        Follow one command line; ``state`` is the new program's own, as it begins.

        Raises nothing: what cannot be started becomes a failure or a gap of the walk.
        """
        call = _Call(words=words, state=state, replaces=replaces)
        for _ in range(_LIMIT_WRAPPERS):
            done = self._advance(call)
            if done is not None:
                return done
        self._walk.gap(state, "too many programs that start programs")
        return Launched(Status.UNKNOWN)

    def _advance(self, call: _Call) -> Launched | None:
        """Take the call one wrapper or interpreter further; None when there is more to look at."""
        if not call.words or call.words[0] is None:
            self._walk.gap(call.state, "the name of the program is not known")
            return self._leaf(call)
        if not call.applet:
            call.entry = None
            found = locate(self._walk, call.words[0], call.state)
            call.entry = found.entry
            if found.doubt:
                self._walk.gap(call.state, found.doubt)
            elif found.refused and (call.replaces or not found.shell_fallback):
                return self._missing(call, found.refused)
            call.interpreters = -1 if found.refused else call.interpreters
        if self._enter_busybox(call) or self._enter_wrapper(call):
            return None
        if self._is_shell(call):
            return self._shell(call)
        if call.name == "supervisord":
            return self._supervise(call)
        script = self._shebang(call)
        if script is not None:
            call.words = script
            return None
        if starts_others(call.words):
            self._walk.gap(call.state, f"what {call.name} starts is not followed", _seen(call.words))
        return self._leaf(call)

    def _missing(self, call: _Call, reason: str) -> Launched:
        """Deal with a program that is not there, as far as the image tells."""
        state = call.state
        self._record(call, "cannot start " + _seen(call.words))
        changed = self._walk.touched
        if not self._walk.rootfs.complete or changed:
            why = "commands before may have made it" if changed else "not every layer could be read"
            self._walk.gap(state, f"{reason}; but {why}")
            return Launched(Status.UNKNOWN)
        self._scripts.fail(state, reason, _seen(call.words), final=call.replaces)
        return _MISSING

    # What it leads to.

    def _enter_busybox(self, call: _Call) -> bool:
        """Turn ``busybox APPLET …``, or a link to busybox, into the applet's own command line."""
        if call.applet or call.entry is None or not call.entry.path.rpartition("/")[2].startswith("busybox"):
            return False
        call.applet = True
        if call.name.startswith("busybox") and len(call.words) > 1:
            call.shown = call.shown or call.words
            call.words = call.words[1:]
        return False

    def _enter_wrapper(self, call: _Call) -> bool:
        state = call.state
        if call.words[0] is None:
            return False
        inner = wrapped(call.name, call.words, state, self._walk, applet=call.applet)
        if inner is None:
            return False
        if inner.words is None:
            self._walk.gap(state, f"the options of {call.name} are not understood", _seen(call.words))
            return False
        if not inner.words:
            return False
        if call.script is None:
            call.through.append(call.name)
            call.shown = ()
        note_doubts(call.name, inner, state, self._walk)
        if call.name == "setsid" and call.replaces and state.main and not {"-w", "--wait"} & set(inner.own):
            state.background = True  # the leader of a group forks, and ends
        prepare(call.name, call.words, inner, state, call.entry, self._walk.rootfs)
        # An applet of busybox starts files, and its own applets only where it was built so: files are looked up.
        call.words, call.applet = inner.words, False
        return True

    def _is_shell(self, call: _Call) -> bool:
        return call.name in tools.SHELLS and call.words[0] is not None

    def _shebang(self, call: _Call) -> Words | None:
        """Return the command line of the interpreter that a script names; None when the file is no script."""
        entry = call.entry
        known = entry is not None and not call.replaces and tools.reads_as_it_is(call.name, entry)
        if entry is None or call.applet or known:
            return None
        head = self._walk.rootfs.content(entry)
        if head is None and entry.size_bytes:
            self._walk.gap(call.state, f"the content of /{entry.path} was not kept")
            return None
        written = call.words[0] if "/" in (call.words[0] or "") else "/" + entry.path
        if call.interpreters < 0:
            call.shown, call.script = call.shown or call.words, entry.path
            call.interpreters = 1
            shell = "bash" if call.state.dialect == "bash" else "sh"
            return (f"/bin/{shell}", written, *call.words[1:])
        shebang = parse_shebang(head or b"")
        if shebang is None:
            return None
        call.shown = call.shown or call.words
        call.script = call.script or entry.path
        call.interpreters += 1
        argument = () if shebang.argument is None else (shebang.argument,)
        return (shebang.interpreter, *argument, written, *call.words[1:])

    def _shell(self, call: _Call) -> Launched:
        state, entry = call.state, call.entry
        state.dialect = tools.dialect_of(call.name, entry)
        arguments = parse_shell_arguments(call.words)
        named_posix = call.name == "sh" or "--posix" in call.words or "POSIXLY_CORRECT" in state.variables
        state.posix = state.dialect == "bash" and named_posix
        if arguments is None:
            self._walk.gap(state, "the arguments of a shell are not known", _seen(call.words))
            return self._leaf(call)
        state.depth += 1
        if state.depth > LIMIT_DEPTH:
            self._walk.gap(state, f"more than {LIMIT_DEPTH} scripts inside one another")
            return Launched(Status.UNKNOWN)
        if arguments.text is not None:
            return self._scripts.run_command_text(arguments, state)
        if arguments.file is None:
            self._walk.gap(state, "a shell that reads its commands from standard input")
            return self._leaf(call)
        file = self._scripts.find(arguments.file, state, search=state.dialect == "bash")
        shown = call.shown or call.words
        if isinstance(file, ScriptFile):
            step = self._step(call, f"runs {_seen(shown)}", file.entry.path)
            return self._scripts.run_file(file, arguments, state, step)
        self._record(call, f"runs {_seen(shown)}")
        if file.unknown:
            self._walk.gap(state, file.reason, arguments.file)
            return Launched(Status.UNKNOWN)
        self._scripts.fail(state, file.reason, arguments.file, final=call.replaces)
        return _MISSING

    def _supervise(self, call: _Call) -> Launched:
        self._record(call, f"runs {_seen(call.shown or call.words)}")
        return supervise(self._walk, call.words, call.state, self.launch)

    def _leaf(self, call: _Call) -> Launched:
        """Record a program that is not looked into."""
        words = call.words
        if call.script is None and tools.is_python(call.name):
            missing = self._python_file(call)
            if missing is not None:
                return missing
        self._record(call, f"runs {_seen(call.shown or words)}")
        end_named(self._walk, call.name, words, call.state)
        ends = tools.ends_by_itself(words) or (bool(call.shown) and tools.ends_by_itself(call.shown))
        ends |= goes_to_background(call.shown or words, self._walk.rootfs, call.state.cwd)
        small = tools.ends_by_itself(words)
        status = chance(call.name, words, call.state, self._walk) if small else Status.UNKNOWN
        if call.name in {"mkdir", "install", "mktemp", "touch"}:
            self._walk.made.update(word if word is not None else "?" for word in words[1:])
        note_rights(self._walk, call.name, words)
        if call.name == "chmod":
            note_chmod(self._walk, words, call.state.cwd)
        elif not tools.is_harmless(call.name, words):
            narrow = call.name in tools.NARROW or tools.is_bounded_fetch(words)
            self._walk.touch(words[1:], widely=not narrow)
            note_written(self._walk, call.name, words, call.state.cwd)
        return Launched(status if small or not ends else Status.LIKELY, returns=ends)

    def _python_file(self, call: _Call) -> Launched | None:
        written = tools.python_script(call.words)
        if written is None:
            return None
        found = self._scripts.find(written, call.state, search=False, directories=True)
        if isinstance(found, ScriptFile):
            call.script = found.entry.path
            return None
        if found.unknown:
            self._walk.gap(call.state, found.reason, written)
            return None
        self._record(call, f"runs {_seen(call.words)}")
        self._scripts.fail(call.state, found.reason, written, final=call.replaces)
        return _MISSING

    def _record(self, call: _Call, message: str) -> None:
        self._walk.add(self._step(call, message, call.script))

    def _step(self, call: _Call, message: str, script: str | None) -> Step:
        state = call.state
        given = self._walk.has_rights(user_number(state.user, self._walk.rootfs))
        if self._walk.rights_taken and state.user not in ROOT and not given:
            self._walk.doubt(state, "a command before may have taken from the user the right to read files")
            state.doubts.add(Doubt.BRANCH)
        if call.through:
            message += " through " + ", ".join(call.through)
        trail: tuple[Evidence, ...] = state.here(message)
        return Step(
            argv=call.shown or call.words,
            program=self._program(call),
            script=script,
            env=state.environment(),
            cwd=state.cwd,
            certain=state.certain,
            background=state.background,
            user="" if state.user in ROOT or given else state.user or "",
            changed_user=state.changed_user,
            limited=state.limited,
            stdout=state.sinks.get(1),
            stderr=state.sinks.get(2),
            trail=trail,
            stays=state.reached and stays(call.words, state, self._walk),
        )

    def _program(self, call: _Call) -> Entry | None:
        if not call.shown or call.applet or call.words[0] is None:
            return call.entry
        name = call.shown[0] or ""
        path = call.state.variables.get("PATH")
        if call.state.cwd is None or ("PATH" in call.state.variables and path is None):
            return call.entry
        return self._walk.rootfs.which(name, path, call.state.cwd)


def _seen(words: Words) -> str:
    text = " ".join("?" if word is None else word for word in words)
    return text if len(text) <= 200 else text[:200] + "…"
