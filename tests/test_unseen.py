"""
Programs as users write them, of the kinds that a set of images by somebody who had not seen the analyzers brought up:
small images judged through the whole pipeline, each kind beside its opposite.
"""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from imagespec import api
from tests.build import Item, config, directory, docker_archive, file, layer, program, symlink
from tests.python_images import SITE
from tests.services import APP, BASE

MODEL = {
    "model_type": "Image",
    "model_algorithm": "x",
    "apis": [{"url": "/predict", "method": "post"}],
    "health": {"url": "/health"},
}
FLASK = """
from flask import Flask
app = Flask(__name__)
@app.route('/predict', methods=['POST'])
def predict(): return 'x'
@app.route('/health')
def health(): return 'ok'
"""
RUN = "app.run(host='0.0.0.0', port=8080)\n"
FASTAPI = """
from fastapi import FastAPI, HTTPException
app = FastAPI()
@app.get('/health')
def health(): return {}
"""


def outcome(
    rule: str,
    command: list[str],
    *files: tuple[str, str] | Item,
    packages: tuple[str, ...] = (),
    apis: list[dict[str, str]] | None = None,
    **run: Any,
) -> str:
    """Return the verdict of one rule on an image that starts ``command`` in /app."""
    items = [one if isinstance(one, Item) else file(*one) for one in files]
    document = json.dumps(MODEL | ({"apis": apis} if apis else {}))
    own = [APP, file("home/mind/model/config.json", document), *items]
    layers = [layer(*BASE, *(file(f"{SITE}/{name}/__init__.py") for name in packages)), layer(*own)]
    settings = {
        "WorkingDir": "/app",
        "Cmd": command,
        "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *run.pop("env", ())],
        **run,
    }
    report = api.check(io.BytesIO(docker_archive(layers, config(layers, settings))))
    return str(report.inputs[0].images[0].verdict(rule))


def port_of(text: str, *more: tuple[str, str] | Item, **run: Any) -> str:
    """Return the verdict of service-port on a program of one file and what else the image has."""
    return outcome("service-port", ["python", "main.py"], ("app/main.py", text), *more, **run)


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("asgi:app", "asgi", "pass"),
        ("asgi:web:app", "web", "pass"),
        ("wsgi:app", "web", "fail"),
        ("both:web:app", "web", "fail"),
    ],
)
def test_a_module_called_as_an_interface_is_a_module(target: str, name: str, expected: str) -> None:
    command = ["hypercorn", "-b", "0.0.0.0:8080", target]
    assert outcome("service-port", command, (f"app/{name}.py", FASTAPI)) == expected


@pytest.mark.parametrize(
    ("count", "guarded", "expected"), [(0, False, "fail"), (2, False, "pass"), (0, True, "pass")]
)
def test_a_division_by_zero_ends_the_program(count: int, guarded: bool, expected: str) -> None:
    step = "STEPS = 100 // int(os.environ['BATCH'])"
    lines = f"try:\n    {step}\nexcept ArithmeticError:\n    STEPS = 1\n" if guarded else step + "\n"
    assert port_of(f"import os\n{lines}{FLASK}{RUN}", env=(f"BATCH={count}",)) == expected


def test_a_relative_import_of_a_program_that_is_no_package_ends_it() -> None:
    files = (
        ("app/pkg/__init__.py", ""),
        ("app/pkg/names.py", "A = 1\n"),
        ("app/pkg/main.py", "from .names import A\n" + FLASK + RUN),
    )
    assert outcome("service-port", ["python", "pkg/main.py"], *files) == "fail"
    assert outcome("service-port", ["python", "-m", "pkg.main"], *files) == "pass"


@pytest.mark.parametrize(
    ("folder", "mode", "user", "expected"),
    [
        (0o700, 0o644, "1000", "unknown"),
        (0o755, 0o600, "1000", "unknown"),
        (0o755, 0o644, "1000", "pass"),
        (0o700, 0o600, "", "pass"),
    ],
)
def test_sources_that_the_user_may_not_read(folder: int, mode: int, user: str, expected: str) -> None:
    files = (directory("app/model", mode=folder), file("app/model/__init__.py", "A = 1\n", mode=mode))
    assert port_of("import model\n" + FLASK + RUN, *files, User=user) == expected


@pytest.mark.parametrize(
    ("mode", "user", "expected"), [(0o600, "1000", "unknown"), (0o644, "1000", "pass"), (0o600, "", "pass")]
)
def test_data_that_the_user_may_not_read(mode: int, user: str, expected: str) -> None:
    weights = file("app/weights.bin", "x", mode=mode)
    assert port_of("data = open('weights.bin', 'rb').read()\n" + FLASK + RUN, weights, User=user) == expected


@pytest.mark.parametrize(
    ("name", "user", "expected"),
    [
        ("'calls.db'", "1000", "unknown"),
        ("'calls.db'", "", "pass"),
        ("':memory:'", "1000", "pass"),
        ("'/tmp/calls.db'", "1000", "pass"),
    ],
)
def test_a_database_where_the_user_may_not_write(name: str, user: str, expected: str) -> None:
    start = f"import sqlite3\nbase = sqlite3.connect({name})\nbase.execute('select 1')\n"
    assert port_of(start + FLASK + RUN, directory("tmp", mode=0o1777), User=user) == expected


TORNADO = """
import tornado.ioloop
import tornado.web
from tornado.options import define, options, parse_command_line, parse_config_file
define("port", default=8888, type=int)
define("address", default="0.0.0.0")
define("config", type=str, callback=lambda path: parse_config_file(path, final=False))
parse_command_line()
tornado.web.Application([]).listen(options.port, options.address)
tornado.ioloop.IOLoop.current().start()
"""


@pytest.mark.parametrize(
    ("words", "settings", "expected"),
    [
        (["--config=s.conf"], "port = 8080\n", "pass"),
        (["--config=s.conf"], "port = 9090\n", "fail"),
        (["--config=s.conf"], "port = 8080\nimport os\n", "unknown"),
        (["--config=s.conf", "--port=8080"], "port = 9090\n", "unknown"),
        ([], "port = 8080\n", "fail"),
        (["--port=8080"], "", "pass"),
    ],
)
def test_tornados_options(words: list[str], settings: str, expected: str) -> None:
    files = (("app/main.py", TORNADO), ("app/s.conf", settings))
    command = ["python", "main.py", *words]
    assert outcome("service-port", command, *files, packages=("tornado",)) == expected


LOGGING = "{'version': 1, 'handlers': {'console': {'class': 'logging.StreamHandler', 'stream': 'ext://sys.stdout'}}%s}"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            ", 'root': {'level': 'INFO', 'handlers': ['console']}",
            "fail",
        ),  # gunicorn's own loggers are still there
        (", 'loggers': {}, 'root': {'level': 'INFO', 'handlers': ['console']}", "pass"),
        (", 'loggers': {'gunicorn.error': {'handlers': ['file']}}", "fail"),
    ],
)
def test_gunicorns_dictionary_for_logging(more: str, expected: str) -> None:
    text = "bind = '0.0.0.0:8080'\nlogconfig_dict = " + LOGGING % more
    command = ["gunicorn", "-c", "g.py", "app:app"]
    assert outcome("service-port", command, ("app/g.py", text)) == expected
    assert outcome("log-output", command, ("app/g.py", text)) == ("pass" if expected == "pass" else "unknown")


def test_gunicorns_dictionary_that_logs_to_a_file() -> None:
    handlers = "{'console': {'class': 'logging.FileHandler', 'filename': '/var/g.log'}}"
    text = (
        "bind = '0.0.0.0:8080'\nlogconfig_dict = {'version': 1, 'loggers': {}, 'handlers': " + handlers + "}"
    )
    assert outcome("log-output", ["gunicorn", "-c", "g.py", "app:app"], ("app/g.py", text)) == "unknown"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", 'root': {'handlers': ['console']}", "pass"),
        (", 'root': {'handlers': ['consol']}", "fail"),
        (", 'loggers': {'a': {'handlers': [NAME]}}", "pass"),
    ],
)
def test_a_dictionary_for_logging_that_is_refused(more: str, expected: str) -> None:
    start = (
        f"import logging.config\nfrom os import name as NAME\nlogging.config.dictConfig({LOGGING % more})\n"
    )
    assert port_of(start + FLASK + RUN) == expected


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("structlog.PrintLoggerFactory()", "pass"),
        ("structlog.WriteLoggerFactory(file=sys.stderr)", "pass"),
        ("structlog.WriteLoggerFactory(file=open('/app/x.log', 'a'))", "fail"),
        ("structlog.PrintLoggerFactory(open(sys.argv[0] + '.log', 'a'))", "fail"),
        ("structlog.PrintLoggerFactory(unknown())", "unknown"),
    ],
)
def test_structlog(factory: str, expected: str) -> None:
    start = f"import sys, structlog\nfrom structlog import unknown\nstructlog.configure(logger_factory={factory})\n"
    command = ["python", "-u", "main.py"]
    files = ("app/main.py", start + FLASK + RUN)
    assert outcome("log-output", command, files, packages=("structlog",)) == expected


def test_a_handler_over_a_file_that_the_program_opened() -> None:
    start = "import logging\nlogging.getLogger().addHandler(logging.StreamHandler(open('/app/x.log', 'a')))\n"
    assert outcome("log-output", ["python", "-u", "main.py"], ("app/main.py", start + FLASK + RUN)) == "fail"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "    if name not in MODELS:\n        raise HTTPException(status_code=404)\n    return {}\n",
            "unknown",
        ),
        ("    if name not in MODELS:\n        raise HTTPException(404)\n    return {}\n", "unknown"),
        (
            "    try:\n        m = MODELS[name]\n    except KeyError:\n        raise HTTPException(404)\n    return m\n",
            "unknown",
        ),
        (
            "    m = MODELS.get(name)\n    if m is None:\n        raise HTTPException(404)\n    return m\n",
            "unknown",
        ),
        ("    if len(name) > 40:\n        raise HTTPException(400)\n    return {}\n", "pass"),
        ("    if not MODELS:\n        raise HTTPException(404)\n    return {}\n", "pass"),
    ],
)
def test_handlers_that_answer_404_to_some_values_in_the_url(body: str, expected: str) -> None:
    text = f"{FASTAPI}import os\nMODELS = dict.fromkeys(os.listdir('/models'))\n@app.post('/v1/{{name}}/infer')\ndef infer(name: str):\n{body}"
    command = ["uvicorn", "--host", "0.0.0.0", "--port", "8080", "web:app"]
    apis = [{"url": "/v1/a/infer", "method": "post"}]
    assert outcome("inference-api", command, ("app/web.py", text), directory("models"), apis=apis) == expected


@pytest.mark.parametrize(
    ("body", "expected"), [("    if name != 'a':\n        abort(404)\n", "unknown"), ("", "pass")]
)
def test_flask_handlers_that_answer_404_to_some_values_in_the_url(body: str, expected: str) -> None:
    text = f"from flask import abort{FLASK}@app.post('/v1/<name>')\ndef infer(name):\n{body}    return name\n{RUN}"
    apis = [{"url": "/v1/a", "method": "post"}]
    assert outcome("inference-api", ["python", "main.py"], ("app/main.py", text), apis=apis) == expected


@pytest.mark.parametrize(
    "script",
    [
        "MAIN=$BASE/bin/$NAME/main.py\nexec python $MAIN\n",
        "exec python $BASE/bin/$NAME/main.py\n",
        "export MAIN=$BASE/bin/$NAME/$FILE.py\nexec python $MAIN\n",
        'exec python "$BASE"/bin/$NAME/main.py >> $BASE/bin/$NAME/stream 2>&1\n',
        "set -- $BASE/bin/$NAME/main.py\nexec python $1\n",
    ],
)
def test_words_of_several_variables_without_braces(script: str) -> None:
    start = "BASE=/app\nNAME=x\nFILE=main\n"
    stream = symlink("app/bin/x/stream", "/dev/stdout")
    files = (("app/run.sh", start + script), ("app/bin/x/main.py", FLASK + RUN), stream)
    assert outcome("service-port", ["sh", "run.sh"], *files) == "pass"
    assert outcome("log-output", ["sh", "run.sh"], *files) == "pass"


@pytest.mark.parametrize(("shared", "expected"), [("true", "pass"), ("false", "fail")])
@pytest.mark.parametrize(
    "interpreter",
    [symlink("opt/venv/bin/python", "/usr/local/bin/python3.11"), program("opt/venv/bin/python")],
)  # the second by `venv --copies`
def test_a_virtual_environment_with_the_installations_packages(
    interpreter: Item, shared: str, expected: str
) -> None:
    environment = (
        interpreter,
        (
            "opt/venv/pyvenv.cfg",
            f"home = /usr/local/bin\ninclude-system-site-packages = {shared}\nversion = 3.11.2\n",
        ),
        ("opt/venv/lib/python3.11/site-packages/own/__init__.py", ""),
    )
    command = ["/opt/venv/bin/python", "main.py"]
    assert (
        outcome("service-port", command, ("app/main.py", "import own\n" + FLASK + RUN), *environment)
        == expected
    )


TOOLS = (
    program("usr/bin/which", '#!/bin/sh\nfor NAME in "$@"; do type $NAME; done\n'),
    program("usr/bin/curl"),
)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("python --version\npython main.py\n", "pass"),
        ("set -e\nwhich python\npython -V && python main.py\n", "pass"),
        ("pip list\npython main.py\n", "pass"),
        ("curl -fsS --max-time 3 -o /app/model.bin http://x/model || true\nexec python main.py\n", "pass"),
        ("curl -fsS -m 3 -o /app/main.py http://x/model\nexec python main.py\n", "unknown"),
        ("curl -m 3 -O http://x/main.py\nexec python main.py\n", "unknown"),
        ("set -e\ncurl -fsS -m 3 http://x/warm\nexec python main.py\n", "unknown"),
        ("curl -fsS http://x/model\nexec python main.py\n", "unknown"),
        ("set -e\nnvidia-smi\nexec python main.py\n", "fail"),
    ],
)
def test_commands_that_only_tell_something(script: str, expected: str) -> None:
    files = (("app/run.sh", script), ("app/main.py", FLASK + RUN), *TOOLS, program("usr/local/bin/pip"))
    assert outcome("service-port", ["sh", "run.sh"], *files) == expected


STANDALONE = """
from gunicorn.app.base import BaseApplication
from app import app
class Standalone(BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()
    def load_config(self):
        for key, value in self.options.items():
            if key in self.cfg.settings and value is not None:
                self.cfg.set(key.lower(), value)
    def load(self):
        return self.application
"""


@pytest.mark.parametrize(
    ("options", "env", "expected"),
    [
        ("{'bind': '0.0.0.0:%d' % 8080, 'workers': 2}", (), "pass"),
        ("{'bind': ['0.0.0.0:8080']}", (), "pass"),
        ("{'bind': '127.0.0.1:8080'}", (), "fail"),
        ("{'workers': 2}", (), "fail"),
        ("{'workers': 2}", ("PORT=8080",), "pass"),
        ("{'bind': '0.0.0.0:8080', 'daemon': True}", (), "unknown"),
        ("{'bind': '0.0.0.0:8080', 'worker_class': 'some.Worker'}", (), "unknown"),
        ("dict(bind='0.0.0.0:8080', **more())", (), "unknown"),
    ],
)
def test_gunicorn_in_a_program_of_its_own(options: str, env: tuple[str, ...], expected: str) -> None:
    text = f"{STANDALONE}\nfrom flask import more\nStandalone(app, {options}).run()\n"
    assert port_of(text, env=env) == expected
    run = outcome("inference-api", ["python", "main.py"], ("app/main.py", text), env=env)
    assert run == ("unknown" if expected == "unknown" else "pass")


@pytest.mark.parametrize(
    "text",
    [
        STANDALONE.replace("self.cfg.set(key.lower(), value)", "self.cfg.set('bind', value)"),
        STANDALONE.replace("        return self.application", "        return make(self.application)"),
        STANDALONE.replace("self.options = options or {}", "self.options = other(options)"),
    ],
)
def test_other_shapes_of_such_a_program(text: str) -> None:
    assert port_of(text + "Standalone(app, {'bind': '0.0.0.0:8080'}).run()\n") == "unknown"


def test_the_access_log_of_such_a_program() -> None:
    files = (
        "app/main.py",
        STANDALONE + "Standalone(app, {'bind': ':8080', 'accesslog': '/var/a.log'}).run()\n",
    )
    assert outcome("log-output", ["python", "-u", "main.py"], files) == "fail"


INI = "[DEFAULT]\nhost = 0.0.0.0\n[production]\nbase = 80\nport = %(base)s80\nbad = %(port)s\n"


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("section.getint('port')", "pass"),
        ("section.getint('ports', fallback=8080)", "pass"),
        ("config.getint('production', 'ports', fallback=8081)", "fail"),
        ("int(section.get('port', '80'))", "pass"),
        ("section.getint('bad')", "unknown"),
    ],
)
def test_ini_files(port: str, expected: str) -> None:
    start = "import configparser\nconfig = configparser.ConfigParser()\nconfig.read('app.ini')\nsection = config['production']\n"
    text = f"{start}{FLASK}app.run(host=section.get('host'), port={port})\n"
    assert port_of(text, ("app/app.ini", INI)) == expected


@pytest.mark.parametrize(
    ("start", "host", "port", "expected"),
    [
        (
            "D = {'host': '127.0.0.1', 'port': 80}\nD.update({'host': '0.0.0.0'}, port=8080)\n",
            "D['host']",
            "D['port']",
            "pass",
        ),
        ("D = {'port': 8080}\nD.update(port=8081)\n", "'0.0.0.0'", "D['port']", "fail"),
        (
            "from os import other\nD = {'port': 8080}\nD.update(other())\n",
            "'0.0.0.0'",
            "D['port']",
            "unknown",
        ),
        (
            "import sys\nsys.argv += ['--port', '8080']\n",
            "'0.0.0.0'",
            "int(sys.argv[sys.argv.index('--port') + 1])",
            "unknown",
        ),
        ("W = ['-p', '8080']\n", "'.'.join(['0', '0', '0', '0'])", "int(W[W.index('-p') + 1])", "pass"),
        ("W = ['-p', '80']\n", "'.'.join(list('0000'))", "8080", "unknown"),
    ],
)
def test_containers(start: str, host: str, port: str, expected: str) -> None:
    assert port_of(f"{start}{FLASK}app.run(host={host}, port={port})\n") == expected


def test_a_prefix_that_is_joined() -> None:
    text = (
        FLASK
        + "from flask import Blueprint\nb = Blueprint('b', __name__, url_prefix='/'.join(['/api', 'v1']))\n"
    )
    text += "@b.route('/x')\ndef x(): return 'x'\napp.register_blueprint(b)\n" + RUN
    for url, expected in (("/api/v1/x", "pass"), ("/v1/x", "fail")):
        found = outcome(
            "inference-api",
            ["python", "main.py"],
            ("app/main.py", text),
            apis=[{"url": url, "method": "get"}],
        )
        assert found == expected


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        ("server_name='0.0.0.0', server_port=8080", (), "pass"),
        ("server_name='0.0.0.0'", (), "fail"),
        ("server_port=8080", (), "fail"),
        ("", ("GRADIO_SERVER_NAME=0.0.0.0", "GRADIO_SERVER_PORT=8080"), "pass"),
        ("server_name='0.0.0.0', server_port=8080, prevent_thread_lock=True", (), "unknown"),
    ],
)
def test_gradio(arguments: str, env: tuple[str, ...], expected: str) -> None:
    text = f"import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Textbox()\ndemo.queue().launch({arguments})\n"
    assert port_of(text, packages=("gradio",), env=env) == expected


@pytest.mark.parametrize("bases", ["ThreadingMixIn, HTTPServer", "HTTPServer, ThreadingMixIn"])
def test_a_threading_server(bases: str) -> None:
    start = "from http.server import HTTPServer, BaseHTTPRequestHandler\nfrom socketserver import ThreadingMixIn\n"
    text = f"{start}class Server({bases}):\n    daemon_threads = True\n"
    serve = "with Server(('0.0.0.0', 8080), BaseHTTPRequestHandler) as server:\n    server.serve_forever()\n"
    assert port_of(text + serve) == "pass"
    assert port_of(text + serve.replace("0.0.0.0", "127.0.0.1")) == "fail"


PASSWD = "root:x:0:0:root:/root:/bin/sh\nma-user:x:1000:100:,,,:/home/ma-user:/bin/bash\n"


@pytest.mark.parametrize(
    ("user", "expected"), [("ma-user", "pass"), ("1000:100", "pass"), ("1001", "unknown")]
)
def test_a_login_shell_of_the_images_user(user: str, expected: str) -> None:
    profile = ("home/ma-user/.profile", "PATH=/opt/own/bin:$PATH\nexport PATH\n")
    files = (("etc/passwd", PASSWD), profile, ("app/main.py", FLASK + RUN))
    tool = program("opt/own/bin/serve", "#!/bin/sh\nexec /usr/local/bin/python /app/main.py\n")
    command = ["bash", "-lc", "serve"]
    assert outcome("service-port", command, *files, tool, User=user) == expected


@pytest.mark.parametrize(
    "options", ["--reuid=1000 --regid=100 --init-groups", "--reuid ma-user --clear-groups"]
)
def test_an_entrypoint_that_changes_its_user_by_calling_itself(options: str) -> None:
    text = f'#!/bin/sh\nset -e\nif [ "$(id -u)" = "0" ]; then\n    exec setpriv {options} "$0" "$@"\nfi\nexec "$@"\n'
    files = (
        ("etc/passwd", PASSWD),
        program("usr/bin/entry", text),
        program("usr/bin/setpriv"),
        program("usr/bin/id"),
    )
    found = outcome(
        "service-port", ["python", "main.py"], *files, ("app/main.py", FLASK + RUN), Entrypoint=["entry"]
    )
    assert found == "pass"


BASHRC = 'case $- in\n    *i*) ;;\n      *) return;;\nesac\neval "$(dircolors -b)"\n'
PROFILE = 'if [ -n "$BASH_VERSION" ]; then\n    . "$HOME/.bashrc"\nfi\nPATH="$HOME/bin:$PATH"\nif [ -d "$HOME/.local/bin" ]; then PATH="$HOME/.local/bin:$PATH"; fi\n'


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_files_that_a_new_user_has(shell: str) -> None:
    home = (
        ("root/.profile", PROFILE),
        ("root/.bashrc", BASHRC),
        program("root/bin/serve", "#!/bin/sh\nexec python /app/main.py\n"),
    )
    assert outcome("service-port", [shell, "-lc", "serve"], *home, ("app/main.py", FLASK + RUN)) == "pass"


CLICK = """
import click
@click.command()
@click.option('--host', default='0.0.0.0', show_default=True)
@click.option('-p', '--port', default=5000, type=int, envvar='SERVE_PORT')
@click.option('--debug', is_flag=True)
def main(host, port, debug):
    app.run(host=host, port=port)
if __name__ == '__main__':
    main()
"""
GROUP = """
import click
@click.group()
def cli():
    pass
@cli.command()
def train():
    raise SystemExit(1)
@cli.command('serve')
@click.option('--port', 'number', default='5000', type=click.INT)
def start(number):
    app.run(host='0.0.0.0', port=number)
cli()
"""
TYPER = """
import typer
from typing import Annotated
cli = typer.Typer()
@cli.command()
def serve(host: str = '0.0.0.0', port: Annotated[int, typer.Option('--port', envvar='SERVE_PORT')] = 5000):
    app.run(host=host, port=port)
@cli.command()
def version(): typer.echo('1')
cli()
"""
TYPED = """
import typer
def main(port: int = typer.Option(5000, '--port', '-p', help='port')):
    app.run(host='0.0.0.0', port=port)
typer.run(main)
"""


@pytest.mark.parametrize(
    ("text", "words", "env", "expected"),
    [
        (CLICK, ["--port", "8080"], (), "pass"),
        (CLICK, ["-p", "8080", "--debug"], (), "pass"),
        (CLICK, [], ("SERVE_PORT=8080",), "pass"),
        (CLICK, ["--port=80"], ("SERVE_PORT=8080",), "fail"),
        (CLICK, [], (), "fail"),
        (CLICK, ["--other"], (), "unknown"),
        (CLICK.replace("type=int", "callback=check"), ["-p", "8080"], (), "unknown"),
        (CLICK.replace("main()", "main(['-p', '8080'])"), [], (), "unknown"),
        (GROUP, ["serve", "--port", "8080"], (), "pass"),
        (GROUP, ["serve"], (), "fail"),
        (GROUP.replace("pass", "os.chdir('/')"), ["serve", "--port", "8080"], (), "unknown"),
        (GROUP, ["train"], (), "unknown"),
        (TYPER, ["serve"], ("SERVE_PORT=8080",), "pass"),
        (TYPER, ["serve", "--port=8080", "--host", "127.0.0.1"], (), "fail"),
        (TYPER, ["version"], (), "unknown"),
        (TYPED, ["-p", "8080"], (), "pass"),
        (TYPED, [], (), "fail"),
        (TYPED.replace("port: int", "port: Port"), ["-p", "8080"], (), "unknown"),
    ],
)
def test_command_lines_of_click_and_typer(
    text: str, words: list[str], env: tuple[str, ...], expected: str
) -> None:
    command = ["python", "main.py", *words]
    found = outcome(
        "service-port", command, ("app/main.py", FLASK + text), packages=("click", "typer"), env=env
    )
    assert found == expected


GRPC = """
import grpc
from concurrent import futures
server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
server.add_insecure_port('[::]:%d')
server.start()
"""


@pytest.mark.parametrize(
    ("port", "end", "expected"),
    [
        (50051, RUN, "pass"),
        (50051, "server.wait_for_termination()\n", "fail"),
        (8080, "server.wait_for_termination()\n", "unknown"),
    ],
)
def test_grpc_beside_a_server(port: int, end: str, expected: str) -> None:
    files = ("app/main.py", FLASK + GRPC % port + end)
    assert outcome("service-port", ["python", "-u", "main.py"], files, packages=("grpc",)) == expected
    assert outcome("log-output", ["python", "-u", "main.py"], files, packages=("grpc",)) == "pass"


TIMING = """
import time
from starlette.middleware.base import BaseHTTPMiddleware
class Timing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        begin = time.perf_counter()
        try:
            response = await call_next(request)
            response.headers['x-time'] = str(time.perf_counter() - begin)
            return response
        %s
app.add_middleware(Timing)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TIMING % "finally:\n            print('done')", "pass"),
        (TIMING % "except Exception:\n            raise", "pass"),
        (
            (TIMING % "finally:\n            print('done')").replace(
                "begin = time", "begin = check(request) or time"
            ),
            "unknown",
        ),
        (
            (TIMING % "except Exception:\n            raise").replace(
                "response = await", "verify(request)\n            response = await"
            ),
            "unknown",
        ),
        (
            (TIMING % "finally:\n            pass").replace(
                "return response", "return Response(status_code=401)"
            ),
            "unknown",
        ),
    ],
)
def test_middleware_around_what_may_raise(text: str, expected: str) -> None:
    guards = "def verify(request): raise ValueError\ndef check(request): raise ValueError\n"
    command = ["uvicorn", "--host", "0.0.0.0", "--port", "8080", "web:app"]
    found = outcome("health-check", command, ("app/web.py", FASTAPI + guards + text), packages=("starlette",))
    assert found == expected


AIOHTTP = """
from aiohttp import web
@web.middleware
async def errors(request, handler):
    try:
        return await handler(request)
    except ValueError as error:
        return web.json_response({'error': str(error)}, status=422)
async def health(request): return web.json_response({})
app = web.Application(middlewares=[errors])
app.add_routes([web.get('/health', health)])
web.run_app(app, host='0.0.0.0', port=8080)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (AIOHTTP, "pass"),
        (AIOHTTP.replace("middlewares=[errors]", "") + "", "pass"),
        (AIOHTTP.replace("return await handler(request)", "return web.Response(status=401)"), "unknown"),
        (AIOHTTP.replace("[errors]", "[errors, other]"), "unknown"),
        (AIOHTTP.replace("        return await", "        allow(request)\n        return await"), "unknown"),
    ],
)
def test_middlewares_of_aiohttp(text: str, expected: str) -> None:
    start = "def allow(request): raise ValueError\n"
    files = ("app/main.py", start + text)
    assert outcome("health-check", ["python", "main.py"], files, packages=("aiohttp",)) == expected


@pytest.mark.parametrize(
    ("folder", "expected"), [("/app", "pass"), ("/app/logs", "unknown"), ("/tmp", "pass")]
)
def test_a_dictionary_for_logging_whose_file_has_no_directory(folder: str, expected: str) -> None:
    handlers = "{'a': {'class': 'logging.FileHandler', 'filename': '" + folder + "/a.log'}}"
    start = "import logging.config\nlogging.config.dictConfig({'version': 1, 'handlers': " + handlers + "})\n"
    assert port_of(start + FLASK + RUN, directory("tmp", mode=0o1777)) == expected


def test_a_dataclass_whose_defaults_are_made() -> None:
    config = "import os\nfrom dataclasses import dataclass, field\n@dataclass\nclass Config:\n"
    config += "    port: int = field(default_factory=lambda: int(os.environ.get('P', '5000')))\n"
    for env, expected in ((("P=8080",), "pass"), ((), "fail")):
        assert port_of(f"{config}{FLASK}app.run('0.0.0.0', Config().port)\n", env=env) == expected


@pytest.mark.parametrize(("member", "expected"), [("HTTP", "pass"), ("DEV", "fail")])
def test_a_member_of_an_enumeration(member: str, expected: str) -> None:
    text = f"from enum import IntEnum\nclass Port(IntEnum):\n    HTTP = 8080\n    DEV = 5000\n{FLASK}"
    assert port_of(f"{text}app.run('0.0.0.0', Port.{member}.value)\n") == expected


@pytest.mark.parametrize(
    ("end", "expected"), [(" && tail -f /dev/null", "pass"), ("", "unknown"), ("; sleep 5", "unknown")]
)
def test_gunicorn_in_the_background(end: str, expected: str) -> None:
    command = ["sh", "-c", "gunicorn --daemon -b 0.0.0.0:8080 app:app" + end]
    assert outcome("service-port", command) == expected
    assert outcome("log-output", command) == "unknown"
