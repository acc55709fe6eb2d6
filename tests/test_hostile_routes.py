"""
Hostile web applications, from the image's start command to the answer: each ends soon, with an open answer or a right one.

There is no timing here: one that takes more than a moment is seen by the suite's own time.
"""

from __future__ import annotations

import pytest

from tests.build import file
from tests.python_images import SITE
from tests.services import service

FLASK = "from flask import Flask, Blueprint\napp = Flask(__name__)\n@app.route('/h')\ndef h(): return 'x'\n"
RUN = "\napp.run('0.0.0.0', 8080)\n"
FASTAPI = "import uvicorn\nfrom fastapi import FastAPI, APIRouter\napp = FastAPI()\n"
SERVE = "\nuvicorn.run(app, host='0.0.0.0', port=8080)\n"
TORNADO = "import tornado.web, tornado.ioloop\n"
LISTEN = "\ntornado.web.Application([('/h', H)]).listen(8080)\ntornado.ioloop.IOLoop.current().start()\n"
AIOHTTP = "from aiohttp import web\nasync def h(r): return web.Response()\napp = web.Application()\napp.router.add_get('/h', h)\n"
HTTP = "from http.server import BaseHTTPRequestHandler, HTTPServer\nclass H(BaseHTTPRequestHandler):\n    def do_GET(self):\n"
FOREVER = "\nHTTPServer(('', 8080), H).serve_forever()\n"
BRANCH = "        if self.path == '/%d':\n            self.send_response(200); self.end_headers(); return\n"
HELPED = "        if self.path == '/%d': return self.x%d()\n"
HELPER = "    def x%d(self): self.send_response(200); self.end_headers()\n"
LOST = "        self.send_error(404)\n"


def over(text: str, count: int) -> str:
    """Return ``text`` once for each number."""
    return "".join(text.replace("%d", str(number)) for number in range(count))


WORDS = {True: "yes", False: "no", None: "open"}
DEEP = 100_000
HOSTILE = {
    "a line of 10 MB": FLASK + "a = '" + "a" * 10_000_000 + "'" + RUN,
    "a line of 3 MB": FLASK + "a = '" + "a" * 3_000_000 + "'" + RUN,
    "a route of 100 kB": FLASK + f"@app.route('/{'a' * DEEP}')\ndef g(): return 'x'" + RUN,
    "deep parentheses": FLASK + "a = " + "(" * DEEP + "1" + ")" * DEEP + RUN,
    "deep lists": FLASK + "a = " + "[" * DEEP + "]" * DEEP + RUN,
    "lists as deep as Python parses": FLASK + "a = " + "[" * 90 + "]" * 90 + "\na = [a, a]" * 50 + RUN,
    "many decorators": FLASK + "@app.route('/i')\n" * DEEP + "def g(): return 'x'" + RUN,
    "decorators": FLASK + "@app.route('/i')\n" * 4_000 + "def g(): return 'x'" + RUN,
    "attributes": FLASK + "a = app" + ".a" * DEEP + RUN,
    "calls": FLASK + "a = app" + ".a()" * DEEP + RUN,
    "calls in loops": FLASK + "x = app.config\nfor i in range(60):\n    for j in range(60):\n        x = x.copy()" + RUN,
    "concatenation": FLASK + "a = 'a'" + " + 'a'" * DEEP + RUN,
    "concatenation in a handler": FLASK + "@app.route('/i')\ndef g(): return 'a'" + " + 'a'" * DEEP + RUN,
    "shorter concatenation in a handler": FLASK + "@app.route('/i')\ndef g(): return 'a'" + " + a" * 400 + RUN,
    "doubling text": FLASK + "a = '/a'\n" + "a = a + a\n" * 60 + "app.add_url_rule(a, 'a', h)" + RUN,
    "many routes": FLASK + "for a in range(100):\n    for b in range(100):\n        app.add_url_rule(f'/{a}/{b}', f'{a}-{b}', h)" + RUN,
    "many routes in the source": FLASK + over("@app.route('/i%d')\ndef g%d(): return 'x'\n", 10_000) + RUN,
    "many routes of one long handler": (
        FLASK + "def g():\n" + "    if app.x: return 'x'\n" * 3_000 + "    return 'x'\n"
        "for a in range(60):\n    for b in range(60):\n        app.add_url_rule(f'/{a}/{b}', f'{a}-{b}', g)" + RUN
    ),
    "a chain of helpers": FLASK + over("def f%d(): return 'x'\n", 400) + "@app.route('/i')\ndef g():\n" + over("    f%d()\n", 400) + "    return 'x'" + RUN,
    "names for names": FLASK + "@app.route('/i')\ndef g():\n" + over("    a%d = b%d\n    b%d = a%d\n", 300) + "    return 'x', a0" + RUN,
    "names that fan out": FLASK + "@app.route('/i')\ndef g():\n" + "".join(f"    a{n} = a{n + 1}\n    a{n} = a{n + 1}\n" for n in range(60)) + "    return 'x', a0" + RUN,
    "a long elif": FLASK + "@app.route('/i')\ndef g():\n    if app.a: return 'x'\n" + over("    elif app.x == %d: return 'x'\n", 900) + "    else: return 'x'" + RUN,
    "a blueprint in itself": FLASK + "b = Blueprint('b', 'b', url_prefix='/b')\n" + "b.register_blueprint(b)\n" * 20 + "app.register_blueprint(b)" + RUN,
    "blueprints in one another": FLASK + "b = Blueprint('b', 'b')\nc = Blueprint('c', 'c')\n" + "b.register_blueprint(c)\nc.register_blueprint(b)\n" * 20 + "app.register_blueprint(b)" + RUN,
    "dispatchers in one another": FLASK + "from werkzeug.middleware.dispatcher import DispatcherMiddleware\nb = Flask('b')\napp.wsgi_app = DispatcherMiddleware(app.wsgi_app, {'/i': b, '/1': app})\nb.wsgi_app = DispatcherMiddleware(b.wsgi_app, {'/i': app})" + RUN,
    "a router in itself": FASTAPI + "r = APIRouter(prefix='/a')\n" + "r.include_router(r)\n" * 20 + "app.include_router(r)" + SERVE,
    "an application mounted in itself": FASTAPI + "app.mount('/a', app)\n" * 20 + SERVE,
    "an aiohttp application in itself": AIOHTTP + "app.add_subapp('/a', app)\n" * 20 + "web.run_app(app, port=8080)\n",
    "sanic blueprints in themselves": "from sanic import Sanic, Blueprint\napp = Sanic('a')\nb = Blueprint('b')\n" + "b.blueprint(b)\n" * 20 + "app.blueprint(b)\nif __name__ == '__main__':\n    app.run('0.0.0.0', 8080)\n",
    "a class that is its own base, which Python does not know yet": TORNADO + "class H(tornado.web.RequestHandler):\n    def get(self): pass\n" + "class G(G): pass\n" + LISTEN,
    "a class named like its base": TORNADO + "class H(tornado.web.RequestHandler):\n    def get(self): pass\n" + "class H(H): pass\n" * 3_000 + LISTEN,
    "classes in a circle": TORNADO + "class H(G): pass\nclass G(H): pass\nclass H(G): pass\n" + "class G(H, G): pass\nclass H(G, H): pass\n" * 40 + LISTEN,
    "classes with many bases": TORNADO + "class C0(tornado.web.RequestHandler):\n    def get(self): pass\n" + "".join(f"class C{n}({', '.join(f'C{m}' for m in reversed(range(n)))}): pass\n" for n in range(1, 60)) + "H = C59" + LISTEN,
    "a pattern of brackets": TORNADO + "class H(tornado.web.RequestHandler):\n    def get(self): pass\ntornado.web.Application([('" + "([" * 40_000 + "', H)]).listen(8080)\ntornado.ioloop.IOLoop.current().start()\n",
    "a long list of handlers": TORNADO + "class H(tornado.web.RequestHandler):\n    def get(self): pass\ntornado.web.Application([" + over("('/z%d', H), ", 1_500) + "('/1', H)]).listen(8080)\ntornado.ioloop.IOLoop.current().start()\n",
    "a long list of routes": AIOHTTP + "app.add_routes([" + over("web.get('/z%d', h), ", 1_500) + "web.get('/1', h)])\nweb.run_app(app, port=8080)\n",
    "branches": HTTP + over(BRANCH, 2_000) + LOST + FOREVER,
    "fewer branches": HTTP + over(BRANCH, 200) + LOST + FOREVER,
    "more branches": HTTP + over(BRANCH, 20_000) + LOST + FOREVER,
    "branches and helpers": HTTP + over(HELPED, 2_000) + LOST + over(HELPER, 2_000) + FOREVER,
    "branches in branches": HTTP + "".join(" " * (8 + n) + f"if self.path != '/{n}':\n" for n in range(90)) + " " * 98 + "self.send_response(200)" + FOREVER,
    "a long list before branches": HTTP + "        a = [" + "1, " * 4_000 + "]\n" + over(BRANCH, 300) + LOST + FOREVER,
    "a long test": HTTP + "        if " + over("self.path == '/%d' or ", 5_000) + "False:\n            self.send_response(200)" + FOREVER,
}  # fmt: skip

RIGHT = {
    "a route of 100 kB": "yes no no no",
    "lists as deep as Python parses": "yes no no no",
    "decorators": "yes yes* no no",
    "calls in loops": "yes no no no",
    "shorter concatenation in a handler": "yes yes* no no",
    "doubling text": "yes open open open",
    "many routes": "yes open open open",
    "a chain of helpers": "yes yes* no no",
    "names for names": "yes yes* no no",
    "names that fan out": "yes yes* no no",
    "dispatchers in one another": "yes open open no",
    "a long elif": "yes yes* no no",
    "a class named like its base": "open no no no",
    "classes with many bases": "yes no no no",
    "a long list of handlers": "no no yes no",
    "a long list of routes": "yes no yes no",
    "fewer branches": "no no yes yes",
    "branches in branches": "yes* yes* open yes*",
    "a long list before branches": "no no open open",
}
ASKED = ("/h", "/i", "/1", "/150")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_applications_end_soon(name: str) -> None:
    packages = [
        file(f"{SITE}/{package}/__init__.py") for package in ("tornado", "aiohttp", "sanic", "werkzeug")
    ]
    found = service({"Cmd": ["python", "app.py"]}, *packages, file("app/app.py", HOSTILE[name]))
    table = found.routes()
    said = []
    for path in ASKED:
        answer = table.answer("GET", path)
        said.append(WORDS[answer.served] + ("*" if answer.caveats else ""))
    assert " ".join(said) == RIGHT.get(name, "open open open open")


SETTINGS = "ALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'p.urls'\n"
MANAGE = "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'p.settings')\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n"
URLS = "from django.urls import path, include\n"
VIEW = "from django.http import HttpResponse\ndef v(request):\n"
DJANGO = {
    "itself": {"urls": URLS + "urlpatterns = [" + "path('a/', include('p.urls')), " * 30 + "]"},
    "each other": {
        "urls": URLS + "urlpatterns = [" + "path('a/', include('p.b')), " * 30 + "]",
        "b": URLS + "urlpatterns = [" + "path('a/', include('p.urls')), " * 30 + "]",
    },
    "a list in itself": {
        "urls": URLS
        + "x = []\nx.append(path('a/', include(x)))\nx.append(path('b/', include(x)))\nurlpatterns = x"
    },
    "many patterns": {
        "urls": URLS + "from p.v import v\nurlpatterns = [" + "path('a/', v), " * 10_000 + "]",
        "v": VIEW + "    if request.method == 'GET': return HttpResponse()\n" * 800,
    },
}


@pytest.mark.parametrize("name", DJANGO)
def test_hostile_urlconfs_end_soon(name: str) -> None:
    files = {"manage.py": MANAGE, "p/__init__.py": "", "p/settings.py": SETTINGS}
    files |= {f"p/{module}.py": text for module, text in DJANGO[name].items()}
    command = ["python", "manage.py", "runserver", "0.0.0.0:8080"]
    found = service({"Cmd": command}, *(file(f"app/{path}", text) for path, text in files.items()))
    assert found.asked("GET /h OPEN, GET /a/h OPEN") == "GET /h OPEN, GET /a/h OPEN"
