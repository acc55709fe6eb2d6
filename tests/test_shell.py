"""Shell text to trees, and the command lines of shells and wrappers."""

from __future__ import annotations

import pytest

from imagespec.analyzers.shell.arguments import parse_shell_arguments
from imagespec.analyzers.shell.parser import LIMIT_TEXT_BYTES, parse_shell
from imagespec.analyzers.shell.tree import (
    AndOr,
    Background,
    Case,
    Condition,
    Declare,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Negated,
    Opaque,
    Parameter,
    Pipeline,
    Redirected,
    Simple,
    Statement,
    Substitution,
    Unparsed,
    Word,
)
from imagespec.analyzers.startup.tools import ends_by_itself, is_python, python_script
from imagespec.analyzers.startup.wrappers import Unwrapped, starts_others, unwrap


def one(text: str) -> Statement:
    parsed = parse_shell(text.encode())
    assert parsed.problems == ()
    (statement,) = parsed.body
    return statement


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a b", Simple),
        ("A=1", Simple),
        ("A=1 B=2", Simple),
        (">f", Simple),
        ("export A=1", Declare),
        ("unset A", Declare),
        ("[ a ]", Condition),
        ("((A=1))", Condition),
        ("a | b", Pipeline),
        ("a && b", AndOr),
        ("! a", Negated),
        ("{ a; }", Group),
        ("(a)", Group),
        ("if a; then b; fi", If),
        ("case a in b) c;; esac", Case),
        ("while a; do b; done", Loop),
        ("for a in b; do c; done", Loop),
        ("for ((i=0;i<1;i++)); do c; done", Loop),
        ("f() { a; }", Function),
        ("a &", Background),
        ("{ a; } > f", Redirected),
    ],
)
def test_kinds(text: str, kind: type) -> None:
    assert isinstance(one(text), kind)


def literals(text: str) -> list[str | None]:
    statement = one(text)
    assert isinstance(statement, Simple)
    return [word.literal for word in statement.words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ('a "\\$x \\n \\"" \'\\n\'', ["a", '$x \\n "', "\\n"]),
        ("a b\\\nc", ["a", None]),
        ("a $'x\\ty'", ["a", "x\ty"]),
        ("a '' \"\"", ["a", "", ""]),
        ("a b=c --d=e {} %", ["a", "b=c", "--d=e", "{}", "%"]),
        ("a\r", ["a\r"]),
        ("a \r", ["a", "\r"]),
        ("a - <<E\nx\nE\n", ["a", "-"]),
        ("a 'é' \xff", ["a", "é", "ÿ"]),
    ],
)
def test_literal_words(text: str, words: list[str | None]) -> None:
    assert literals(text) == words


def test_parts_of_a_word() -> None:
    statement = one('a "$A  ${B:-x}" $(c) $((1)) {a,b}')
    assert isinstance(statement, Simple)
    _, mixed, command, arithmetic, braces = statement.words
    assert mixed.parts[1] == Literal("  ", quoted=True)
    assert mixed.parts[2] == Parameter("B", ":-", Word((Literal("x"),)), quoted=True)
    assert mixed.parts[0] == Parameter("A", quoted=True)
    assert isinstance(command.parts[0], Substitution)
    assert arithmetic.parts == (Opaque(),)
    assert braces.parts == (Opaque(),)


@pytest.mark.parametrize("text", ["a && b > f", "a | b > f"])
def test_a_redirection_belongs_to_the_last_command(text: str) -> None:
    statement = one(text)
    assert isinstance(statement, AndOr | Pipeline)
    first, last = (
        (statement.first, statement.rest[0][1])
        if isinstance(statement, AndOr)
        else (statement.stages[0], statement.stages[1])
    )
    assert isinstance(first, Simple)
    assert isinstance(last, Simple)
    assert (len(first.redirects), len(last.redirects)) == (0, 1)


def test_what_follows_a_heredoc_on_its_line() -> None:
    assert isinstance(one("a <<E && b\nx\nE\n"), AndOr)
    assert isinstance(one("a <<E | b\nx\nE\n"), Pipeline)


def test_lines() -> None:
    assert [item.line for item in parse_shell(b"a\n\nb\n  c\n").body] == [1, 3, 4]


@pytest.mark.parametrize("text", ["if a; then b", "a 'b", "a)", "a <> b"])
def test_errors_are_problems(text: str) -> None:
    assert parse_shell(text.encode()).problems


@pytest.mark.parametrize("data", [b"a" * (LIMIT_TEXT_BYTES + 1), b"a\x01", b"a\0"])
def test_texts_that_are_not_parsed(data: bytes) -> None:
    parsed = parse_shell(data)
    assert parsed.body == ()
    assert len(parsed.problems) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[ a ]]", "[["),
        ("A=(1)", "array"),
        ("A+=1", "+="),
        ("a <<< b", "<<<"),
        ("a <(b)", "process substitution"),
        ("a |& b", "|&"),
        ("a ${A^^}", "${A^^…}"),
        ("function f { a; }", "function"),
        ("a {b,c}", "brace expansion"),
    ],
)
def test_bashisms(text: str, what: str) -> None:
    assert [item.reason for item in parse_shell(text.encode()).bashisms] == [what]


def test_depth_is_bounded() -> None:
    statement: object = parse_shell(("{ " * 60 + "a; " + "}; " * 60).encode()).body[0]
    while isinstance(statement, Group):
        (statement,) = statement.body
    assert isinstance(statement, Unparsed)


@pytest.mark.parametrize(
    ("words", "text", "file", "name", "rest", "errexit"),
    [
        ("sh -c x", "x", None, "sh", "", False),
        ("sh -ec x a b", "x", None, "a", "b", True),
        ("bash -o pipefail -c x", "x", None, "bash", "", False),
        ("bash -euo pipefail -c x", "x", None, "bash", "", True),
        ("bash --norc -- f a", None, "f", "f", "a", False),
        ("bash --rcfile r f", None, "f", "f", "", False),
        ("sh", None, None, None, "", False),
        ("sh -s a", None, None, None, "", False),
        ("sh +e f -c", None, "f", "f", "-c", False),
    ],
)
def test_shell_arguments(
    words: str,
    text: str | None,
    file: str | None,
    name: str | None,
    rest: str,
    errexit: bool,
) -> None:
    found = parse_shell_arguments(tuple(words.split()))
    assert found
    assert (found.text, found.file, found.name, found.errexit) == (text, file, name, errexit)
    assert found.arguments == tuple(rest.split())


@pytest.mark.parametrize("words", [("sh", None), ("sh", "-c"), ("sh", "-c", None)])
def test_unknown_shell_arguments(words: tuple[str | None, ...]) -> None:
    assert parse_shell_arguments(words) is None


@pytest.mark.parametrize(
    ("words", "inner"),
    [
        ("nohup p a", "p a"),
        ("nice p", "p"),
        ("nice -n 5 p", "p"),
        ("nice -5 p", "p"),
        ("nice --adjustment=5 p", "p"),
        ("ionice -c2 -n 0 p", "p"),
        ("chrt -f 10 p", "p"),
        ("taskset -c 0-3 p", "p"),
        ("numactl --interleave=all -N 0 p", "p"),
        ("time -f x p", "p"),
        ("timeout -s KILL 10 p", "p"),
        ("timeout --preserve-status 10 p -k", "p -k"),
        ("stdbuf -oL -eL p", "p"),
        ("tini -p SIGTERM -g -- p --x", "p --x"),
        ("dumb-init -c p", "p"),
        ("gosu u p -u", "p -u"),
        ("su-exec u:g p", "p"),
        ("setpriv --reuid=1 --regid 1 --clear-groups -- p", "p"),
        ("runuser -u x -- p", "p"),
        ("sudo -E -u x p", "p"),
        ("conda run -n e --no-capture-output p a", "p a"),
        ("env A=1 B=2 p", "p"),
        ("env -i p", "p"),
        ("env -u A -C /x p", "p"),
        ("env -S p a", "p a"),
        ("env", ""),
    ],
)
def test_wrappers(words: str, inner: str) -> None:
    found = unwrap(words.split(maxsplit=1)[0], tuple(words.split()))
    assert found
    assert found.words == tuple(inner.split())


def test_what_wrappers_change() -> None:
    found = unwrap("env", ("env", "-i", "-u", "A", "--chdir=/x", "B=1", "p", "C=2"))
    assert found == Unwrapped(words=("p", "C=2"), assign=(("B", "1"),), unset=("A",), clear=True, cwd="/x")
    forked = unwrap("setsid", ("setsid", "-f", "p"))
    assert forked
    assert forked.background


@pytest.mark.parametrize(
    "words",
    [("env", None), ("env", "--what", "p"), ("nice", None, "p"), ("timeout",)],
)
def test_wrappers_that_are_not_understood(words: tuple[str | None, ...]) -> None:
    found = unwrap(words[0] or "", words)
    assert found
    assert not found.words or None in found.words


def test_no_wrapper() -> None:
    assert unwrap("python", ("python", "x")) is None
    assert unwrap("conda", ("conda", "install", "x")) is None


@pytest.mark.parametrize(
    ("words", "answer"),
    [("find . -exec a", True), ("find . -delete", False), ("/usr/bin/xargs a", True), ("a xargs", False)],
)
def test_programs_that_start_others(words: str, answer: bool) -> None:
    assert starts_others(tuple(words.split())) is answer


@pytest.mark.parametrize(
    ("words", "script"),
    [
        ("python a.py b", "a.py"),
        ("python -u -W ignore a.py", "a.py"),
        ("python -uWignore -Xdev a.py", "a.py"),
        ("python -OO -- a.py", None),
        ("python -m a", None),
        ("python -um a", None),
        ("python -c a", None),
        ("python -", None),
        ("python", None),
    ],
)
def test_python_script(words: str, script: str | None) -> None:
    assert python_script(tuple(words.split())) == script


def test_names_of_tools() -> None:
    assert is_python("python3.11")
    assert not is_python("python3-config")
    assert ends_by_itself(("/bin/mkdir", "x"))
    assert ends_by_itself(("sleep", "1.5"))
    assert not ends_by_itself(("sleep", "infinity"))
    assert not ends_by_itself(("tail", "-f", "x"))
