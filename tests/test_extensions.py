"""Libraries that are given an application: what is known of them, and what stays open."""

from __future__ import annotations

import pytest

from tests.python_images import table

SOURCE = "from flask import Flask\napp = Flask(__name__)\n%s\n@app.route('/x', methods=['GET', 'POST'])\ndef x(): return 'x'\napp.run('0.0.0.0', 8080)\n"
WORDS = {True: "yes", False: "no", None: "open"}


@pytest.mark.parametrize(
    ("given", "post", "missing"),
    [
        ("", "yes", "no"),
        ("from flask_sqlalchemy import SQLAlchemy\nSQLAlchemy(app)", "yes", "no"),
        ("from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\ndb.init_app(app)", "yes", "no"),
        ("from flasgger import Swagger\nSwagger(app)", "yes", "open"),
        # Flask-WTF refuses every POST without a token, Flask-Talisman sends all requests to HTTPS
        ("from flask_wtf import CSRFProtect\nCSRFProtect(app)", "open", "open"),
        ("from flask_talisman import Talisman\nTalisman().init_app(app)", "open", "open"),
        ("import atexit\natexit.register(print, app)", "yes", "no"),
    ],
)
def test_libraries(given: str, post: str, missing: str) -> None:
    found = table(SOURCE % given)
    assert WORDS[found.answer("POST", "/x").served] == post
    assert WORDS[found.answer("GET", "/nope").served] == missing
