"""Variables that `flask run` takes from .flaskenv and .env (Flask 3.1 with python-dotenv 1.2, as seen when run)."""

from __future__ import annotations

import pytest

from tests.build import file
from tests.python_images import SITE
from tests.services import service

APP = "from flask import Flask\napp = Flask(__name__)\n@app.get('/x')\ndef x(): return 'x'\n"
DOTENV = file(f"{SITE}/dotenv/__init__.py")


@pytest.mark.parametrize(
    ("files", "env", "words", "expected"),
    [
        ({"app/.flaskenv": "FLASK_APP=one.py\nFLASK_RUN_PORT=5601\nFLASK_RUN_HOST=0.0.0.0\n"}, [], "", "0.0.0.0:5601"),
        ({"app/.flaskenv": "FLASK_APP=one\nFLASK_RUN_PORT=5601\n", "app/.env": "FLASK_RUN_PORT=5602\n"}, [], "", "127.0.0.1:5602"),
        ({"app/.flaskenv": "FLASK_APP=one\nFLASK_RUN_PORT=5601\n"}, ["FLASK_RUN_PORT=5603"], "", "127.0.0.1:5603"),
        ({"app/.flaskenv": "FLASK_APP=one\n"}, [], "--host 0.0.0.0 --port 8080", "0.0.0.0:8080"),
        ({".env": "FLASK_APP=one\n"}, [], "", "127.0.0.1:5000"),
        ({"app/.env": "FLASK_APP=two\n"}, ["FLASK_SKIP_DOTENV=1", "FLASK_APP=one"], "", "127.0.0.1:5000"),
    ],
)  # fmt: skip
def test_files(files: dict[str, str], env: list[str], words: str, expected: str) -> None:
    run = {"Cmd": ["flask", "run", *words.split()], "Env": env}
    own = [file(path, text) for path, text in files.items()]
    found = service(run, DOTENV, file("app/one.py", APP), *own)
    assert found.shown == [f"flask {expected}"]
    assert found.asked("GET /x, GET /y", int(expected.rpartition(":")[2])) == "GET /x YES, GET /y NO"


def test_what_is_not_known() -> None:
    run = {"Cmd": ["flask", "run"]}
    app = file("app/one.py", APP)
    odd = service(run, DOTENV, app, file("app/.flaskenv", "FLASK_APP=one\nFLASK_RUN_PORT=${OTHER}\n"))
    assert odd.shown == ["flask 127.0.0.1:None"]
    unread = service(run, DOTENV, app, file("app/.env", "no pair\n"))
    assert unread.shown == ["? flask None:None"]
    without = service({"Cmd": ["flask", "--app", "one", "run"]}, app, file("app/.env", "FLASK_RUN_PORT=9\n"))
    assert without.shown == ["flask 127.0.0.1:5000"]
