"""
Every server that is known has a case that listens, one that certainly does not, and one that stays open: whole images,
opened and judged as a user's are.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from imagespec import api
from imagespec.analyzers.servers.listeners import COMMANDS
from tests.build import Item, config, directory, docker_archive, file, layer, program
from tests.services import APP, BASE
from tests.springjars import boot_jar, image_of, zipped

MODEL_SERVERS = ("torchserve", "tritonserver", "tensorflow_model_server", "mlserver", "vllm", "bentoml")
"""What they load decides at run time whether they come up: they never pass."""
ALIASES = {"openresty": "nginx", "waitress": "waitress-serve", "vllm.entrypoints.openai.api_server": "vllm"}
PROGRAMS = (
    "uwsgi",
    "supervisord",
    "openresty",
    "mystery",
    *MODEL_SERVERS,
)
WEB = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/health')\ndef health(): return {}\n"
SANIC = (
    (
        "app/s.py",
        "from sanic import Sanic, text\napp = Sanic('a')\n@app.get('/')\nasync def h(request): return text('x')\n",
    ),
)


@attrs.frozen
class Case:
    """A command for ``sh -c``, and files."""

    command: str
    files: tuple[tuple[str, str], ...] = ()


def nginx(site: str, top: str = "") -> Case:
    text = f"daemon off;\n{top}\nevents {{}}\nhttp {{ server {{ {site} }} }}"
    return Case("exec nginx", (("etc/nginx/nginx.conf", text),))


def supervised(command: str, more: str = "") -> Case:
    text = f"[supervisord]\nnodaemon=true\n[program:a]\ncommand={command}\n{more}"
    return Case("exec supervisord", (("etc/supervisord.conf", text),))


def in_source(text: str) -> Case:
    return Case("exec python main.py", (("app/main.py", text),))


def served_by(framework: str, application: str, serve: str) -> tuple[Case, Case, Case]:
    return tuple(
        in_source(
            f"import os, {framework}\n{application}\n" + serve.replace("HOST", host).replace("PORT", port)
        )
        for host, port in (
            ("'0.0.0.0'", "8080"),
            ("'127.0.0.1'", "8080"),
            ("'0.0.0.0'", "int(open('/x').read())"),
        )
    )  # type: ignore[return-value]


PASS_FAIL_OPEN: dict[str, tuple[Case | None, Case, Case]] = {
    "gunicorn": (
        Case("exec gunicorn -b 0.0.0.0:8080 app:app"),
        Case("exec gunicorn app:app"),
        Case("exec gunicorn -b 0.0.0.0:$(cat /x) app:app"),
    ),
    "uvicorn": (
        Case("exec uvicorn --host 0.0.0.0 --port 8080 web:app"),
        Case("exec uvicorn --port 8080 web:app"),
        Case("exec uvicorn --host 0.0.0.0 --port $(cat /x) web:app"),
    ),
    "flask": (
        Case("exec flask run --host 0.0.0.0 --port 8080"),
        Case("exec flask run --host 0.0.0.0"),
        Case("exec flask run --host 0.0.0.0 --port $(cat /x)"),
    ),
    "hypercorn": (
        Case("exec hypercorn -b 0.0.0.0:8080 web:app"),
        Case("exec hypercorn web:app"),
        Case("exec hypercorn -b 0.0.0.0:$(cat /x) web:app"),
    ),
    "waitress-serve": (
        Case("exec waitress-serve --port 8080 app:app"),
        Case("exec waitress-serve --port 9000 app:app"),
        Case("exec waitress-serve --port $(cat /x) app:app"),
    ),
    "uwsgi": (
        Case("exec uwsgi --http-socket 0.0.0.0:8080 -w app:app"),
        Case("exec uwsgi --http-socket 127.0.0.1:8080 -w app:app"),
        Case("exec uwsgi --emperor /etc/uwsgi"),
    ),
    "nginx": (
        nginx("listen 8080; location / { return 200 ok; }"),
        nginx("listen 127.0.0.1:8080; location / { return 200 ok; }"),
        nginx("listen 8080; no_such_directive on;"),
    ),
    "supervisord": (
        supervised("gunicorn -b 0.0.0.0:8080 app:app", "directory=/app\n"),
        supervised("gunicorn -b 127.0.0.1:8080 app:app", "directory=/app\n"),
        supervised("/usr/local/bin/mystery"),
    ),
    "torchserve": (
        None,
        Case("exec torchserve --start --foreground --model-store /models"),
        Case("exec torchserve --start --foreground --ts-config /c.properties", (("c.properties", "inference_address=http://0.0.0.0:8080\n"),)),
    ),
    "tritonserver": (None, Case("exec tritonserver --allow-http=false"), Case("exec tritonserver --http-port 8080")),
    "tensorflow_model_server": (
        None,
        Case("exec tensorflow_model_server --port=8500"),
        Case("exec tensorflow_model_server --rest_api_port=8080"),
    ),
    "mlserver": (None, Case("exec mlserver --help"), Case("exec mlserver start .")),
    "vllm": (None, Case("exec vllm serve m"), Case("exec vllm serve m --port 8080")),
    "bentoml": (None, Case("exec bentoml serve x"), Case("exec bentoml serve x --port 8080")),
    "sanic": (
        Case("exec sanic s:app --host 0.0.0.0 --port 8080", SANIC),
        Case("exec sanic s:app", SANIC),
        Case("exec sanic s:app --host 0.0.0.0 --port $(cat /x)", SANIC),
    ),
    "flask in source": served_by("flask", "app = flask.Flask('x')", "app.run(host=HOST, port=PORT)\n"),
    "uvicorn in source": served_by("uvicorn", "from web import app", "uvicorn.run(app, host=HOST, port=PORT)\n"),
    "tornado in source": served_by(
        "tornado.web, tornado.ioloop",
        "app = tornado.web.Application([])",
        "app.listen(PORT, address=HOST)\ntornado.ioloop.IOLoop.current().start()\n",
    ),
    "aiohttp in source": served_by("aiohttp.web", "app = aiohttp.web.Application()", "aiohttp.web.run_app(app, host=HOST, port=PORT)\n"),
    "bottle in source": served_by("bottle", "", "bottle.run(host=HOST, port=PORT)\n"),
    "waitress in source": served_by("waitress", "from app import app", "waitress.serve(app, host=HOST, port=PORT)\n"),
    "gradio in source": served_by(
        "gradio", "app = gradio.Interface(fn=len, inputs='text', outputs=gradio.Label())", "app.queue().launch(server_name=HOST, server_port=PORT)\n"
    ),
    "http.server in source": served_by(
        "http.server", "h = http.server.SimpleHTTPRequestHandler", "http.server.HTTPServer((HOST, PORT), h).serve_forever()\n"
    ),
}  # fmt: skip
CASES = [
    (server, verdict, case)
    for server, cases in PASS_FAIL_OPEN.items()
    for verdict, case in zip(("pass", "fail", "unknown"), cases, strict=True)
    if case is not None
]


def verdict_of(case: Case, rule: str = "service-port") -> tuple[str, Any]:
    site = "usr/local/lib/python3.11/site-packages"
    packages = [
        file(f"{site}/{name}/__init__.py") for name in ("tornado", "aiohttp", "bottle", "sanic", "gradio")
    ]
    base: Sequence[Item] = (
        *BASE,
        directory("models"),
        *packages,
        program("usr/local/bin/sanic", "#!/usr/local/bin/python3.11\nimport sanic\n"),
        *(program(f"usr/local/bin/{name}") for name in PROGRAMS),
    )
    items = [APP, file("app/web.py", WEB), *(file(path, text) for path, text in case.files)]
    layers = [layer(*base), layer(*items)]
    run = {
        "WorkingDir": "/app",
        "Cmd": ["sh", "-c", case.command],
        "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    }
    report = api.check(io.BytesIO(docker_archive(layers, config(layers, run))))
    image = report.inputs[0].images[0]
    (result,) = [result for result in image.results if result.rule == rule]
    return image.verdict(rule), result


@pytest.mark.parametrize(
    ("server", "verdict", "case"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_outcome(server: str, verdict: str, case: Case) -> None:
    found, result = verdict_of(case)
    assert found == verdict, (server, result)
    assert result.outcome.evidence


@pytest.mark.parametrize(
    ("verdict", "jar"),
    [
        ("pass", boot_jar()),
        ("fail", boot_jar(application__properties="server.port=9000\n")),
        ("unknown", zipped({"META-INF/MANIFEST.MF": "Main-Class: a.Server\n"})),
    ],
    ids=["pass", "fail", "unknown"],
)
def test_each_outcome_of_java(verdict: str, jar: bytes) -> None:
    image = api.check(io.BytesIO(image_of(jar))).inputs[0].images[0]
    assert image.verdict("service-port") == verdict


def test_every_server_has_its_cases() -> None:
    assert {ALIASES.get(name, name) for name in COMMANDS} - set(PASS_FAIL_OPEN) == {"java"}
    assert {name for name, cases in PASS_FAIL_OPEN.items() if cases[0] is None} == set(MODEL_SERVERS)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("app.launch()", "fail"),
        ("app.launch(server_name='0.0.0.0', server_port=8080, prevent_thread_lock=True)", "unknown"),
        ("app.launch(server_name='0.0.0.0', server_port=8080, share=True)", "unknown"),
        ("os.environ['GRADIO_SERVER_PORT'] = '8080'\napp.launch(server_name='0.0.0.0')", "unknown"),
        ("os.environ['HTTP_PROXY'] = 'x'\napp.launch(server_name='0.0.0.0', server_port=8080)", "unknown"),
        ("class A(gradio.Blocks):\n    pass\nA().launch(server_name='0.0.0.0', server_port=8080)", "unknown"),
        ("with app:\n    gradio.Textbox()\napp.launch(server_name='0.0.0.0', server_port=8080)", "pass"),
    ],
)
def test_gradio(text: str, verdict: str) -> None:
    """What the source of gradio 6.31 says; a plain launch was run as well, and came up as is said here."""
    assert verdict_of(in_source(f"import os, gradio\napp = gradio.Blocks()\n{text}\n"))[0] == verdict
