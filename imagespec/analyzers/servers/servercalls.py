"""
Servers that a Python program starts itself: the calls that listen, and where.

One entry of `SERVERS` for each call; those in `BLOCKING` do not return while they serve.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.appconfig import configuration
from imagespec.analyzers.python.logsetup import set_up
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Table, Unknown, root_of, text_of
from imagespec.analyzers.servers import (
    aiohttp,
    django,
    gradio,
    grpcports,
    gunicorncalls,
    keywords,
    smallservers,
    stdlib,
    tornado,
)
from imagespec.analyzers.servers.beforeserving import follow_before_serving
from imagespec.analyzers.servers.calls import Address, Server, host_of, port_of, tls_of
from imagespec.analyzers.servers.listening import AppRef, Listener
from imagespec.analyzers.servers.serverkeywords import missing_keys, refused_keywords
from imagespec.analyzers.servers.words import framework_of, load_variable, port_number


def _flask_run(call: Call, program: Program) -> Address | str:
    """Flask 2.2 to 3.1, app.py: 127.0.0.1:5000 unless SERVER_NAME says otherwise; an empty host is no host."""
    host, port = call.argument(0, "host"), call.argument(1, "port")
    default_host, default_port = _by_server_name(call, program)
    empty = host is None or (isinstance(host, Const) and not host.value)
    return Address(
        host=default_host if empty else text_of(host),
        port=default_port if port is None or port == Const(None) else port_of(port, None, text=True),
        server="flask",
        app=root_of(call.receiver),
        tls=tls_of(call.argument(None, "ssl_context")),
        interface="wsgi",
    )


def _by_server_name(call: Call, program: Program) -> tuple[str | None, int | None]:
    """Return the address where none is given; the name of the server in the configuration comes before the defaults."""
    app = root_of(call.receiver)
    table = configuration(program, app) if isinstance(app, Call) else Table({}, open=True)
    named = table.entries.get("SERVER_NAME", UNKNOWN if table.open else Const(None))
    if named in {Const(None), Const("")}:
        return "127.0.0.1", 5000
    host, _, port = (text_of(named) or "").partition(":")
    address = host == "localhost" or host.replace(".", "").isdecimal()
    return host if address else None, port_number(port or "5000") if text_of(named) else None


def _uvicorn_run(call: Call, program: Program) -> Address | str:
    """Serve by uvicorn 0.20 to 0.54, main.py and config.py: 127.0.0.1:8000; the environment is not read."""
    target = call.argument(0, "app")
    text_wanted = _wants_import_string(call)
    if text_wanted and not isinstance(target, Const | Unknown):
        return "uvicorn wants the application as an import string for workers or reload, and stops"
    log_config = call.argument(None, "log_config")
    if log_config not in {None, Const(None)}:
        program.guarded(lambda: set_up(program, log_config or UNKNOWN, call.place))
    socket = call.keywords.get("uds")
    closed = socket is not None and socket != Const(None)
    return Address(
        host=None if closed else host_of(call.argument(1, "host"), "127.0.0.1"),
        port=None if closed else port_of(call.argument(2, "port"), 8000),
        server="uvicorn",
        app=target,
        tls=tls_of(call.argument(None, "ssl_certfile")),
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


def _uvicorn_server(call: Call, program: Program) -> Address | str:
    made = call.receiver
    config = made.argument(0, "config") if isinstance(made, Call) else None
    if isinstance(config, Call) and config.name == "uvicorn.Config" and config.subclass is None:
        return _uvicorn_run(config, program)
    return Address(host=None, port=None, server="uvicorn", certain=False)


def _run_simple(call: Call, _program: Program) -> Address | str:
    """Werkzeug 2 and 3, serving.py: no defaults."""
    return Address(
        host=host_of(call.argument(0, "hostname"), ""),
        port=port_of(call.argument(1, "port"), None),
        server="werkzeug",
        app=call.argument(2, "application"),
        tls=tls_of(call.argument(None, "ssl_context")),
        interface="wsgi",
    )


def _waitress(call: Call, _program: Program) -> Address | str:
    """Serve by waitress 2 and 3, adjustments.py: 0.0.0.0:8080; ``listen`` and ``unix_socket`` replace it."""
    other = bool({"unix_socket", "sockets"} & call.keywords.keys()) or call.spread
    host, port = call.argument(None, "host"), call.argument(None, "port")
    if "listen" in call.keywords:  # one HOST:PORT, where * stands for all interfaces
        name, colon, number = (text_of(call.keywords["listen"]) or "").partition(":")
        other = (
            other
            or host is not None
            or port is not None
            or not colon
            or not number.isdecimal()
            or "[" in name
        )
        host, port = Const("0.0.0.0" if name == "*" else name), Const(number)  # noqa: S104 - what it means
    return Address(
        host=None if other else host_of(host, "0.0.0.0"),  # noqa: S104 - its default
        port=None if other else port_of(port, 8080, text=True),
        server="waitress",
        app=call.argument(0, "app"),
        interface="wsgi",
    )


_OWN: Mapping[str, Server] = {
    "flask.Flask().run": _flask_run,
    "uvicorn.run": _uvicorn_run,
    "uvicorn.Server().run": _uvicorn_server,
    "uvicorn.Server().serve": _uvicorn_server,
    "werkzeug.serving.run_simple": _run_simple,
    "waitress.serve": _waitress,
}

SERVERS: Mapping[str, Server] = {
    **_OWN,
    **stdlib.CALLS,
    **tornado.CALLS,
    **aiohttp.CALLS,
    **smallservers.CALLS,
    **django.CALLS,
    **gunicorncalls.CALLS,
    **grpcports.CALLS,
    **gradio.CALLS,
}
"""By the name of the call that serves."""

STARTING = tornado.STARTING | aiohttp.STARTING | grpcports.STARTING
"""Those of `SERVERS` that return: they serve as long as the program runs."""

BLOCKING = (frozenset(SERVERS) - STARTING) | tornado.LOOPS | grpcports.LOOPS
"""What does not return."""

PREPARING = (
    frozenset(name.partition("()")[0] for name in SERVERS)
    | {"uvicorn.Config"}
    | tornado.PREPARING
    | grpcports.PREPARING
)
"""Names of what only prepares a call of `SERVERS`."""

SETUP = (
    *tornado.SETUP,
    *aiohttp.SETUP,
    *smallservers.SETUP,
    *django.SETUP,
    *gunicorncalls.SETUP,
    *grpcports.SETUP,
    *gradio.SETUP,
)
"""Beginnings of the names of what makes and fills applications."""


def listener_of(call: Call, program: Program, *, certain: bool) -> Listener | str:
    """Return the listener that a call makes; a text says why it makes none."""
    refused = refused_keywords(call)
    if refused and call.certain:
        return refused
    for message in missing_keys(call, program):
        program.gap(call.place.evidence(message))
    address = SERVERS[call.name](call, program)
    if isinstance(address, str) or program.stopped is not None:
        return address if isinstance(address, str) else "the server ends before it listens"
    shown = (
        f"{'unknown host' if address.host is None else repr(address.host)}, port {address.port or 'unknown'}"
    )
    own_class = isinstance(address.app, Call) and address.app.subclass is not None
    subclassed = own_class and not address.reads_subclasses
    app = _app(call, program, address)
    for message in keywords.doubts(call, program):
        program.gap(call.place.evidence(message))
    follow_before_serving(app.application if app else None, program)
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


def _app(call: Call, program: Program, address: Address) -> AppRef | None:
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
