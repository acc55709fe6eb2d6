"""`poetry run`, `pipenv run` and `uv run`: the programs of a project's virtual environment."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.build import Item, file, program, symlink
from tests.services import service

CACHE = "root/.cache/pypoetry/virtualenvs/app-Xy1-py3.11"
PIPENV = "root/.local/share/virtualenvs/app-Xy1"
TOOLS = [
    program(f"usr/local/bin/{name}", "#!/usr/local/bin/python3.11\nimport x\n")
    for name in ("poetry", "pipenv")
]
TOOLS += [program("usr/local/bin/uv")]
APP = file("app/main.py", "from fastapi import FastAPI\napp = FastAPI()\n")
SERVE = file("app/serve.py", "from flask import Flask\nFlask(__name__).run('0.0.0.0', 8080)\n")


def environment(root: str) -> list[Item]:
    site = f"{root}/lib/python3.11/site-packages"
    packages = [file(f"{site}/{name}/__init__.py") for name in ("fastapi", "uvicorn", "flask")]
    return [
        file(f"{root}/pyvenv.cfg", "home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n"),
        symlink(f"{root}/bin/python", "/usr/local/bin/python3.11"),
        program(f"{root}/bin/uvicorn", f"#!/{root}/bin/python\nimport x\n"),
        *packages,
    ]  # fmt: skip


def shown(command: str, *items: Item, env: Mapping[str, str] | None = None) -> list[str]:
    run = {"Cmd": command.split(), "Env": [f"{name}={value}" for name, value in (env or {}).items()]}
    return service(run, *TOOLS, APP, SERVE, *items).shown


POETRY = file("app/pyproject.toml", "[tool.poetry]\nname = 'app'\n")
PIPFILE = file("app/Pipfile", "[packages]\nfastapi = '*'\n")
UVICORN = "uvicorn main:app --host 0.0.0.0 --port 8080"
LISTENS = ["uvicorn 0.0.0.0:8080"]


@pytest.mark.parametrize(
    ("command", "items", "env", "expected"),
    [
        ("poetry run " + UVICORN, [POETRY, *environment("app/.venv")], {}, LISTENS),
        ("poetry run " + UVICORN, [POETRY, *environment(CACHE)], {}, LISTENS),
        ("poetry -q run " + UVICORN, [POETRY, *environment(CACHE)], {}, []),
        ("poetry run python -m " + UVICORN, [POETRY, *environment(CACHE)], {}, LISTENS),
        ("poetry run " + UVICORN, [POETRY], {"POETRY_VIRTUALENVS_CREATE": "false"}, LISTENS),
        ("poetry run " + UVICORN, [POETRY, file("app/poetry.toml", "[virtualenvs]\ncreate = false\n")], {}, LISTENS),
        ("poetry run " + UVICORN, [POETRY], {}, []),
        ("poetry run " + UVICORN, [POETRY, *environment(CACHE), *environment(CACHE + "2")], {}, []),
        ("poetry run " + UVICORN, environment(CACHE), {}, []),
        ("pipenv run " + UVICORN, [PIPFILE, *environment("app/.venv")], {}, LISTENS),
        ("pipenv run " + UVICORN, [PIPFILE, *environment(PIPENV)], {}, LISTENS),
        ("pipenv run " + UVICORN, [PIPFILE, *environment(PIPENV), file("app/.env", "X=1\n")], {}, []),
        ("pipenv run serve", [file("app/Pipfile", "[scripts]\nserve = 'x'\n"), *environment(PIPENV)], {}, []),
        ("uv run " + UVICORN, [POETRY, *environment("app/.venv")], {"UV_NO_SYNC": "1"}, LISTENS),
        ("uv run " + UVICORN, [POETRY, *environment("app/.venv")], {}, ["? uvicorn 0.0.0.0:8080"]),
        ("uv run --frozen --no-sync -- " + UVICORN, [POETRY, *environment("app/.venv")], {}, LISTENS),
        ("uv run --no-sync -m " + UVICORN, [POETRY, *environment("app/.venv")], {}, LISTENS),
        ("uv run --no-sync serve.py", [POETRY, *environment("app/.venv")], {}, ["flask 0.0.0.0:8080"]),
        ("uv run --with other " + UVICORN, [POETRY, *environment("app/.venv")], {}, []),
        ("uv run " + UVICORN, [POETRY], {}, []),
    ],
)  # fmt: skip
def test_programs_of_a_project(
    command: str, items: list[Item], env: dict[str, str], expected: list[str]
) -> None:
    assert shown(command, *items, env=env) == expected


def test_what_is_not_followed_is_told() -> None:
    for command, items in (("poetry run " + UVICORN, [POETRY]), ("uv run --with x " + UVICORN, [POETRY])):
        found = service({"Cmd": command.split()}, *TOOLS, APP, *items)
        assert found.start.gaps or found.start.failures or found.listening.gaps
