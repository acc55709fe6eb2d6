"""Random shell scripts, what real shells run of them, and whether that agrees with what following them says."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
from pathlib import Path

from imagespec.analyzers.startup.start import follow_start_command
from imagespec.analyzers.startup.steps import StartCommand, Step
from imagespec.documents.config import parse_config
from imagespec.limits import Limits
from tests.build import config, directory, file, program, rootfs, symlink

PROGRAM = "sync"
"""A small tool that is known to end; in its place stands one that writes down how it was started."""
SEEN = ("A", "B", "X", "Y")
ENV = {"A": "one", "B": "", "PATH": "/usr/bin:/bin"}
_RECORDER = """#!/bin/dash
{
    printf '%s\\0' "$#" "$@" "$(pwd)" "${A-(unset)}" "${B-(unset)}" "${X-(unset)}" "${Y-(unset)}"
} >>"LOG"
"""
_IMAGE = (
    program("usr/bin/dash"),
    program("usr/bin/bash"),
    symlink("bin", "usr/bin"),
    symlink("lib", "usr/lib"),
    symlink("usr/bin/sh", "dash"),
    *(program(f"usr/bin/{name}") for name in (PROGRAM, "cat", "dirname", "basename", "mkdir")),
    directory("etc"),
    directory("usr/lib"),
    file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
)
Run = tuple[tuple[str, ...], str, tuple[str | None, ...]]
"""Arguments, working directory and the variables of `SEEN`."""

_WORDS = """a b one '' "" 'a b' "a $A b" a\\ b "$A" $A ${A} ${N:-x} ${N-x} "${N:-$A z}" ${B:-x} ${B-x} "${B-x}" ${A:+y} ${A+y}
${N:+y} ${B:+y} "${B+y}" ${A#o} ${A##*n} ${A%e} "${A%%n*}" ${A%%*} "${A#"o"}" "$@" $@ "$*" $* $# $1 "$2" ${1#-} "${1%a}"
"${3:-none}" $X "$X" $Y "${X:-d}" "$X"y a"$B"b $X$A ${X#?} "${X%[a-c]}" "${X##*[!a]}" '$A' "\\$A" "'$A'" -x -- a*b "a*b" [a
$(dirname /a/b) "$(basename /x/y.z)" $(cat /nothing) "`dirname /q/r`" $0 x=1 "x$@y" ${B}a ${X:=set} ${Y:=$A} "a
b" ${A:-${N:-z}} ${#A} $((1+1)) a{b}c # !x ~ ${N:-"p q"} ${N:-p q} "${N:-p q}" ${N:-'p q'} "${N:-'p q'}" ${A%$X} $?
"${*}" "${@}" ${@:-e} "${1:-}" ${1+"$@"} "$@"z""".replace("\nb", "\0b").split("\n")
_BASH_WORDS = (
    "${A/o/x}",
    "${A^^}",
    "$'a\\tb'",
    "${A:1}",
    "${A:0:2}",
    "${A: -1}",
    "{a,b}",
    "${arr[@]}",
    "${A:1:1}",
    "${X:2}",
    "{1..2}",
)
_PATTERNS = (
    "a",
    "one",
    "o*",
    "*",
    "'*'",
    '"$A"',
    "$A",
    "[a-z]*",
    "[!a]*",
    "??",
    "a|b",
    "-*",
    "*n*",
    '"o"*',
    "''",
    "one|two",
    "$X",
    "[oO]ne",
    "\\*",
    "a\\*b",
    "${N:-one}",
    "~",
    '"$X"*',
    "*' '*",
)


_SIMPLE = ["sync %W"] * 8 + """X=%w;X=%w;X=%w;Y=%w sync %W;export X=%w;A=%w^ export A;export Y^ Y=%w;unset A;unset X;unset N
set -- %W;set -- %W;shift;shift 2;shift 0;cd /usr;cd /etc;cd lib;cd ..;cd /nowhere;cd;cd /;cd /usr/lib/..;true;false;:;: ${X:=new};true x
false || true;exit;exit 3;exit 0;return;return 1;break;continue;set -e;set +e;set -u;set +u;set -a;set -f;set -o errexit;set +o errexit
eval 'sync e $A';eval "sync $X";eval sync %W;command sync %W;exec sync %W;f;f %W;g %w;sync %W >/dev/null;sync %W 2>&1;sync %W </dev/null
sync %W <<E|$A sync no|E;sync %W <<'E' && sync x|`no`|E;%t;%t;%t;read X </dev/null;echo %W;cat /dev/null;trap 'sync bye' EXIT;trap - EXIT;wait
printf x %w;basename x;cat /none && sync maybe;sync %W #no;X=%w Y=$X sync %W;X=%w eval 'sync $X';readonly R=%w;X=%w :;. /etc/none;umask 022;%w %w;"$@";$X $Y
exec >/dev/null;exec 2>&1;sync $?;command -v nothere;IFS=n;X=$(%1);X=`%1`;sync "$(%1)";export A X;set;times;[ a b c d ];[ -n -x b c ]""".replace("\n", ";").split(";")  # fmt: skip
_SIMPLE_BASH = """local L=%w;X+=%w;declare -x Y=d;source /etc/none;[[ -n $A ]] && sync %W;arr=(%W);sync %W <<< $A;sync %W &>/dev/null
(( 1 + 1 ));(( 0 ));let 1;shopt -s nullglob;pushd /usr;sync "${arr[0]}";sync "${arr[@]}" ${#arr[@]};printf -v X y %w;declare X=%w
local X;sync "${@:2}";sync ${!A};(( X = 3 ));mapfile -t X </dev/null""".replace("\n", ";").split(";")  # fmt: skip
_TESTS = [
    *("[ " + text + " ]" for text in (
        "-z %w", "-n %w", "-n", "%w", "%w = %w", "%w != %w", '"$A" = one', '"$#" -gt 0', '"$#" -gt 1', "! %w = %w", "$# -eq 0", "-n %w -a %w = %w", "-z %w -o %w = b",
        "-d /usr", "-f /etc/passwd", "-e /opt/none", "! -f /etc/none", "-x /usr/bin/none", "! -n %w", "1 -lt 2", "-d /usr -a -f /usr", "'(' %w = b ')'", "%w -eq 1", "", "! !",
        "= = =", "-n = -n", "! = !", "-f %w", "-a = -a", "a -a b -o ''", '"$X" = ""', '"x$X" = x', '"${1#-}" != "$1"', "! -z %w -a -n %w", "-e lib", "-L /bin", "%w = one -o %w = b -a %w",
    )),
    "test %w = %w", "test -n %w", "test", "test %w", "test ! %w", "test -z %w && test -d /usr",
]  # fmt: skip
_TESTS_BASH = [
    "[[ " + text + " ]]"
    for text in (
        "-z %w", "-n %w", "%w == one", "%w == o*", "%w == %w", "%w != %w", "%w", "! -z %w", "-n %w && %w == %w", "( -z %w || %w = a ) && -d /usr", "%w =~ o", "$# -gt 0", "-v A",
        "%w < b", "! %w == a && ! -f /etc", "-f /etc/passwd", "$A == o?e", "$A =~ ^o", "-n %w || -n %w && -z %w", "$A == 'o*'", "! ( -n %w && -n %w )", "$A = $X", "-z $X && -z $Y", "$A =~ ^(one|two)$", "$A =~ n+", "$A =~ ^[a-z]+$", "$X =~ ^-",
    )
]  # fmt: skip
_CONDITIONS = (
    "%t",
    "%t",
    "true",
    "false",
    "! %t",
    "%t && %t",
    "%t || %t",
    "%s",
    "f",
    "f a",
    "! f",
    "{ %t; }",
    "( %t )",
    "! { %t && %t; }",
    "X=$(%1)",
    "%1",
    "cat /none",
    "! cat /none",
)
_COMPOUND = (
    "if %c; then\n%s\nfi", "if %c\nthen %s\nelse\n%s\nfi", "if %c; then %s\nelif %c; then %s\nelse %s\nfi", "if %t; then %s\nelse %s\nfi", "if %t; then %s\nfi",
    "case %w in\n%p) %s\n;;\n%p)\n%s ;;\nesac", "case %w in\n%p) %s\n;;\n*) %s\n;;\nesac", 'case "$1" in (%p) %s\nesac', "case $X in\n%p|%p) %s\n;;\n%p) %s\nesac",
    "for i in %W; do %s\nsync $i\ndone", "for X; do %s\ndone", "for X in %w; do\n%s\ndone", "while [ $# -gt 0 ]; do %s\nshift\ndone", "while false; do %s\ndone",
    "until true; do %s\ndone", "while true; do %s\nbreak\ndone", "while :; do\nif %t; then break; fi\n%s\nbreak\ndone", "until false; do %s\n%t && break\nbreak\ndone",
    "{ %s\n%s\n}", "( %s\n%s\n)", "! %1", "! { %s\n}", "%1 && %1", "%t && %1", "%t || %1", "%t && %1 || %1", "{ %s\n} || { %s\n}", "( %s\n) && sync y || sync n",
    "f() { %s\n%s\n}", "f() { %s\n}\nf %W", 'g() { sync g "$@"\n%s\n}\ng %W', "g() ( %s\n)\ng", "sync p | sync q", "{ %s\n} | cat", "X=$(%s\n)", "X=$(%s\n) || sync n",
    "{ %s\n} >/dev/null", "sync %W &\nwait", "{ %s\n} &\nwait", "%1 & wait", "( %s\n) || exit 2", "f() { return $?\n}\nf && sync y", "if ! %1; then %s\nfi",
)  # fmt: skip
_COMPOUND_BASH = (
    "for ((i=0;i<1;i++)); do %s\ndone",
    "function h { %s\n}\nh %W",
    "if (( 1 )); then %s\nfi",
    "case a in a) %s\n;& b) %s\n;; esac",
    "{ %s\n} |& cat",
    "for i in {1..2}; do %s\ndone",
    'for i in "${arr[@]}"; do %s\ndone',
)


class Scripts:
    """A source of scripts for one shell."""

    def __init__(self, seed: int, shell: str) -> None:
        self._random = random.Random(seed)
        self._words = [word.replace("\0", "\n") for line in _WORDS for word in _split(line)]
        bash = shell == "bash"
        self._words += _BASH_WORDS if bash else ()
        self._simple = [
            line.replace("|", "\n").replace("^", ";") for line in (*_SIMPLE, *(_SIMPLE_BASH if bash else ()))
        ]
        self._tests = [*_TESTS, *(_TESTS_BASH if bash else ())]
        self._compound = [*_COMPOUND, *(_COMPOUND_BASH if bash else ())]

    def script(self) -> str:
        """Return one script."""
        lines = [self.statement(0) for _ in range(self._random.randint(2, 6))]
        if self._random.random() < 0.3:
            lines.insert(0, self._one(*["set -e", "set -u", "set -eu", "set -- -x 'b c'", "set -ex"]))
        lines.append(f"{PROGRAM} end")
        return "\n".join(lines) + "\n"

    def _one(self, *of: str) -> str:
        return of[self._random.randrange(len(of))]

    def _fill(self, template: str, depth: int) -> str:
        """Return a template with random parts in the places of its marks."""

        def part(match: re.Match[str]) -> str:
            match match[0][1]:
                case "w":
                    return self._one(*self._words)
                case "W":
                    return " ".join(self._one(*self._words) for _ in range(self._random.randint(0, 3)))
                case "p":
                    return self._one(*_PATTERNS)
                case "t":
                    return self._fill(self._one(*self._tests), depth)
                case "c":
                    return self._fill(self._one(*_CONDITIONS), depth + 1)
                case "m":
                    return self._fill(self._one(*self._simple), depth)
                case "1":
                    return self._fill(self._one(*self._simple), depth).partition("<<")[0].partition("\n")[0]
                case _:
                    return self.statement(depth + 1)

        return re.sub("%[wWptcm1s]", part, template)

    def statement(self, depth: int) -> str:
        """Return a statement."""
        if depth > 2 or self._random.random() < 0.5:
            return self._fill(self._one(*self._simple), depth)
        return self._fill(self._one(*self._compound), depth)


def _split(line: str) -> list[str]:
    """Split a line of `_WORDS` at its blanks outside quotes, braces and parentheses."""
    found, current, depth, quote = [], "", 0, ""
    for char in line:
        if char in "\"'`" and not current.endswith("\\") and quote in {"", char}:
            quote = "" if quote else char
        depth += (char in "{(") - (char in "})")
        if char == " " and not quote and not depth and not current.endswith("\\"):
            found.append(current)
            current = ""
        else:
            current += char
    return [*found, current] if current else found


def really_runs(script: str, shell: str, folder: Path) -> list[Run] | None:
    """Return what ``shell`` runs; None when it does not end."""
    log, bin_ = folder / "log", folder / "bin"
    if not bin_.exists():
        bin_.mkdir()
        (bin_ / PROGRAM).write_text(_RECORDER.replace("LOG", str(log)))
        (bin_ / PROGRAM).chmod(0o755)
    log.write_bytes(b"")
    env = {**ENV, "HOME": "/root", "PATH": f"{bin_}:/usr/bin:/bin"}
    command = [f"/bin/{shell}", "-c", script]
    null = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=env, cwd="/", stdin=null, stdout=null, stderr=null, start_new_session=True
    ) as running:
        try:
            running.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    return _parse(log.read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1])


def _parse(texts: list[str]) -> list[Run]:
    found: list[Run] = []
    at = 0
    while at < len(texts):
        count = int(texts[at])
        arguments = tuple(texts[at + 1 : at + 1 + count])
        cwd, *variables = texts[at + 1 + count : at + 2 + count + len(SEEN)]
        found.append((arguments, cwd, tuple(None if text == "(unset)" else text for text in variables)))
        at += 2 + count + len(SEEN)
    return found


def follow(script: str, shell: str) -> StartCommand:
    """Return what following the script says."""
    run = {"Cmd": [f"/bin/{shell}", "-c", script], "Env": [f"{name}={value}" for name, value in ENV.items()]}
    return follow_start_command(parse_config(config([], run), "config.json", Limits()), rootfs(_IMAGE))


def disagreement(found: StartCommand, real: list[Run]) -> str | None:
    """Return what following says otherwise than it was: a certain step that did not run, or one that ran and is not told."""
    steps = [step for step in found.steps if step.argv[:1] == (PROGRAM,)]
    taken: dict[int, Step] = {}
    for step in steps:
        if step.certain and not _take(step, real, taken, set()):
            return f"certain, and did not run: {step.argv} in {step.cwd} with {_variables(step)}"
    if not found.gaps:
        for run in real:
            if not any(_fits(step, run) for step in steps):
                return f"ran, and is not told: {run}"
    stops = found.failures and "background" not in found.failures[0].message
    if stops and not found.gaps and any(run[0] == ("end",) for run in real):
        return f"said to fail: {found.failures[0].message}"
    return None


def _take(step: Step, real: list[Run], taken: dict[int, Step], seen: set[int]) -> bool:
    """Find a run for a step, so that each certain step has one of its own (Kuhn's matching)."""
    for number, run in enumerate(real):
        if number not in seen and _fits(step, run):
            seen.add(number)
            if number not in taken or _take(taken[number], real, taken, seen):
                taken[number] = step
                return True
    return False


def _variables(step: Step) -> tuple[object, ...]:
    return tuple(step.env.get(name, "(unset)") for name in SEEN)


def _fits(step: Step, run: Run) -> bool:
    arguments, cwd, variables = run
    if step.cwd is not None and step.cwd != cwd:
        return False
    for name, value in zip(SEEN, variables, strict=True):
        told = step.env.get(name, "(unset)")
        if (
            told is not None
            and told != ("(unset)" if value is None else value)
            and (step.certain or name in step.env)
        ):
            return False
    return _fit_words(step.argv[1:], arguments)


def _fit_words(told: tuple[str | None, ...], real: tuple[str, ...]) -> bool:
    """Tell whether the words may be these: None stands for any number of words."""
    places = {0}
    for word in told:
        if word is None:
            places = set(range(min(places), len(real) + 1))
        else:
            places = {at + 1 for at in places if at < len(real) and real[at] == word}
        if not places:
            return False
    return len(real) in places
