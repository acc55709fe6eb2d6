"""Python's own options and variables, files that the user may not read, and users that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import directory, file
from tests.python_images import SITE
from tests.services import APP, service

PLAIN = "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 8080)\n"
MAIN = file("app/main.py", "import model\n" + PLAIN)
MODEL = file("app/model.py", "N = 1\n")
USERS = (
    file("etc/passwd", "root:x:0:0::/:/bin/sh\nme:x:1000:1000::/:/bin/sh\n"),
    file("etc/group", "root:x:0:\nme:x:1000:\n"),
)
YES, MAYBE, NO = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"], []  # type: ignore[var-annotated]


def shown(words: str, *items: Any, **run: Any) -> list[str]:
    return service({"Cmd": words.split(), **run}, APP, MAIN, MODEL, *USERS, *items).shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("python -u -B main.py", YES),
        ("python -W error -X dev main.py", YES),
        ("python -z main.py", NO),
        ("python -I main.py", NO),
        ("python -P main.py", NO),
        ("python -s main.py", YES),
        ("python -S main.py", MAYBE),
        ("python -Eu main.py", YES),
    ],
)
def test_options(words: str, expected: list[str]) -> None:
    assert shown(words) == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("PYTHONUNBUFFERED=1", YES),
        ("PYTHONHASHSEED=0", YES),
        ("PYTHONHASHSEED=fixed", MAYBE),
        ("PYTHONIOENCODING=utf-8:replace", YES),
        ("PYTHONIOENCODING=utf_8_de", MAYBE),
        ("PYTHONUTF8=yes", MAYBE),
        ("PYTHONHOME=/app", MAYBE),
        ("PYTHONSAFEPATH=1", NO),
    ],
)
def test_variables(variable: str, expected: list[str]) -> None:
    assert shown("python main.py", Env=[variable]) == expected
    assert shown("python -E main.py", Env=[variable]) == (MAYBE if expected == MAYBE else YES)


def test_an_ignored_pythonpath() -> None:
    away = (file("app/main.py", "import other\n" + PLAIN), file("lib/other.py", "N = 1\n"))
    assert shown("python main.py", *away, Env=["PYTHONPATH=/lib"]) == YES
    assert shown("python -E main.py", *away, Env=["PYTHONPATH=/lib"]) == NO


def test_safe_path_does_not_keep_servers_from_adding_the_directory() -> None:
    assert shown("gunicorn -b 0.0.0.0:8080 app:app", Env=["PYTHONSAFEPATH=1"]) == ["gunicorn 0.0.0.0:8080"]


@pytest.mark.parametrize(
    ("items", "certain"),
    [
        ((), True),
        ((file("app/app.py", PLAIN.replace("app.run", "#"), mode=0o600),), False),
        ((file("app/app.py", PLAIN.replace("app.run", "#"), mode=0o640),), False),
        ((file("app/app.py", PLAIN.replace("app.run", "#"), mode=0o600, uid=1000),), True),
        ((directory(f"{SITE}/flask", mode=0o700), file(f"{SITE}/flask/__init__.py")), False),
        ((file("app/gunicorn.conf.py", "workers = 2\n", mode=0o600),), False),
        ((file("app/gunicorn.conf.py", "workers = 2\n"),), True),
    ],
)
def test_what_the_user_may_not_read(items: tuple[Any, ...], certain: bool) -> None:
    found = service({"Cmd": ["gunicorn", "-b", "0.0.0.0:8080", "app:app"], "User": "me"}, APP, *USERS, *items)
    assert [one.certain for one in found.listening.listeners] == [certain]


@pytest.mark.parametrize(
    ("user", "starts"),
    [
        ("", True),
        ("root", True),
        ("me", True),
        ("me:me", True),
        ("4711", True),
        ("4711:0", True),
        ("svc", False),
        ("me:svc", False),
    ],
)
def test_a_user_that_the_engine_does_not_find(user: str, starts: bool) -> None:
    found = service({"Cmd": ["python", "main.py"], "User": user}, MAIN, MODEL, *USERS)
    assert (not found.start.failures) is starts
