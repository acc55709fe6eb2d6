from __future__ import annotations

from collections.abc import Mapping

import pytest

from imagespec.analyzers.python.pythonlogs import LogFindings, find_python_logs
from tests.python_images import listening


def logs(
    source: str, line: str = "python app.py", env: Mapping[str, str | None] | None = None
) -> LogFindings:
    return find_python_logs(listening({"app.py": source}, line, env))


@pytest.mark.parametrize(
    ("source", "path", "certain"),
    [
        ("import logging\nlogging.basicConfig(filename='/var/log/app.log')", "/var/log/app.log", True),
        ("import logging\nlogging.basicConfig(filename='app.log')", "/app/app.log", True),
        ("import logging\nh = logging.FileHandler('/log/a')", "/log/a", True),
        ("from logging.handlers import RotatingFileHandler as R\nR('/log/a', maxBytes=5)", "/log/a", True),
        (
            "import os, logging\nlogging.FileHandler(os.path.join(os.path.dirname(__file__), 'a'))",
            "/app/a",
            True,
        ),
        ("import logging\nlogging.FileHandler(input())", None, True),
        ("import logging\nif input():\n    logging.FileHandler('/a')", "/a", False),
        ("from loguru import logger\nlogger.add('/log/x.log', rotation='1 day')", "/log/x.log", True),
    ],
)
def test_files(source: str, path: str | None, *, certain: bool) -> None:
    found = logs(source)
    assert [(one.path, one.certain) for one in found.files] == [(path, certain)]
    assert found.streams == ()
    assert found.files[0].evidence.path == "/app/app.py"


@pytest.mark.parametrize(
    ("source", "stream"),
    [
        ("import logging\nlogging.basicConfig(level=logging.INFO)", "standard error"),
        ("import logging, sys\nlogging.basicConfig(stream=sys.stdout)", "standard output"),
        ("import logging, sys\nh = logging.StreamHandler(sys.stdout)", "standard output"),
        ("import logging\nh = logging.StreamHandler()", "standard error"),
        ("import sys\nfrom loguru import logger\nlogger.add(sys.stdout)", "standard output"),
        ("import logging\nlogging.FileHandler('/dev/stdout')", "/dev/stdout"),
        ("import logging\nlogging.basicConfig(handlers=[logging.StreamHandler()])", "standard error"),
    ],
)
def test_streams(source: str, stream: str) -> None:
    found = logs(source)
    assert found.files == ()
    assert len(found.streams) == 1
    assert stream in found.streams[0].message


@pytest.mark.parametrize(
    "source",
    [
        "import logging.config\nlogging.config.dictConfig({})",
        "import logging\nlogging.StreamHandler(input())",
        "(((",
    ],
)
def test_gaps(source: str) -> None:
    found = logs(source)
    assert found.files == ()
    assert source == "(((" or len(found.gaps) == 1


@pytest.mark.parametrize(
    ("source", "line", "env", "count"),
    [
        ("print('x')", "python app.py", {}, 1),
        ("print('x')", "python -u app.py", {}, 0),
        ("print('x')", "python app.py", {"PYTHONUNBUFFERED": "1"}, 0),
        ("print('x', flush=True)", "python app.py", {}, 0),
        ("x = 1", "python app.py", {}, 0),
    ],
)
def test_prints(source: str, line: str, env: Mapping[str, str | None] | None, count: int) -> None:
    assert len(logs(source, line, env).notes) == count


def test_logs_of_a_served_application() -> None:
    source = "import logging\nfrom flask import Flask\napp = Flask('x')\nlogging.basicConfig(filename='/a')"
    assert [one.path for one in logs(source, "gunicorn app:app").files] == ["/a"]
    assert logs("from flask import Flask\napp = Flask('x')", "gunicorn app:app").files == ()
