"""Configurations with which supervisord starts nothing, or not the program that matters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import directory, file, program
from tests.services import APP, service

SUPERVISORD = program("usr/bin/supervisord")
USERS = file("etc/passwd", "root:x:0:0::/:/bin/sh\nme:x:1000:1000::/:/bin/sh\n")
HEAD = "nodaemon=true\nlogfile=/dev/null\n"
API = "command=gunicorn -b 0.0.0.0:8080 app:app\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n"


def certain(api: str = "", head: str = HEAD, more: str = "", **run: Any) -> list[bool]:
    text = f"[supervisord]\n{head}\n[program:api]\n{API}{api}\n{more}\n"
    items = (
        SUPERVISORD,
        USERS,
        APP,
        directory("var/log"),
        directory("run"),
        file("etc/supervisord.conf", text),
    )
    found = service({"Cmd": ["supervisord", "-c", "/etc/supervisord.conf"], **run}, *items)
    return [one.certain for one in found.listening.listeners]


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ("", True),
        ("directory=/app\nautorestart=true\nstartsecs=5\nstopsignal=QUIT", True),
        ("directory=/srv/none", False),
        ("user=me", True),
        ("user=svc", False),
        ("stderr_logfile=/var/log/e.log", True),
        ("stderr_logfile=/var/log/svc/e.log", False),
        ('environment=A="100%%"', True),
        ('environment=A="100%"', False),
        ("priority=%(ENV_PRIORITY)s", False),
        ("process_name=%(program_name)s_%(process_num)02d", True),
        ("process_name=%(name)s", False),
        ("autorestart=always", False),
        ("startsecs=five", False),
        ("stopsignal=BYE", False),
        ("numprocs=2", False),
    ],
)
def test_programs(settings: str, starts: bool) -> None:
    assert (certain(settings) == [True]) is starts


@pytest.mark.parametrize(
    ("head", "starts"),
    [
        ("nodaemon=true\nlogfile=/var/log/s.log\npidfile=/run/s.pid", True),
        ("nodaemon=true\nlogfile=/var/log/svc/s.log", False),
        ("nodaemon=true\nlogfile=/dev/null\npidfile=/run/svc/s.pid", False),
        ("nodaemon=true\nlogfile=%(ENV_LOGS)s/s.log", False),
        ("nodaemon=true\nuser=svc\nlogfile=/dev/null", False),
    ],
)
def test_its_own_settings(head: str, starts: bool) -> None:
    assert certain(head=head) == [starts]


def test_a_section_that_is_wrong_keeps_all_from_starting() -> None:
    assert certain(more="[program:other]\ncommand=sleep 1\nstopsignal=BYE") == [False]
    assert certain(more="[program:other]\nautostart=false") == [False]
    assert certain(more="[program:other]\ncommand=sleep 1") == [True]


def test_another_user_than_root() -> None:
    assert certain(head="nodaemon=true", User="me") == [False]
    assert certain(head="nodaemon=true\nlogfile=/dev/null\npidfile=/tmp/s.pid", User="me") == [True]
    assert certain("user=root", User="me") == [False]


@pytest.mark.parametrize(
    ("more", "starts"),
    [
        ("[unix_http_server]\nfile=/run/s.sock", True),
        ("[unix_http_server]\nfile=/run/svc/s.sock", False),
        ("[inet_http_server]\nport=127.0.0.1:9001", True),
        ("[inet_http_server]\nport=*:8080", False),
    ],
)
def test_its_own_server(more: str, starts: bool) -> None:
    assert certain(more=more)[-1] is starts


def test_its_command_line() -> None:
    text = f"[supervisord]\n{HEAD}\n[program:api]\n{API}\n"
    for words, conf, starts in (
        ("-n -c /etc/s.conf", text, True),
        ("-c /etc/s.conf -e debug", text, True),
        ("-c /etc/s.conf --foreground", text, False),
        ("-n -c /etc/s.conf", text.replace("[supervisord]", "[supervisor]"), False),
    ):
        items = (SUPERVISORD, USERS, APP, file("etc/s.conf", conf))
        found = service({"Cmd": ["supervisord", *words.split()]}, *items)
        assert [one.certain for one in found.listening.listeners] == [starts], words
