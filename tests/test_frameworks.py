"""Frameworks and the servers that they start themselves: each with what is served, what is not, and what is open."""

from __future__ import annotations

import pytest

from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routes import find_routes
from imagespec.analyzers.routes.tokens import matches
from tests.python_images import PACKAGES, listening

YES, NO, OPEN = True, False, None
MORE = (
    *PACKAGES,
    "tornado",
    "aiohttp",
    "bottle",
    "sanic",
    "quart",
    "falcon",
    "django",
    "gevent",
    "hypercorn",
    "asgiref",
)

TORNADO = """
import asyncio, tornado.ioloop, tornado.web
from tornado.options import define, options, parse_command_line
class Predict(tornado.web.RequestHandler):
    def initialize(self, model=None):
        self.model = model
    async def post(self, name=None):
        self.write({})
class Health(tornado.web.RequestHandler):
    def get(self):
        self.write("ok")
"""
TORNADO_APP = "app = tornado.web.Application([(r'/health', Health), (r'/v1/models/([^/]+)/predict/?', Predict, {'model': 1}), (r'/n/[0-9]+', Health)%s]%s)\n"
LOOP = "tornado.ioloop.IOLoop.current().start()\n"
AIOHTTP = """
from aiohttp import web
async def health(request):
    return web.json_response({})
async def predict(request):
    return web.json_response({})
"""
HTTP = """
import json
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from urllib.parse import urlparse
class H(BaseHTTPRequestHandler):
%s
ThreadingHTTPServer(("0.0.0.0", 8080), H).serve_forever()
"""
GET = """
    def do_GET(self):
        if self.path == "/health":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")
        else:
            self.send_error(404)
"""
HELPER = """
    def _send(self, code, body=None):
        data = json.dumps(body)
        self.send_response(code)
        self.end_headers()
    def do_GET(self):
        path = urlparse(self.path).path
        if path in ("/", "/health"):
            return self._send(200, {})
        self._send(404)
    def do_POST(self):
        try:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if self.path != "/predict":
                self._send(404)
                return
            self._send(200, {})
        except Exception:
            self._send(500)
"""
ALL_8080 = [("", 8080, True)]
ZERO_8080 = [("0.0.0.0", 8080, True)]


def app_of(source: str) -> tuple[list[tuple[str | None, int | None, bool]], object]:
    found = listening({"app.py": source}, packages=MORE)
    return [(one.host, one.port, one.certain) for one in found.listeners], found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TORNADO + TORNADO_APP % ("", "") + "app.listen(8080)\n" + LOOP, ALL_8080),
        (TORNADO + TORNADO_APP % ("", "") + "app.listen(8080, '127.0.0.1')\n" + LOOP, [("127.0.0.1", 8080, True)]),
        (TORNADO + TORNADO_APP % ("", "") + "app.listen(8080)\n", [("", 8080, False)]),
        (TORNADO + TORNADO_APP % ("", "") + "app.listen(int(input()))\n" + LOOP, [("", None, True)]),
        (
            TORNADO + "define('port', default=8080, type=int)\nparse_command_line()\n" + TORNADO_APP % ("", "")
            + "app.listen(options.port)\n" + LOOP,
            ALL_8080,
        ),
        (
            TORNADO + "async def main():\n    " + TORNADO_APP % ("", "") + "    app.listen(8080)\n"
            "    await asyncio.Event().wait()\nasyncio.run(main())\n",
            ALL_8080,
        ),
        (
            TORNADO + "import tornado.httpserver\n" + TORNADO_APP % ("", "")
            + "s = tornado.httpserver.HTTPServer(app)\ns.bind(8080)\ns.start(0)\n" + LOOP,
            ALL_8080,
        ),
        (
            TORNADO + "class App(tornado.web.Application):\n    def __init__(self):\n"
            "        super().__init__([(r'/health', Health)])\nApp().listen(8080)\n" + LOOP,
            ALL_8080,
        ),
        (AIOHTTP + "web.run_app(web.Application())\n", ALL_8080),
        (AIOHTTP + "web.run_app(web.Application(), host='127.0.0.1', port=9000)\n", [("127.0.0.1", 9000, True)]),
        (AIOHTTP + "web.run_app(web.Application(), port=int(input()))\n", [("", None, True)]),
        (AIOHTTP + "web.run_app(web.Application(), path='/s')\n", [(None, None, False)]),
        (
            AIOHTTP + "import asyncio\nasync def main():\n    runner = web.AppRunner(web.Application())\n    await runner.setup()\n"
            "    site = web.TCPSite(runner, '0.0.0.0', 8080)\n    await site.start()\n    await asyncio.Event().wait()\n"
            "asyncio.run(main())\n",
            ZERO_8080,
        ),
        ("from bottle import route, run\nrun(host='0.0.0.0', port=8080)\n", ZERO_8080),
        ("from bottle import Bottle\nBottle().run()\n", [("127.0.0.1", 8080, True)]),
        ("from sanic import Sanic\napp = Sanic('a')\nif __name__ == '__main__':\n    app.run(host='0.0.0.0', port=8080)\n", ZERO_8080),
        ("from sanic import Sanic\napp = Sanic('a')\ndef main():\n    app.run(host='0.0.0.0', port=8080)\nmain()\n", ZERO_8080),
        ("from sanic import Sanic\napp = Sanic('a')\napp.run(host='0.0.0.0', port=8080)\n", [("0.0.0.0", 8080, False)]),
        ("from sanic import Sanic\nif __name__ == '__main__':\n    app = Sanic('a')\n    app.run(host='0.0.0.0', port=8080)\n", [("0.0.0.0", 8080, False)]),
        ("from sanic import Sanic\nSanic('a').run(single_process=True)\n", [("127.0.0.1", 8000, True)]),
        ("from quart import Quart\nQuart('a').run('0.0.0.0', 8080)\n", ZERO_8080),
        ("from quart import Quart\nQuart('a').run()\n", [("127.0.0.1", 5000, True)]),
        ("from gevent.pywsgi import WSGIServer\nfrom flask import Flask\nWSGIServer(('0.0.0.0', 8080), Flask('a')).serve_forever()\n", ZERO_8080),
        ("from gevent.pywsgi import WSGIServer\nWSGIServer('127.0.0.1:8080', None).serve_forever()\n", [("127.0.0.1", 8080, True)]),
        (HTTP % GET, ZERO_8080),
    ],
)  # fmt: skip
def test_servers(source: str, expected: object) -> None:
    shown, found = app_of(source)
    assert shown == expected, found


@pytest.mark.parametrize(
    "source",
    [
        "from quart import Quart\nQuart('a').run_task()\n",
        "from aiohttp import web\nweb.UnixSite(1, 'x').start()\n",
        "import tornado.httpserver\ntornado.httpserver.HTTPServer(1).add_sockets(2)\n",
        "import tornado.ioloop\ntornado.ioloop.IOLoop.current().run_sync(input)\n",
        "from sanic import Sanic\nSanic('a').create_server()\n",
    ],
)
def test_other_ways_to_serve_are_gaps(source: str) -> None:
    found = listening({"app.py": source}, packages=MORE)
    assert (found.listeners, bool(found.gaps)) == ((), True)


RUN_TORNADO = "app.listen(8080)\n" + LOOP
RUN_AIOHTTP = "web.run_app(app)\n"
BOTTLE = "from bottle import Bottle, get, post, hook, route, run\n"
SANIC = "from sanic import Blueprint, Sanic, text\napp = Sanic('a')\n"
QUART = "from quart import Blueprint, Quart\napp = Quart('a')\n"
FALCON = """
import falcon
class Predict:
    def on_post(self, req, resp): pass
    def on_get_status(self, req, resp, name): pass
app = falcon.App(%s)
app.add_route('/predict', Predict())
app.add_route('/status/{name}', Predict(), suffix='status')
"""
WAITRESS = "import waitress\nwaitress.serve(app, port=8080)\n"


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (
            TORNADO + TORNADO_APP % ("", "") + RUN_TORNADO,
            ("GET /health YES, HEAD /health NO, POST /health NO, GET /health/ NO, POST /v1/models/a/predict YES, "
            "POST /v1/models/a/predict/ YES, POST /v1/models/a/b/predict NO, GET /n/12 YES, GET /n/a NO, GET / NO"),
        ),
        (TORNADO + TORNADO_APP % (", (r'/a(?=b)', Health)", "") + RUN_TORNADO, "GET /health YES, GET /other OPEN"),
        (TORNADO + TORNADO_APP % (", *input()", "") + RUN_TORNADO, "GET /health YES, GET /other OPEN"),
        (TORNADO + TORNADO_APP % ("", ", xsrf_cookies=True") + RUN_TORNADO, "GET /health YES, POST /v1/models/a/predict NO"),
        (TORNADO + TORNADO_APP % ("", ", static_path='s'") + RUN_TORNADO, "GET /static/a OPEN, GET /other NO"),
        (
            TORNADO + "class App(tornado.web.Application):\n    def __init__(self):\n        handlers = [(r'/health', Health)]\n"
            "        super(App, self).__init__(handlers)\napp = App()\n" + RUN_TORNADO,
            "GET /health YES, GET /other NO",
        ),
        (
            TORNADO + "class App(tornado.web.Application):\n    def __init__(self):\n        set_up(self)\ndef set_up(x): pass\napp = App()\n" + RUN_TORNADO,
            "GET /health OPEN",
        ),
        (
            TORNADO + TORNADO_APP % ("", "") + "app.add_handlers(r'.*', [(r'/more', Health)])\n" + RUN_TORNADO,
            "GET /more YES",
        ),
        (
            AIOHTTP + "app = web.Application()\napp.router.add_get('/health', health)\napp.router.add_post('/m/{name}', predict)\n"
            "app.add_routes([web.get('/l', health), web.route('*', '/any', health), web.get('/d/{x:\\\\d+}', health)])\n"
            "sub = web.Application()\nsub.router.add_get('/x', health)\napp.add_subapp('/sub/', sub)\n" + RUN_AIOHTTP,
            ("GET /health YES, HEAD /health YES, POST /health NO, GET /health/ NO, POST /m/a YES, POST /m/a/b NO, GET /l YES, "
            "PUT /any YES, GET /d/12 YES, GET /d/a NO, GET /sub/x YES, GET /x NO"),
        ),
        (
            AIOHTTP + "routes = web.RouteTableDef()\n@routes.get('/health')\nasync def h(r): return web.Response()\n@routes.view('/v')\n"
            "class V(web.View):\n    async def post(self): return web.Response()\napp = web.Application()\napp.add_routes(routes)\n" + RUN_AIOHTTP,
            "GET /health YES, POST /v YES, GET /v NO, GET /other NO",
        ),
        (AIOHTTP + "app = web.Application(middlewares=[input])\napp.router.add_get('/h', health)\n" + RUN_AIOHTTP, "GET /h OPEN"),
        (AIOHTTP + "app = web.Application()\napp.router.add_get(input(), health)\n" + RUN_AIOHTTP, "GET /h OPEN"),
        (
            BOTTLE + "@route('/a')\ndef a(): pass\n@post('/p/<name>')\ndef p(name): pass\n@route('/m', method=['PUT', 'POST'])\n"
            "def m(): pass\nrun(port=8080)\n",
            "GET /a YES, HEAD /a YES, GET /a/ NO, POST /p/x YES, GET /p/x NO, PUT /m YES, GET /o NO",
        ),
        (BOTTLE + "app = Bottle()\n@app.get('/a')\ndef a(): pass\n@get('/b')\ndef b(): pass\napp.run()\n", "GET /a YES, GET /b NO"),
        (BOTTLE + "@route('/a')\ndef a(): pass\n@hook('before_request')\ndef h():\n    abort(403)\nrun()\n", "GET /a OPEN"),
        (BOTTLE + "@route('/a/<x:re:[a-z]+>')\ndef a(x): pass\nrun()\n", "GET /a/x OPEN"),
        (
            SANIC + "@app.get('/a')\nasync def a(r): return text('x')\nbp = Blueprint('b', url_prefix='/v1')\n@bp.post('/p/<n:int>')\n"
            "async def p(r, n): return text('x')\napp.blueprint(bp)\napp.run(single_process=True)\n",
            "GET /a YES, GET /a/ YES, POST /a NO, POST /v1/p/3 YES, POST /p/3 NO",
        ),
        (SANIC + "@app.on_request\nasync def f(r): return text('x')\n@app.get('/a')\nasync def a(r): return text('x')\napp.run()\n", "GET /a OPEN"),
        (
            QUART + "@app.route('/a', methods=['POST'])\nasync def a(): return 'x'\nbp = Blueprint('b', 'b', url_prefix='/v1')\n@bp.get('/x')\n"
            "async def x(): return 'x'\napp.register_blueprint(bp)\napp.run()\n",
            "POST /a YES, GET /a NO, GET /v1/x YES",
        ),
        (QUART + "@app.before_request\nasync def f():\n    abort(403)\n@app.get('/a')\nasync def a(): return 'x'\napp.run()\n", "GET /a OPEN"),
        (FALCON % "" + WAITRESS, "POST /predict YES, GET /predict NO, GET /status/a YES, POST /status/a NO, GET /other NO, POST /predict/ NO"),
        (FALCON % "middleware=[input()]" + WAITRESS, "POST /predict OPEN"),
        (FALCON % "" + "app.add_sink(input)\n" + WAITRESS, "GET /other OPEN"),
        (HTTP % GET, "GET /health YES, GET /other NO, POST /health NO"),
        (HTTP % HELPER, "GET / YES, GET /health YES, GET /x NO, POST /predict YES, POST /x NO, PUT /predict NO"),
        (HTTP % "    def do_GET(self):\n        self.send_response(200)\n", "GET /anything YES, POST /anything NO"),
        (HTTP % "    def do_GET(self):\n        answer(self)\n", "GET /x OPEN"),
        (HTTP % "    def do_GET(self):\n        if self.path.count('x'):\n            self.send_response(200)\n", "GET /x OPEN"),
        (HTTP % "    do_GET = input()\n", "GET /x OPEN, POST /x NO"),
        ("from http.server import *\nimport http.server\nhttp.server.HTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()", "GET /x OPEN"),
    ],
)  # fmt: skip
def test_routes(source: str, asked: str) -> None:
    _, found = app_of(source)
    table = find_routes(found.listeners)  # type: ignore[attr-defined]
    names = {True: "YES", False: "NO", None: "OPEN"}
    answers = []
    for item in asked.split(", "):
        method, path, _ = item.split()
        answers.append(f"{method} {path} {names[table.answer(method, path).served]}")
    assert ", ".join(answers) == asked, table


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a", "/a", YES),
        ("^/a$", "/a/", NO),
        ("/a/?", "/a/", YES),
        (r"/a\.b", "/axb", NO),
        ("/a.b", "/axb", YES),
        (r"/(\w+)/x", "/ab_1/x", YES),
        (r"/(?P<n>[^/]+)", "/a/b", NO),
        ("/(.*)", "/a/b", YES),
        ("/(get|post)", "/post", YES),
        ("/(get|post)", "/put", NO),
        ("/v(1)?", "/v", YES),
        ("/(a)(?=b)", "/a", OPEN),
        ("/a{2}", "/aa", OPEN),
        ("/[", "/[", OPEN),
        ("/[z-a]", "/z", OPEN),
        ("/[a&&b]", "/a", OPEN),
        ("(" * 600, "/", OPEN),
        (r"/a\1", "/a", OPEN),
    ],
)
def test_regular_expressions_of_paths(pattern: str, path: str, *, expected: bool | None) -> None:
    tokens = parse_regex(pattern)
    assert (None if tokens is None else matches(tokens, path)) is expected


def test_hostile_patterns_take_linear_steps() -> None:
    tokens = parse_regex("/" + "(.*)-" * 90 + "x")
    assert tokens is not None
    assert matches(tokens, "/" + "-a" * 990) is False


def test_hostile_handlers_end() -> None:
    branch = "        if self.path == '/%d':\n            self.send_response(200)\n            return\n"
    many = "".join(branch % number for number in range(3_000))
    deep = "".join(" " * (8 + i) + "if self.path == '/x':\n" for i in range(90))
    for body, expected in ((many, None), (deep + " " * 98 + "self.send_response(200)\n", True)):
        _, found = app_of(HTTP % ("    def do_GET(self):\n" + body))
        assert find_routes(found.listeners).answer("GET", "/x").served is expected  # type: ignore[attr-defined]
