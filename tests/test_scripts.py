"""A boot script: whether the interpreter that really runs it gets commands out of it."""

from __future__ import annotations

from typing import Any

import pytest

from imagespec.analyzers.programs.scripts import ScriptJudgement, judge_script
from imagespec.analyzers.programs.scripttext import CrEffect, Dialect, Line, bash_syntax, lines_of
from imagespec.rootfs import RootFs
from tests.build import directory, elf, file, program, rootfs, scan, symlink
from tests.build import layer as tar_layer

SHELLS = (
    program("bin/dash"),
    program("bin/bash"),
    program("bin/busybox"),
    symlink("bin/sh", "dash"),
    symlink("bin/ash", "busybox"),
    symlink("bin/cat", "busybox"),
    program("usr/bin/env"),
    program("usr/bin/python3.11"),
    symlink("usr/bin/python3", "python3.11"),
    program("usr/bin/server"),
)


def judge(
    data: bytes | str, interpreter: str | None = "/bin/sh", mode: int = 0o644, **named: Any
) -> ScriptJudgement:
    fs = rootfs([*SHELLS, file("home/run.sh", data, mode)])
    entry = fs.resolve("/home/run.sh")
    assert entry is not None
    return judge_script(fs, entry, interpreter, "amd64", **named)


GOOD = "#!/bin/sh\nexec python3 /app/server.py\n"


@pytest.mark.parametrize(
    ("data", "interpreter", "usable"),
    [
        (GOOD, "/bin/sh", True),
        (GOOD, "sh", True),
        (GOOD, "bash", True),
        ("exec python3 /app/server.py", "sh", True),  # no shebang is needed, nor a last line feed
        ("#!/gone/zsh\nexec nginx\n", "sh", True),  # a comment to sh
        (GOOD, "/gone/sh", False),
        (GOOD, "zsh", None),  # in no directory of the default path, but the image's is not known here
        (GOOD, "cat", None),  # prints it, runs nothing
        (GOOD, "/usr/bin/server", None),
        ("", "sh", False),
        ("\n \t\n\n", "sh", False),
        ("#!/bin/sh\n# exec nginx\n", "sh", False),
        ("#!/bin/sh\n# exec nginx\n", "python3", False),
        ("#!/bin/sh\n# exec nginx\n", "/usr/bin/server", None),
        (elf(), "sh", False),
        ("import server\r\nserver.run()\r\n", "python3", True),
        ("\ufeffimport server\n", "python3", True),
        ("exec nginx\n\0\n", "sh", None),
    ],
)
def test_what_an_interpreter_gets(data: bytes | str, interpreter: str, *, usable: bool | None) -> None:
    found = judge(data, interpreter)
    assert found.usable is usable, found.reason
    assert found.evidence


@pytest.mark.parametrize(
    ("data", "mode", "usable"),
    [
        (GOOD, 0o755, True),
        (GOOD, 0o644, False),  # execute bit
        ("#!/bin/busybox sh\nexec nginx\n", 0o755, True),
        ("#!/bin/busybox cat\nexec nginx\n", 0o755, None),
        ("#!/usr/bin/env bash\nexec nginx\n", 0o755, True),
        ("exec nginx\n", 0o755, False),  # the kernel refuses it
        ("#!/bin/zsh\nexec nginx\n", 0o755, False),
        ("#!/bin/sh\r\nexec nginx\r\n", 0o755, False),
        ("#!/bin/sh -e\r\nexec nginx\n", 0o755, None),
        ("\ufeff" + GOOD, 0o755, False),
        ("#!/bin/sh\n# nothing\n", 0o755, False),
        (elf(), 0o755, None),  # it starts, but is no script
    ],
)
def test_direct_execution(data: bytes | str, mode: int, *, usable: bool | None) -> None:
    assert judge(data, None, mode, path="/bin:/usr/bin").usable is usable


def test_the_interpreter_is_reported() -> None:
    def name(data: str, interpreter: str | None) -> str | None:
        found = judge(data, interpreter, 0o755, path="/bin:/usr/bin").interpreter
        return found.path if found else None

    assert name(GOOD, None) == "bin/dash"
    assert name("#!/usr/bin/env bash\nnginx\n", None) == "bin/bash"
    assert name(GOOD, "python3") == "usr/bin/python3.11"


def test_only_regular_files() -> None:
    fs = rootfs([*SHELLS, directory("home/run.sh")])
    entry = fs.resolve("/home/run.sh")
    assert entry is not None
    assert judge_script(fs, entry, "sh", "amd64").usable is False


@pytest.mark.parametrize(
    ("data", "interpreter", "usable"),
    [
        ("#!/bin/sh\r\ncd /app\r\nexec python3 server.py\r\n", "sh", False),
        ("#!/bin/sh\r\ncd /app\r\nexec python3 server.py\r\n", "bash", False),
        ("#!/bin/sh\r\n# one\r\n\nexec python3 server.py\n", "sh", True),  # in comments only
        ("exec python3 server.py # start it\r\n", "sh", True),  # a comment behind a command
        ("echo 'a # b\r\nexec x\n", "sh", None),
        ("set -e\ncd /app\r\nexec python3 server.py\n", "sh", None),
        ("set -eu\r\nexec python3 server.py\n", "sh", False),  # ends dash at once
        ("set -eu\r\nexec python3 server.py\n", "bash", None),
        ("exec python3 server.py --port 8080\r\n", "sh", None),  # int("8080\r") is 8080
        ("exec python3 server.py \r\n", "sh", None),
        ("\r\nexec python3 server.py\n", "sh", True),  # a command that is not found, and on
        ("#!/bin/sh -eu\n\r\nexec python3 server.py\n", "sh", None),
        ("set -e\n\r\nexec python3 server.py\n", "sh", None),
        ("#!/bin/sh\r# all of it is one comment\rexec nginx\r", "sh", False),
    ],
)
def test_carriage_returns(data: str, interpreter: str, *, usable: bool | None) -> None:
    found = judge(data, interpreter)
    assert found.usable is usable, found.reason


def test_carriage_returns_are_located() -> None:
    found = judge("#!/bin/sh\r\n\r\ncd /app\r\nexec python3 server.py\r\n")
    assert [item.line for item in found.evidence] == [3, 4]
    assert found.evidence[0].path == "/home/run.sh"
    assert found.evidence[0].layer == 0


@pytest.mark.parametrize(
    ("data", "usable", "remarked"),
    [
        ("\ufeff#!/bin/sh\nexec nginx\n", True, True),  # one "not found" line
        ("\ufeff\nexec nginx\n", True, True),
        ("\ufeffexec nginx\n", False, False),  # the only command is lost
        ("\ufeffcd /app\nexec nginx\n", None, False),
        ("\ufeff# don't\nexec nginx\n", None, False),  # the quote opens a string
        ("\ufeff#!/bin/sh\r\ncd /app\r\nexec python3 server.py\r\n", False, True),
    ],
)
def test_byte_order_mark(data: str, *, usable: bool | None, remarked: bool) -> None:
    found = judge(data)
    assert found.usable is usable, found.reason
    assert any("byte order mark" in item.message for item in found.remarks) is remarked


@pytest.mark.parametrize(
    ("text", "dash", "ash"),
    [
        ("if [[ a == b ]]; then", True, False),
        ("a=(1 2)", True, True),
        ("a+=(1)", True, True),
        ("cat <<< x", True, True),
        ("cat <(echo)", True, False),
        ("run &> log", True, False),
        ("function f {", True, False),
        ("echo ${x//a/b}", True, False),
        ("echo ${x:0:1}", True, False),
        ("echo ${x^^}", True, True),
        ("((x = 1))", True, True),
        ("for ((i=0;i<2;i++)); do", True, True),
        ("source ./env", True, False),
        ("set -o pipefail", True, False),
        ("x+=1", True, True),
        ("declare -a x", True, True),
        ("trap 'x' ERR", True, False),
        ("for i in {1..3}; do", True, True),
        ("# [[ a ]]", False, False),
        ("if [ a = b ]; then", False, False),
        ("echo $((1 + 2))", False, False),
        ("echo ${x:-1} ${x#a} ${x%/}", False, False),
        ("run > log 2>&1 &", False, False),
        ("cat <<EOF", False, False),
        ("f() { echo; }", False, False),
    ],
)
def test_bash_syntax(text: str, *, dash: bool, ash: bool) -> None:
    lines = lines_of(b"#!/bin/sh\n" + text.encode())
    for dialect, named in ((Dialect.DASH, dash), (Dialect.ASH, ash), (Dialect.BASH, False)):
        assert bool(bash_syntax(lines, dialect)) is named, dialect


def test_bash_syntax_under_another_shell_leaves_it_open() -> None:
    found = judge("#!/bin/bash\n[[ -n $PORT ]] || exit\nexec nginx\n", "sh")
    assert found.usable is None
    assert [(item.line, "'[['" in item.message) for item in found.remarks] == [(2, True)]
    assert judge("[[ -n $PORT ]] || exit\nexec nginx\n", "bash").remarks == ()


def test_the_number_of_remarks_is_bounded() -> None:
    assert len(bash_syntax(lines_of(b"[[ a ]]\n" * 1000), Dialect.DASH)) == 20


def test_cr_effect() -> None:
    effects = {
        b"nginx\r": CrEffect.BREAKS,
        b"nginx": CrEffect.NONE,
        b"# x\r": CrEffect.NONE,
        b"\r": CrEffect.NONE,
        b"nginx -g 'x'\r": CrEffect.UNSURE,
        b"nginx \r": CrEffect.UNSURE,
    }
    assert {text: Line(1, text).cr for text in effects} == effects


def test_what_was_not_kept_decides_nothing() -> None:
    data = (GOOD + "# padding\n" * 100).encode()
    raw = tar_layer(*SHELLS, file("home/run.sh", data))

    def judge_kept(keep: int) -> ScriptJudgement:
        fs = RootFs([scan(raw, lambda name, size, _: keep if name.endswith(b"run.sh") else size)])
        entry = fs.resolve("/home/run.sh")
        assert entry is not None
        return judge_script(fs, entry, "sh", "amd64")

    assert judge_kept(0).usable is None
    assert judge_kept(10).usable is None
    assert judge_kept(100).usable is None
    assert judge_kept(len(data)).usable is True


def test_an_unread_layer_leaves_everything_open() -> None:
    fs = RootFs([scan(tar_layer(*SHELLS, file("home/run.sh", GOOD), file("home/empty"))), None])
    for name in ("home/run.sh", "home/empty"):
        entry = fs.resolve(name)
        assert entry is not None
        assert judge_script(fs, entry, "sh", "amd64").usable is None
