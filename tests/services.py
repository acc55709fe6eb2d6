"""Images that are judged from their start command on: who listens, what is answered, where it is logged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from imagespec.analyzers.logs import LogSinks, find_log_sinks
from imagespec.analyzers.python.pythonlogs import find_python_logs
from imagespec.analyzers.routes.routes import Answers, find_routes
from imagespec.analyzers.servers.listeners import WANTED, Listening, find_listeners
from imagespec.analyzers.startup import start
from imagespec.analyzers.startup.steps import StartCommand
from imagespec.analyzers.wanted import compile_wanted
from imagespec.documents.config import parse_config
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from tests.build import Item, config, directory, file, layer, program, scan, symlink
from tests.python_images import SITE

BASE: Sequence[Item] = (
    program("bin/dash"),
    symlink("bin/sh", "dash"),
    program("bin/bash"),
    file(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101::/:/bin/false\nwww-data:x:33:33::/:/bin/false\n",
    ),
    *(
        program(f"usr/bin/{name}")
        for name in ("env", "tail", "sleep", "sed", "cat", "find", "sort", "mkdir", "tini")
    ),
    program("usr/local/bin/python3.11"),
    symlink("usr/local/bin/python3", "python3.11"),
    symlink("usr/local/bin/python", "python3"),
    program("usr/sbin/nginx"),
    directory(SITE),
    *(
        file(f"{SITE}/{name}/__init__.py")
        for name in (
            "flask",
            "gunicorn",
            "uvicorn",
            "fastapi",
            "waitress",
            "hypercorn",
            "django",
            "quart",
            "flask_restful",
        )
    ),
    *(
        program(f"usr/local/bin/{name}", "#!/usr/local/bin/python3.11\nimport x\n")
        for name in ("gunicorn", "uvicorn", "waitress-serve", "hypercorn", "flask")
    ),
)
APP = file(
    "app/app.py",
    "from flask import Flask\napp = Flask(__name__)\n@app.route('/predict', methods=['POST'])\ndef predict(): return 'x'\n"
    "@app.route('/health')\ndef health(): return 'ok'\n",
)


@attrs.frozen(kw_only=True)
class Service:
    """What the analyzers say of an image."""

    rootfs: RootFs
    start: StartCommand
    listening: Listening

    @property
    def shown(self) -> list[str]:
        """The listeners as texts: ``?`` is not certain, ``!`` speaks TLS."""
        return [
            f"{'' if one.certain else '? '}{one.server} {one.socket or f'{one.host}:{one.port}'}{'!' if one.tls else ''}"
            for one in self.listening.listeners
        ]

    def routes(self, port: int = 8080) -> Answers:
        """Return what is answered on a port."""
        on_port = [one for one in self.listening.listeners if one.port == port]
        return find_routes(on_port, self.listening, self.rootfs)

    def asked(self, text: str, port: int = 8080) -> str:
        """Return ``text``, such as ``GET /x YES, POST /y NO``, with the answers that are given."""
        names = {True: "YES", False: "NO", None: "OPEN"}
        table = self.routes(port)
        rows = [item.split()[:2] for item in text.split(", ")]
        return ", ".join(
            f"{method} {path} {names[table.answer(method, path).served]}" for method, path in rows
        )

    @property
    def logs(self) -> LogSinks:
        """Where it logs."""
        return find_log_sinks(self.start, self.listening, find_python_logs(self.listening), self.rootfs)


def service(run: Mapping[str, Any] | str, *items: Item, base: Sequence[Item] = BASE) -> Service:
    """Return what is made of an image; ``run`` is its inner config, or a command for ``sh -c``; it works in /app."""
    inner = {"WorkingDir": "/app", **({"Cmd": ["sh", "-c", run]} if isinstance(run, str) else run)}
    want = compile_wanted((*WANTED, *start.WANTED))
    rootfs = RootFs([scan(layer(*base), want), scan(layer(*items), want)])
    command = start.follow_start_command(
        parse_config(config([], json.loads(json.dumps(inner))), "c", Limits()), rootfs
    )
    return Service(rootfs=rootfs, start=command, listening=find_listeners(command, rootfs))
