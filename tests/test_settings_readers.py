"""Settings that libraries read from the environment and from files, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.build import file
from tests.python_images import SITE
from tests.services import service

SERVE = "\nfrom flask import Flask\nFlask(__name__).run('0.0.0.0', port)\n"
LIBRARIES = [
    file(f"{SITE}/{name}/__init__.py") for name in ("starlette", "decouple", "environs", "environ", "dotenv")
]


def shown(
    source: str, files: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> list[str]:
    run = {
        "Cmd": ["python", "/app/app.py"],
        "Env": [f"{name}={value}" for name, value in (env or {}).items()],
    }
    own = [file(path, text) for path, text in (files or {}).items()]
    return service(run, file("app/app.py", source + SERVE), *LIBRARIES, *own).shown


STARLETTE = "from starlette.config import Config\nconfig = Config('.env')\n"
DECOUPLE = "from decouple import config\n"
ENVIRONS = "from environs import Env\nenv = Env()\n"
ENVIRON = "import environ\nenv = environ.Env(PORT=(int, 8081))\n"
DOTENV = "from dotenv import dotenv_values\nconfig = dotenv_values('.env')\n"


@pytest.mark.parametrize(
    ("source", "port"),
    [
        (STARLETTE + "port = config('PORT', cast=int, default=8080)", "8080"),
        (STARLETTE + "port = config('PORT', int, 8080)", "8080"),
        (STARLETTE + "port = config.get('PORT', cast=int, default='8080')", "8080"),
        (DECOUPLE + "port = config('PORT', default=8080, cast=int)", "8080"),
        (DECOUPLE + "port = config('PORT', 8080)", "8080"),
        (ENVIRONS + "port = env.int('PORT', 8080)", "8080"),
        (ENVIRONS + "port = env('PORT', default=8080)", "8080"),
        (ENVIRON + "port = env('PORT')", "8081"),
        (ENVIRON + "port = env.int('OTHER', default=8080)", "8080"),
        (DOTENV + "port = int(config.get('PORT', '8080'))", "8080"),
    ],
)
def test_defaults(source: str, port: str) -> None:
    assert shown(source) == [f"flask 0.0.0.0:{port}"]


@pytest.mark.parametrize(
    "source",
    [
        STARLETTE + "port = config('PORT', cast=int, default=8080)",
        DECOUPLE + "port = config('PORT', default=8080, cast=int)",
        ENVIRONS + "env.read_env()\nport = env.int('PORT', 8080)",
        ENVIRONS + "env.read_env('/app/.env')\nport = env.int('PORT')",
        ENVIRON + "environ.Env.read_env()\nport = env('PORT')",
        DOTENV + "port = int(config['PORT'])",
        "import os\nfrom dotenv import load_dotenv, find_dotenv\nload_dotenv(find_dotenv())\nport = int(os.environ['PORT'])",
    ],
)
def test_files_and_the_environment(source: str) -> None:
    assert shown(source, {"app/.env": "PORT=9000\n"}) == ["flask 0.0.0.0:9000"]
    if "dotenv_values" not in source:
        assert shown(source, {"app/.env": "PORT=9000\n"}, {"PORT": "7000"}) == ["flask 0.0.0.0:7000"]


@pytest.mark.parametrize(
    "source",
    [
        STARLETTE + "key = config('KEY')",
        STARLETTE + "key = config('KEY', cast=str)",
        "from starlette.config import Config\nkey = Config(env_prefix='X_')('KEY')",
        DECOUPLE + "key = config('KEY')",
        ENVIRONS + "key = env('KEY')",
        ENVIRONS + "key = env.str('KEY')",
        ENVIRON + "key = env('KEY')",
        ENVIRON + "key = env.db()",
        ENVIRON + "key = env.db('KEY')",
        DOTENV + "key = config['KEY']",
        "import json\nkey = json.load(open('/app/c.json'))['KEY']",
    ],
)
def test_keys_that_are_missing(source: str) -> None:
    """What needs them is not certain to be started; a container's start may give a variable that the image lacks."""
    files = {"app/c.json": '{"other": 1}', "app/.env": "OTHER=1\n"}
    assert shown(source + "\nport = 8080", files) == ["? flask 0.0.0.0:8080"]
    caught = (
        "try:\n    " + source.replace("\n", "\n    ") + "\nexcept Exception:\n    key = None\nport = 8080"
    )
    assert shown(caught, files) == ["flask 0.0.0.0:8080"]


def test_items_that_others_may_have_added() -> None:
    for filled in (
        "config.update(environ.more())",
        "environ.fill(config)",
        "for key in environ.keys():\n    config[key] = 1",
    ):
        source = f"import environ\nconfig = {{}}\n{filled}\nx = config['a']\nport = 8080"
        assert shown(source) == ["flask 0.0.0.0:8080"]


def test_keys_that_are_given() -> None:
    for start in (STARLETTE, DECOUPLE):
        assert shown(start + "key = config('KEY')\nport = 8080", env={"KEY": "k"}) == ["flask 0.0.0.0:8080"]
    for start in (ENVIRONS, ENVIRON):
        assert shown(start + "key = env('KEY')\nport = 8080", env={"KEY": "k"}) == ["flask 0.0.0.0:8080"]
    assert shown(DOTENV + "key = config['KEY']\nport = 8080", {"app/.env": "KEY=1\n"}) == [
        "flask 0.0.0.0:8080"
    ]


def test_where_files_are_looked_for() -> None:
    """python-decouple stops below the root directory, and prefers settings.ini; django-environ looks in one folder."""
    port = "port = config('PORT', default=8080, cast=int)"
    assert shown(DECOUPLE + port, {".env": "PORT=9000\n"}) == ["flask 0.0.0.0:8080"]
    assert shown(DECOUPLE + port, {"app/settings.ini": "[settings]\nPORT=9000\n"}) == ["flask 0.0.0.0:None"]
    assert shown(ENVIRON + "environ.Env.read_env()\nport = env('PORT')", {".env": "PORT=9000\n"}) == [
        "flask 0.0.0.0:8081"
    ]
