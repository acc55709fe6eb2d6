"""Wrappers that do not start their program, or end it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import file, program
from tests.services import service

APP = file("app/app.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n")
WARM = file("app/warm.py", "print(1)\n")
NAMES = [
    "nice",
    "ionice",
    "chrt",
    "taskset",
    "timeout",
    "stdbuf",
    "setsid",
    "dumb-init",
    "gosu",
    "setpriv",
    "runuser",
    "numactl",
    "nohup",
]
TOOLS = tuple(program(f"usr/bin/{name}") for name in NAMES)
USERS = (
    file(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nyou:x:1001:1001::/:/bin/sh\n",
    ),
    file("etc/group", "root:x:0:\nme:x:1000:\n"),
)
YES, MAYBE = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"]


def shown(words: str, **run: Any) -> list[str]:
    return service({"Cmd": words.split(), **run}, APP, WARM, *TOOLS, *USERS).shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tini -g -- python app.py", YES),
        ("tini -x -- python app.py", MAYBE),
        ("dumb-init --single-child python app.py", YES),
        ("dumb-init --signal python app.py", MAYBE),
        ("timeout 30 python app.py", MAYBE),
        ("timeout 0 python app.py", YES),
        ("setsid python app.py", MAYBE),
        ("setsid --wait python app.py", YES),
        ("nice -n -5 python app.py", YES),
        ("nice -5 python app.py", YES),
        ("chrt -f 10 python app.py", MAYBE),
        ("chrt -b 0 python app.py", YES),
        ("numactl --interleave=all python app.py", MAYBE),
        ("taskset -c 0-3 python app.py", YES),
        ("taskset -c 9 python app.py", MAYBE),
        ("taskset 0x3 python app.py", YES),
        ("stdbuf -oL python app.py", YES),
        ("stdbuf python app.py", MAYBE),
        ("setpriv --reuid=1000 --regid=1000 --clear-groups python app.py", YES),
        ("setpriv --reuid=1000 --regid=1000 python app.py", MAYBE),
        ("setpriv --reuid=svc --clear-groups python app.py", MAYBE),
        ("gosu me python app.py", YES),
        ("gosu me:me python app.py", YES),
        ("gosu me:svc python app.py", MAYBE),
        ("gosu svc python app.py", MAYBE),
        ("gosu 4711 python app.py", YES),
        ("runuser -u me -- python app.py", YES),
        ("runuser -u svc -- python app.py", MAYBE),
        ("env --chdir=/app python app.py", YES),
        ("env --chdir=/srv/none python /app/app.py", MAYBE),
        ("env -i /usr/local/bin/python app.py", YES),
        ("env -i python app.py", []),
    ],
)
def test_wrappers(words: str, expected: list[str]) -> None:
    assert shown(words) == expected


@pytest.mark.parametrize("words", ["gosu you python app.py", "runuser -u you -- python app.py"])
def test_only_root_becomes_another_user(words: str) -> None:
    assert shown(words, User="me") == MAYBE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("setsid python app.py", YES),  # no leader of a group, behind a shell
        ("exec setsid python app.py", MAYBE),
        ("timeout 30 python warm.py; exec python app.py", MAYBE),
        ("python warm.py; exec python app.py", MAYBE),
        ("timeout 30 sh -c 'python app.py'", MAYBE),
        ("env -i bash -c 'python app.py'", YES),
    ],
)
def test_behind_a_shell(text: str, expected: list[str]) -> None:
    assert service({"Cmd": ["bash", "-c", text]}, APP, WARM, *TOOLS, *USERS).shown == expected
