"""What keeps a container up whose server runs in the background, and what ends it."""

from __future__ import annotations

import pytest

from tests.build import file, program
from tests.services import service

APP = file("app/app.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n")
OTHER = file("app/other.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 9000)\n")
WARM = file("app/warm.py", "print(1)\n")
LOG = file("var/log/svc.log")
TOOLS = (program("usr/bin/touch"), program("usr/bin/pkill"), program("usr/bin/curl"))
YES, MAYBE = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python app.py & wait", YES),
        ("python app.py & wait $!", YES),
        ("python app.py & P=$!; python warm.py & wait $P", YES),
        ("python app.py & python warm.py & wait $!", MAYBE),
        ("python app.py & python warm.py & wait %1", YES),
        ("python app.py & python warm.py & wait %2", MAYBE),
        ("python app.py & python warm.py & wait", YES),
        ("python app.py & python warm.py & wait -n", MAYBE),
        ("python app.py & wait -n", YES),
        ('python app.py & wait "$NEVER"', MAYBE),
        ("python app.py & disown; wait", MAYBE),
        ('p=(); python app.py & p+=($!); wait "${p[@]}"', YES),
        ('p=(); python app.py & python warm.py & p+=($!); wait "${p[@]}"', MAYBE),
        ("python app.py & P=$!; while kill -0 $P; do sleep 1; done", YES),
        ("python app.py & python warm.py & P=$!; while kill -0 $P; do sleep 1; done", MAYBE),
        ("(python app.py &); wait", MAYBE),
        ("python app.py & fg", MAYBE),
        ("set -m; python app.py & fg %1", YES),
        ("trap 'exit 1' CHLD; python app.py & wait", YES),
        ("trap 'exit 1' CHLD; python app.py & python warm.py & wait", MAYBE),
        ("trap 'kill $P' TERM; python app.py & P=$!; wait $P", YES),
        ("python app.py & tail -f /var/log/svc.log", YES),
        ("python app.py & tail -f /var/log/none.log", MAYBE),
        ("python app.py & tail -F /var/log/none.log", YES),
        ("touch /var/log/none.log; python app.py & tail -f /var/log/none.log", YES),
        ("python app.py & tail --pid=$! -f /dev/null", MAYBE),
        ("python app.py & sleep infinity", YES),
        ("python app.py & while true; do sleep 60; done", YES),
        ("python app.py & python warm.py", MAYBE),
        ("python app.py & sleep 1; kill $!; wait", MAYBE),
        ("python app.py & P=$!; sleep 1; kill $P; python other.py", [*MAYBE, "flask 0.0.0.0:9000"]),
        ("python warm.py & P=$!; python app.py & kill $P; wait", YES),
        ("python app.py & kill -0 $!; wait", YES),
        ("pkill -f app.py; python app.py & wait", YES),
        ("python app.py & pkill -f app.py; wait", MAYBE),
        ("python app.py & pkill -f other.py; wait", YES),
        ("python app.py & curl localhost; wait", YES),
        ("python app.py & curl localhost; tail -f /dev/null", YES),
    ],
)
def test_a_server_in_the_background(text: str, expected: list[str]) -> None:
    found = service({"Cmd": ["bash", "-c", text]}, APP, OTHER, WARM, LOG, *TOOLS)
    assert sorted(one for one in found.shown if not found.start.failures or one[0] == "?") == sorted(
        expected
    ) or (expected[0] == MAYBE[0] and found.start.ends)


def test_why_is_told() -> None:
    found = service({"Cmd": ["bash", "-c", "python app.py & python warm.py"]}, APP, WARM)
    assert "nothing that is known keeps the container up" in found.listening.listeners[0].evidence[-1].message


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("python app.py & exec gunicorn -b 0.0.0.0:8080 app:app", [False, False]),
        ("python other.py & exec gunicorn -b 0.0.0.0:8080 app:app", [True, True]),
        ("exec gunicorn -b 0.0.0.0:8080 -b 127.0.0.1:8080 app:app", [False, False]),
        ("exec gunicorn -b 0.0.0.0:8080 -b 127.0.0.1:8081 app:app", [True, True]),
    ],
)
def test_two_that_want_one_port(text: str, certain: list[bool]) -> None:
    app = file(
        "app/app.py",
        "from flask import Flask\napp = Flask(__name__)\nif __name__ == '__main__':\n    app.run('0.0.0.0', 8080)\n",
    )
    found = service({"Cmd": ["bash", "-c", text]}, app, OTHER)
    assert [one.certain for one in found.listening.listeners] == certain
