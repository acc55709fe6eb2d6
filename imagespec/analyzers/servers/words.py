"""Command lines of Python servers: options, addresses, and the application they name."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterable

import attrs

from imagespec.analyzers.python.paths import python_paths
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.source import Sources
from imagespec.analyzers.python.started import Starter
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Class,
    Const,
    External,
    Function,
    Instance,
    Module,
    Value,
)
from imagespec.analyzers.servers.beforeserving import follow_before_serving
from imagespec.analyzers.servers.listening import AppRef, Listener, Listening
from imagespec.analyzers.startup.steps import INHERITED, Step
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

MakeChildren = Callable[["Command", Program], Starter]
"""Makes what follows the programs that a Python program starts."""
_EDITORS = frozenset(
    {"sed", "cp", "mv", "rm", "ln", "tee", "envsubst", "install", "perl", "awk", "crudini", "confd"}
)
"""Programs whose words may name a file that they change; scripts are followed, and their own words are steps."""


@attrs.frozen
class Command:
    """The command line of one server: the words behind its name."""

    step: Step
    rootfs: RootFs
    words: tuple[str | None, ...]
    evidence: Evidence
    """The step's own place."""
    before: tuple[Step, ...] = ()
    """The steps before it."""
    children: MakeChildren | None = None

    def gap(self, message: str) -> Listening:
        """Return that this command stays open."""
        return Listening(gaps=(attrs.evolve(self.evidence, message=message),))

    def never(self, message: str) -> Listening:
        """Return that this command certainly does not listen."""
        return Listening(never=(attrs.evolve(self.evidence, message=message),))

    def changed_before(self, files: Iterable[str]) -> str | None:
        """Return the name of a program before this one that may have changed one of these files, or added one to them."""
        folders = {path.rpartition("/")[0] for path in files}
        for step in self.before:
            if step.tells:
                continue
            sinks: set[str | None] = {step.stdout, step.stderr} - {INHERITED}
            name = (step.argv[0] or "?").rpartition("/")[2] if step.argv else "?"
            if name not in _EDITORS:
                sinks.discard(None)  # that of a substitution, mostly
            words = set(step.argv[1:]) if name in _EDITORS else set()
            if name == "sed" and _finds_nothing(step, self.rootfs):
                words = set()
            for word in words | sinks:
                if word is None or any(
                    folder and (word + "/").startswith(folder + "/") for folder in folders
                ):
                    return name
        return None

    def sources(self, first: str | None, *, by_python: bool = False) -> Sources:
        """
        Return the modules that the server can import; ``first`` is the directory that comes first.

        It is put there ``by_python``, unless that is told not to (PYTHONSAFEPATH), or by the server itself.
        """
        paths = python_paths(self.step, self.rootfs, first)
        if by_python and first is not None and self.step.env.get("PYTHONSAFEPATH"):
            paths = attrs.evolve(paths, own=paths.own[1:])
        return Sources(self.rootfs, paths, self.step.user)


_SUBSTITUTION = re.compile(r"s([,/|#])([\w ;:=\"'<>@%&~-]+)\1(?:(?!\1).)*\1g?\Z", re.DOTALL)


def _finds_nothing(step: Step, rootfs: RootFs) -> bool:
    """Tell whether ``sed -i s/TEXT/…/ FILE`` certainly leaves the file as it is, which does not have the text."""
    words = [word for word in step.argv[1:] if word not in {"-i", "-E", "-r", "-e"}]
    if len(words) != 2 or words[0] is None or words[1] is None or step.cwd is None:
        return False
    found = _SUBSTITUTION.match(words[0][:1_000])
    entry = rootfs.resolve(posixpath.join(step.cwd, words[1]))
    data = rootfs.content(entry) if entry is not None else None
    if found is None or found[1] in found[2] or entry is None or data is None or len(data) < entry.size_bytes:
        return False
    return found[2].encode() not in data


@attrs.frozen
class Options:
    """A parsed command line; a value is None when it is unknown."""

    values: dict[str, list[str | None]]
    operands: list[str | None]
    problem: str | None = None
    """Why it is not understood; the rest is what was read before."""

    def last(self, *names: str) -> str | None:
        """Return the last value given under any of these names; None when none was given or it is unknown."""
        found = [value for name in names for value in self.values.get(name, ())]
        return found[-1] if found else None

    def has(self, *names: str) -> bool:
        """Tell whether any of these options was given."""
        return any(name in self.values for name in names)


def parse_options(words: tuple[str | None, ...], valued: frozenset[str], flags: frozenset[str]) -> Options:
    """Parse as getopt, argparse and click agree to; what they may read differently is a problem."""
    options = Options({}, [])
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word is None:
            return attrs.evolve(options, problem="a word of the command line is unknown")
        if word == "--":
            options.operands.extend(pending)
            break
        if not word.startswith("-") or word == "-":
            options.operands.append(word)
            continue
        name, value = _split(word, valued)
        if name in flags and value is None:
            options.values.setdefault(name, []).append("")
        elif name not in valued:
            return attrs.evolve(options, problem=f"the option {word} is not known")
        elif value is not None:
            options.values.setdefault(name, []).append(value)
        elif not pending:
            return attrs.evolve(options, problem=f"the option {word} has no value")
        else:
            options.values.setdefault(name, []).append(pending.pop(0))
    return options


def _split(word: str, valued: frozenset[str]) -> tuple[str, str | None]:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    if word[:2] in valued and len(word) > 2:
        return word[:2], word[2:].removeprefix("=")
    return word, None


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text, for tables of names."""
    return frozenset(text.split())


def port_number(text: str | None) -> int | None:
    """Return a port from text; None when it is none."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) <= 5 else None


def load_variable(program: Program, module: str, expression: str, *, factory: bool = False) -> Value | None:
    """
    Import ``module`` and evaluate ``expression`` in it: a name, dotted name, or a call with literal arguments.

    None when it certainly has no such variable or the import ends the program; UNKNOWN when it cannot be told.
    """
    imported = program.run_import(module)
    if not isinstance(imported, Module):
        return imported
    try:
        node = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    inner = node.func if isinstance(node, ast.Call) else node
    first = inner
    while isinstance(first, ast.Attribute):
        first = first.value
    if not isinstance(first, ast.Name):
        return None
    if first.id not in imported.scope.names and f"{module}.{first.id}" not in program.modules:
        if not _may_have_more(imported, program):
            return None
        message = f"{first.id[:100]} is nowhere given a value, as far as {module[:100]} can be followed"
        program.gap(Evidence(message=f"{message}; without it the server stops", path=imported.path))
        return UNKNOWN
    return program.run_expression(imported, node, factory=factory)


def _may_have_more(module: Module, program: Program) -> bool:
    """Tell whether a module may have variables that are not seen."""
    writers = ("builtins.globals", "builtins.vars", "builtins.setattr", "builtins.locals", "?")
    return (
        program.doubt
        or bool({"*", "__getattr__"} & module.scope.names.keys())
        or any(call.name.startswith(writers) for call in program.calls)
    )


def describe(program: Program, module: str, variable: str, value: Value) -> AppRef:
    """Return a reference to an application that a server imported."""
    found = program.modules.get(module)
    return AppRef(
        module_path=found.path if found else "",
        variable=variable,
        framework=framework_of(value),
        application=value,
        program=program,
    )


_FRAMEWORKS = {
    "flask.Flask": "flask",
    "fastapi.FastAPI": "fastapi",
    "starlette.applications.Starlette": "starlette",
}


def framework_of(value: Value | None) -> str | None:
    """Return the framework of an application; None when it is none that is understood."""
    return _FRAMEWORKS.get(value.name) if isinstance(value, Call) else None


def served(
    command: Command, program: Program, module: str, variable: str, *, factory: bool = False
) -> AppRef | Listening:
    """Return the application of ``module:variable``, or why there is none."""
    value = load_variable(program, module, variable, factory=factory)
    if program.stopped is not None:
        return command_stopped(program)
    if value is None and not program.doubt:
        return command.never(f"{module} has no {variable}, so the server stops")
    if isinstance(value, Const | Class | Instance) and not program.doubt and not _callable(value):
        return command.gap(f"{module}:{variable} is no application that is understood")
    return describe(program, module, variable, UNKNOWN if value is None else value)


def _callable(value: Value) -> bool:
    return isinstance(value, Class | Function | External) or (
        isinstance(value, Instance) and value.cls is not None and value.cls.find("__call__") is not None
    )


def command_stopped(program: Program) -> Listening:
    """Return that a program certainly ends before it listens."""
    assert program.stopped is not None
    if program.stopped.reason == "serves":
        return Listening(gaps=(program.stopped.evidence,), programs=(program,))
    return Listening(never=(program.stopped.evidence,), programs=(program,))


def program_for(command: Command, package: str) -> Program | Listening:
    """Return the Python program that a server of ``package`` makes; what stops it where the package is missing."""
    if command.step.cwd is None:
        return command.gap(f"{package}: its working directory is unknown")
    program = Program(command.step, command.sources(command.step.cwd))
    if program.sources.find(package).kind == "missing":
        missing = f"{package} is not among the packages of its Python"
        if program.sources.exact:
            return command.never(missing)
        program.gap(attrs.evolve(command.evidence, message=missing))
    return program


def with_app(
    command: Command, listeners: list[Listener], app: AppRef | Listening, program: Program, *, certain: bool
) -> Listening:
    """Return listeners that serve one application; they are as certain as the application's import."""
    if not isinstance(app, Listening):
        follow_before_serving(app.application, program)
    gaps = tuple(program.gaps)
    if isinstance(app, Listening):
        if not app.gaps:
            return attrs.evolve(app, gaps=gaps, programs=(program,))
        return Listening(
            listeners=tuple(attrs.evolve(listener, certain=False) for listener in listeners),
            gaps=gaps + app.gaps,
            programs=(program,),
        )
    sure = certain and command.step.certain and not program.doubt
    return Listening(
        listeners=tuple(attrs.evolve(one, certain=one.certain and sure, app=app) for one in listeners),
        gaps=gaps,
        programs=(program,),
    )
