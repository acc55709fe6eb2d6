"""Log files that `tail -f` sends on into the container's log."""

from __future__ import annotations

import pytest

from tests.build import directory, file, program
from tests.services import service

APP = (
    "import logging\nfrom flask import Flask\nlogging.basicConfig(filename='/var/log/app.log', level=logging.INFO)\n"
    "app = Flask(__name__)\napp.run('0.0.0.0', 8080)\n"
)
SITE = "events {}\nhttp { access_log /var/log/access.log; error_log /var/log/error.log; server { listen 8080; } }\n"


def kinds(run: str, *more: str) -> str:
    files = [directory("var/log"), program("usr/bin/ln"), *(file(path) for path in more)]
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


@pytest.mark.parametrize(
    ("target", "kind"), [("/dev/stdout", "kept"), ("/var/log/other.txt", "open"), (None, "lost")]
)
def test_links_that_a_python_program_makes(target: str | None, kind: str) -> None:
    """As serve scripts of SageMaker do before they start nginx."""
    link = "subprocess.check_call(['ln', '-sf', '%s', '/var/log/%s.log'])\n"
    links = "".join(link % (target, name) for name in ("access", "error")) if target else ""
    source = f"import subprocess\n{links}subprocess.check_call(['nginx', '-g', 'daemon off;'])\n"
    items = [file("app/serve.py", source), file("etc/nginx/nginx.conf", SITE), directory("var/log")]
    served = service("python serve.py", program("usr/bin/ln"), *items)
    found = served.logs
    assert served.shown == ["nginx :8080"]
    assert ("lost" if found.lost else "open" if found.doubts else "kept") == kind


BOTH = "ln -sf /dev/stdout /var/log/access.log; ln -sf /dev/stderr /var/log/error.log; "


@pytest.mark.parametrize(
    ("run", "files", "kind"),
    [
        (BOTH + "exec nginx -g 'daemon off;'", (), "kept"),
        (BOTH + "exec nginx -g 'daemon off;'", ("var/log/access.log",), "kept"),
        (BOTH.replace("-sf", "-s") + "exec nginx -g 'daemon off;'", (), "kept"),
        (BOTH.replace("-sf", "-s") + "exec nginx -g 'daemon off;'", ("var/log/access.log",), "open"),
        (BOTH + "rm /var/log/access.log; exec nginx -g 'daemon off;'", (), "open"),
        (BOTH.replace("-sf", "-f") + "exec nginx -g 'daemon off;'", (), "open"),
        ("[ $X = a ] && " + BOTH + "exec nginx -g 'daemon off;'", (), "open"),
        ("nginx -g 'daemon off;' & " + BOTH + "wait", (), "open"),  # nginx may have opened its files by then
        (BOTH.replace("stdout", "null") + "exec nginx -g 'daemon off;'", (), "open"),
        ("ln -sf /dev/stdout /var/log/app.log; exec python app.py", (), "kept"),
        ("ln -sf /dev/stdout /var/nowhere/app.log; exec python app.py", (), "lost"),
    ],
)
def test_links_that_a_script_makes(run: str, files: tuple[str, ...], kind: str) -> None:
    assert kinds(run, *files) == kind
