"""Programs that ask another server before they serve: the image cannot tell whether it answers."""

from __future__ import annotations

import pytest

from tests.build import file
from tests.python_images import SITE
from tests.services import service

NAMES = ("databases", "redis", "psycopg2", "pymongo", "requests", "sqlalchemy")
LIBRARIES = [file(f"{SITE}/{name}/__init__.py") for name in NAMES]
SERVE = "\nfrom flask import Flask\nFlask(__name__).run('0.0.0.0', 8080)\n"
ENGINE = "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import declarative_base\nBase = declarative_base()\n"


def shown(source: str) -> list[str]:
    return service("python app.py", file("app/app.py", source + SERVE), *LIBRARIES).shown


@pytest.mark.parametrize(
    "source",
    [
        "import redis\ndb = redis.StrictRedis(host='redis')\ndb.set('a', 'b')",
        "import redis\nredis.from_url('redis://r').ping()",
        "import psycopg2\nconn = psycopg2.connect('x')",
        "import pymongo\npymongo.MongoClient('m').admin.command('ping')",
        "import requests\ntext = requests.get('http://other/list').text",
        "from urllib.request import urlretrieve\nurlretrieve('http://other/model', '/tmp/model')",
        ENGINE + "Base.metadata.create_all(bind=create_engine('postgresql://db/x'))",
        ENGINE + "create_engine('mysql://db/x').connect()",
        "import psycopg2\ndef get():\n    return psycopg2.connect('x')\nconn = get()",
    ],
)
def test_another_server_is_asked_first(source: str) -> None:
    assert shown(source) == ["? flask 0.0.0.0:8080"]
    caught = "try:\n    " + source.replace("\n", "\n    ") + "\nexcept Exception:\n    pass"
    assert shown(caught) == ["flask 0.0.0.0:8080"]


@pytest.mark.parametrize(
    "source",
    [
        "import redis\ndb = redis.StrictRedis(host='redis')",
        "import pymongo\ndb = pymongo.MongoClient('m').base",
        "import psycopg2\ndef get():\n    return psycopg2.connect('x')",
        "import requests, threading\nthreading.Thread(target=lambda: requests.get('http://other')).start()",
        "import requests\nsession = requests.Session()",
        ENGINE + "Base.metadata.create_all(bind=create_engine('sqlite:///./a.db'))",
        ENGINE + "engine = create_engine('postgresql://db/x')",
    ],
)
def test_no_other_server_is_asked(source: str) -> None:
    assert shown(source) == ["flask 0.0.0.0:8080"]


@pytest.mark.parametrize(("url", "certain"), [("postgresql://db/x", False), ("sqlite:///./x.db", True)])
def test_a_database_is_connected_when_the_server_starts(url: str, *, certain: bool) -> None:
    source = (
        f"import databases\nfrom fastapi import FastAPI\nbase = databases.Database('{url}')\napp = FastAPI()\n"
        "@app.on_event('startup')\nasync def start():\n    await base.connect()\n"
    )
    run = {"Cmd": ["uvicorn", "app:app", "--port", "8080"]}
    found = service(run, file("app/app.py", source), *LIBRARIES).listening
    assert [one.certain for one in found.listeners] == [certain]


@pytest.mark.parametrize(
    ("made", "asked", "doubtful"),
    [
        ("import pymongo\ndb = pymongo.MongoClient('m')", "list(db.base.items.find({}))", True),
        ("import pymongo\ndb = pymongo.MongoClient('m')", "db.base.items.insert_one({'a': 1})", True),
        ("import redis\ndb = redis.Redis('r')", "db.incr('hits')", True),
        ("import redis\ndb = redis.Redis('r')", "str(db)", False),
    ],
)
def test_handlers_that_ask_another_server(made: str, asked: str, *, doubtful: bool) -> None:
    source = f"{made}\nfrom flask import Flask\napp = Flask(__name__)\n@app.get('/x')\ndef x():\n    {asked}\n    return 'x'\n"
    found = service("python app.py", file("app/app.py", source + "app.run('0.0.0.0', 8080)\n"), *LIBRARIES)
    answer = found.routes().answer("GET", "/x")
    assert (answer.served, bool(answer.caveats)) == (True, doubtful)
