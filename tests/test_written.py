"""Files that the start command writes before a server reads them."""

from __future__ import annotations

import pytest

from tests.build import Item, directory, file, program, symlink
from tests.services import APP, service

CONF = "events {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n"
FILES: tuple[Item, ...] = (
    APP,
    file("etc/nginx/nginx.conf", CONF),
    directory("etc/nginx/conf.d"),
    file("app/a.conf", "server { listen 8080; }\n"),
    file("app/a.template", "server { listen ${PORT}; return 200 '$uri $HOST'; }\n"),
    file("app/set.conf", "server { listen PORT; location / { return 200 'a.b PORT'; } }\n"),
    *(program(f"bin/{name}") for name in ("cp", "mv", "ln", "rm", "envsubst")),
)
NGINX = "nginx -g 'daemon off;'"
TO = "/etc/nginx/conf.d/x.conf"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (f"cp a.conf {TO}; {NGINX}", ["nginx :8080"]),
        (f"cp a.conf /etc/nginx/conf.d/; {NGINX}", ["nginx :8080"]),
        (f"mv a.conf {TO} && {NGINX}", ["nginx :8080"]),
        (f"ln -sf /app/a.conf {TO}; {NGINX}", ["nginx :8080"]),
        (f"cat a.conf > {TO}; {NGINX}", ["nginx :8080"]),
        (f"echo 'server {{ listen 8080; }}' > {TO}; {NGINX}", ["nginx :8080"]),
        (f"printf 'server {{ listen %s; }}\\n' 8080 > {TO}; {NGINX}", ["nginx :8080"]),
        (f"echo 'server {{' > {TO}; echo 'listen 8080; }}' >> {TO}; {NGINX}", ["nginx :8080"]),
        (
            f"export PORT=8080 HOST=h; envsubst < a.template > {TO}; {NGINX}",
            [],
        ),  # which has a $uri of its own
        (
            f"export PORT=8080; envsubst '$PORT' < a.template > {TO}; {NGINX}",
            ["? nginx :8080"],
        ),  # nginx has no $HOST
        (
            f"P=8080; cat > {TO} <<EOF\nserver {{ listen $P; return 200 '\\$uri'; }}\nEOF\n{NGINX}",
            ["nginx :8080"],
        ),
        (f"cat > {TO} <<'EOF'\nserver {{ listen 8080; return 200 '$uri'; }}\nEOF\n{NGINX}", ["nginx :8080"]),
        (f"cat <<-EOF > {TO}\n\tserver {{\n\tlisten 8080; }}\n\tEOF\n{NGINX}", ["nginx :8080"]),
        (f"sed 's/PORT/8080/' set.conf > {TO}; {NGINX}", ["nginx :8080"]),
        (
            f"sed -e s/PORT/9/ set.conf > {TO}; sed -i 's/listen [0-9]*;/listen 8080;/g' {TO}; {NGINX}",
            ["nginx :8080"],
        ),
        (f"cp a.conf {TO}; rm -f {TO}; {NGINX}", []),
        (f"cp a.conf {TO}; {NGINX}; rm -f {TO}", ["nginx :8080"]),
        (f"cp /app/a.conf {TO}; cp /nowhere {TO}; {NGINX}", []),
        (f"cp a.conf {TO}; perl -i -pe s/8080/9/ {TO}; {NGINX}", ["? nginx None:None"]),
        (f'if [ -n "$(cat /p)" ]; then cp a.conf {TO}; fi; {NGINX}', []),
        (f"echo $X > {TO}; {NGINX}", []),
        (f"cat > {TO} <<EOF\nserver {{ listen $X; }}\nEOF\n{NGINX}", []),
        (f"cat > {TO} <<EOF\nserver {{ listen $(cat /p); }}\nEOF\n{NGINX}", []),
        (f"envsubst < a.template > {TO}; {NGINX}", []),
        (f"cp a.conf {TO} & {NGINX}", []),
        (f"cp -r a.conf {TO}; {NGINX}", []),
    ],
)
def test_configurations_of_nginx(command: str, expected: list[str]) -> None:
    found = service(command, *FILES)
    assert found.shown == expected
    assert found.shown or found.listening.gaps or "rm -f" in command


def test_a_file_that_was_removed_is_not_there() -> None:
    items = (
        *FILES,
        symlink("etc/nginx/conf.d/y.conf", "/app/a.conf"),
        file("etc/nginx/conf.d/z.conf", "server { listen 80; }"),
    )
    assert service(f"rm -f /etc/nginx/conf.d/y.conf; {NGINX}", *items).shown == ["nginx :80"]
    assert service(f"rm /etc/nginx/conf.d/[yz].conf; {NGINX}", *items).listening.gaps


def test_what_is_written_through_links_is_found_through_them() -> None:
    items = (*FILES, symlink("etc/nginx/conf.d/y.conf", "../sites/y.conf"), directory("etc/nginx/sites"))
    found = service(f"cp a.conf /etc/nginx/sites/y.conf; {NGINX}", *items)
    assert (found.shown, found.listening.gaps) == (["nginx :8080"], ())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('cd "$(dirname "$(readlink -f /home/run)")/.." && gunicorn -b :8080 app:app', ["gunicorn :8080"]),
        ('cd "$(dirname "$(realpath /home/run)")"; cd ..; gunicorn -b :8080 app:app', ["gunicorn :8080"]),
        ('cd "$(dirname "$(readlink /home/run)")/.." && gunicorn -b :8080 app:app', []),
        (
            'cp -r x y; cd "$(dirname "$(readlink -f /home/run)")/.."; gunicorn -b :8080 app:app',
            ["gunicorn :8080"],
        ),
        ('cd /etc; export PYTHONPATH="/app:$PYTHONPATH"; gunicorn -b :8080 app:app', ["gunicorn :8080"]),
        ('cd /etc; export PYTHONPATH="/app:$OTHER"; gunicorn -b :8080 app:app', ["? gunicorn :8080"]),
    ],
)
def test_where_a_script_is(command: str, expected: list[str]) -> None:
    items = (
        symlink("home/run", "/app/bin/run.sh"),
        file("app/bin/run.sh", "x"),
        program("bin/readlink"),
        program("bin/realpath"),
    )
    assert service(command, *FILES, *items, program("bin/dirname")).shown == expected


def test_a_wait_for_the_server_hides_nothing() -> None:
    loop = (
        "gunicorn -b :8080 app:app & until curl -sf http://127.0.0.1:8080 >/dev/null; do sleep 1; done; wait"
    )
    found = service(loop, *FILES, program("usr/bin/curl"))
    assert (found.shown, found.listening.gaps, found.logs.lost, found.logs.doubts) == (
        ["gunicorn :8080"],
        (),
        (),
        (),
    )


@pytest.mark.parametrize(("shell", "ends"), [("sh", True), ("bash", False)])
def test_dash_has_no_source(shell: str, *, ends: bool) -> None:
    found = service(
        {"Cmd": [shell, "-c", "source /app/set.env; gunicorn -b :$PORT app:app"]},
        *FILES,
        file("app/set.env", "PORT=8080\n"),
    )
    assert (found.shown != ["gunicorn :8080"]) is ends


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("gunicorn -b :8080 app:app & echo started", True),
        ("gunicorn -b :8080 app:app & wait", False),
        ("gunicorn -b :8080 app:app & curl http://x", False),
        ("gunicorn -b :8080 app:app & sleep $X", False),
        ("gunicorn -b :8080 app:app & sleep infinity", False),
    ],
)
def test_a_start_command_that_ends(command: str, *, ends: bool) -> None:
    assert service(command, *FILES, program("usr/bin/curl")).start.ends is ends


def test_only_root_may_certainly_write() -> None:
    run = {"User": "33", "Cmd": ["sh", "-c", f"cp a.conf {TO}; {NGINX}"]}
    assert service(run, *FILES).listening.gaps


def test_what_has_no_program_is_not_written() -> None:
    assert service(f"awk 1 a.conf > {TO}; tee {TO} < a.conf; {NGINX}", *FILES).listening.gaps
    found = service(
        f"envsubst '$P' < a.conf > {TO}; {NGINX}", *(item for item in FILES if item.path != "bin/envsubst")
    )
    assert found.shown != ["nginx :8080"]
    assert found.listening.gaps


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cp /app/a.env /tmp/env; . /tmp/env; gunicorn -b :$PORT app:app", ["gunicorn :8080"]),
        ("echo PORT=8080 > /tmp/env; . /tmp/env; gunicorn -b :$PORT app:app", ["gunicorn :8080"]),
        ("echo 'exec gunicorn -b :8080 app:app' > /tmp/x.sh; sh /tmp/x.sh", ["gunicorn :8080"]),
        ("cp /app/go.sh /usr/local/bin/go; go", ["gunicorn :8080"]),
        ("cp /app/env /usr/local/bin/go; go", []),
        ("sed -i 's/0/8080/' conf.json; python serve.py", ["flask 0.0.0.0:8080"]),
        ("sed -i 's/0/9/' conf.json; python serve.py", ["flask 0.0.0.0:9"]),
        ('sed -i "s/0/$X/" conf.json; python serve.py', ["flask 0.0.0.0:None"]),
        (
            "sed -i 's/0/8080/' conf.json; jq . conf.json > conf.json; python serve.py",
            ["? flask 0.0.0.0:None"],
        ),
    ],
)
def test_scripts_and_data(command: str, expected: list[str]) -> None:
    serve = "import json, flask\nflask.Flask('x').run('0.0.0.0', json.load(open('conf.json'))['port'])\n"
    items = (
        file("app/env", "PORT=8080\n"),
        file("app/a.env", "PORT=8080\n"),
        file("app/go.sh", "#!/bin/sh\nexec gunicorn -b :8080 app:app\n", 0o755),
        file("app/conf.json", '{"port": 0}'),
        file("app/serve.py", serve),
        directory("tmp"),
    )
    assert service(command, *FILES, *items).shown == expected
