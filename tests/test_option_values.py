"""Values of servers' options with which they do not start, or may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import directory, file, program
from tests.services import APP, service

FAST = file("app/web.py", "from fastapi import FastAPI\napp = FastAPI()\n")
MORE = (
    file("etc/group", "root:x:0:\n"),
    file("app/log.ini", "[loggers]\nkeys=root\n"),
    directory("var/log"),
    directory("run"),
)
G, U = "gunicorn -b 0.0.0.0:8080 {} app:app", "uvicorn --host 0.0.0.0 --port 8080 {} web:app"
H, F = "hypercorn -b 0.0.0.0:8080 {} web:app", "flask --app app run -h 0.0.0.0 -p 8080 {}"


@pytest.mark.parametrize(
    ("command", "options", "answer"),
    [
        (G, "-w 2 --threads 4 -t 60 --log-level verbose", "yes"),
        (G, "-w auto", "no"),
        (G, "-w 0", "may"),
        (G, "-k uvicorn", "may"),
        (G, "-k uvicorn.workers.UvicornThreadWorker", "may"),
        (G, "--pid /run/g.pid --access-logfile - --error-logfile /var/log/e.log", "yes"),
        (G, "--pid /run/svc/g.pid", "may"),
        (G, "--access-logfile /var/log/svc/a.log", "may"),
        (G, "-u www-data -g root", "yes"),
        (G, "-u svc", "may"),
        (G, "-g svc", "may"),
        (G, "--certfile /app/tls.crt", "may"),
        (G, "--log-config /app/log.ini", "yes"),
        (G, "--log-config /app/none.ini", "may"),
        (G, "--worker-tmp-dir /dev/shm", "yes"),
        (G, "--worker-tmp-dir /run/shm", "may"),
        (G, "--worker-tmp-dir /tmp/none", "may"),
        (G, "--worker-tmp-dir /tmp --pid /tmp/g.pid", "yes"),
        (G, "--reload --reload-engine inotify", "may"),
        (G, "-e A=1", "yes"),
        (G, "-e A", "no"),
        (U, "--workers 2 --log-level info --loop asyncio --http h11 --header X-A:b", "yes"),
        (U, "--log-level INFO", "no"),
        (U, "--workers two", "no"),
        (U, "--loop gevent", "may"),
        (U, "--loop uvloop", "may"),
        (U, "--ws websockets", "may"),
        (U, "--loop pack:loop", "yes"),
        (U, "--http h12", "may"),
        (U, "--header X-A", "no"),
        (U, "--log-config /app/none.ini", "may"),
        (U, "--ssl-certfile /app/tls.crt", "may"),
        (U, "--reload --reload-dir /srv/none", "may"),
        (U, "--limit-max-requests 10", "may"),
        (H, "-k asyncio -w 2", "yes"),
        (H, "-k trio", "may"),
        (H, "-k gevent", "no"),
        (H, "--certfile /app/tls.crt", "may"),
        (F, "--cert adhoc", "may"),
        (F, "--cert /app/none.pem", "may"),
        ("waitress-serve --listen=0.0.0.0:8080 {} app:app", "--threads=4", "yes"),
        ("waitress-serve --listen=0.0.0.0:8080 {} app:app", "--threads=many", "no"),
        ("waitress-serve --listen=0.0.0.0:8080 {} app:app", "--port=8080", "no"),
    ],
)
def test_options(command: str, options: str, answer: str) -> None:
    check(service({"Cmd": command.format(options).split()}, APP, FAST, *MORE), answer)


def test_a_package_that_an_option_needs() -> None:
    loop = (file("usr/local/lib/python3.11/site-packages/uvloop/__init__.py"),)
    check(service({"Cmd": U.format("--loop uvloop").split()}, APP, FAST, *MORE, *loop), "yes")


def check(found: Any, answer: str) -> None:
    certain = [one.certain for one in found.listening.listeners]
    reasons = [item.message for item in (*found.listening.gaps, *found.listening.never)]
    assert certain == {"yes": [True], "may": [False], "no": []}[answer], reasons
    assert (answer == "yes") is not any(
        "start or stay with this" in one or "not both" in one or "not start with" in one for one in reasons
    )


@pytest.mark.parametrize(
    ("variable", "command", "answer"),
    [
        ("WEB_CONCURRENCY=2", G, "yes"),
        ("WEB_CONCURRENCY=auto", G, "no"),
        ("WEB_CONCURRENCY=auto", U, "no"),
        ("UVICORN_LOG_LEVEL=VERBOSE", U, "no"),
        ("UVICORN_WORKERS=2", U, "yes"),
        ("GUNICORN_CMD_ARGS=--workers two", G, "no"),
        ("FLASK_RUN_CERT=/app/none.pem", F, "may"),
    ],
)
def test_variables(variable: str, command: str, answer: str) -> None:
    check(service({"Cmd": command.format("").split(), "Env": [variable]}, APP, FAST, *MORE), answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("workers = 2\ntimeout = '60'\naccesslog = '-'", "yes"),
        ("workers = 'many'", "no"),
        ("pidfile = '/run/svc/g.pid'", "may"),
        ("raw_env = ['A=1']", "yes"),
        ("raw_env = ['A']", "no"),
        ("def on_starting(server):\n    print('x')", "yes"),
        ("def on_starting():\n    print('x')", "no"),
        ("def on_starting(server):\n    raise RuntimeError('x')", "may"),
        ("def post_fork(server, worker):\n    raise RuntimeError('x')", "may"),
        ("def when_ready(server):\n    open('/run/svc/ready', 'w')", "may"),
        ("def worker_exit(server, worker):\n    raise RuntimeError('x')", "yes"),
    ],
)
def test_gunicorn_settings(text: str, answer: str) -> None:
    settings = file("app/gunicorn.conf.py", f"bind = '0.0.0.0:8080'\n{text}\n")
    found = service({"Cmd": ["gunicorn", "app:app"]}, APP, settings, *MORE)
    certain = [one.certain for one in found.listening.listeners]
    assert certain == {"yes": [True], "may": [False], "no": []}[answer], found.listening.gaps


def test_a_bind_that_is_a_number() -> None:
    settings = file("app/gunicorn.conf.py", "bind = 8080\n")
    assert service({"Cmd": G.format("").split()}, APP, settings).shown == []


def test_streams_belong_to_whom_the_container_is_started_as() -> None:
    options = "--access-logfile /dev/stdout"
    tools = (program("usr/sbin/gosu"), file("etc/passwd", "me:x:1000:1000::/home/me:/bin/sh\n"))
    command = G.format(options).split()
    assert service({"Cmd": ["gosu", "me", *command]}, APP, *tools).shown == ["? gunicorn 0.0.0.0:8080"]
    assert service({"Cmd": command, "User": "me"}, APP, *tools).shown == ["gunicorn 0.0.0.0:8080"]


FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        (FLASK + "app.run('0.0.0.0', 8080, threaded=True)", True),
        (FLASK + "app.run('0.0.0.0', 8080, workers=2)", None),
        (FLASK + "app.run('0.0.0.0', 8080, ssl_context=('/app/c.pem', '/app/k.pem'))", False),
        (FLASK + "app.run('0.0.0.0', 8080, ssl_context='adhoc')", False),
        (FLASK + "import waitress\nwaitress.serve(app, port=8080, threads=8)", True),
        (FLASK + "import waitress\nwaitress.serve(app, port=8080, timeout=8)", None),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, log_level='info')", True),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, timeout=8)", False),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, log_config='log.ini')", True),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, log_config='none.ini')", False),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, limit_max_requests=9)", False),
        ("import uvicorn\nuvicorn.run('web:app', host='0.0.0.0', port=8080, ssl_certfile='c.pem')", False),
    ],
)
def test_keywords(text: str, certain: bool | None) -> None:
    found = service({"Cmd": ["python", "main.py"]}, file("app/main.py", text), FAST, *MORE)
    assert [one.certain for one in found.listening.listeners] == ([] if certain is None else [certain])
