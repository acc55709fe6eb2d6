"""Entrypoints as official images have them, written anew: they lead to the server of the CMD."""

from __future__ import annotations

from typing import Any

import pytest

from imagespec.analyzers.shell.parser import LIMIT_TEXT_BYTES
from tests.build import Item, directory, file, program, symlink
from tests.python_images import SITE
from tests.services import APP, BASE, service

ALL = "gunicorn 0.0.0.0:8080"
SERVE = "gunicorn -b 0.0.0.0:8080 app:app"

NGINX = """#!/bin/sh
set -e
say() { if [ -z "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ]; then echo "$@"; fi; }
if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
    if /usr/bin/find "/docker-entrypoint.d/" -mindepth 1 -maxdepth 1 -type f -print -quit 2>/dev/null | read v; then
        find "/docker-entrypoint.d/" -follow -type f -print | sort -V | while read -r f; do
            case "$f" in
                *.envsh) if [ -x "$f" ]; then say "$f"; . "$f"; else say no; fi;;
                *.sh) if [ -x "$f" ]; then say "$f"; "$f"; else say "no $f"; fi;;
                *) say "$f";;
            esac
        done
    else
        say "nothing"
    fi
fi
exec "$@"
"""
EDITS = """#!/bin/sh
set -e
CONF="etc/nginx/conf.d/default.conf"
if [ ! -f "/proc/net/if_inet6" ]; then exit 0; fi
touch /$CONF 2>/dev/null || { echo no; exit 0; }
grep -q "listen  \\[::]:80;" /$CONF && { echo yes; exit 0; }
sed -i -E 's,listen       80;,listen       80;\\n    listen  [::]:80;,' /$CONF
"""
UVICORN = """#! /usr/bin/env sh
set -e
if [ -f /app/app/main.py ]; then
    DEFAULT_MODULE=app.main
elif [ -f /app/main.py ]; then
    DEFAULT_MODULE=main
fi
export APP_MODULE=${APP_MODULE:-"${MODULE_NAME:-$DEFAULT_MODULE}:${VARIABLE_NAME:-app}"}
if [ -f /app/gunicorn_conf.py ]; then DEFAULT_CONF=/app/gunicorn_conf.py; else DEFAULT_CONF=/gunicorn_conf.py; fi
PRE_START=${PRE_START_PATH:-/app/prestart.sh}
if [ -f $PRE_START ]; then . "$PRE_START"; else echo none; fi
exec gunicorn -k "${WORKER_CLASS:-"uvicorn.workers.UvicornWorker"}" -c "${GUNICORN_CONF:-$DEFAULT_CONF}" "$APP_MODULE"
"""
CONF = """import multiprocessing, os
host = os.getenv("HOST", "0.0.0.0")
bind = os.getenv("BIND", None) or f"{host}:{os.getenv('PORT', '8080')}"
workers = max(int(float(os.getenv("WORKERS_PER_CORE", "1")) * multiprocessing.cpu_count()), 2)
"""
AS_USER = """#!/bin/sh
set -e
if [ "${1#-}" != "$1" ]; then set -- gunicorn "$@"; fi
if [ "$1" = 'gunicorn' -a "$(id -u)" = '0' ]; then
    exec gosu nginx "$0" "$@"
fi
exec "$@"
"""
PROFILE = """if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
else
  PATH="/usr/local/bin:/usr/bin:/bin"
fi
export PATH
if [ "${PS1-}" ]; then echo; fi
if [ -d /etc/profile.d ]; then
  for i in /etc/profile.d/*.sh; do
    if [ -r $i ]; then . $i; fi
  done
  unset i
fi
"""
SITES = [
    file(
        "etc/nginx/nginx.conf",
        "user nginx;\nevents {}\nhttp { access_log off; error_log /dev/stderr; include conf.d/*.conf; }\n",
    ),
    file("etc/nginx/conf.d/default.conf", "server { listen 8080; }"),
    *(program(f"usr/bin/{name}") for name in ("touch", "grep", "id", "which", "nproc", "gosu")),
    symlink("usr/bin/sh", "/bin/dash"),
]
CONDA = [
    program("opt/conda/bin/conda", "#!/opt/conda/bin/python3.11\nimport conda\n"),
    program("opt/conda/bin/python3.11"),
    file(
        "opt/conda/etc/profile.d/conda.sh",
        'export CONDA_EXE=/opt/conda/bin/conda\nconda() { eval "$("$CONDA_EXE" $1)"; }\n',
    ),
    program("opt/conda/envs/x/bin/python3.11"),
    program("opt/conda/envs/x/bin/gunicorn", "#!/opt/conda/envs/x/bin/python3.11\nimport x\n"),
    directory("opt/conda/envs/x/conda-meta"),
    *(
        file(f"opt/conda/envs/x/lib/python3.11/site-packages/{name}/__init__.py")
        for name in ("flask", "gunicorn")
    ),
]
WITH_CONDA = ["PATH=/opt/conda/bin:/usr/bin:/bin"]


def script(path: str, text: str, mode: int = 0o755) -> Item:
    return file(path, text, mode)


CASES: dict[str, tuple[dict[str, Any], list[Item], list[str]]] = {
    "nginx without parts": (
        {"Entrypoint": ["/e.sh"], "Cmd": ["nginx", "-g", "daemon off;"]},
        [script("e.sh", NGINX), directory("docker-entrypoint.d")],
        ["nginx :8080"],
    ),
    "nginx with a part that finds nothing to edit": (
        {"Entrypoint": ["/e.sh"], "Cmd": ["nginx", "-g", "daemon off;"]},
        [script("e.sh", NGINX), script("docker-entrypoint.d/10-x.sh", EDITS), script("docker-entrypoint.d/README", "")],
        ["nginx :8080"],
    ),
    "nginx with a part that edits": (
        {"Entrypoint": ["/e.sh"], "Cmd": ["nginx", "-g", "daemon off;"]},
        [script("e.sh", NGINX), script("docker-entrypoint.d/9.sh", "#!/bin/sh\nsed -i 's/8080/80/' /etc/nginx/conf.d/default.conf\n")],
        ["nginx :80"],
    ),
    "nginx with a part that edits by its second command": (
        {"Entrypoint": ["/e.sh"], "Cmd": ["nginx", "-g", "daemon off;"]},
        [script("e.sh", NGINX), script("docker-entrypoint.d/9.sh", "#!/bin/sh\nsed -i 's,x y z,,;s,8080,80,' /etc/nginx/conf.d/default.conf\n")],
        [],
    ),
    "uvicorn with gunicorn": (
        {"Cmd": ["/start.sh"], "Env": ["PYTHONPATH=/app"]},
        [
            script("start.sh", UVICORN),
            file("gunicorn_conf.py", CONF),
            file(f"{SITE}/uvicorn/workers.py"),
            file("app/main.py", "from fastapi import FastAPI\napp = FastAPI()\n"),
        ],
        [ALL],
    ),
    "another user": ({"Entrypoint": ["/e.sh"], "Cmd": ["-b", "0.0.0.0:8080", "app:app"]}, [script("e.sh", AS_USER)], [ALL]),
    "a login shell": ({"Cmd": ["bash", "-lc", SERVE]}, [file("etc/profile", PROFILE)], [ALL]),
    "a login shell with a part": (
        {"Cmd": ["bash", "-l", "-c", "gunicorn -b 0.0.0.0:$P app:app"]},
        [file("etc/profile", PROFILE), file("etc/profile.d/a.sh", "P=8080\n")],
        [ALL],
    ),
    "a program that is looked for": ({"Cmd": ["sh", "-c", f"exec $(which gunicorn){SERVE[8:]}"]}, [], [ALL]),
    "a number of processors": ({"Cmd": ["sh", "-c", SERVE + " -w $(( 2 * $(nproc) + 1 ))"]}, [], [ALL]),
    "conda run": ({"Cmd": ["conda", "run", "-n", "x", *SERVE.split()], "Env": WITH_CONDA}, CONDA, [ALL]),
    "conda run of nothing": ({"Cmd": ["conda", "run", "-n", "y", *SERVE.split()], "Env": WITH_CONDA}, CONDA, []),
    "conda activate": (
        {"Cmd": ["bash", "-c", f". /opt/conda/etc/profile.d/conda.sh && conda activate x && exec {SERVE}"], "Env": WITH_CONDA},
        CONDA,
        [ALL],
    ),
    "an array": ({"Cmd": ["bash", "-c", 'a=(-b 0.0.0.0:8080); a+=(app:app); exec gunicorn "${a[@]}"']}, [], [ALL]),
    "options that are read": (
        {"Cmd": ["sh", "-c", "while [ $# -gt 0 ]; do case $1 in --port) P=$2; shift 2;; *) shift;; esac; done; exec gunicorn -b :$P app:app", "x", "-v", "--port", "8080"]},
        [],
        ["gunicorn :8080"],
    ),
    "names that are not known": ({"Cmd": ["sh", "-c", "export $(cat .env); /usr/local/bin/flask --app app run"]}, [], ["? flask None:None"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_entrypoints(name: str) -> None:
    run, items, expected = CASES[name]
    found = service(run, *SITES, APP, *items)
    assert found.shown == expected, [gap.message for gap in found.listening.gaps]
    assert not found.start.failures


HOSTILE = {
    "one long line": "echo " + "x" * (10 << 20),
    "nested": "( " * 30_000,
    "nested groups": "{ " * 15_000 + "}; " * 15_000,
    "nested ifs": "if a; then " * 5_000,
    "nested substitutions": "echo " + "$(echo " * 8_000 + ")" * 8_000,
    "nested defaults": "echo " + "${a:-" * 9_000 + "}" * 9_000,
    "a function that calls itself": "f() { f; f; }; f; f; f",
    "functions that call one another": "f() { g; g; }; g() { f; f; }; f",
    "loops in loops": "".join(f"for i{n} in 1 2 3 4 5 6 7 8 9; do " for n in range(12))
    + "a;"
    + " done;" * 12,
    "loops that double": "a=xx; " + "for i in 1 2 3 4 5 6 7 8 9 10; do a=$a$a; done; " * 20,
    "a script that runs itself": ". /home/run.sh; sh /home/run.sh; /home/run.sh & eval '. /home/run.sh'",
    "arrays that double": "a=(x y); " + 'a+=("${a[@]}"); ' * 60 + 'echo "${a[@]}"',
    "rounds that never end": "set -- a; while [ $# -gt 0 ]; do set -- $1 $@; done; nginx",
    "traps": "trap 'sh /home/run.sh' EXIT; " * 60,
    "here-documents": "cat <<A <<B\n" * 3_000,
    "many words": "a=(" + "x " * 9_000 + "); " + 'sh "${a[@]}" ' * 50,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_scripts_end(name: str) -> None:
    text = "#!/bin/bash\n" + HOSTILE[name] + "\n"
    found = service({"Cmd": ["/home/run.sh"]}, script("home/run.sh", text), APP)
    assert len(found.start.steps) <= 200
    assert found.listening.gaps or len(text) <= LIMIT_TEXT_BYTES


@pytest.mark.parametrize(
    "site",
    [
        "include /etc/nginx/conf.d/*.conf;",
        "server { " * 30_000,
        "server { listen 8080; location / { return 200 " + "x" * 60_000 + "; } }",
        "server { listen 8080; " + "location / { " * 15 + "}" * 15 + " }",
        "".join(f"server {{ listen 8080; server_name n{n}; }} " for n in range(1_000)),
        "server { listen 8080; location / { try_files $uri /x; } location /x { try_files $uri /y; } location /y { try_files $uri /x; } }",
        "server { listen 8080; location ~ " + "(" * 20_000 + " { return 200; } }",
    ],
)
def test_hostile_sites_end(site: str) -> None:
    found = service("nginx -g 'daemon off;'", *SITES[:1], file("etc/nginx/conf.d/default.conf", site))
    assert (
        found.asked("GET /a/b") in {"GET /a/b OPEN", "GET /a/b NO", "GET /a/b YES"}
        if found.listening.listeners
        else True
    )


def test_a_supervisor_that_includes_itself_ends() -> None:
    text = "[supervisord]\nnodaemon=true\n[include]\nfiles=*.conf\n[program:a]\ncommand=supervisord\n"
    base = [*BASE, program("usr/bin/supervisord")]
    found = service("supervisord", file("etc/supervisord.conf", text), file("etc/a.conf", text), base=base)
    assert found.listening.gaps
