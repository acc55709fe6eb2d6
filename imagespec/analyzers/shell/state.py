"""What is known at one point of a shell's run."""

from __future__ import annotations

import enum

import attrs

from imagespec.analyzers.shell.tree import Function
from imagespec.analyzers.startup.steps import INHERITED, OpenEnvironment
from imagespec.verdict import Evidence

LIMIT_ELEMENTS = 1_000
"""Elements of an array that is followed."""
RUNTIME_VARIABLES = ("HOME", "HOSTNAME")
"""Set by the engine when the container starts (moby container/env.go), so never known from the image."""


class Doubt(enum.Enum):
    """Why what comes next may not run."""

    BRANCH = "branch"
    """It stands in a branch, or in something that may not be reached."""
    HANG = "hang"
    """A foreground program before it may never return."""
    LATE = "late"
    """The same of one outside of the shell or script that is run."""
    EXIT = "exit"
    """The shell may have ended."""
    RETURN = "return"
    """The function may have returned."""
    BREAK = "break"
    """The loop, or this round of it, may have been left."""


class Status(enum.Enum):
    """The exit status of a command."""

    ZERO = "zero"
    LIKELY = "likely"
    """A small tool such as mkdir that is assumed to succeed."""
    UNKNOWN = "unknown"
    NONZERO = "nonzero"


class Flow(enum.Enum):
    """Where control goes after a command, for certain."""

    NEXT = "next"
    BREAK = "break"
    CONTINUE = "continue"
    RETURN = "return"
    EXIT = "exit"


LOCAL_DOUBTS = {
    Flow.BREAK: Doubt.BREAK,
    Flow.CONTINUE: Doubt.BREAK,
    Flow.RETURN: Doubt.RETURN,
    Flow.EXIT: Doubt.EXIT,
}


@attrs.frozen
class Outcome:
    """What running a statement came to."""

    status: Status = Status.UNKNOWN
    flow: Flow = Flow.NEXT


@attrs.frozen
class Job:
    """A command in the background: whether it may go on, and the numbers of the steps in it."""

    goes_on: bool
    steps: range


@attrs.define(kw_only=True)
class State:
    """A shell, or a program about to start, at one moment."""

    variables: dict[str, str | None] = attrs.field(factory=dict)
    """None: set to something unknown. A name that is missing was never set."""
    arrays: dict[str, tuple[str | None, ...] | None] = attrs.field(factory=dict)
    """Names that were made arrays; their `variables` are unknown."""
    exported: set[str] = attrs.field(factory=set)
    perhaps_exported: set[str] = attrs.field(factory=set)
    """Those of `exported` that are so on some ways only."""
    local: set[str] = attrs.field(factory=set)
    """Names that are the running function's own."""
    unset: set[str] = attrs.field(factory=set)
    """Names removed on purpose: these are certainly unset, whatever the container is started with."""
    wild: bool = False
    """Something unknown may have set any variable."""
    positional: tuple[str | None, ...] | None = ()
    """``$1`` and on; None when even their number is unknown."""
    name: str | None = None
    """``$0``."""
    user: str | None = None
    """The user that runs it, a name or number."""
    changed_user: bool = False
    """It is another one than the container's own."""
    limited: bool = False
    """``timeout`` ends it."""
    cwd: str | None = "/"
    sinks: dict[int, str | None] = attrs.field(factory=lambda: {1: INHERITED, 2: INHERITED})
    functions: dict[str, Function | None] = attrs.field(factory=dict)
    """None: one of several bodies."""
    errexit: bool = False
    tested: bool = False
    """What runs here is asked for its status, so that `errexit` ends nothing."""
    nounset: bool = False
    pipefail: bool = False
    noclobber: bool = False
    posix: bool = False
    """bash that behaves as POSIX says, as it does under the name sh."""
    allexport: bool | None = False
    fixed: set[str] = attrs.field(factory=set)
    """Names made readonly."""
    noglob: bool = False
    plain_globs: bool = True
    """No option of bash changes what patterns come to."""
    returns: bool = False
    """A function or a file that is read is around the current place, which ``return`` leaves."""
    loops: int | None = 0
    """Loops around the current place; None where those outside a function or subshell may count."""
    doubts: set[Doubt] = attrs.field(factory=set)
    background: bool = False
    jobs: tuple[Job, ...] | None = ()
    """What runs in the background; None where branches differ."""
    job_names: dict[str, int] = attrs.field(factory=dict)
    """Variables that were set to ``$!``, with the number of the job."""
    monitor: bool = False
    """Job control is on."""
    child_trap: bool = False
    """A handler is set for the end of children, which interrupts ``wait``."""
    nocasematch: bool = False
    inherits_errexit: bool = False
    """Command substitutions go on with `errexit`, as they do in all shells but bash."""
    main: bool = True
    """This shell is the container's process 1, or has taken its place."""
    trail: tuple[Evidence, ...] = ()
    path: str | None = None
    """The script that is read, with a leading slash; None for a text of the config."""
    layer: int | None = None
    source: str | None = None
    """The script's path as it was written where it is run."""
    inline: bool = True
    """A text inside a config or another script, whose own lines are no place in a file."""
    line: int | None = None
    dialect: str = "sh"
    depth: int = 0
    calls: int = 0

    @property
    def certain(self) -> bool:
        """Tell whether what comes next certainly runs."""
        return not self.doubts

    @property
    def reached(self) -> bool:
        """Tell whether the shell certainly comes here, or never ends before."""
        return self.doubts <= {Doubt.HANG, Doubt.LATE}

    @property
    def doubts_inside(self) -> set[Doubt]:
        """Return the doubts that a shell inside this one begins with."""
        return set() if not self.doubts else {Doubt.LATE} if self.reached else {Doubt.BRANCH}

    def fork(self) -> State:
        """Return a copy that shares nothing changeable."""
        return attrs.evolve(
            self,
            variables=dict(self.variables),
            arrays=dict(self.arrays),
            exported=set(self.exported),
            perhaps_exported=set(self.perhaps_exported),
            local=set(self.local),
            unset=set(self.unset),
            fixed=set(self.fixed),
            sinks=dict(self.sinks),
            functions=dict(self.functions),
            doubts=set(self.doubts),
            job_names=dict(self.job_names),
        )

    def subshell(self) -> State:
        """Return the state of a child shell: its exit is not ours, and ours no longer its."""
        child = self.fork()
        child.doubts = self.doubts_inside
        child.main = False
        child.jobs, child.job_names = (), {}
        child.loops = self.loops_outside
        return child

    @property
    def loops_outside(self) -> int | None:
        """Return the loops that count inside a function or subshell."""
        return 0 if self.loops == 0 else None

    def come_back(self, child: State) -> None:
        """Go on behind a child that was waited for."""
        if Doubt.HANG in child.doubts:
            self.doubts.add(Doubt.HANG)

    def environment(self) -> dict[str, str | None]:
        """Return what a program started now finds in its environment."""
        found = {
            name: None if name in self.perhaps_exported else self.variables[name]
            for name in sorted(self.exported)
            if name in self.variables
        }
        return OpenEnvironment(found) if self.wild else found

    def assign(self, name: str, value: str | None, *, export: bool = False) -> None:
        """Set a variable."""
        if name in self.fixed:  # dash ends there, bash leaves it as it is
            self.doubts.add(Doubt.EXIT)
            value = None
        if name in self.arrays:  # its first element
            self.arrays[name] = value = None
        self.variables[name] = value
        self.unset.discard(name)
        if export or self.allexport:
            self.export(name)
        elif self.allexport is None and name not in self.exported:
            self.exported.add(name)
            self.perhaps_exported.add(name)

    def export(self, name: str) -> None:
        """Let programs find a variable in their environment."""
        self.exported.add(name)
        self.perhaps_exported.discard(name)

    def assign_array(self, name: str, elements: tuple[str | None, ...], *, append: bool) -> None:
        """Make a variable an array, or add elements to one."""
        known = self.arrays.get(name) if append else ()
        fresh = not append or name in self.arrays or (name not in self.variables and not self.wild)
        self.assign(name, None)
        whole = (*(known or ()), *elements)
        plain = fresh and (known is not None or name not in self.arrays) and len(whole) <= LIMIT_ELEMENTS
        self.arrays[name] = whole if plain else None

    def restore(self, before: State, names: set[str]) -> None:
        """Give variables that were a function's own back what they were ``before`` it."""
        for name in names:
            self.variables.pop(name, None)
            if name in before.variables:
                self.variables[name] = before.variables[name]
            self.arrays.pop(name, None)
            if name in before.arrays:
                self.arrays[name] = before.arrays[name]
            for own, other in (
                (self.exported, before.exported),
                (self.perhaps_exported, before.perhaps_exported),
                (self.unset, before.unset),
            ):
                own.discard(name)
                own |= {name} & other
        self.local = before.local

    def remove(self, name: str) -> None:
        """Unset a variable."""
        self.variables.pop(name, None)
        self.arrays.pop(name, None)
        self.exported.discard(name)
        self.unset.add(name)

    def forget(self) -> None:
        """Give up what is known: unread code has run in this shell."""
        self.forget_variables()
        self.functions = dict.fromkeys(self.functions)
        self.positional, self.cwd = None, None
        self.doubts.add(Doubt.EXIT)

    def forget_variables(self) -> None:
        """Give up the variables: any of them may have been set."""
        self.wild = True
        self.variables = {**dict.fromkeys(self.variables), "PATH": None}
        self.arrays = dict.fromkeys(self.arrays)
        self.unset = set()

    def here(self, message: str, seen: str | None = None) -> tuple[Evidence, ...]:
        """Return the way to the current place, which comes last with ``message``."""
        if self.inline and self.trail:
            last = self.trail[-1]
            return (*self.trail[:-1], attrs.evolve(last, message=message, seen=seen or last.seen))
        own = Evidence(message=message, path=self.path, line=self.line, layer=self.layer, seen=seen)
        return (*self.trail, own)
