"""
gunicorn started by a program of its own, as its documentation shows ("Custom Application", gunicorn 20 to 27).

A class of ``BaseApplication`` keeps the options and the application as attributes, hands the one to ``self.cfg.set`` in
``load_config`` and returns the other from ``load``. Any other shape is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Items,
    Table,
    Value,
    root_of,
    text_of,
)
from imagespec.analyzers.servers.calls import Address, Server
from imagespec.analyzers.servers.gunicorn import parse_address

_BASE = "gunicorn.app.base.BaseApplication"
_HARMLESS = frozenset(
    "accesslog access_log_format backlog bind errorlog forwarded_allow_ips graceful_timeout keepalive limit_request_line "  # noqa: SIM905 - one word a line is no better
    "loglevel max_requests max_requests_jitter preload_app proc_name threads timeout workers worker_class "
    "worker_connections worker_tmp_dir reuse_port".split()
)
_WORKERS = {"sync": "wsgi", "gthread": "wsgi", "uvicorn.workers.UvicornWorker": "asgi"}
_OPEN = Address(host=None, port=None, server="gunicorn", certain=False)


def _run(call: Call, program: Program) -> Address | str:
    made = call.receiver
    cls = made.subclass if isinstance(made, Call) else None
    if cls is None or program.environment.get("GUNICORN_CMD_ARGS"):
        return _OPEN
    options, app = _kept(cls, "load_config"), _kept(cls, "load")
    table = _attribute(made, options, program)
    if options is None or app is None or not isinstance(table, Table) or table.open:
        return _OPEN
    if not set(map(str, table.entries)) <= _HARMLESS:
        return _OPEN
    bind = table.entries.get("bind")
    if isinstance(bind, Items):
        bind = bind.items[0] if len(bind.items) == 1 and not bind.open else Const(0)
    text = text_of(bind) if bind is not None else _default(program)
    host, port, socket = parse_address(text.strip()) if text and "," not in text else (None, None, None)
    worker = text_of(table.entries.get("worker_class", Const("sync")))
    return Address(
        host=host,
        port=port,
        server="gunicorn",
        app=_attribute(made, app, program),
        socket=socket,
        certain=worker in _WORKERS,
        interface=_WORKERS.get(worker or ""),
        reads_subclasses=True,
    )


def _default(program: Program) -> str | None:
    if "PORT" not in program.environment:
        return "127.0.0.1:8000"
    port = program.environment["PORT"]
    return f"0.0.0.0:{port}" if port is not None else None


def _kept(cls: Class, method: str) -> str | None:
    """Return the attribute that ``load_config`` reads the options from, or that ``load`` returns; None for other shapes."""
    function = cls.find(method)
    if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
        return None
    nodes = [node for statement in function.node.body for node in ast.walk(statement)]
    read = {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    }
    read.discard("cfg")
    if method == "load":
        returned = [node.value for node in nodes if isinstance(node, ast.Return)]
        plain = len(function.node.body) == 1 and len(returned) == 1 and isinstance(returned[0], ast.Attribute)
        return read.pop() if plain and len(read) == 1 else None
    sets = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.cfg.set"]
    constant = any(node.args and isinstance(node.args[0], ast.Constant) for node in sets)
    return read.pop() if len(sets) == 1 and not constant and len(read) == 1 else None


def _attribute(made: Value | None, name: str | None, program: Program) -> Value | None:
    """Return what the program stores in an attribute of an object; None where that is not one thing."""
    stored = [
        call
        for call in program.calls
        if root_of(call.receiver) is made and call.name.endswith(f"().{name}=") and call.args
    ]
    return stored[0].args[0] if len(stored) == 1 and stored[0].certain else None


CALLS: Mapping[str, Server] = {f"{_BASE}().run": _run}

SETUP = (_BASE,)
