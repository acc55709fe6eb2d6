"""What hangs on whether a small tool succeeds, or a redirection can be opened: ``&&``, ``set -e``, the command itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import Item, directory, file, program, symlink
from tests.services import service

APP = file("app/app.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n")
TOOLS = tuple(
    program(f"usr/bin/{name}")
    for name in (
        *(
            "cp",
            "mv",
            "ln",
            "rm",
            "ls",
            "grep",
            "touch",
            "chmod",
            "chown",
            "sha256sum",
            "tty",
            "sysctl",
            "expr",
            "tee",
        ),
        *("id", "tar", "head", "install", "which", "date"),
    )
)
FILES: tuple[Item, ...] = (
    directory("srv"),
    directory("tmp", mode=0o1777),
    directory("home/me", uid=1000),
    directory("root", mode=0o700),
    directory("app/conf"),
    symlink("models", "/app/conf"),
    file("app/a.env", "flask\n"),
    file("root/ready"),
    file("etc/group", "root:x:0:\n"),
    file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n"),
)
YES, MAYBE, NO = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"], []  # type: ignore[var-annotated]


def shown(text: str, **run: Any) -> list[str]:
    return service({"Cmd": ["bash", "-c", text], **run}, APP, *TOOLS, *FILES).shown


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("cp /app/a.env /etc/a.txt", YES),
        ("cp /app/a.env /etc/missing/a.txt", NO),
        ("cp /app/a.env /srv/missing/a.txt", MAYBE),  # which may be mounted
        ("mkdir -p /srv/missing && cp /app/a.env /srv/missing/a.txt", YES),
        ("cp /app/conf /etc/conf", NO),
        ("cp -r /app/conf /etc/conf", YES),
        ("cp /app/b.env /etc/a.txt", NO),
        ("mv /app/a.env /app/b.env && ls /app/b.env", YES),
        ("mv /app/a.env /app/b.env && ls /app/a.env", MAYBE),
        ("mkdir /app/conf", NO),
        ("mkdir -p /app/conf/x/y", YES),
        ("mkdir /app/x/y", NO),
        ("mkdir /app/a.env/y", NO),
        ("ln -s /app/a.env /etc/a", YES),
        ("ln -s /app/conf /app/a.env", NO),
        ("ln -sf /app/conf /app/a.env", YES),
        ("ln -s /app/a.env /models", YES),  # in the directory
        ("rm /app/a.env", YES),
        ("rm /app/b.env", NO),
        ("rm -f /app/b.env", YES),
        ("rm /app/conf", NO),
        ("touch /srv/x && chmod +x /srv/x && chown me /srv/x", YES),
        ("chmod +x /app/b.env", NO),
        ("chown nobody /app/a.env", NO),
        ("chown me:root /app/a.env", YES),
        ("chown 7:7 /app/a.env", YES),
        ("sed -i s/a/b/ /app/b.env", NO),
        ("sed s/a/b/ /app/a.env", YES),
        ("grep -q flask /app/a.env", YES),
        ("grep -q torch /app/a.env", NO),
        ("grep -q '^fla.k$' /app/a.env", YES),
        ("grep -qE 'a|b' /app/a.env", MAYBE),
        ("ls /app/b.env", NO),
        ("ls -l /app", YES),
        ("head -n 1 /app/a.env", YES),
        ("sha256sum -c /app/a.env", MAYBE),
        ("tty", MAYBE),
        ("sysctl -w x=1", MAYBE),
        ("expr 1 + 1", YES),
        ("expr 1 - 1", NO),
        ("tar -xf /app/a.env -C /srv", YES),
        ("tar -xf /app/b.env", NO),
        ("rm -rf /app/*.env /srv/*; cat /app/a.env", MAYBE),
        ('rm -rf "$NEVER"; cat /app/a.env', MAYBE),
        ("date -d yesterday", MAYBE),
        ("date +%F", YES),
        ("cat /tmp/none", MAYBE),
        ("touch /tmp/x && cat /tmp/x", YES),
        ("cp /app/a.env /tmp/none/x", MAYBE),
        ("mkdir -p /tmp/x/y && cp /app/a.env /tmp/x/y", YES),
        ("touch /dev/shm/x", YES),
        ("id me", YES),
        ("which nvidia-smi", MAYBE),  # which the engine may bring
        ("ls /usr/local/nvidia", MAYBE),
        ("ls /usr/local/other", NO),
        ("install -d /srv/x && cd /srv/x", YES),
        ("mkdir -p /srv/x; cd /srv/x", YES),
        ("mkdir -p /srv/x; cd /srv/y", MAYBE),
        ("cd /app/missing", NO),
    ],
)
def test_status_of_a_tool(tool: str, expected: list[str]) -> None:
    assert shown(f"{tool} && exec python /app/app.py") == expected
    assert shown(f"set -e\n{tool.replace('&&', chr(10))}\nexec python /app/app.py") == expected


def test_a_failure_says_where() -> None:
    found = service({"Cmd": ["bash", "-c", "set -e\nrm /app/b.env\nexec python app.py"]}, APP, *TOOLS)
    assert [item.message for item in found.start.failures] == [
        "this command fails, and the shell ends with it"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python app.py > /srv/out.log", YES),
        ("python app.py > /srv/x/out.log", MAYBE),
        ("python app.py > /etc/x/out.log", NO),
        ("python app.py > /tmp/out.log", YES),
        ("python app.py > /tmp/none/out.log", MAYBE),
        ("python app.py < /tmp/none", MAYBE),
        ("mkdir -p /etc/x; python app.py > /etc/x/out.log", YES),
        ("python app.py < /app/a.env", YES),
        ("python app.py < /app/b.env", NO),
        ("python app.py < /dev/null > /dev/null 2> /dev/stderr", YES),
        ("python app.py 2>&1 > /etc/conf.log", YES),
        ("python app.py > /app/conf", NO),
        ("exec > /etc/x/out.log; python app.py", YES),  # bash goes on
        ("exec python app.py > /etc/x/out.log", NO),
        ("set -C; python app.py > /app/a.env", NO),
        ("{ python app.py; } > /etc/x/out.log", NO),
        ('python app.py > "$NEVER"', MAYBE),
        ("python app.py < <(cat /app/a.env)", YES),
    ],
)
def test_redirections(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python app.py > /srv/out.log", MAYBE),
        ("python app.py > /tmp/out.log", YES),
        ("python app.py > /home/me/out.log", YES),
        ("mkdir /srv/x && python app.py", MAYBE),
        ("mkdir /home/me/x && python app.py", YES),
        ("cp /app/a.env /srv && python app.py", MAYBE),
        ("rm -f /srv/x; python app.py", YES),
        ("[ -f /root/ready ] && python app.py", MAYBE),
        ("chown me /app/a.env && python app.py", MAYBE),
    ],
)
def test_another_user_than_root(text: str, expected: list[str]) -> None:
    assert shown(text, User="me") == expected


@pytest.mark.parametrize(
    ("options", "expected"), [("set -e", YES), ("set -eo pipefail", MAYBE), ("set -o pipefail", YES)]
)
def test_pipefail(options: str, expected: list[str]) -> None:
    text = f"{options}\nX=$(cat /app/a.env | grep v9 | head -n 1)\nexec python app.py"
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("tool", "known"),
    [
        ("find /app -name '*.py'", True),
        ("find /app -name app.py -exec sed -i s/8080/9000/ {} +", False),
        ("sort -o app.py a.env", False),
        ("sort a.env", True),
        ("gunzip -f app.py.gz", False),
        ("awk '{ print > \"/app/app.py\" }' a.env", False),
        ("awk '{ print }' a.env", True),
    ],
)
def test_tools_that_write_though_they_read(tool: str, known: bool) -> None:
    more = tuple(program(f"usr/bin/{name}") for name in ("gunzip", "awk"))
    found = service({"Cmd": ["bash", "-c", f"{tool}\nexec python app.py"]}, APP, *TOOLS, *FILES, *more)
    assert (found.shown == YES) is known


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("chown -R me /app", YES),
        ("chown -R 1000:1000 /app", YES),
        ("chmod -R a+r /app", YES),
        ("chmod -R 755 /app", YES),
        ("chmod -R 700 /app", MAYBE),
        ("chown -R me /app; chmod -R 700 /app", YES),
        ("chown -R root /app", MAYBE),
        ("true", MAYBE),
    ],
)
def test_rights_that_commands_give_and_take(before: str, expected: list[str]) -> None:
    closed = file(
        "app/app.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n", 0o600
    )
    text = f"{before}; exec gosu me python /app/app.py"
    found = service({"Cmd": ["bash", "-c", text]}, closed, program("usr/sbin/gosu"), *TOOLS, *FILES)
    assert found.shown == expected
