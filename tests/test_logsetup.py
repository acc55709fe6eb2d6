"""
Logging that a server sets up from a dictionary or file: where it goes, and whether the server comes up with it.

The same files were given to uvicorn 0.54: those with a stream wrote there, those with a file wrote to the file and nothing
to a stream, and those that name a missing directory, class or package ended it with status 1.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.build import Item, file
from tests.python_images import SITE
from tests.services import Service, service

WEB = file(
    "app/web.py",
    "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/health')\ndef health(): return {}\n",
)
STREAM = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
FILE = {"class": "logging.FileHandler", "filename": "/app/a.log"}
YAML = """\
version: 1
handlers:
  h:
    class: logging.StreamHandler
    stream: ext://sys.stdout
loggers:
  uvicorn:
    handlers: [h]
    level: INFO
root:
  level: INFO
  handlers:
    - h
"""
INI = """\
[loggers]
keys=root
[handlers]
keys=h
[formatters]
keys=
[logger_root]
level=INFO
handlers=h
[handler_h]
class=StreamHandler
args=(sys.stdout,)
"""
PARTED = {
    "version": 1,
    "handlers": {"s": STREAM, "f": FILE},
    "loggers": {"uvicorn": {"handlers": ["s"], "propagate": False}},
    "root": {"handlers": ["f"]},
}


def configuration(handler: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with one handler for all."""
    loggers = {"uvicorn": {"handlers": ["h"], "level": "INFO"}}
    return {
        "version": 1,
        "handlers": {"h": handler},
        "loggers": loggers,
        "root": {"handlers": ["h"], "level": "INFO"},
    }


def said(found: Service) -> str:
    """Return whether it certainly listens, and what is said of its log."""
    logs = found.logs
    log = "lost" if logs.lost and not logs.doubts else "open" if logs.doubts or logs.lost else "kept"
    return f"{'listens' if any(one.certain for one in found.listening.listeners) else 'may listen'}, {log}"


FILES = {
    "s.json": (json.dumps(configuration(STREAM)), "listens, kept"),
    "f.json": (json.dumps(configuration(FILE)), "listens, lost"),
    "both.json": (json.dumps(PARTED), "listens, open"),
    "nowhere.json": (json.dumps(configuration({**FILE, "filename": "/nowhere/a.log"})), "may listen, open"),
    "strange.json": (json.dumps(configuration({"class": "strange.Handler"})), "may listen, open"),
    "broken.json": ("{", "listens, open"),
    "s.yaml": (YAML, "listens, kept"),
    "f.yml": (
        YAML.replace("Stream", "File").replace("stream: ext://sys.stdout", "filename: a.log"),
        "listens, lost",
    ),
    "anchors.yaml": ("version: &a 1\nhandlers: *a\n", "listens, open"),
    "s.ini": (INI, "listens, kept"),
    "f.conf": (INI.replace("StreamHandler", "FileHandler").replace("sys.stdout", "'a.log'"), "listens, lost"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_for_uvicorn(name: str) -> None:
    text, expected = FILES[name]
    items = (WEB, file(f"app/{name}", text), file(f"{SITE}/yaml/__init__.py"))
    option = service(f"exec uvicorn --host 0.0.0.0 --port 8080 --log-config {name} web:app", *items)
    variable = service(f"UVICORN_LOG_CONFIG={name} exec python -m uvicorn --port 8080 web:app", *items)
    call = file("app/m.py", f"import uvicorn\nuvicorn.run('web:app', port=8080, log_config='{name}')\n")
    in_source = service("exec python m.py", call, *items)
    assert [said(option), said(variable), said(in_source)] == [expected] * 3


CALLS = {
    "": "listens, kept",
    "log_config=None": "listens, kept",
    f"log_config={configuration(STREAM)}": "listens, kept",
    f"log_config={configuration(FILE)}": "listens, lost",
    "log_config=uvicorn.config.LOGGING_CONFIG": "listens, kept",
    "log_config=read()": "listens, open",
    "log_config='missing.json'": "may listen, open",
}


@pytest.mark.parametrize("argument", CALLS)
def test_calls_of_uvicorn(argument: str) -> None:
    text = f"import uvicorn\ndef read():\n    return open('/x').read()\nuvicorn.run('web:app', port=8080, {argument})\n"
    items: tuple[Item, ...] = (WEB, file("app/m.py", text), file("x"))
    assert said(service("exec python m.py", *items)) == CALLS[argument]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("['formatters']['access']['fmt'] = 'x'", "listens, kept"),
        (f"['handlers']['default'] = {FILE}", "listens, open"),
        ("['handlers'] = read()", "listens, open"),
    ],
)
def test_uvicorns_own_configuration_changed(change: str, expected: str) -> None:
    text = f"import uvicorn\nfrom uvicorn.config import LOGGING_CONFIG as C\nC{change}\nuvicorn.run('web:app', port=8080, log_config=C)\n"
    assert (
        said(service("exec python m.py", WEB, file("app/m.py", f"def read(): return id(1)\n{text}")))
        == expected
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (FILE, "listens, lost"),
        ({**FILE, "filename": "/nowhere/a.log"}, "may listen, open"),
        ({"class": "strange.Handler"}, "may listen, open"),
    ],
)
def test_code_that_configures(row: dict[str, Any], expected: str) -> None:
    text = f"import logging.config\nfrom flask import Flask\napp = Flask('x')\nlogging.config.dictConfig({configuration(row)})\napp.run(port=8080)\n"
    assert said(service("exec python m.py", file("app/m.py", text))) == expected


HYPERCORN = {
    "": "listens, kept",
    "--error-logfile - --access-logfile -": "listens, kept",
    "--access-logfile /app/a.log": "listens, lost",
    "--error-logfile /app/a.log": "listens, open",
    "--log-config json:s.json": "listens, kept",
    "--log-config json:f.json": "listens, lost",
    "--log-config toml:s.toml": "listens, kept",
    "--log-config f.conf": "listens, lost",
    "-c file:with_log.py": "listens, lost",
    "-c accesslog.toml": "listens, lost",
    "-c dictionary.toml": "listens, lost",
}


@pytest.mark.parametrize("options", HYPERCORN)
def test_hypercorn(options: str) -> None:
    toml = '[handlers.f]\nclass = "logging.FileHandler"\nfilename = "/app/a.log"\n[root]\nhandlers = ["f"]\n'
    files = {
        **{name: text for name, (text, _) in FILES.items()},
        "s.toml": 'version = 1\n[handlers.s]\nclass = "logging.StreamHandler"\n[root]\nhandlers = ["s"]\n',
        "with_log.py": "accesslog = '/app/a.log'\n",
        "accesslog.toml": "accesslog = '/app/a.log'\n",
        "dictionary.toml": "[logconfig_dict]\nversion = 1\n" + toml.replace("[", "[logconfig_dict."),
    }
    files["dictionary.toml"] = (
        files["dictionary.toml"].replace('= [logconfig_dict."', '= ["').replace("= [logconfig_dict.", "= [")
    )
    items = [file(f"app/{name}", text) for name, text in files.items()]
    assert (
        said(service(f"exec hypercorn -b 0.0.0.0:8080 {options} web:app", WEB, *items)) == HYPERCORN[options]
    )
