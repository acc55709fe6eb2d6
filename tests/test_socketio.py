"""Flask-SocketIO's own server."""

from __future__ import annotations

import pytest

from tests.build import file
from tests.python_images import SITE
from tests.services import service

SOURCE = (
    "from flask import Flask\nfrom flask_socketio import SocketIO\napp = Flask(__name__)\nsocketio = SocketIO(app%s)\n"
    "@app.get('/h')\ndef h(): return 'x'\n@socketio.on('message')\ndef on(data): pass\nsocketio.run(%s)\n"
)


@pytest.mark.parametrize(
    ("made", "run", "packages", "expected"),
    [
        ("", "app, host='0.0.0.0', port=8080", ("eventlet",), "flask-socketio 0.0.0.0:8080"),
        ("", "app, '0.0.0.0', 8080", ("gevent",), "flask-socketio 0.0.0.0:8080"),
        ("", "app, host='0.0.0.0', port=8080, allow_unsafe_werkzeug=True", (), "flask-socketio 0.0.0.0:8080"),
        ("", "app", ("eventlet",), "flask-socketio 127.0.0.1:5000"),
        ("", "app, host='0.0.0.0', port=8080", (), "? flask-socketio 0.0.0.0:8080"),
        (", async_mode='threading'", "app, host='0.0.0.0', port=8080", ("eventlet",), "? flask-socketio 0.0.0.0:8080"),
    ],
)  # fmt: skip
def test_where_it_listens(made: str, run: str, packages: tuple[str, ...], expected: str) -> None:
    libraries = [file(f"{SITE}/{name}/__init__.py") for name in ("flask_socketio", *packages)]
    found = service("python app.py", file("app/app.py", SOURCE % (made, run)), *libraries)
    assert found.shown == [expected]
    assert found.listening.gaps == ()


def test_what_it_answers() -> None:
    libraries = [file(f"{SITE}/{name}/__init__.py") for name in ("flask_socketio", "eventlet")]
    source = SOURCE % ("", "app, host='0.0.0.0', port=8080")
    found = service("python app.py", file("app/app.py", source), *libraries)
    assert found.asked("GET /h, POST /h, GET /other") == "GET /h YES, POST /h OPEN, GET /other OPEN"
