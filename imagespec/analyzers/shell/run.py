"""
Runs a shell's tree without running anything: every branch is a possibility, every program is handed to a launcher.

What is certain: a command behind others certainly runs when these end by themselves and do not leave the shell. Built-in
commands and small tools (`tools.SHORT_LIVED`) are taken to end, and to succeed where ``&&`` asks. Any other program in
the foreground may never end. Conditions decide where `conditions` can; a branch whose ways all come back leaves what
follows certain. Loops are followed round by round while it is known how they go on; after others nothing is certain.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagespec.analyzers.shell import branches, builtin_commands, children, conditions, declaring, writes
from imagespec.analyzers.shell.calls import call_function
from imagespec.analyzers.shell.children import is_subshell
from imagespec.analyzers.shell.expand import Expander
from imagespec.analyzers.shell.redirections import behind, redirected, run_exec
from imagespec.analyzers.shell.state import Doubt, Flow, Outcome, State, Status
from imagespec.analyzers.shell.tree import (
    AndOr,
    Assignment,
    Background,
    Case,
    Condition,
    Declare,
    Function,
    Group,
    If,
    Loop,
    Negated,
    Parameter,
    Pipeline,
    Redirected,
    Simple,
    Statement,
    Substitution,
    Unparsed,
)
from imagespec.analyzers.startup import conda
from imagespec.analyzers.startup.walk import LIMIT_DEPTH, Launched, Walk

Launch = Callable[[tuple[str | None, ...], State, bool], Launched]
_LIMIT_NESTING = 50  # with all that it starts: under fifteen frames each, below Python's limit of 1,000
_SURE = {Status.ZERO, Status.LIKELY}


class Shell:
    """The evaluator; ``launch`` starts programs, ``source`` reads a file into the current shell."""

    def __init__(self, walk: Walk, launch: Launch, source: builtin_commands.Source) -> None:
        self.walk = walk
        self.source = source
        self.expander = Expander(lambda: walk.rootfs, self._substitute, walk.may_have_made, walk.doubt)
        self.launch = launch
        self._substituted = Status.ZERO
        self._nesting = 0

    def run_all(self, body: tuple[Statement, ...], state: State) -> Outcome:
        """Run statements one after the other until control leaves them."""
        outcome = Outcome(Status.ZERO)
        for statement in body:
            if not self.walk.spend(state):
                return Outcome(Status.UNKNOWN, Flow.EXIT)
            outcome = self._checked(statement, state)
            if outcome.flow is not Flow.NEXT:
                return outcome
        return outcome

    def _checked(self, statement: Statement, state: State) -> Outcome:
        """Run a statement whose failure ends the shell under ``set -e``."""
        outcome = self.run(statement, state)
        ends = isinstance(statement, Simple | Declare | Condition | Redirected | Pipeline | Group)
        if isinstance(statement, Group | Redirected) and not is_subshell(statement):
            ends = False  # what fails inside has ended it there
        if outcome.flow is Flow.NEXT and state.errexit and not state.tested and ends:
            return self._may_end(statement, outcome, state)
        return outcome

    def _may_end(self, statement: Statement, outcome: Outcome, state: State) -> Outcome:
        """Return what becomes of a shell under ``set -e`` behind a command."""
        shown = statement.shown if isinstance(statement, Simple) else None
        if outcome.status is Status.NONZERO:
            if state.certain and state.main:
                self.walk.fail_if_last(
                    state.here("this command fails, and the shell ends with it", shown)[-1]
                )
            return Outcome(Status.NONZERO, Flow.EXIT)
        if outcome.status is Status.UNKNOWN and Doubt.EXIT not in state.doubts:
            self.walk.doubt(state, "this command may fail, and the shell ends with it then", shown)
            state.doubts.add(Doubt.EXIT)
        return outcome

    def run(self, statement: Statement, state: State) -> Outcome:
        """Run one statement; what is nested too deeply is a gap."""
        if self._nesting >= _LIMIT_NESTING:
            self.walk.gap(state, "commands inside commands, too deep to follow")
            state.forget()
            return Outcome()
        self._nesting += 1
        try:
            return self._run(statement, state)
        finally:
            self._nesting -= 1

    def _run(self, statement: Statement, state: State) -> Outcome:  # noqa: C901, PLR0912 - a table of cases
        if not state.inline and not isinstance(statement, AndOr | Pipeline):
            state.line = statement.line
        match statement:
            case Simple():
                return self._simple(statement, state)
            case AndOr():
                return self._and_or(statement, state)
            case Pipeline():
                return children.run_pipeline(self, statement, state)
            case Background():
                return children.run_background(self, statement, state)
            case Group():
                return children.run_group(self, statement, state)
            case If():
                return branches.run_if(self, statement, state)
            case Case():
                return branches.run_case(self, statement, state)
            case Loop():
                return branches.run_loop(self, statement, state)
            case Redirected():
                return self._redirected(statement, state)
            case Declare():
                return declaring.declare(self, statement, state)
            case Function():
                state.functions[statement.name] = statement
                return Outcome(Status.ZERO)
            case Negated():
                tested, state.tested = state.tested, True
                outcome = self.run(statement.inner, state)
                state.tested = tested
                opposite = {Status.ZERO: Status.NONZERO, Status.NONZERO: Status.ZERO}
                return Outcome(opposite.get(outcome.status, Status.UNKNOWN), outcome.flow)
            case Condition():
                return self._test(statement, state)
            case Unparsed():
                self.walk.gap(state, statement.reason)
                state.forget()
                return Outcome()

    def _and_or(self, statement: AndOr, state: State) -> Outcome:
        tested, state.tested = state.tested, True  # only the last of them ends a shell under `set -e`
        outcome = self.run(statement.first, state)
        last = len(statement.rest) - 1
        for number, (operator, right) in enumerate(statement.rest):
            if outcome.flow is not Flow.NEXT:
                break
            state.tested = tested or number < last
            wanted = _SURE if operator == "&&" else {Status.NONZERO}
            if outcome.status in wanted:
                outcome = self._checked(right, state)
            elif operator == "||" and outcome.status is Status.LIKELY:
                self._aside(right, state)  # the small tool before it is taken to succeed
            elif outcome.status is Status.UNKNOWN:
                self.walk.doubt(state, f"whether what stands before this {operator} succeeds is not known")
                outcome = branches.run_maybe(self, (right,), state)
        state.tested = tested
        return outcome

    def _aside(self, statement: Statement, state: State) -> None:
        """Record what may run, without letting it change what is known."""
        child = state.fork()
        child.doubts.add(Doubt.BRANCH)
        self.run(statement, child)

    def _test(self, statement: Condition, state: State) -> Outcome:
        double = statement.opener == "[["
        followed = statement.words is not None and not (double and statement.substitutions)
        if followed and statement.words is not None and not (double and state.dialect == "dash"):
            return conditions.decide(statement.words, state, self.expander, self.walk, double=double)
        for substitution in statement.substitutions:
            self._substitute(substitution, state)
        for name in statement.assigned:
            state.assign(name, None)
        if statement.opener in {"[[", "(("} and state.dialect == "dash":
            return Outcome(Status.NONZERO)  # `[[` is no command there
        return Outcome()

    def _substitute(self, part: Substitution, state: State) -> str | None:
        if state.depth >= LIMIT_DEPTH:
            self.walk.gap(state, "commands inside commands, too deep to follow")
            return None
        child = state.subshell()
        child.depth += 1
        child.errexit &= child.dialect != "bash" or child.inherits_errexit
        if part.process:
            child.background = True
        else:
            child.sinks[1] = None
        outcome = self.run_all(part.body, child)
        if part.process:
            return None
        state.come_back(child)
        self._substituted = Status.UNKNOWN if Doubt.EXIT in child.doubts else outcome.status
        self.walk.mute(+1)  # the commands were run above; now only their words count
        value = children.known_output(part.body, child, self.expander, self.walk)
        self.walk.mute(-1)
        return value

    def _redirected(self, statement: Redirected, state: State) -> Outcome:
        with redirected(self, statement.redirects, state) as opened:
            return behind(self, opened=opened, state=state, run=lambda: self.run(statement.inner, state))

    def _simple(self, statement: Simple, state: State) -> Outcome:
        if state.dialect == "dash" and any(r.operator.startswith("&>") for r in statement.redirects):
            return children.run_ampersand(self, statement, state)
        timed = statement.words and statement.words[0].literal == "time" and not statement.assignments
        if timed and state.dialect == "bash":  # a word of the shell's own there
            timed_words = statement.words[1:]
            portable = timed_words and timed_words[0].literal == "-p"
            plain = timed_words[1:] if portable else timed_words
            statement = attrs.evolve(statement, words=plain)
        if statement.words and statement.words[0].literal == "test" and "test" not in state.functions:
            words = statement.words[1:]
            with redirected(self, statement.redirects, state) as opened:
                tested = lambda: conditions.decide(words, state, self.expander, self.walk, double=False)  # noqa: E731
                return behind(self, opened=opened, state=state, run=tested)
        self._substituted = Status.ZERO
        fields = self.expander.fields(statement.words, state)
        if not fields:
            for item in statement.assignments:
                self.assign(item, state)
            with redirected(self, statement.redirects, state) as opened:
                return behind(self, opened=opened, state=state, run=lambda: Outcome(self._substituted))
        if fields[0] == "exec":
            return run_exec(self, statement, fields[1:], state)

        def placed() -> Outcome:
            with redirected(self, statement.redirects, state) as opened:
                run = lambda: self._command(statement, fields, state)  # noqa: E731
                return behind(self, opened=opened, state=state, run=run)

        return writes.told(self, statement, fields, state, placed)

    def assign(self, item: Assignment, state: State, *, export: bool = False) -> None:
        """Assign to a variable or an array."""
        if item.elements is not None:
            state.assign_array(item.name, self.expander.fields(item.elements, state), append=item.append)
        else:
            state.assign(item.name, self._value(item, state), export=export)
        state.job_names.pop(item.name, None)
        last = item.value.parts if item.value else ()
        if state.jobs and len(last) == 1 and isinstance(last[0], Parameter) and last[0].name == "!":
            state.job_names[item.name] = len(state.jobs) - 1

    def _value(self, item: Assignment, state: State) -> str | None:
        value = self.expander.value(item.value, state) if item.value else None
        if item.append:
            old = state.variables.get(item.name) if item.name in state.variables else None
            value = old + value if old is not None and value is not None else None
        return value

    def values(self, statement: Simple, state: State) -> list[tuple[str, str | None]]:
        """Return what is assigned before a command; whether one assignment sees those before it differs."""
        found: dict[str, str | None] = {}
        for item in statement.assignments:
            parts = item.value.parts if item.value else ()
            seen = {part.name for part in parts if isinstance(part, Parameter)} & found.keys()
            found[item.name] = None if seen else self._value(item, state)
        return list(found.items())

    def _command(self, statement: Simple, fields: tuple[str | None, ...], state: State) -> Outcome:
        name = fields[0]
        assignments = self.values(statement, state)
        if name == "conda" and fields[1:2] == ("activate",) and "conda" in state.functions:
            program = state.variables.get("CONDA_EXE")
            environment = fields[2] if len(fields) > 2 else "base"
            if program and conda.activate(program, environment, state, self.walk.rootfs):
                return Outcome(Status.ZERO)
        if name is not None and name in state.functions:
            return call_function(self, name, fields[1:], assignments, state)
        builtin = builtin_commands.BUILTINS.get(name or "")
        by_words = builtin_commands.run_by_words(self, name, statement, fields, state)
        if by_words is not None:
            return by_words
        if builtin:
            return builtin_commands.run_builtin(self, builtin, fields, assignments, state)
        return self.external(fields, state, assignments)

    def external(
        self,
        fields: tuple[str | None, ...],
        state: State,
        assignments: list[tuple[str, str | None]] | None = None,
    ) -> Outcome:
        """Run a program and wait for it."""
        child = state.subshell()
        for key, value in assignments or ():
            child.assign(key, value, export=True)
        launched = self.launch(fields, child, False)
        if not launched.returns:
            state.doubts.add(Doubt.HANG)
        return Outcome(launched.status)
