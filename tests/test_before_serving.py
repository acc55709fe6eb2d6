"""What keeps a server from starting, or its log from the streams, though its own call of listening is in order."""

from __future__ import annotations

import pytest

from imagespec.analyzers.python.pythonlogs import find_python_logs
from tests.build import file
from tests.python_images import SITE
from tests.services import service

RUN = "\napp.run('0.0.0.0', 8080)\n"
FLASK = "from flask import Flask, Blueprint\napp = Flask(__name__)\n"
MODEL = file(
    "app/model.py", "class Model:\n    def __init__(self): self.x = 1\n    def fit(self): self.w = 2\n"
)
FASTAPI = "import uvicorn\nfrom fastapi import FastAPI\n"
SERVE = "\nuvicorn.run(app, host='0.0.0.0', port=8080)\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FLASK + "from model import Model\nModel().load()" + RUN, "an object of Model has no load"),
        (FLASK + "import model\nmodel.Other()" + RUN, "the module model has no Other"),
        (FLASK + "int('x8080')" + RUN, "int() refuses"),
        (FLASK + "import os\nos.chdir('/etc')\nopen('model.py')" + RUN, "/etc/model.py is read"),
        (FLASK + "@app.before_first_request\ndef f(): pass" + RUN, "gone since Flask 2.3"),
        (
            FLASK
            + "b = Blueprint('b', __name__)\napp.register_blueprint(b)\n@b.route('/x')\ndef x(): return ''"
            + RUN,
            "after it was registered",
        ),
        (
            FLASK
            + "def timed(f):\n    def inner(): return f()\n    return inner\n@app.route('/a')\n@timed\ndef a(): return ''\n"
            + "@app.route('/b')\n@timed\ndef b(): return ''"
            + RUN,
            "two views have the endpoint inner",
        ),
        (
            FASTAPI + "app = FastAPI()\n@app.on_event('startup')\ndef load():\n    open('/model/w')" + SERVE,
            "/model/w is read",
        ),
        (
            FASTAPI
            + "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def life(app):\n"
            "    raise RuntimeError\n    yield\napp = FastAPI(lifespan=life)" + SERVE,
            "raises",
        ),
    ],
)
def test_what_may_end_the_server(source: str, words: str) -> None:
    found = service("exec python3 app.py", file("app/app.py", source), MODEL).listening
    assert [one.certain for one in found.listeners] == [False]
    assert any(words in gap.message for gap in found.gaps), [gap.message for gap in found.gaps]


@pytest.mark.parametrize(
    "source",
    [
        FLASK + "from model import Model\nm = Model()\nm.fit()\nm.w\nm.x\nm.__dict__" + RUN,
        FLASK + "from model import Model\ntry:\n    Model().load()\nexcept AttributeError:\n    pass" + RUN,
        FLASK + "import os\nos.chdir('/app')\nopen('model.py')" + RUN,
        FLASK
        + "b = Blueprint('b', __name__)\n@b.route('/x')\ndef x(): return ''\napp.register_blueprint(b)"
        + RUN,
        FLASK + "@app.route('/a')\n@app.route('/b')\ndef a(): return ''" + RUN,
        FASTAPI + "app = FastAPI()\n@app.on_event('shutdown')\ndef end():\n    open('/model/w')" + SERVE,
    ],
)
def test_what_does_not_end_the_server(source: str) -> None:
    assert [
        one.certain
        for one in service("exec python3 app.py", file("app/app.py", source), MODEL).listening.listeners
    ] == [True]


def test_a_name_that_a_module_does_not_have_ends_the_import() -> None:
    found = service("exec python3 app.py", file("app/app.py", FLASK + "from model import Other" + RUN), MODEL)
    assert not found.listening.listeners
    assert "Other is imported from model" in found.listening.never[0].message


def test_a_coroutine_that_is_not_awaited_never_runs() -> None:
    body = "config = uvicorn.Config(app, host='0.0.0.0', port=8080)\n    {}uvicorn.Server(config).serve()"
    source = (
        FASTAPI
        + "import asyncio\napp = FastAPI()\nasync def main():\n    "
        + body
        + "\nasyncio.run(main())\n"
    )
    awaited, made = (
        service("exec python3 app.py", file("app/app.py", source.format(word))) for word in ("await ", "")
    )
    assert [one.port for one in awaited.listening.listeners] == [8080]
    assert not made.listening.listeners


def test_a_module_named_like_one_of_pythons_own() -> None:
    app = file("app/app.py", FLASK + RUN)
    shown = [
        service("exec python3 app.py", app, file(f"app/{name}.py")).shown for name in ("logging", "helpers")
    ]
    assert shown == [["? flask 0.0.0.0:8080"], ["flask 0.0.0.0:8080"]]


@pytest.mark.parametrize(
    ("line", "files", "is_open"),
    [
        ("import sys\nsys.stdout = open('/o.log', 'w')", ["/o.log"], False),
        ("import sys\nsys.stdout = sys.stderr", [], False),
        ("import os\nos.dup2(os.open('/o', 1), 1)", [], True),
        ("def log(text):\n    print(text, file=LOG)", [], True),
        ("def log(text):\n    import sys\n    print(text, file=sys.stderr)", [], False),
        ("from loguru import logger\nlogger.configure(handlers=[{'sink': '/o'}])", [], True),
        (
            "import sys\nfrom loguru import logger\nlogger.configure(handlers=[{'sink': sys.stdout}])",
            [],
            False,
        ),
    ],
)
def test_output_that_a_program_sends_elsewhere(line: str, files: list[str], *, is_open: bool) -> None:
    app, loguru = file("app/app.py", FLASK + line + RUN), file(f"{SITE}/loguru/__init__.py")
    found = find_python_logs(service("exec python3 app.py", app, loguru).listening)
    assert [item.path for item in found.files] == files
    assert bool([gap for gap in found.gaps if "missing" not in gap.message]) is is_open, found.gaps


@pytest.mark.parametrize(
    ("script", "certain"),
    [
        ("python3 app.py & sleep 1 & wait", [True]),
        ("python3 app.py & sleep 1 & wait -n", [False]),
        ("set -e; mkdir /app; exec python3 app.py", []),
        ("set -e; mkdir -p /app; exec python3 app.py", [True]),
    ],
)
def test_scripts_that_may_end_before_the_server(script: str, certain: list[bool]) -> None:
    found = service({"Cmd": ["bash", "-c", script]}, file("app/app.py", FLASK + RUN)).listening
    assert [one.certain for one in found.listeners] == certain
