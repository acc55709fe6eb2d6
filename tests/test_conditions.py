"""Conditions of shell scripts that are decided from what is known, and official entrypoints followed to the CMD."""

from __future__ import annotations

from typing import Any

import pytest

from imagespec.analyzers.shell.patterns import matches_pattern, parse_pattern, without
from tests.build import directory, file, program, symlink
from tests.services import BASE, service
from tests.test_start import follow, script, sh, shown

FILES = (
    file("opt/here", "x", 0o755),
    file("opt/plain", "x", 0o644),
    file("opt/empty", ""),
    directory("opt/dir"),
    symlink("opt/link", "here"),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # Text and numbers.
        ("[ -z '' ]", True), ("[ -n '' ]", False), ("[ '' ]", False), ("[ a ]", True), ("[ ]", False),
        ('[ "$A" = one ]', True), ('[ "$A" != one ]', False), ("[ $A = one ]", True), ("[ a = b ]", False),
        ("[ 2 -eq 2 ]", True), ("[ 2 -gt 10 ]", False), ("[ 10 -ge 9 ]", True), ("[ 2 -eq x ]", None), ("[ 1 -ne 1 ]", False),
        ("[ ! a = b ]", True), ("[ a = a -a b = c ]", False), ("[ a = b -o c = c ]", True), ("! [ a = a ]", False),
        ("test -n x", True), ("[ a = a ] && [ b = c ]", False), ("[ a = b ] || [ c = c ]", True),
        # Variables that the image never sets: unset for -z and -n, open for what they are compared with.
        ('[ -z "$NEVER" ]', True), ('[ -n "$NEVER" ]', False), ('[ "$NEVER" = x ]', None), ('[ "${NEVER:-}" = x ]', False),
        ('[ -z "$HOME" ]', None), ('[ -n "$KUBERNETES_SERVICE_HOST" ]', None), ('[ -z "$MA_HOME" ]', None), ('[ -n "$(cat x)" ]', None),
        ('[ "$(cat x)" = a -a b = c ]', False), ("[ $(cat x) = a -a b = c ]", None), ('[ -z "$HOSTNAME" -o a = a ]', True),
        # Files.
        ("[ -f /opt/here ]", True), ("[ -e /opt/dir ]", True), ("[ -d /opt/here ]", False), ("[ -d /opt/dir ]", True),
        ("[ -x /opt/here ]", True), ("[ -x /opt/plain ]", False), ("[ -s /opt/empty ]", False), ("[ -L /opt/link ]", True),
        ("[ -f /opt/none ]", False), ("[ ! -f /opt/none ]", True), ("[ -f /data/none ]", None), ("[ -f /tmp/x ]", None),
        ("[ -r /opt/here ]", True), ("[ -f /dev/x ]", None), ("sed -i x /opt/here; [ -f /opt/here ]", None), ("cp -r a b; [ -f /opt/none ]", None),
        ("[ -d /opt/ml/model ]", None), ("[ /opt/here -nt /opt/plain ]", None), ("[ -t 0 ]", None),
        # What cannot be told.
        ("[ 1 == 1 ]", None), ("[ a -nt b ]", None), ('[ "$(cat x)" ]', None),
    ],
)  # fmt: skip
def test_conditions(condition: str, *, expected: bool | None) -> None:
    found = follow({**sh(f"{condition} && nginx"), "Env": ["A=one"]}, *FILES)
    lines = [line for line in shown(found) if line.endswith("nginx")]
    assert lines == {True: ["nginx"], False: [], None: ["? nginx"]}[expected]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("[[ $A == one ]]", True), ("[[ $A == o* ]]", True), ('[[ $A == "o*" ]]', False), ("[[ $A != o* ]]", False),
        ("[[ -n $A && a == a ]]", True), ("[[ -z $A || a == a ]]", True), ("[[ ! ( a == b ) ]]", True), ("[[ $A =~ o ]]", None),
        ("[[ -f /opt/here && ! -d /opt/here ]]", True), ("[[ $NEVER == x ]]", None), ("[[ -z $NEVER ]]", True), ("[[ $# -eq 0 ]]", True),
        ("[[ $A == @(one|two) ]]", None), ("[[ -v A ]]", None), ("[ 1 == 1 ]", True), ("[[ a < b ]]", None),
    ],
)  # fmt: skip
def test_conditions_of_bash(condition: str, *, expected: bool | None) -> None:
    found = follow({"Cmd": ["bash", "-c", f"{condition} && nginx"], "Env": ["A=one"]}, *FILES)
    lines = [line for line in shown(found) if line.endswith("nginx")]
    assert lines == {True: ["nginx"], False: [], None: ["? nginx"]}[expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("case one in a) nginx;; o*) java;; *) tail;; esac", ["java"]),
        ("case $NEVER in a) nginx;; *) java;; esac", ["? nginx", "? java"]),
        ("case one in a) nginx;; esac; java", ["java"]),
        ("case -x in -*) nginx;; esac", ["nginx"]),
        ("case yes in [Yy]es|true) nginx;; esac", ["nginx"]),
        ('case "a*" in "a*") nginx;; *) java;; esac', ["nginx"]),
        ("case ab in a?) nginx;; esac", ["nginx"]),
        ("case one in [[:alpha:]]*) nginx;; *) java;; esac", ["? nginx", "? java"]),
        ("if [ a = b ]; then nginx; elif [ c = c ]; then java; else tail; fi", ["java"]),
        ("if [ -f /z ]; then nginx; elif [ c = c ]; then java; else tail; fi", ["? nginx", "? java"]),
        ("while [ a = b ]; do nginx; done; java", ["java"]),
        ("until [ a = a ]; do nginx; done; java", ["java"]),
        ("f() { [ a = b ] && nginx; }; set -e; f || java; tail", ["java", "? tail"]),
        ("set -e; [ a = b ] && nginx; java", ["java"]),
        ("set -e; [ a = b ]; java", []),
        ('set -- -x y; [ "${1#-}" != "$1" ] && set -- python "$@"; exec "$@"', ["python -x y"]),
        ("X=a/b.tar.gz; python ${X##*/} ${X%%.*} ${X%.gz} ${X#*/} ${X%/*}", ["python b.tar.gz a/b a/b.tar b.tar.gz a"]),
        ("X=abc; python ${X#$Y} ${X%[} ${X##}", ["python * * abc"]),
    ],
)  # fmt: skip
def test_what_is_run(text: str, expected: list[str]) -> None:
    assert shown(follow(sh(text))) == expected


ENTRYPOINT = """#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
    set -- nginx "$@"
fi
if [ "$1" = 'nginx' -a "$(id -u)" = '0' ]; then
    mkdir -p /var/cache/x
fi
if [ -z "${QUIET:-}" ]; then echo starting; fi
exec "$@"
"""


@pytest.mark.parametrize(
    ("cmd", "expected"),
    [
        (["python", "app.py"], "python app.py"),
        (["-c", "x.conf"], "nginx -c x.conf"),
        (["x.conf"], "nginx x.conf"),
        (["sh", "-c", "exec python app.py"], "python app.py"),
    ],
)
def test_official_entrypoints_lead_to_the_cmd(cmd: list[str], expected: str) -> None:
    run: dict[str, Any] = {"Entrypoint": ["/docker-entrypoint.sh"], "Cmd": cmd, "WorkingDir": "/app"}
    found = follow(run, script(ENTRYPOINT, "docker-entrypoint.sh"), program("bin/id"))
    assert shown(found)[-1] == expected
    assert not found.failures


GATHERING = """#!/bin/bash
# Parts in order
shopt -s nullglob extglob
_DIR="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
declare -a _ALL=( "${_DIR}/entrypoint.d"/*@(.txt|.sh) )
shopt -u nullglob extglob

for _one in "${_ALL[@]}"; do
  case "${_one}" in
    *.txt) cat "${_one}";;
    *.sh)  source "${_one}";;
  esac
done
echo
if [[ $# -eq 0 ]]; then
  exec "/bin/bash"
else
  exec "$@"
fi
"""


@pytest.mark.parametrize(
    ("text", "part", "followed"),
    [
        (GATHERING, "50-gpu-driver-check.sh", True),
        (GATHERING, "60-own.sh", False),
        (GATHERING + "nginx &\n", "10-banner.txt", False),
        (GATHERING.replace('exec "$@"', 'exec "/bin/bash"'), "10-banner.txt", False),
    ],
)
def test_entrypoints_that_gather_parts(text: str, part: str, *, followed: bool) -> None:
    run = {
        "Entrypoint": ["/opt/nvidia/nvidia_entrypoint.sh"],
        "Cmd": ["python", "app.py"],
        "WorkingDir": "/app",
    }
    found = follow(
        run,
        script(text, "opt/nvidia/nvidia_entrypoint.sh"),
        file(f"opt/nvidia/entrypoint.d/{part}", "exit 1\n"),
    )
    assert (shown(found)[-1] == "python app.py" and not found.gaps) is followed


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True), ("a*c", "abbc", True), ("a*c", "abb", False), ("a?", "a", False), ("[!a]", "b", True), ("[a-c]x", "bx", True),
        ("*a*b*c", "xxaxxbxxc", True), ("", "", True), ("", "a", False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, *, expected: bool) -> None:
    parsed = parse_pattern([(pattern, False)])
    assert parsed is not None
    assert matches_pattern(parsed, text) is expected


def test_hostile_patterns_are_bounded() -> None:
    assert parse_pattern([("*a" * 1_000, False)]) is None
    assert parse_pattern([("[" * 50, False)]) is None
    stars = parse_pattern([("*a" * 90 + "b", False)])
    assert stars is not None
    assert matches_pattern(stars, "a" * 1_900) is False
    assert matches_pattern(stars, "a" * 100_000) is None
    assert without("a" * 100_000, "#", stars) is None


@pytest.mark.parametrize(
    "text",
    [
        "[ " + "! " * 5_000 + "a ]",
        "[[ " + "( " * 2_000 + "a" + " )" * 2_000 + " ]]",
        "[ " + "a -o " * 5_000 + "a ]",
        "case a in " + "b) ;; " * 3_000 + "esac",
        "[ -f /opt/x ] && sh /home/run.sh",
        "sh /home/run.sh; sh /home/run.sh",
    ],
)
def test_hostile_scripts_end(text: str) -> None:
    found = follow({"Cmd": ["bash", "/home/run.sh"]}, script(text + "\n"))
    assert len(found.steps) <= 200


def test_a_script_that_starts_supervisord_that_starts_it_ends() -> None:
    conf = file(
        "etc/supervisord.conf", "[supervisord]\nnodaemon=true\n[program:a]\ncommand=sh /home/run.sh\n"
    )
    run = file("home/run.sh", "supervisord\n")
    found = service("sh /home/run.sh", conf, run, base=[*BASE, program("usr/bin/supervisord")])
    assert found.start.gaps
