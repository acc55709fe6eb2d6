"""Shells that begin or end otherwise than by their script: options, the environment, dash beside bash, syntax."""

from __future__ import annotations

from typing import Any

import pytest

from imagespec.analyzers.startup.start import follow_start_command
from imagespec.documents.config import parse_config
from imagespec.limits import Limits
from tests.build import Item, config, file, program, rootfs, symlink
from tests.services import BASE, service

APP = file(
    "app/app.py",
    "import os\nfrom flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', int(os.environ.get('PORT', '8080')))\n",
)
ENV = file("app/env.sh", "export PORT=8080\n")
TOOLS = tuple(program(f"usr/bin/{name}") for name in ("cp", "tar", "truncate", "touch"))
YES, MAYBE, NO = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"], []  # type: ignore[var-annotated]
DASH = file("var/lib/dpkg/status", "Package: dash\nStatus: install ok installed\nVersion: 0.5.12-2\n")


def shown(
    text: str, *items: Item, shell: str = "bash", options: tuple[str, ...] = (), **run: Any
) -> list[str]:
    script = file("app/start.sh", text)
    return service({"Cmd": [shell, *options, "start.sh"], **run}, APP, ENV, script, *TOOLS, *items).shown


@pytest.mark.parametrize(
    ("text", "dash", "bash"),
    [
        ("set -euo pipefail\nexec python app.py", MAYBE, YES),
        ("set -o errexit\nexec python app.py", YES, YES),
        ("set -o histexpand\nexec python app.py", NO, YES),
        ("exec -a server python app.py", NO, MAYBE),
        ("f() { :; }\nexport -f f\nexec python app.py", NO, YES),
        ("export -p\nexec python app.py", YES, YES),
        (". env.sh\nexec python app.py", MAYBE, YES),
        (". ./env.sh\nexec python app.py", YES, YES),
        ("python app.py &\nwait -n", MAYBE, YES),
        ("trap 'exit 1' ERR\nfalse\nexec python app.py", YES, NO),
        ("trap 'echo x' ERR\nfalse\nexec python app.py", YES, YES),
        ("time python app.py", NO, YES),
        ("time -p python app.py", NO, YES),
        ("shopt -so errexit\nfalse\nexec python app.py", YES, NO),
        ("set -e\nshopt -s inherit_errexit\nV=$(false; echo 1)\nexec python app.py", MAYBE, NO),
        ("set -e\nV=$(false; echo 1)\nexec python app.py", MAYBE, YES),
        ("shopt -s nocasematch\ncase ${MODE:-x} in X) exit 1;; esac\nexec python app.py", YES, MAYBE),
        ("[[ a == a ]]\nshopt -s lastpipe\nexec python app.py", YES, MAYBE),
        (": ${MODEL:?not set}\nexec python app.py", MAYBE, MAYBE),
        ("MODEL=\n: ${MODEL?not set}\nexec python app.py", YES, YES),
        ("MODEL=x\n: ${MODEL:?not set}\nexec python app.py", YES, YES),
        ("set -n\nexec python app.py", NO, NO),
        ("ulimit -n 4096\nexec python app.py", YES, YES),
        ("ulimit -v 20000\nexec python app.py", MAYBE, MAYBE),
        ("set -e\nulimit -n 99999999\nexec python app.py", MAYBE, MAYBE),
        ("set -e\ntype conda\nexec python app.py", MAYBE, MAYBE),
        ("set -e\ntype python\nexec python app.py", YES, YES),
        ("cat > x <<EOF\n1\n  EOF\nexec python app.py", MAYBE, MAYBE),
        ("cat > x <<-EOF\n\t1\n\tEOF\nexec python app.py", YES, YES),
        ("cat > x <<EOF\n1\nEOF\nexec python app.py", YES, YES),
    ],
)
def test_dash_and_bash(text: str, dash: list[str], bash: list[str]) -> None:
    assert shown(text, DASH, shell="sh") == dash or (dash == MAYBE and shown(text, DASH, shell="sh") == NO)
    assert shown(text, DASH) == bash


def test_a_dash_without_pipefail_ends() -> None:
    view = rootfs([*BASE, APP, DASH])
    run = {"Cmd": ["sh", "-c", "set -o pipefail\nexec python /app/app.py"]}
    found = follow_start_command(parse_config(config([], run), "c", Limits()), view)
    assert [item.message for item in found.failures] == [
        "this shell does not know 'set -o pipefail', and ends"
    ]


def test_bash_under_the_name_sh() -> None:
    link = symlink("bin/sh", "bash")
    assert shown(". env.sh\nexec python app.py", link, shell="sh") == MAYBE
    assert shown(". ./env.sh\nexec python app.py", link, shell="sh") == YES


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-x", "-u"), YES),
        (("-n",), NO),
        (("-r",), MAYBE),
        (("-e -x",), NO),
        (("-o", "errexit"), NO),
        (("-e",), NO),
    ],
)
def test_options_of_the_shell(options: tuple[str, ...], expected: list[str]) -> None:
    assert (
        shown("false\nexec python app.py" if "e" in options[-1] else "exec python app.py", options=options)
        == expected
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (["SHELLOPTS=braceexpand:errexit"], NO),
        (["SHELLOPTS=braceexpand"], YES),
        (["BASHOPTS=nocasematch"], MAYBE),
        (["BASH_ENV=/app/port.sh"], ["flask 0.0.0.0:9000"]),
        (["BASH_ENV=/app/ends.sh"], NO),
        (["BASH_ENV=/app/none.sh"], YES),
        (["BASH_FUNC_python%%=() { :; }"], NO),
    ],
)
def test_the_environment_of_bash(variables: list[str], expected: list[str]) -> None:
    items = (file("app/port.sh", "export PORT=9000\n"), file("app/ends.sh", "exit 1\n"))
    assert shown("false\nexport PORT\npython app.py", *items, Env=variables) == expected


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("truncate -s 0 app.py", False),
        ("tar -xf x.tar -C /app", False),
        ("tar -xf x.tar -C /srv", True),
        ("tar -xf x.tar", False),
        ("cp -r /over/. /app/", False),
        ("cp -r /over /app", True),
        ("cp -r /other/. /app/", True),
    ],
)
def test_what_is_written_over_the_source(text: str, known: bool) -> None:
    items = (file("over/app.py", "print(1)\n"), file("other/x.py", "print(1)\n"), file("app/x.tar"))
    assert (shown(f"{text}\nexec python app.py", *items) == YES) is known
