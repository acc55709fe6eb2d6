"""
Servers that a Python program starts itself: the calls that listen, and where.

One entry of `SERVERS` for each call; each does not return while it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Items, Unknown, Value, root_of, text_of
from imagespec.analyzers.servers.listening import AppRef, Listener
from imagespec.analyzers.servers.words import framework_of, load_variable


@attrs.frozen(kw_only=True)
class _Address:
    """Where a call listens, before it is known who calls; None for what is unknown."""

    host: str | None
    port: int | None
    server: str
    app: Value | None = None
    tls: bool | None = False
    socket: str | None = None
    certain: bool = True
    interface: str | None = None


Server = Callable[[Call, Program], _Address | None]
"""Reads one call; None when it does not listen after all."""


def _host(value: Value | None, default: str) -> str | None:
    if value is None or value == Const(None):
        return default
    return text_of(value)


def _port(value: Value | None, default: int | None) -> int | None:
    if value is None or value == Const(None):
        return default
    is_number = isinstance(value, Const) and type(value.value) is int and 0 <= value.value < 1 << 16
    return value.value if isinstance(value, Const) and is_number else None  # type: ignore[return-value]


def _tls(value: Value | None) -> bool | None:
    if value is None or value == Const(None):
        return False
    return None if value is UNKNOWN else True


def _flask_run(call: Call, program: Program) -> _Address | None:
    """Flask 2.2 to 3.1, app.py: 127.0.0.1:5000 unless SERVER_NAME says otherwise; an empty host is no host."""
    host, port = call.argument(0, "host"), call.argument(1, "port")
    if (
        isinstance(port, Const)
        and isinstance(port.value, str)
        and port.value.isascii()
        and port.value.isdecimal()
    ):
        port = Const(int(port.value[:6]))
    named = _server_name_is_open(call, program)
    default_host = None if named else "127.0.0.1"
    empty = host is None or (isinstance(host, Const) and not host.value)
    default_port = None if named else 5000
    return _Address(
        host=default_host if empty else text_of(host),
        port=default_port if port is None or port == Const(None) else _port(port, None),
        server="flask",
        app=root_of(call.receiver),
        tls=_tls(call.keywords.get("ssl_context")),
        interface="wsgi",
    )


def _server_name_is_open(call: Call, program: Program) -> bool:
    """Tell whether the app's configuration may hold SERVER_NAME."""
    app = root_of(call.receiver)
    for other in program.calls:
        if root_of(other.receiver) is app and other.name.startswith("flask.Flask().config"):
            key = text_of(other.args[0]) if other.args else None
            if other.name != "flask.Flask().config[]=" or key in {None, "SERVER_NAME"}:
                return True
    return False


def _uvicorn_run(call: Call, _program: Program) -> _Address | None:
    """Serve by uvicorn 0.20 to 0.54, main.py and config.py: 127.0.0.1:8000; the environment is not read."""
    target = call.argument(0, "app")
    text_wanted = _wants_import_string(call)
    if text_wanted and not isinstance(target, Const | Unknown):
        return None  # uvicorn exits then
    socket = call.keywords.get("uds")
    closed = socket is not None and socket != Const(None)
    return _Address(
        host=None if closed else _host(call.argument(1, "host"), "127.0.0.1"),
        port=None if closed else _port(call.argument(2, "port"), 8000),
        server="uvicorn",
        app=target,
        tls=_tls(call.keywords.get("ssl_certfile")),
        socket=text_of(socket),
        certain="fd" not in call.keywords
        and not call.spread
        and (text_wanted is False or isinstance(target, Const)),
        interface="asgi" if "interface" not in call.keywords else None,
    )


def _wants_import_string(call: Call) -> bool | None:
    """Tell whether uvicorn reloads or has several workers, and so must import the application itself (main.py)."""
    workers, reload = (
        call.keywords.get("workers", Const(None)),
        call.keywords.get("reload", Const(value=False)),
    )
    if not isinstance(workers, Const) or not isinstance(reload, Const):
        return None
    return bool(reload.value) or (isinstance(workers.value, int) and workers.value > 1)


def _uvicorn_server(call: Call, program: Program) -> _Address | None:
    made = call.receiver
    config = made.argument(0, "config") if isinstance(made, Call) else None
    if isinstance(config, Call) and config.name == "uvicorn.Config" and config.subclass is None:
        return _uvicorn_run(config, program)
    return _Address(host=None, port=None, server="uvicorn", certain=False)


def _run_simple(call: Call, _program: Program) -> _Address | None:
    """Werkzeug 2 and 3, serving.py: no defaults."""
    return _Address(
        host=_host(call.argument(0, "hostname"), ""),
        port=_port(call.argument(1, "port"), None),
        server="werkzeug",
        app=call.argument(2, "application"),
        tls=_tls(call.keywords.get("ssl_context")),
        interface="wsgi",
    )


def _socket_server(call: Call, _program: Program) -> _Address | None:
    """Serve by socketserver and http.server: ((host, port), handler); a subclass may bind elsewhere."""
    made = call.receiver
    pair = made.argument(0, "server_address") if isinstance(made, Call) else None
    items = (
        pair.items
        if isinstance(pair, Items) and not pair.open and len(pair.items) == 2
        else [UNKNOWN, UNKNOWN]
    )
    changed = isinstance(made, Call) and made.subclass is not None and _rebinds(made)
    return _Address(
        host=None if changed else text_of(items[0]),
        port=None if changed else _port(items[1], None),
        server="http.server",
        certain=not changed,
    )


def _rebinds(made: Call) -> bool:
    names = ("__init__", "server_bind", "server_activate", "serve_forever", "address_family", "get_request")
    return made.subclass is not None and any(made.subclass.find(name) is not None for name in names)


def _wsgiref(call: Call, _program: Program) -> _Address | None:
    made = call.receiver
    if not isinstance(made, Call):
        return _Address(host=None, port=None, server="wsgiref", certain=False)
    return _Address(
        host=_host(made.argument(0, "host"), ""),
        port=_port(made.argument(1, "port"), None),
        server="wsgiref",
        app=made.argument(2, "app"),
        interface="wsgi",
    )


def _waitress(call: Call, _program: Program) -> _Address | None:
    """Serve by waitress 2 and 3, adjustments.py: 0.0.0.0:8080; ``listen`` and ``unix_socket`` replace it."""
    other = bool({"listen", "unix_socket", "sockets"} & call.keywords.keys()) or call.spread
    port = call.argument(None, "port")
    if (
        isinstance(port, Const)
        and isinstance(port.value, str)
        and port.value.isascii()
        and port.value.isdecimal()
    ):
        port = Const(int(port.value[:6]))
    return _Address(
        host=None if other else _host(call.argument(None, "host"), "0.0.0.0"),  # noqa: S104 - its default
        port=None if other else _port(port, 8080),
        server="waitress",
        app=call.argument(0, "app"),
        interface="wsgi",
    )


SERVERS: Mapping[str, Server] = {
    "flask.Flask().run": _flask_run,
    "uvicorn.run": _uvicorn_run,
    "uvicorn.Server().run": _uvicorn_server,
    "uvicorn.Server().serve": _uvicorn_server,
    "werkzeug.serving.run_simple": _run_simple,
    "http.server.HTTPServer().serve_forever": _socket_server,
    "http.server.ThreadingHTTPServer().serve_forever": _socket_server,
    "socketserver.TCPServer().serve_forever": _socket_server,
    "socketserver.ThreadingTCPServer().serve_forever": _socket_server,
    "wsgiref.simple_server.make_server().serve_forever": _wsgiref,
    "waitress.serve": _waitress,
}
"""By the name of the call that serves."""

BLOCKING = frozenset(SERVERS)


def listener_of(call: Call, program: Program, *, certain: bool) -> Listener | None:
    """Return the listener that a call makes; None when it makes none."""
    address = SERVERS[call.name](call, program)
    if address is None:
        return None
    shown = (
        f"{'unknown host' if address.host is None else repr(address.host)}, port {address.port or 'unknown'}"
    )
    subclassed = any(isinstance(value, Call) and value.subclass for value in (address.app,))
    app = _app(call, program, address)
    return Listener(
        host=address.host,
        port=address.port,
        server=address.server,
        certain=certain and call.certain and address.certain and not subclassed,
        evidence=(*program.step.trail, call.place.evidence(f"{call.name} listens on {shown}")),
        app=app,
        socket=address.socket,
        tls=address.tls,
    )


def _app(call: Call, program: Program, address: _Address) -> AppRef | None:
    if address.app is None:
        return None
    value, variable, path = address.app, "", call.place.path
    text = text_of(value)
    if text is not None:  # an import string: the module is imported anew, also when it is this very file
        module, _, variable = text.partition(":")
        source = call if call.name == "uvicorn.run" else root_of(call.receiver)
        factory = isinstance(source, Call) and source.keywords.get("factory", Const(None)) != Const(None)
        program.stopped = None
        value = load_variable(program, module, variable, factory=factory) or UNKNOWN
        path = program.modules[module].path if module in program.modules else path
    return AppRef(
        module_path=path,
        variable=variable,
        framework=framework_of(value),
        interface=address.interface,
        root_path=text_of(call.keywords.get("root_path", Const(""))),
        application=value,
        program=program,
    )
