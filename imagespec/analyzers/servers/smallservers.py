"""Frameworks whose application runs itself: Bottle, Sanic, Quart, hypercorn's and gevent's servers in source."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, root_of, text_of
from imagespec.analyzers.servers.calls import Address, Server, host_of, pair_of, port_of, tls_of

_BOTTLE_SERVERS = {"wsgiref": "wsgiref", "auto": "wsgiref", "waitress": "waitress", "gunicorn": "gunicorn", "paste": "paste"}  # fmt: skip
"""Bottle's adapters that listen on the host and port they are given, and what they import; ``auto`` falls back to wsgiref."""


def _bottle(call: Call, program: Program) -> Address | str:
    """Serve by Bottle 0.12 and 0.13, run(app=None, server='wsgiref', host='127.0.0.1', port=8080)."""
    own = call.name == "bottle.Bottle().run"
    app = root_of(call.receiver) if own else call.argument(0, "app")
    server = call.argument(None if own else 1, "server") or Const("wsgiref")
    package = _BOTTLE_SERVERS.get(text_of(server) or "")
    return Address(
        host=host_of(call.argument(None if own else 2, "host"), "127.0.0.1"),
        port=port_of(call.argument(None if own else 3, "port"), 8080, text=True),
        server="bottle",
        app=call if app is None else app,  # the application that the module's own decorators fill
        certain=not call.spread and program.sources.find(package or "?").kind == "library",
        interface="wsgi",
    )


def _sanic(call: Call, program: Program) -> Address | str:
    """Serve by Sanic 21 to 24, run(host=None, port=None): 127.0.0.1:8000 (server/startup.py)."""
    other = bool({"sock", "unix"} & call.keywords.keys()) or call.spread
    return Address(
        host=None if other else host_of(call.argument(0, "host"), "127.0.0.1"),
        port=None if other else port_of(call.argument(1, "port"), 8000),
        server="sanic",
        app=root_of(call.receiver),
        tls=tls_of(call.argument(None, "ssl")),
        certain=not other and _finds_itself(call, program),
    )


def _finds_itself(call: Call, program: Program) -> bool:
    """
    Tell whether Sanic's workers find the application when they import the main module anew (22.9 and later).

    That takes an application at the module's own level, and ``run`` behind ``if __name__ == "__main__"``.
    """
    single = {call.argument(None, "single_process"), call.argument(None, "legacy")}
    app = root_of(call.receiver)
    if Const(value=True) in single or not isinstance(app, Call):
        return True
    return _is_guarded(call, program) and not _is_guarded(app, program)


def _is_guarded(call: Call, program: Program) -> bool:
    """Tell whether a call is in a function, or in an ``if`` that asks for ``__name__``."""
    trees = [module.tree for module in program.loaded if module.path == call.place.path]
    for node in trees[0].body if trees and trees[0] is not None else ():
        asks = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)[:200]
        within = node.lineno <= (call.place.line or 0) <= (node.end_lineno or 0)
        if within and (asks or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            return True
    return False


def _quart(call: Call, _program: Program) -> Address | str:
    """Serve by Quart 0.18 to 0.20, run(host=None, port=None): 127.0.0.1:5000 (app.py)."""
    return Address(
        host=None if call.spread else host_of(call.argument(0, "host"), "127.0.0.1"),
        port=None if call.spread else port_of(call.argument(1, "port"), 5000),
        server="quart",
        app=root_of(call.receiver),
        tls=tls_of(call.argument(None, "certfile")),
        interface="asgi",
    )


def _gevent(call: Call, _program: Program) -> Address | str:
    """Serve by gevent 20 to 24, pywsgi.WSGIServer(listener, application): an address pair, or a text ``host:port``."""
    made = call.receiver
    if not isinstance(made, Call) or made.spread:
        return Address(host=None, port=None, server="gevent", certain=False)
    listener = made.argument(0, "listener")
    host, port = pair_of(listener)
    text = text_of(listener)
    if text is not None and text.count(":") == 1:
        name, _, number = text.partition(":")
        host, port = Const(name), Const(number)
    secure = {"keyfile", "certfile", "ssl_context"} & made.keywords.keys()
    return Address(
        host=text_of(host),
        port=port_of(port, None, text=True),
        server="gevent",
        app=made.argument(1, "application"),
        tls=None if secure else False,
        certain=made.subclass is None,
        interface="wsgi",
    )


def _hypercorn(call: Call, program: Program) -> Address | str:
    """Serve by hypercorn 0.13 to 0.17, asyncio.serve(app, config): ``config.bind``, or 127.0.0.1:8000 (config.py)."""
    config = call.argument(1, "config")
    bind: object = ["127.0.0.1:8000"]
    secure: bool | None = False
    for other in program.calls if isinstance(config, Call) else ():
        if root_of(other.receiver) is config:
            if other.name != "hypercorn.config.Config().bind=" or not other.certain:
                return Address(
                    host=None, port=None, server="hypercorn", app=call.argument(0, "app"), interface="asgi"
                )
            items = getattr(other.args[0], "items", [other.args[0]])
            bind = [text_of(item) for item in items]
    one = bind[0] if isinstance(bind, list) and len(bind) == 1 and isinstance(config, Call) else None
    host, _, port = (one or "").rpartition(":")
    return Address(
        host=None if one is None else host,
        port=port_of(Const(port), None, text=True) if one else None,
        server="hypercorn",
        app=call.argument(0, "app"),
        tls=secure,
        interface="asgi",
    )


def _socketio(call: Call, program: Program) -> Address | str:
    """
    Serve by Flask-SocketIO 4 to 5.6, run(app, host=None, port=None): 127.0.0.1:5000, unless SERVER_NAME has a port.

    It serves by eventlet or gevent where the image has one. Else it serves by werkzeug, which versions from 5.3 on refuse
    without a terminal, unless they are told to.
    """
    told = call.argument(None, "allow_unsafe_werkzeug") == Const(value=True)
    installed = any(program.sources.find(name).kind == "library" for name in ("eventlet", "gevent"))
    made = root_of(call.receiver)
    chosen = not isinstance(made, Call) or made.spread or made.argument(None, "async_mode") is not None
    named = any(other.name.startswith("flask.Flask().config") for other in program.calls)
    port = call.argument(2, "port")
    return Address(
        host=host_of(call.argument(1, "host"), "127.0.0.1"),
        port=port_of(port, None if named else 5000, text=True),
        server="flask-socketio",
        app=call.argument(0, "app"),
        tls=tls_of(call.argument(None, "certfile")),
        certain=(told or installed) and not chosen and not call.spread,
        interface="wsgi",
    )


CALLS: Mapping[str, Server] = {
    "flask_socketio.SocketIO().run": _socketio,
    "bottle.run": _bottle,
    "bottle.Bottle().run": _bottle,
    "sanic.Sanic().run": _sanic,
    "quart.Quart().run": _quart,
    "gevent.pywsgi.WSGIServer().serve_forever": _gevent,
    "hypercorn.asyncio.serve": _hypercorn,
}

SETUP = (
    "bottle.Bottle", "bottle.route", "bottle.get", "bottle.post", "bottle.put", "bottle.delete", "bottle.patch",
    "bottle.default_app", "bottle.hook", "bottle.error", "bottle.template", "bottle.static_file", "sanic.Sanic",
    "sanic.Blueprint", "sanic.response.", "quart.Quart", "quart.Blueprint", "quart.jsonify", "quart.request",
    "quart.cors", "quart_cors.", "falcon.", "flask_socketio.", "hypercorn.config.Config", "gevent.monkey.", "gevent.pywsgi.WSGIServer",
)  # fmt: skip
