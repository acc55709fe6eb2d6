from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

from imagespec.analyzers.servers.listeners import find_listeners
from imagespec.analyzers.startup.steps import StartCommand, Step
from tests.build import file, program, rootfs, symlink
from tests.python_images import PACKAGES, SITE, image, listening, start

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "import uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n"
MAIN = "if __name__ == '__main__':\n    "
RUN = MAIN + "app.run(host='0.0.0.0', port=8080)\n"


def shown(
    sources: str | dict[str, str],
    line: str = "python app.py",
    env: Mapping[str, str | None] | None = None,
    packages: tuple[str, ...] = PACKAGES,
) -> tuple[list[tuple[str | None, int | None, bool]], int, int]:
    found = listening(sources if isinstance(sources, dict) else {"app.py": sources}, line, env, packages)
    return [(one.host, one.port, one.certain) for one in found.listeners], len(found.gaps), len(found.never)


ALL = [("0.0.0.0", 8080, True)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (FLASK + "app.run(host='0.0.0.0', port=8080)", ALL),
        (FLASK + "app.run('0.0.0.0', 8080)", ALL),
        (FLASK + "app.run(host='0.0.0.0', port='8080')", ALL),
        (FLASK + "app.run()", [("127.0.0.1", 5000, True)]),
        (FLASK + "app.run(port=8080)", [("127.0.0.1", 8080, True)]),
        (FLASK + "app.run(host='', port=8080)", [("127.0.0.1", 8080, True)]),
        (FLASK + RUN, ALL),
        (FLASK + "def main():\n    app.run(host=HOST, port=8000 + 80)\nHOST = '0.0.0' + '.0'\nmain()", ALL),
        (FLASK + "import os\napp.run(host='0.0.0.0', port=int(os.environ.get('PORT', 8080)))", ALL),
        (FLASK + "import os\napp.run(host='0.0.0.0', port=int(os.getenv('PORT', '8080')))", ALL),
        (FLASK + "import os\napp.run(host=f'{os.environ[\"A\"]}', port=8080)", [("10.0.0.1", 8080, True)]),
        (FLASK + "import os\napp.run(host=os.environ['U'], port=8080)", [(None, 8080, True)]),
        (FLASK + "if len(open('x').read()):\n    app.run('0.0.0.0', 8080)", [("0.0.0.0", 8080, False)]),
        (
            FLASK + "import time\nwhile time.time() < 5:\n    app.run('0.0.0.0', 8080)",
            [("0.0.0.0", 8080, False)],
        ),
        (FLASK + "try:\n    app.run('0.0.0.0', 8080)\nexcept KeyboardInterrupt:\n    print('bye')", ALL),
        (FLASK + "app.config['SERVER_NAME'] = 'h:80'\napp.run(port=8080)", [(None, 8080, True)]),
        (FLASK + "app.run('0.0.0.0', 8080)\napp.run('0.0.0.0', 9090)", ALL),
        (
            FLASK
            + "import sys\nif len(sys.argv) > 1:\n    app.run('0.0.0.0')\nelse:\n    app.run('0.0.0.0', 8080)",
            ALL,
        ),
        (FASTAPI + "uvicorn.run(app, host='0.0.0.0', port=8080)", ALL),
        (FASTAPI + "uvicorn.run(app)", [("127.0.0.1", 8000, True)]),
        (FASTAPI + MAIN + "uvicorn.run('app:app', host='0.0.0.0', port=8080, workers=2)", ALL),
        (FASTAPI + "uvicorn.run(app, host='::', port=8080)", [("::", 8080, True)]),
        (FASTAPI + "uvicorn.Server(uvicorn.Config(app, host='0.0.0.0', port=8080)).run()", ALL),
        (
            FASTAPI
            + "import asyncio\nasync def main():\n    server = uvicorn.Server(config=uvicorn.Config(app, '0.0.0.0',"
            " 8080))\n    await server.serve()\nasyncio.run(main())",
            ALL,
        ),
        (FLASK + "from waitress import serve\nserve(app)", ALL),
        (FLASK + "from waitress import serve\nserve(app, listen='*:8080')", ALL),
        (
            FLASK + "from waitress import serve\nserve(app, listen='127.0.0.1:9000')",
            [("127.0.0.1", 9000, True)],
        ),
        (FLASK + "from waitress import serve\nserve(app, listen='*:8080 *:9000')", [(None, None, True)]),
        (FLASK + "from werkzeug.serving import run_simple\nrun_simple('0.0.0.0', 8080, app)", ALL),
        (
            (
                "from http.server import HTTPServer, BaseHTTPRequestHandler\nclass H(BaseHTTPRequestHandler):\n    pass\n"
                "HTTPServer(('', 8080), H).serve_forever()"
            ),
            [("", 8080, True)],
        ),
        (
            (
                "import http.server\nclass S(http.server.ThreadingHTTPServer):\n    daemon_threads = True\n"
                "with S(('0.0.0.0', 8080), None) as s:\n    s.serve_forever()"
            ),
            ALL,
        ),
        (
            "from wsgiref.simple_server import make_server\nmake_server('0.0.0.0', 8080, None).serve_forever()",
            ALL,
        ),
        (
            FLASK
            + "class Server:\n    def __init__(self, port):\n        self.port = port\n        self.app = app\n"
            "    def go(self):\n        self.app.run('0.0.0.0', self.port)\nServer(8080).go()",
            ALL,
        ),
        (
            FLASK
            + "import threading, time\nthreading.Thread(target=lambda: app.run('0.0.0.0', 8080)).start()\n"
            "while True:\n    time.sleep(1)",
            ALL,
        ),
    ],
)
def test_calls_that_serve(source: str, expected: object) -> None:
    found, _, never = shown(source, env={"A": "10.0.0.1", "U": None})
    assert (found, never) == (expected, 0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [("0.0.0.0", 8080, True)]),
        ("--port 9000", [("0.0.0.0", 9000, True)]),
        ("--port=9000 --debug", [("0.0.0.0", 9000, True)]),
        ("-p 9000", [("0.0.0.0", 9000, True)]),
        ("--por 9000", [("0.0.0.0", None, True)]),
    ],
)
def test_argparse(words: str, expected: object) -> None:
    source = FLASK + (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('-p', '--port', type=int, default=8080)\n"
        "parser.add_argument('--debug', action='store_true')\nargs = parser.parse_args()\napp.run('0.0.0.0', args.port)\n"
    )
    assert shown(source, "python app.py " + words)[0] == expected


@pytest.mark.parametrize(
    ("line", "env", "expected"),
    [
        ("gunicorn app:app", {}, [("127.0.0.1", 8000, True)]),
        ("gunicorn app:app", {"PORT": "8080"}, ALL),
        ("gunicorn app:app", {"PORT": None}, [(None, None, True)]),
        ("gunicorn -b 0.0.0.0:8080 app:app", {"PORT": "9"}, ALL),
        ("gunicorn -b0.0.0.0:8080 -w 4 --timeout=60 app:app", {}, ALL),
        ("gunicorn --bind=:8080 app:app", {}, [("", 8080, True)]),
        ("gunicorn -b 0.0.0.0 app:app", {}, [("0.0.0.0", 8000, True)]),
        ("gunicorn -b [::]:8080 app:app", {}, [("::", 8080, True)]),
        (
            "gunicorn -b 127.0.0.1:1 -b 0.0.0.0:8080 app:app",
            {},
            [("127.0.0.1", 1, True), ("0.0.0.0", 8080, True)],
        ),
        ("gunicorn app:app", {"GUNICORN_CMD_ARGS": "--bind 0.0.0.0:8080"}, ALL),
        ("gunicorn app:app -b :1", {"GUNICORN_CMD_ARGS": "--bind 0.0.0.0:8080"}, [("", 1, True)]),
        ("gunicorn -b 0.0.0.0:8080 -D app:app", {}, [("0.0.0.0", 8080, False)]),
        ("python -m gunicorn -b 0.0.0.0:8080 app:app", {}, ALL),
        ("gunicorn -b 0.0.0.0:8080 app:make()", {}, ALL),
        ("uvicorn app:app", {}, [("127.0.0.1", 8000, True)]),
        ("uvicorn app:app --host 0.0.0.0 --port 8080", {}, ALL),
        ("uvicorn --host=0.0.0.0 --port=8080 app:app --workers 2", {}, ALL),
        ("uvicorn app:app", {"UVICORN_HOST": "0.0.0.0", "UVICORN_PORT": "8080"}, ALL),
        ("uvicorn app:app --port 8080", {"UVICORN_HOST": None}, [(None, 8080, True)]),
        ("python3 -m uvicorn app:make --factory --host 0.0.0.0 --port 8080", {}, ALL),
        ("flask run", {}, [("127.0.0.1", 5000, True)]),
        ("flask run --host=0.0.0.0 --port=8080", {"FLASK_APP": "app"}, ALL),
        ("flask run -h 0.0.0.0 -p 8080", {"FLASK_APP": "app.py"}, ALL),
        ("flask --app app:make run -h 0.0.0.0 -p 8080", {}, ALL),
        ("flask run", {"FLASK_RUN_HOST": "0.0.0.0", "FLASK_RUN_PORT": "8080"}, ALL),
        ("python -u -m flask --app app run --host 0.0.0.0 --port 8080", {}, ALL),
        ("python -m http.server 8080", {}, [("", 8080, True)]),
        ("python -m http.server --bind 127.0.0.1", {}, [("127.0.0.1", 8000, True)]),
        ("python -m app", {}, ALL),
        ("python -u app.py", {}, ALL),
        ("python -W ignore -Xutf8 app.py", {}, ALL),
        ("python -c 'import app; app.app.run(\"0.0.0.0\", 8080)'", {}, ALL),
    ],
)
def test_command_lines(
    line: str, env: Mapping[str, str | None] | None, expected: list[tuple[str | None, int | None, bool]]
) -> None:
    source = FLASK + "def make():\n    return app\n" + RUN
    found, gaps, never = shown(source, line, env)
    assert (found, never) == (expected, 0)
    assert gaps == (0 if all(certain for _, _, certain in expected) else gaps)


@pytest.mark.parametrize(
    ("config", "line", "expected"),
    [
        ("bind = '0.0.0.0:8080'", "gunicorn app:app", ALL),
        ("port = 8080\nbind = [f'0.0.0.0:{port}']\nworkers = 2", "gunicorn app:app", ALL),
        ("bind = '0.0.0.0:8080'", "gunicorn -b :1 app:app", [("", 1, True)]),
        ("import os\nbind = '0.0.0.0:' + os.environ.get('P', '8080')", "gunicorn app:app", ALL),
        ("import socket\nbind = socket.gethostname()", "gunicorn app:app", [(None, None, True)]),
        ("workers = 2", "gunicorn app:app", [("127.0.0.1", 8000, True)]),
        ("bind = '0.0.0.0:8080'\nwsgi_app = 'app:app'", "gunicorn", ALL),
    ],
)
def test_gunicorn_config_file(config: str, line: str, expected: object) -> None:
    assert shown({"app.py": FLASK, "gunicorn.conf.py": config}, line)[0] == expected
    named = line.replace("gunicorn", "gunicorn -c conf/g.py", 1)
    assert shown({"app.py": FLASK, "conf/g.py": config}, named)[0] == expected


def test_gunicorn_config_file_of_other_name_is_not_read() -> None:
    assert shown({"app.py": FLASK, "g.py": "bind = ':8080'"}, "gunicorn app:app")[0] == [
        ("127.0.0.1", 8000, True)
    ]


def test_unix_socket_has_no_address() -> None:
    (one,) = listening({"app.py": FLASK}, "gunicorn -b unix:/run/a.sock app:app").listeners
    assert (one.host, one.port, one.socket) == (None, None, "/run/a.sock")


@pytest.mark.parametrize(
    ("line", "tls"),
    [
        ("gunicorn --certfile c.pem app:app", True),
        ("uvicorn app:app --ssl-certfile=c.pem", True),
        ("flask run", False),
    ],
)
def test_tls(line: str, *, tls: bool) -> None:
    assert [one.tls for one in listening({"app.py": FLASK}, line).listeners] == [tls]


@pytest.mark.parametrize(
    ("source", "line", "without", "message"),
    [
        (FLASK + RUN, "python app.py", "flask", "flask is imported, and is not in the image"),
        (FASTAPI, "uvicorn app:app", "fastapi", "fastapi is imported, and is not in the image"),
        (FLASK, "gunicorn app:app", "gunicorn", "gunicorn is not among"),
        (FLASK, "python -m uvicorn app:app", "uvicorn", "uvicorn is not among"),
        (FLASK, "gunicorn nothing:app", "", "nothing is imported, and is not in the image"),
        (FLASK, "gunicorn app:other", "", "app has no other"),
        (FLASK, "uvicorn app", "", "MODULE:ATTRIBUTE"),
        (FLASK, "gunicorn --check-config app:app", "", "only checks"),
        (FLASK + "raise RuntimeError\n" + RUN, "python app.py", "", "raises an exception"),
        ("import sys\nsys.exit(1)\n" + FLASK + RUN, "python app.py", "", "ends the program"),
        (FASTAPI + "uvicorn.run(app, reload=True)", "python app.py", "", "import string"),
        (FLASK + RUN, "python missing.py", "", "not in the image"),
    ],
)
def test_never_listens(source: str, line: str, without: str, message: str) -> None:
    packages = tuple(name for name in PACKAGES if name != without)
    root = image({"app.py": source}, packages=packages)
    command = start(root, line)
    if without and command.steps[0].program is None:
        root = image(
            {"app.py": source},
            program(f"usr/local/bin/{without}", "#!/usr/local/bin/python3.11\n"),
            packages=packages,
        )
        command = start(root, line)
    found = find_listeners(command, root)
    assert found.listeners == ()
    assert found.gaps == ()
    assert message in found.never[0].message


@pytest.mark.parametrize(
    "source",
    [
        "import dash\ndash.Dash().run()",
        "import gradio\ngradio.Something().launch()",
        "import subprocess\nsubprocess.Popen(open('/x').read())",
        "import socket\ns = socket.socket()\ns.bind(('', 8080))",
        "from server import thing\nthing()",
        "import importlib, sys\nimportlib.import_module(sys.argv[1])",
        "exec(open('x').read())",
        "import tornado.web",
        "f = (((\n",
        "from flask import Flask\nclass A(Flask):\n    pass\ngetattr(A('x'), input())()",
    ],
)
def test_not_understood_is_a_gap(source: str) -> None:
    packages = (*PACKAGES, "dash", "server")
    found = listening({"app.py": source}, packages=packages)
    certain = [one for one in found.listeners if one.certain]
    assert certain == []
    assert found.gaps or found.never


@pytest.mark.parametrize(
    "source",
    [
        "print('hello')",
        "import time\nwhile True:\n    time.sleep(1)",
        "import json, os\nos.makedirs('x')",
        FLASK + "@app.route('/')\ndef f(): pass",
        FASTAPI,
    ],
)
def test_a_program_that_provably_serves_nothing(source: str) -> None:
    found = listening({"app.py": source})
    assert found.listeners == ()
    assert found.gaps == ()


def test_imported_module_does_not_run_its_main_block() -> None:
    assert shown({"app.py": "import server", "server.py": FLASK + RUN})[0] == []


def test_constants_of_sibling_modules_and_packages() -> None:
    sources = {
        "app.py": "from conf import *\nfrom pkg.web import app\napp.run(HOST, PORT)",
        "conf.py": "HOST = '0.0.0.0'\nfrom numbers_ import PORT",
        "numbers_.py": "PORT = 8080",
        "pkg/__init__.py": "",
        "pkg/web.py": "from .made import make\nfrom . import made\napp = make()",
        "pkg/made.py": "from flask import Flask\ndef make():\n    return Flask('x')",
    }
    assert shown(sources)[0] == ALL


def test_import_fallback() -> None:
    source = (
        "try:\n    from missing import HOST\nexcept ImportError:\n    HOST = '0.0.0.0'\n"
        + FLASK
        + "app.run(HOST, 8080)"
    )
    assert shown(source)[0] == ALL


def test_what_a_maybe_exit_leaves_uncertain() -> None:
    source = FLASK + "import random, sys\nif random.random() > 1:\n    sys.exit(1)\n" + RUN
    assert shown(source)[0] == [("0.0.0.0", 8080, False)]


def test_step_that_is_not_certain() -> None:
    root = image({"app.py": FLASK})
    command = start(root, "gunicorn app:app", certain=False)
    assert [one.certain for one in find_listeners(command, root).listeners] == [False]


def test_harmless_and_unknown_programs() -> None:
    root = rootfs(
        [program("bin/mkdir"), program("opt/server"), program("bin/busybox"), symlink("bin/cp", "busybox")]
    )
    steps = [
        Step(argv=(name, "x"), program=root.resolve(path))
        for name, path in (("mkdir", "bin/mkdir"), ("cp", "bin/cp"))
    ]
    assert find_listeners(StartCommand(argv=(), steps=tuple(steps)), root).gaps == ()
    unknown = Step(argv=("/opt/server",), program=root.resolve("opt/server"))
    assert len(find_listeners(StartCommand(argv=(), steps=(unknown,)), root).gaps) == 1


def test_library_of_another_python_does_not_count() -> None:
    sources = [
        file("app/app.py", FLASK + RUN),
        program("usr/local/bin/python3.11"),
        program("usr/bin/python3.9"),
    ]
    sites = [
        file("usr/lib/python3/dist-packages/flask/__init__.py"),
        file("usr/local/lib/python3.11/site-packages/x.py"),
    ]
    root = rootfs([*sources, *sites])
    found = find_listeners(start(root, "python app.py"), root)
    assert (found.listeners, len(found.never)) == ((), 1)
    step = Step(
        argv=("python3.9", "app.py"),
        program=root.resolve("usr/bin/python3.9"),
        script="app/app.py",
        cwd="/app",
    )
    assert [one.certain for one in find_listeners(StartCommand(argv=(), steps=(step,)), root).listeners] == [
        True
    ]


def test_virtual_environment() -> None:
    items = [
        file("app/app.py", FLASK + RUN), program("usr/bin/python3.11"), symlink("venv/bin/python", "/usr/bin/python3.11"),
        file("venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n"),
        file("venv/lib/python3.11/site-packages/flask/__init__.py"), file("usr/lib/python3/dist-packages/numpy/__init__.py"),
    ]  # fmt: skip
    root = rootfs(items)
    for word, env in (("/venv/bin/python", {}), ("python", {"PATH": "/venv/bin:/usr/bin"})):
        step = Step(argv=(word, "app.py"), program=root.resolve("usr/bin/python3.11"), env=env, cwd="/app")
        assert [
            one.certain for one in find_listeners(StartCommand(argv=(), steps=(step,)), root).listeners
        ] == [True]
    system = Step(
        argv=("/usr/bin/python3.11", "app.py"), program=root.resolve("usr/bin/python3.11"), cwd="/app"
    )
    assert len(find_listeners(StartCommand(argv=(), steps=(system,)), root).never) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 100_000,
        "x = " + "+".join(["1"] * 100_000),
        "x" + ".a" * 50_000,
        "def f():\n    f()\nf()",
        "import app",
        "x = []\n" * 100_000,
        "x = 'a'\n" + "x = x + x\n" * 100,
        "x = f\n" + "x = x(x)\n" * 5_000,
        "for a in range(60):\n" + "".join(" " * n + f"for b{n} in range(60):\n" for n in range(1, 15)) + " " * 15 + "pass",
        "\0",
        "if a:\n" + "".join(" " * n + "if a:\n" for n in range(1, 90)) + " " * 90 + "pass",
    ],
)  # fmt: skip
def test_hostile_sources_end(source: str) -> None:
    found = listening({"app.py": source})
    assert found.listeners == ()


@pytest.mark.parametrize(
    ("shebang", "expected"),
    [
        ("#!/usr/local/bin/python3.11", ALL),
        ("#!/usr/bin/env python3.11", ALL),
        ("#!/bin/sh", []),
        ("", []),
        ("#!/opt/x", None),
    ],
)
def test_script_by_its_own_name(shebang: str, expected: list[object] | None) -> None:
    root = image({}, program("app/serve", f"{shebang}\n{FLASK}{RUN}"), program("bin/sh"))
    step = Step(argv=("./serve",), program=root.resolve("app/serve"), script="app/serve", cwd="/app")
    found = find_listeners(StartCommand(argv=(), steps=(step,)), root)
    assert [(one.host, one.port, one.certain) for one in found.listeners] == (expected or [])
    assert bool(found.gaps) is (expected is None)


def test_a_missing_program_never_listens() -> None:
    root = image({})
    found = find_listeners(start(root, "nothing"), root)
    assert (found.listeners, found.gaps, len(found.never)) == ((), (), 1)


def test_variables_that_are_not_seen() -> None:
    for source in ("from flask import *", "globals()['app'] = 1", "def __getattr__(name): pass"):
        found = listening({"app.py": source}, "gunicorn app:app")
        assert found.never == ()
        assert len(found.listeners) == 1


def test_a_module_on_the_path_comes_before_a_directory_of_its_name() -> None:
    # "cd /; PYTHONPATH=/app": /app itself is a directory without __init__.py (PEP 420).
    root = image({"app.py": FLASK})
    step = start(root, "gunicorn -b :8080 app:app", {"PYTHONPATH": "/app"}).steps[0]
    moved = attrs.evolve(step, cwd="/")
    found = find_listeners(StartCommand(argv=("gunicorn",), steps=(moved,)), root)
    assert (found.never, [one.port for one in found.listeners if one.certain]) == ((), [8080])
    spaces = image({"main.py": "from parts.web import app\n" + RUN, "parts/web.py": FLASK})
    assert find_listeners(start(spaces, "python main.py"), spaces).listeners[0].certain


def test_leftover_directory_is_no_package() -> None:
    root = image({"app.py": FLASK + RUN}, file(f"{SITE}/flask/__pycache__/x.pyc"), packages=())
    assert len(find_listeners(start(root, "python app.py"), root).never) == 1


@pytest.mark.parametrize(
    ("line", "certain"),
    [("gunicorn app:app", False), ("flask --app app run", True), ("flask --app app run -p 1", True)],
)
def test_server_inside_an_imported_application(line: str, *, certain: bool) -> None:
    found = listening({"app.py": FLASK + "app.run('0.0.0.0', 8080)"}, line)
    assert [one.certain for one in found.listeners] == [certain]
    assert bool(found.gaps) is not certain


def test_other_programs_beside_a_server() -> None:
    assert (
        len(
            listening({"app.py": FLASK + "import subprocess\nsubprocess.Popen('x')"}, "gunicorn app:app").gaps
        )
        == 1
    )


def test_a_variable_that_the_image_does_not_set_may_be_given_when_it_is_deployed() -> None:
    found = listening({"app.py": FLASK + "import os\nos.environ['NONE']\n" + RUN})
    assert [(one.port, one.certain) for one in found.listeners] == [(8080, False)]
    assert any("NONE is not set" in gap.message for gap in found.gaps)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("open('/model/weights.bin')", "/model/weights.bin is read and is not in the image"),
        ("import torch\ntorch.load('weights.pt')", "/app/weights.pt is read and is not in the image"),
        ("open('/log/x', 'w')", "its directory is not in the image"),
        ("undefined_name", "undefined_name is not defined"),
        ("app.config.update(**settings)", "settings is not defined"),
    ],
)
def test_what_may_stop_a_program_before_its_server(line: str, words: str) -> None:
    found = listening({"app.py": FLASK + line + "\n" + RUN}, packages=(*PACKAGES, "torch"))
    assert [one.certain for one in found.listeners] == [False]
    assert any(words in gap.message for gap in found.gaps)


@pytest.mark.parametrize(
    "line",
    [
        "open('/app/x', 'w')",
        "import os; os.makedirs('/log'); open('/log/x', 'w')",
        "open('/tmp/x')",
        "open('app.py')",
        "open(input())",
    ],
)
def test_what_does_not_stop_a_program(line: str) -> None:
    assert shown(FLASK + line + "\n" + RUN)[0] == ALL


@pytest.mark.parametrize(
    ("source", "tls"),
    [
        ("", False),
        ("import ssl\ns.socket = ssl.SSLContext().wrap_socket(s.socket, server_side=True)\n", True),
        ("import ssl\ns.socket = ssl.wrap_socket(s.socket)\n", True),
        ("if input():\n    s.socket = input()\n", None),
    ],
)
def test_tls_of_a_server_in_source(source: str, *, tls: bool | None) -> None:
    made = "import http.server\ns = http.server.HTTPServer(('', 8080), None)\n" + source + "s.serve_forever()"
    assert [one.tls for one in listening({"app.py": made}).listeners] == [tls]
    spread = FLASK + "app.run('0.0.0.0', 8080, **input())"
    assert [one.tls for one in listening({"app.py": spread}).listeners] == [None]
