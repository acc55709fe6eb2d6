"""Places that send logs elsewhere and are easily overlooked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import directory, file, program, symlink
from tests.services import APP, service

MAIN = file("app/main.py", "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n")
FAST = file("app/web.py", "from fastapi import FastAPI\napp = FastAPI()\n")
LINK = symlink("app/svc.log", "/dev/stdout")


def answer(run: dict[str, Any], *items: Any) -> str:
    logs = service(run, APP, MAIN, FAST, program("usr/bin/rm"), directory("var/log/nginx"), *items).logs
    return "lost" if logs.lost else "doubts" if logs.doubts else "kept"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("serve() { python main.py; } > /var/log/svc.log 2>&1\nserve", "doubts"),
        ("serve() { python main.py; }\nserve", "kept"),
        ("python main.py > /app/svc.log 2>&1", "kept"),
        ("rm -f /app/svc.log\npython main.py > /app/svc.log 2>&1", "lost"),
        (
            "exec > /etc/none/svc.log 2>&1\npython main.py",
            "kept",
        ),  # bash goes on with the streams that it has
    ],
)
def test_shells(text: str, expected: str) -> None:
    assert answer({"Cmd": ["bash", "-c", text]}, LINK) == expected


TO_FILE = (
    '{"version": 1, "handlers": {"f": {"class": "logging.FileHandler", "filename": "/var/log/a.log"}},'
    ' "loggers": {"uvicorn": {"handlers": ["f"]}, "uvicorn.access": {"handlers": ["f"]}}}'
)


@pytest.mark.parametrize(("config", "kept"), [('{"version": 1}', True), (TO_FILE, False)])
def test_uvicorn_by_its_environment(config: str, kept: bool) -> None:
    words = ["uvicorn", "--host", "0.0.0.0", "--port", "8080", "web:app"]
    run = {"Cmd": words, "Env": ["UVICORN_LOG_CONFIG=/app/log.json"]}
    assert (answer(run, file("app/log.json", config)) == "kept") is kept


def test_a_logging_configuration_that_is_refused_ends_the_server() -> None:
    refused = file("app/log.json", "{}")
    words = ["uvicorn", "--host", "0.0.0.0", "--port", "8080", "--log-config", "/app/log.json", "web:app"]
    assert service({"Cmd": words}, FAST, refused).shown == []
    call = "import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, log_config='/app/log.json')\n"
    assert service({"Cmd": ["python", "x.py"]}, FAST, file("app/x.py", call), refused).shown == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [("", "kept"), ("access_log off;", "kept"), ("access_log /var/log/nginx/a.log;", "doubts")],
)
def test_a_location_of_nginx(line: str, expected: str) -> None:
    text = (
        "events {} error_log /dev/stderr; http { access_log /dev/stdout; server { listen 8080; "
        f"location / {{ {line} return 204; }} }} }}"
    )
    assert answer({"Cmd": ["nginx", "-g", "daemon off;"]}, file("etc/nginx/nginx.conf", text)) == expected
