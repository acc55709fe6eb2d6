from __future__ import annotations

import pytest

from imagespec.analyzers.routes.routes import find_routes
from imagespec.analyzers.routes.starlettepaths import parse_path
from imagespec.analyzers.routes.tokens import matches
from imagespec.analyzers.routes.werkzeugrules import parse_rule
from imagespec.analyzers.servers.listeners import find_listeners
from tests.build import file
from tests.python_images import SITE, image, start, table

FLASK = "from flask import Flask, Blueprint\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI, APIRouter, Depends\napp = FastAPI()\n"
VIEW = "def view():\n    return 'ok'\n"
RUN = "\napp.run('0.0.0.0', 8080)\n"
SERVE = "\nimport uvicorn\nuvicorn.run(app, host='0.0.0.0', port=8080)\n"

YES, NO, OPEN = True, False, None


@pytest.mark.parametrize(
    ("body", "method", "path", "expected"),
    [
        ("@app.route('/health')\n" + VIEW, "GET", "/health", YES),
        ("@app.route('/health')\n" + VIEW, "HEAD", "/health", YES),
        ("@app.route('/health')\n" + VIEW, "OPTIONS", "/health", YES),
        ("@app.route('/health')\n" + VIEW, "get", "health?x=1", YES),
        ("@app.route('/health')\n" + VIEW, "POST", "/health", NO),
        ("@app.route('/health')\n" + VIEW, "GET", "/health/", NO),
        ("@app.route('/health')\n" + VIEW, "GET", "/other", NO),
        ("@app.route('/health/')\n" + VIEW, "GET", "/health", NO),
        ("@app.route('/health/')\n" + VIEW, "GET", "/health/", YES),
        ("@app.route('/health/', strict_slashes=False)\n" + VIEW, "GET", "/health", YES),
        ("app.url_map.strict_slashes = False\n@app.route('/health/')\n" + VIEW, "GET", "/health", YES),
        ("@app.route('/', methods=['POST'])\n" + VIEW, "POST", "/", YES),
        ("@app.route('/', methods=['POST'])\n" + VIEW, "GET", "/", NO),
        ("@app.route('/', methods=('get', 'post'))\n" + VIEW, "POST", "/", YES),
        ("@app.route('/', methods=input())\n" + VIEW, "POST", "/", OPEN),
        ("@app.post('/p')\n" + VIEW, "POST", "/p", YES),
        ("@app.post('/p')\n" + VIEW, "GET", "/p", NO),
        ("P = '/v1'\n@app.route(P + '/x')\n@app.route(f'{P}/y')\n" + VIEW, "GET", "/v1/y", YES),
        ("@app.route(input())\n" + VIEW, "GET", "/v1/y", OPEN),
        ("@app.route('/m/<name>/predict')\ndef view(**names): return 'ok'\n", "GET", "/m/a/predict", YES),
        ("@app.route('/m/<name>/predict')\ndef view(**names): return 'ok'\n", "GET", "/m/a/b/predict", NO),
        ("@app.route('/m/<int:i>')\ndef view(**names): return 'ok'\n", "GET", "/m/12", YES),
        ("@app.route('/m/<int:i>')\ndef view(**names): return 'ok'\n", "GET", "/m/ab", NO),
        ("@app.route('/m/<path:p>')\ndef view(**names): return 'ok'\n", "GET", "/m/a/b", YES),
        ("@app.route('/m/<special:p>')\n" + VIEW, "GET", "/m/a", OPEN),
        ("@app.route('/m/<special:p>')\n" + VIEW, "GET", "/static/x.js", OPEN),
        (VIEW + "app.add_url_rule('/x', view_func=view, methods=['PUT'])\n", "PUT", "/x", YES),
        (VIEW + "app.add_url_rule('/x', 'x', view)\n", "GET", "/x", YES),
        ("for p in ['/a', '/b']:\n    app.add_url_rule(p, p, lambda: 'x')\n", "GET", "/b", YES),
        ("for p in input():\n    app.add_url_rule(p, p, lambda: 'x')\n", "GET", "/b", OPEN),
        ("if input():\n    @app.route('/x')\n    def v(): pass\n", "GET", "/x", OPEN),
        ("if input():\n    @app.route('/x')\n    def v(): pass\n", "GET", "/y", NO),
        (
            ("from flask.views import MethodView\nclass V(MethodView):\n    def post(self): return 'x'\n"
            "app.add_url_rule('/x', view_func=V.as_view('v'))\n"),
            "POST",
            "/x",
            YES,
        ),
        (
            ("from flask.views import MethodView\nclass V(MethodView):\n    def post(self): return 'x'\n"
            "app.add_url_rule('/x', view_func=V.as_view('v'))\n"),
            "GET",
            "/x",
            NO,
        ),
        ("bp = Blueprint('b', __name__)\n@bp.route('/x')\n" + VIEW + "app.register_blueprint(bp)\n", "GET", "/x", YES),
        ("bp = Blueprint('b', __name__)\n@bp.route('/x')\n" + VIEW, "GET", "/x", NO),
        (
            "bp = Blueprint('b', __name__, url_prefix='/v1')\n@bp.route('/x')\n" + VIEW + "app.register_blueprint(bp)\n",
            "GET",
            "/v1/x",
            YES,
        ),
        (
            "bp = Blueprint('b', __name__, url_prefix='/v1')\n@bp.route('/x')\n" + VIEW + "app.register_blueprint(bp)\n",
            "GET",
            "/x",
            NO,
        ),
        (
            "bp = Blueprint('b', __name__, url_prefix='/v1')\n@bp.get('/x')\n" + VIEW
            + "app.register_blueprint(bp, url_prefix='/v2')\n",
            "GET",
            "/v2/x",
            YES,
        ),
        (
            "a = Blueprint('a', 'a', url_prefix='/a')\nb = Blueprint('b', 'b', url_prefix='/b')\n@b.route('/x')\n" + VIEW
            + "a.register_blueprint(b)\napp.register_blueprint(a)\n",
            "GET",
            "/a/b/x",
            YES,
        ),
        ("app.register_blueprint(Blueprint('b', 'b'), url_prefix=input())\n", "GET", "/x", NO),
        ("from flask_cors import CORS\nCORS(app)\n@app.route('/x')\n" + VIEW, "GET", "/y", NO),
        ("from werkzeug.ext import Api\napi = Api(app)\n@app.route('/x')\n" + VIEW, "GET", "/y", OPEN),
        ("from werkzeug.ext import Api\napi = Api(app)\n@app.route('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("@app.before_request\ndef b():\n    abort(403)\n@app.route('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("import time\nfrom flask import g\n@app.before_request\ndef b():\n    g.x = time.time()\n@app.route('/x')\n" + VIEW, "GET", "/x", YES),
        ("@app.errorhandler(404)\ndef e(x):\n    return 'no', 404\n", "GET", "/x", NO),
        ("@app.errorhandler(404)\ndef e(x):\n    return 'yes'\n", "GET", "/x", OPEN),
        ("@app.errorhandler(500)\ndef e(x):\n    return 'no'\n", "GET", "/x", NO),
        ("app.wsgi_app = Other(app.wsgi_app)\n@app.route('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("@app.route('/x')\n" + VIEW, "GET", "/static/a.js", OPEN),
        ("@app.route('/x')\n" + VIEW, "GET", "/a//b", OPEN),
        ("thing = input()\n@thing.route('/x')\n" + VIEW, "GET", "/y", OPEN),
        ("import unreadable\n", "GET", "/y", OPEN),
        ("getattr(app, input())('/y')\n", "GET", "/y", OPEN),
    ],
)  # fmt: skip
def test_flask(body: str, method: str, path: str, expected: object) -> None:
    found = table({"app.py": FLASK + body + RUN, "unreadable.py": "((("})
    assert found.answer(method, path).served is expected, found


def test_flask_registration_after_run_does_not_count() -> None:
    assert table(FLASK + RUN + "@app.route('/x')\n" + VIEW).answer("GET", "/x").served is False


def test_flask_across_files() -> None:
    sources = {
        "app.py": "from web import create_app\napp = create_app()\n",
        "web/__init__.py": "from flask import Flask\ndef create_app(config=None):\n    app = Flask(__name__)\n"
        "    from .api import bp\n    app.register_blueprint(bp, url_prefix='/api')\n"
        "    from . import pages\n    pages.install(app)\n    return app\n",
        "web/api.py": "from flask import Blueprint\nbp = Blueprint('api', __name__)\n@bp.route('/predict', methods=['POST'])\n"
        "def predict(): return 'x'\nfrom . import more\n",
        "web/more.py": "from .api import bp\n@bp.get('/more')\ndef more(): return 'x'\n",
        "web/pages.py": "def install(app):\n    @app.route('/health')\n    def health(): return 'ok'\n",
    }
    for line in ("gunicorn app:app", "gunicorn 'web:create_app()'", "flask --app web run"):
        found = table(sources, line)
        answers = [
            found.answer(*one).served
            for one in (("POST", "/api/predict"), ("GET", "/api/more"), ("GET", "/health"))
        ]
        assert answers == [True, True, True], line
        assert found.answer("GET", "/predict").served is False
        assert found.answer("GET", "/health").evidence[0].path == "/app/web/pages.py"
        assert found.answer("GET", "/health").evidence[0].line == 2


@pytest.mark.parametrize(
    ("body", "method", "path", "expected"),
    [
        ("@app.get('/health')\n" + VIEW, "GET", "/health", YES),
        ("@app.get('/health')\nasync " + VIEW, "GET", "/health", YES),
        ("@app.get('/health')\n" + VIEW, "HEAD", "/health", NO),
        ("@app.get('/health')\n" + VIEW, "POST", "/health", NO),
        ("@app.get('/health')\n" + VIEW, "GET", "/health/", NO),
        ("@app.get('/health/')\n" + VIEW, "GET", "/health", NO),
        ("@app.get('/health')\n" + VIEW, "GET", "/other", NO),
        ("@app.post('/')\n" + VIEW, "POST", "/", YES),
        ("@app.get('/m/{name}')\n" + VIEW, "GET", "/m/a", YES),
        ("@app.get('/m/{name}')\n" + VIEW, "GET", "/m/a/b", NO),
        ("@app.get('/m/{name:path}')\n" + VIEW, "GET", "/m/a/b", YES),
        ("@app.get('/m/{name:int}')\n" + VIEW, "GET", "/m/a", NO),
        ("@app.get('/m/{name:special}')\n" + VIEW, "GET", "/m/a", OPEN),
        ("@app.api_route('/x', methods=['GET', 'POST'])\n" + VIEW, "POST", "/x", YES),
        (VIEW + "app.add_api_route('/x', view, methods=['POST'])\n", "POST", "/x", YES),
        (VIEW + "app.add_api_route('/x', view)\n", "POST", "/x", NO),
        ("", "GET", "/docs", YES),
        ("", "GET", "/openapi.json", YES),
        ("app = FastAPI(docs_url=None)\n", "GET", "/docs", NO),
        ("app = FastAPI(openapi_url=None)\n", "GET", "/docs", NO),
        ("r = APIRouter()\n@r.get('/x')\n" + VIEW + "app.include_router(r)\n", "GET", "/x", YES),
        ("r = APIRouter(prefix='/a')\n@r.get('/x')\n" + VIEW + "app.include_router(r, prefix='/b')\n", "GET", "/b/a/x", YES),
        ("r = APIRouter(prefix='/a')\n@r.get('/x')\n" + VIEW + "app.include_router(r, prefix='/b')\n", "GET", "/x", NO),
        ("r = APIRouter()\napp.include_router(r)\n@r.get('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("r = APIRouter()\n@r.get('/x')\n" + VIEW, "GET", "/x", NO),
        (
            "r = APIRouter(prefix='/a')\ns = APIRouter(prefix='/b')\n@s.get('/x')\n" + VIEW
            + "r.include_router(s)\napp.include_router(r)\n",
            "GET",
            "/a/b/x",
            YES,
        ),
        ("app.include_router(thing())\n", "GET", "/x", OPEN),
        ("sub = FastAPI()\n@sub.get('/x')\n" + VIEW + "app.mount('/v1', sub)\n", "GET", "/v1/x", YES),
        ("sub = FastAPI()\n@sub.get('/x')\n" + VIEW + "app.mount('/v1', sub)\n", "GET", "/v1/y", NO),
        ("app.mount('/v1', FastAPI())\n@app.get('/v1/x')\n" + VIEW, "GET", "/v1/x", NO),
        ("@app.get('/v1/x')\n" + VIEW + "app.mount('/v1', FastAPI())\n", "GET", "/v1/x", YES),
        ("from fastapi.staticfiles import StaticFiles\napp.mount('/', StaticFiles())\n@app.get('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("from fastapi.staticfiles import StaticFiles\n@app.get('/x')\n" + VIEW + "app.mount('/', StaticFiles())", "GET", "/x", YES),
        ("from fastapi.middleware.cors import CORSMiddleware\napp.add_middleware(CORSMiddleware)\n@app.get('/x')\n" + VIEW, "GET", "/x", YES),
        ("class M: pass\napp.add_middleware(M)\n@app.get('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("@app.middleware('http')\nasync def m(r, call_next):\n    x = await call_next(r)\n    return x\n@app.get('/x')\n" + VIEW, "GET", "/x", YES),
        ("@app.middleware('http')\nasync def m(r, call_next):\n    return Response('no')\n@app.get('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("@app.exception_handler(404)\nasync def e(r, x):\n    return Response('yes')\n", "GET", "/x", OPEN),
        ("@app.on_event('startup')\ndef s():\n    app.add_api_route('/x', print)\n", "GET", "/x", OPEN),
        ("@app.on_event('startup')\ndef s():\n    print(1)\n", "GET", "/x", NO),
        ("app = FastAPI(dependencies=[Depends(check)])\n@app.get('/x')\n" + VIEW, "GET", "/x", OPEN),
        ("app = FastAPI(**options)\n@app.get('/x')\n" + VIEW, "GET", "/y", OPEN),
        ("app = FastAPI(root_path='/api')\n@app.get('/x')\n" + VIEW, "GET", "/x", YES),
        ("app = FastAPI(root_path='/api')\n@app.get('/x')\n" + VIEW, "GET", "/api/x", OPEN),
    ],
)  # fmt: skip
def test_fastapi(body: str, method: str, path: str, expected: object) -> None:
    found = table(FASTAPI + body + SERVE)
    assert found.answer(method, path).served is expected, found


def test_fastapi_root_path_of_a_known_version() -> None:
    sources = {
        "app.py": "from fastapi import FastAPI\napp = FastAPI(root_path='/api')\n@app.get('/x')\n" + VIEW
    }
    root = image(sources, file(f"{SITE}/starlette-0.36.1.dist-info/METADATA"))
    found = find_routes(find_listeners(start(root, "uvicorn app:app"), root).listeners)
    assert [found.answer("GET", path).served for path in ("/x", "/api/x", "/api/y")] == [True, True, False]


@pytest.mark.parametrize(
    ("handler", "caveats"),
    [
        ("def v(): pass", 0),
        ("def v(q: str): pass", 1),
        ("def v(q: str = 'x'): pass", 0),
        ("def v(user=Depends(check)): pass", 0),
        ("def v(user=Depends(demand)): pass", 1),
        ("def v(request: Request): pass", 0),
        ("def v(q: str = Query(...)): pass", 1),
        ("def v():\n    if Query:\n        raise RuntimeError", 1),
    ],
)
def test_fastapi_caveats(handler: str, caveats: int) -> None:
    names = "from fastapi import Depends, Query, Request\ndef check(): pass\ndef demand(q: str): pass\n"
    answer = table(FASTAPI + names + "@app.get('/x')\n" + handler + SERVE).answer("GET", "/x")
    assert (answer.served, len(answer.caveats)) == (True, caveats)


@pytest.mark.parametrize(
    "body",
    ["if app:\n        return 'no', 503\n    return 'ok'", "if app:\n        abort(500)\n    return 'ok'"],
)
def test_flask_handler_that_may_fail(body: str) -> None:
    names = "from flask import abort\n"
    answer = table(FLASK + names + f"@app.route('/x')\ndef v():\n    {body}" + RUN).answer("GET", "/x")
    assert (answer.served, len(answer.caveats)) == (True, 1)


TRYING = """
model = None
try:
    with open('app.py', 'rb') as f:
        model = pickle.load(f)
except Exception:
    print('no model')
"""
THREAD = """
import threading
model = None
def load():
    global model
    model = pickle.load(open('app.py', 'rb'))
threading.Thread(target=load).start()
"""
UNSET = """
class M:
    ok = None
    def __init__(self):
        self.ok = True
    def end(self):
        self.ok = False
model = M()
"""
GUARDED = (
    FLASK + "import json, pickle\nMODEL\n@app.route('/x')\ndef v():\n    BODY\n    return 'ok'\nMORE" + RUN
)


@pytest.mark.parametrize(
    ("model", "body", "more", "caveats"),
    [
        ("model = pickle.load(open('app.py', 'rb'))", "if model is None:\n        return 'no', 503", "", 0),
        (
            "model = pickle.load(open('app.py', 'rb'))",
            "if model is not None:\n        return 'no', 503",
            "",
            1,
        ),
        ("model = None", "if model is None:\n        return 'no', 503", "", 1),
        (
            "model = None",
            "if model is None:\n        return 'no', 503",
            "model = json.load(open('/run/model.json'))",
            0,
        ),
        (
            "model = {}",
            "if model is None:\n        return 'no', 503",
            "def drop():\n    global model\n    model = None",
            1,
        ),
        ("class M:\n    pass\nmodel = M()", "if not model:\n        raise ValueError", "", 0),
        (
            "class M:\n    def __init__(self):\n        self.ok = True\nmodel = M()",
            "return 'ok', 200 if model.ok else 503",
            "",
            0,
        ),
        (UNSET, "return 'ok', 200 if model.ok else 503", "", 1),
        (TRYING, "if model is None:\n        return 'no', 503", "", 1),
        (THREAD, "if model is None:\n        return 'no', 503", "", 1),
        ("model = input()", "return Response('no', status=503 if model else 200)", "", 1),
        ("model = input()", "return make_response('no', 404)", "", 1),
        ("model = input()", "return Response('no', status=HTTPStatus.NOT_FOUND)", "", 1),
        ("model = [512, 512]", "x = len((512, 512))", "", 0),
    ],
)
def test_what_a_handler_asks_of_the_model(model: str, body: str, more: str, caveats: int) -> None:
    source = GUARDED.replace("MODEL", model).replace("BODY", body).replace("MORE", more)
    answer = table(source).answer("GET", "/x")
    assert (answer.served is True and not answer.caveats) == (not caveats)


@pytest.mark.parametrize(
    ("body", "caveats"),
    [
        ("return f(*args, **kwargs)", 0),
        ("result = f(*args, **kwargs)\n        print('x')\n        return result", 0),
        ("if check():\n            return 'no', 401\n        return f(*args, **kwargs)", 1),
        ("abort(401)\n        return f(*args, **kwargs)", 1),
        (
            "try:\n            return f(*args, **kwargs)\n        except ValueError:\n            return 'no', 500",
            1,
        ),
        ("return g(*args, **kwargs)", 1),
    ],
)
def test_decorators_that_hand_on(body: str, caveats: int) -> None:
    decorator = (
        "import functools\ndef timed(f):\n    @functools.wraps(f)\n    def inner(*args, **kwargs):\n"
        f"        {body}\n    return inner\n"
    )
    flask = table(FLASK + decorator + "@app.route('/x')\n@timed\ndef v():\n    return 'ok'" + RUN)
    fastapi = table(FASTAPI + decorator + "@app.get('/x')\n@timed\ndef v(): pass" + SERVE)
    clean = [
        one.served is True and not one.caveats
        for one in (flask.answer("GET", "/x"), fastapi.answer("GET", "/x"))
    ]
    # A pair's second item is a status to Flask alone.
    assert clean == ([not caveats, True] if "'no', " in body and "check" not in body else [not caveats] * 2)
    failing = table(FLASK + decorator + "@app.route('/x')\n@timed\ndef v():\n    return 'no', 503" + RUN)
    answer = failing.answer("GET", "/x")
    assert not answer.served or answer.caveats


@pytest.mark.parametrize("path", ["/x", "/y"])
def test_two_routes_of_one_handler(path: str) -> None:
    flask = table(FLASK + "@app.route('/x')\n@app.get('/y')\ndef v():\n    return 'ok'" + RUN)
    fastapi = table(FASTAPI + "@app.get('/x')\n@app.get('/y')\ndef v(): pass" + SERVE)
    for found in (flask, fastapi):
        assert (found.answer("GET", path).served, found.answer("GET", path).caveats) == (True, ())
    failing = table(FASTAPI + "@app.get('/x')\n@app.get('/y')\ndef v(q): pass" + SERVE)
    assert failing.answer("GET", path).caveats


def test_bound_methods_have_no_parameter_for_their_object() -> None:
    source = "class H:\n    def v(self): pass\napp.add_api_route('/x', H().v)\n"
    answer = table(FASTAPI + source + SERVE).answer("GET", "/x")
    assert (answer.served, answer.caveats) == (True, ())


@pytest.mark.parametrize(
    "body", ["return 'no', 503", "raise RuntimeError", "abort(500)", "pass", "return busy()"]
)
def test_flask_handler_that_always_fails(body: str) -> None:
    names = "from flask import abort\n"
    answer = table(FLASK + names + f"@app.route('/x')\ndef v():\n    {body}" + RUN).answer("GET", "/x")
    assert (answer.served, bool(answer.caveats)) in {(None, False), (True, True)}


STARLETTE = (
    "from starlette.applications import Starlette\nfrom starlette.routing import Route, Mount\n"
    "from starlette.responses import PlainTextResponse\nasync def view(request): return PlainTextResponse('x')\n"
    "app = Starlette(routes=[Route('/x', view), Route('/y', view, methods=['POST']),"
    " Mount('/m', routes=[Route('/z/{n}', view)])%s])\n"
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/x", YES),
        ("HEAD", "/x", YES),
        ("POST", "/x", NO),
        ("POST", "/y", YES),
        ("GET", "/m/z/1", YES),
        ("GET", "/m/z", NO),
        ("GET", "/docs", NO),
    ],
)
def test_starlette(method: str, path: str, *, expected: bool | None) -> None:
    assert table({"app.py": STARLETTE % ""}, "uvicorn app:app").answer(method, path).served is expected
    open_list = table({"app.py": STARLETTE % ", *input()"}, "uvicorn app:app").answer(method, path).served
    assert open_list is (expected or None)


def test_fastapi_across_files() -> None:
    sources = {
        "main.py": "from fastapi import FastAPI\nfrom routers import items\napp = FastAPI()\n"
        "app.include_router(items.router, prefix='/v1')\n",
        "routers/items.py": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/items')\n"
        "@router.post('/predict')\nasync def predict(body: dict): return {}\n",
    }
    for line in ("uvicorn main:app", "gunicorn -k uvicorn.workers.UvicornWorker main:app"):
        found = table(sources, line)
        assert found.answer("POST", "/v1/items/predict").served is True
        assert found.answer("POST", "/items/predict").served is False


@pytest.mark.parametrize(("source", "line"), [(FLASK, "uvicorn app:app"), (FASTAPI, "gunicorn app:app")])
def test_server_and_framework_that_do_not_fit(source: str, line: str) -> None:
    answer = table({"app.py": source + "@app.get('/x')\n" + VIEW}, line).answer("GET", "/x")
    assert answer.served is False
    assert "all requests fail" in answer.evidence[0].message


def test_wrapped_application() -> None:
    source = (
        FLASK + "@app.get('/x')\n" + VIEW + "from asgiref.wsgi import WsgiToAsgi\nweb = WsgiToAsgi(app)\n"
    )
    root = image({"app.py": source}, packages=("flask", "asgiref", "uvicorn"))
    found = find_routes(find_listeners(start(root, "uvicorn app:web"), root).listeners)
    assert [found.answer("GET", path).served for path in ("/x", "/y")] == [True, False]


@pytest.mark.parametrize(
    "source", ["def app(environ, start): pass", "from other import app", "app = thing()"]
)
def test_other_applications_are_unknown(source: str) -> None:
    root = image({"app.py": source}, packages=("gunicorn", "other"))
    found = find_routes(find_listeners(start(root, "gunicorn app:app"), root).listeners)
    assert found.answer("GET", "/").served is None


def test_one_application_on_two_sockets() -> None:
    source = "from flask import Flask\napp = Flask(__name__)\n@app.get('/x')\ndef x(): return 'x'\n"
    root = image({"app.py": source}, packages=("gunicorn", "flask"))
    command = start(root, "gunicorn -b 0.0.0.0:8080 -b [::]:8080 app:app")
    listeners = find_listeners(command, root).listeners
    assert len(listeners) == 2
    assert [find_routes(listeners).answer("GET", path).served for path in ("/x", "/y")] == [True, False]
    other = find_listeners(command, root).listeners
    assert find_routes(listeners + other).answer("GET", "/y").served is None  # two programs may differ


def test_no_application() -> None:
    assert find_routes([]).answer("GET", "/").served is None
    assert table({"app.py": ""}, "python -m http.server").answer("GET", "/").served is None


def test_matching_takes_linear_steps() -> None:
    for tokens in (parse_rule("/" + "<path:a>-" * 30), parse_path("/" + "{a:path}-" * 30)):
        assert tokens is not None
        assert matches(tokens, "/" + "a-" * 900 + "b") is False
    assert parse_rule("/<a") is None
    assert parse_path("no-slash") is None


def test_a_server_that_may_not_listen_proves_no_presence() -> None:
    found = table(FLASK + "@app.route('/x')\n" + VIEW + "if input():\n    app.run()\n")
    assert [found.answer("GET", path).served for path in ("/x", "/y")] == [None, False]


def test_flask_run_calls_a_factory() -> None:
    source = FLASK.replace("app = Flask(__name__)", "")
    made = "def make():\n    app = Flask(__name__)\n    @app.route('/x')\n    def v():\n        return 'ok'\n    return app\n"
    found = table(source + made, "flask --app app:make run")
    assert [found.answer("GET", path).served for path in ("/x", "/y")] == [True, False]
