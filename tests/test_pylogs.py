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
        ("import logging\nlogging.basicConfig(filename='/app/b.log')", "/app/b.log", True),
        ("import logging\nlogging.basicConfig(filename='app.log')", "/app/app.log", True),
        ("import logging\nh = logging.FileHandler('/app/a')", "/app/a", True),
        ("from logging.handlers import RotatingFileHandler as R\nR('/app/a', maxBytes=5)", "/app/a", True),
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
        "import logging.config\nlogging.config.dictConfig(input())",
        "import logging\nlogging.StreamHandler(input())",
        "import logging.handlers\nlogging.handlers.SysLogHandler()",
        "import logging.handlers, queue\nlogging.handlers.QueueHandler(queue.Queue())",
        "import logging\nclass F(logging.Handler):\n    def emit(self, r): open('a', 'a').write('x')\nF()",
        "import os\nos.close(1)",
        "import sys\nsys.stderr.close()",
        "import sys\nsetattr(sys, 'stdout', open('/dev/null', 'w'))",
        "def h():\n    with open('/tmp/server.log', 'a') as f:\n        f.write('x')",
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


STREAM_AND_FILE = (
    "import logging, sys\nlog = logging.getLogger('x')\ns = logging.StreamHandler(sys.stdout)\n"
    "h = logging.FileHandler('/app/a')\nlog.addHandler(s)\nlog.addHandler(h)\n"
)
GUARDED = """
import logging
def make():
    log = logging.getLogger('x')
    if log.handlers:
        return log
    log.addHandler(logging.StreamHandler())
    log.addHandler(logging.FileHandler('/app/a'))
make()
"""
LOG_INI = """[loggers]
keys=root,x
[handlers]
keys=s,f
[formatters]
keys=
[logger_root]
handlers=s
[logger_x]
qualname=x
propagate=0
handlers=FILES
[handler_s]
class=StreamHandler
args=(sys.stdout,)
[handler_f]
class=handlers.RotatingFileHandler
args=('/app/a', 'a', 100, 5)
"""


@pytest.mark.parametrize(
    ("source", "beside"),
    [
        (STREAM_AND_FILE, True),
        (STREAM_AND_FILE.replace("log.addHandler(h)", "logging.getLogger('x').addHandler(h)"), True),
        (STREAM_AND_FILE.replace("log.addHandler(h)", "logging.getLogger('y').addHandler(h)"), False),
        (STREAM_AND_FILE + "s.setLevel(logging.ERROR)", False),
        (STREAM_AND_FILE + "s.setLevel(logging.ERROR)\nh.setLevel('ERROR')", True),
        (STREAM_AND_FILE + "s.addFilter(input())", False),
        (STREAM_AND_FILE.replace("log.addHandler(s)", "if input():\n    log.addHandler(s)"), False),
        (STREAM_AND_FILE.replace("log.addHandler(s)\n", ""), False),
        (
            GUARDED,
            True,
        ),
        ("import logging as l\nl.basicConfig(handlers=[l.StreamHandler(), l.FileHandler('/app/a')])", True),
        ("import logging as l\nl.basicConfig(handlers=[l.FileHandler('/app/a')])", False),
        ("from loguru import logger\nlogger.add('/app/a')", True),
        ("from loguru import logger\nlogger.remove()\nlogger.add('/app/a')", False),
        ("import sys\nfrom loguru import logger as l\nl.remove()\nl.add(sys.stdout)\nl.add('/app/a')", True),
        (
            "import sys\nfrom loguru import logger as l\nl.remove()\nl.add(sys.stdout, level='ERROR')\nl.add('/app/a')",
            False,
        ),
    ],
)
def test_files_beside_a_stream(source: str, *, beside: bool) -> None:
    assert [one.beside for one in logs(source).files] == [beside]


@pytest.mark.parametrize(
    ("loggers", "files"),
    [
        ("'root': {'handlers': ['s', 'f']}", [True]),
        ("'root': {'handlers': ['f']}", [False]),
        ("'loggers': {'x': {'handlers': ['f']}}, 'root': {'handlers': ['s']}", [True]),
        ("'loggers': {'x': {'handlers': ['f'], 'propagate': False}}, 'root': {'handlers': ['s']}", [False]),
        ("'root': {'handlers': ['s']}", []),
        ("'root': {'handlers': ['w']}", []),
        ("'root': {'handlers': ['w', 'f']}", [True]),
        ("'root': {'handlers': input()}", None),
    ],
)
def test_dictionaries(loggers: str, files: list[bool] | None) -> None:
    handlers = (
        "'s': {'class': 'logging.StreamHandler'}, 'f': {'class': 'logging.FileHandler', 'filename': '/app/a'},"
        "'w': {'class': 'logging.StreamHandler', 'stream': 'ext://flask.logging.wsgi_errors_stream'}"
    )
    found = logs(
        f"import logging.config\nlogging.config.dictConfig({{'version': 1, 'handlers': {{{handlers}}}, {loggers}}})"
    )
    assert [one.beside for one in found.files] == (files or [])
    assert len(found.gaps) == (files is None)


@pytest.mark.parametrize(("handlers", "files"), [("s,f", [True]), ("f", [False]), ("s", []), ("g", None)])
def test_files_of_a_configuration(handlers: str, files: list[bool] | None) -> None:
    source = "import logging.config\nlogging.config.fileConfig('log.ini')"
    found = find_python_logs(listening({"app.py": source, "log.ini": LOG_INI.replace("FILES", handlers)}))
    assert [one.beside for one in found.files] == (files or [])
    assert len(found.gaps) == (files is None)


def test_logs_of_a_served_application() -> None:
    source = "import logging\nfrom flask import Flask\napp = Flask('x')\nlogging.basicConfig(filename='/a')"
    assert [one.path for one in logs(source, "gunicorn app:app").files] == ["/a"]
    assert logs("from flask import Flask\napp = Flask('x')", "gunicorn app:app").files == ()
