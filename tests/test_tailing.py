"""Log files that `tail -f` sends on into the container's log."""

from __future__ import annotations

import pytest

from tests.build import directory, file
from tests.services import service

APP = (
    "import logging\nfrom flask import Flask\nlogging.basicConfig(filename='/var/log/app.log', level=logging.INFO)\n"
    "app = Flask(__name__)\napp.run('0.0.0.0', 8080)\n"
)
SITE = "events {}\nhttp { access_log /var/log/access.log; error_log /var/log/error.log; server { listen 8080; } }\n"


def kinds(run: str, *more: str) -> str:
    files = [directory("var/log"), *(file(path) for path in more)]
    found = service(run, file("app/app.py", APP), file("etc/nginx/nginx.conf", SITE), *files).logs
    return "lost" if found.lost else "open" if found.doubts else "kept"


@pytest.mark.parametrize(
    ("run", "files", "kind"),
    [
        ("python app.py", (), "lost"),
        ("python app.py & tail -F /var/log/app.log", (), "kept"),
        ("python app.py & tail -n 20 -f --retry /var/log/app.log", (), "kept"),
        # tail gives up on a file that the program has not made yet
        ("python app.py & tail -f /var/log/app.log", (), "open"),
        ("python app.py & tail -f /var/log/app.log", ("var/log/app.log",), "kept"),
        ("python app.py & [ $X = a ] && tail -F /var/log/app.log", (), "open"),
        ("python app.py & tail -F /var/log/other.log", (), "lost"),
        ("python app.py & tail -F /var/log/app.log > /dev/null", (), "lost"),
        ("nginx -g 'daemon off;'", (), "lost"),
        ("nginx; tail -F /var/log/access.log & tail -F /var/log/error.log", (), "kept"),
        ("nginx; tail -f /var/log/access.log /var/log/error.log", (), "open"),
        ("nginx; tail -f /var/log/access.log /var/log/error.log", ("var/log/access.log", "var/log/error.log"), "kept"),
        ("nginx; tail -F /var/log/access.log", (), "open"),
    ],
)  # fmt: skip
def test_followed_log_files(run: str, files: tuple[str, ...], kind: str) -> None:
    assert kinds(run, *files) == kind
