"""Small images with a Python program, and the steps that start it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from imagespec.analyzers.routes.routes import RouteTable, find_routes
from imagespec.analyzers.servers.listeners import Listening, find_listeners
from imagespec.analyzers.startup.steps import StartCommand, Step
from imagespec.rootfs import RootFs
from tests.build import Item, directory, file, program, rootfs

SITE = "usr/local/lib/python3.11/site-packages"
PACKAGES = (
    "flask",
    "fastapi",
    "starlette",
    "uvicorn",
    "gunicorn",
    "loguru",
    "waitress",
    "werkzeug",
    "flask_cors",
    "flask_sqlalchemy",
    "flask_talisman",
    "flask_wtf",
    "flasgger",
)


def image(sources: Mapping[str, str], *more: Item, packages: tuple[str, ...] = PACKAGES) -> RootFs:
    """Return an image like the official Python ones, with these files in /app and stubs of these packages."""
    stubs = [
        file(f"{SITE}/{name}/__init__.py", "raise SystemExit('a library is never followed')")
        for name in packages
    ]
    scripts = [program(f"usr/local/bin/{name}", "#!/usr/local/bin/python3.11\n") for name in packages]
    own = [file(f"app/{path}", text) for path, text in sources.items()]
    return rootfs([program("usr/local/bin/python3.11"), directory(SITE), *stubs, *scripts, *own, *more])


def start(
    root: RootFs, line: str, env: Mapping[str, str | None] | None = None, **other: object
) -> StartCommand:
    """Return the start command of one command line, in /app."""
    argv = shlex.split(line)
    names = {"python": "python3.11", "python3": "python3.11"}
    entry = root.resolve("usr/local/bin/" + names.get(argv[0], argv[0])) or root.resolve(argv[0])
    step = Step(argv=tuple(argv), program=entry, env=env or {}, cwd="/app", **other)  # type: ignore[arg-type]
    return StartCommand(argv=tuple(argv), steps=(step,))


def listening(
    sources: Mapping[str, str],
    line: str = "python app.py",
    env: Mapping[str, str | None] | None = None,
    packages: tuple[str, ...] = PACKAGES,
) -> Listening:
    root = image(sources, packages=packages)
    return find_listeners(start(root, line, env), root)


def table(sources: Mapping[str, str] | str, line: str = "python app.py") -> RouteTable:
    files = {"app.py": sources} if isinstance(sources, str) else sources
    found = find_routes(listening(files, line).listeners)
    assert isinstance(found, RouteTable)
    return found
