"""Servers of the standard library (CPython 3.8 to 3.13): socketserver, http.server, wsgiref."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Value, name_of, root_of, text_of
from imagespec.analyzers.servers.calls import Address, Server, host_of, pair_of, port_of


def _socket_server(call: Call, program: Program) -> Address | str:
    """Serve by socketserver and http.server: ((host, port), handler); a subclass may bind elsewhere."""
    made = call.receiver
    pair = made.argument(0, "server_address") if isinstance(made, Call) else None
    host, port = pair_of(pair)
    handler = made.argument(1, "RequestHandlerClass") if isinstance(made, Call) else None
    changed = isinstance(made, Call) and made.subclass is not None and _rebinds(made)
    return Address(
        host=None if changed else text_of(host),
        port=None if changed else port_of(port, None),
        server="http.server",
        app=handler if isinstance(handler, Class) else None,
        tls=_wrapped(made, program),
        certain=not changed,
    )


def _wrapped(made: Value | None, program: Program) -> bool | None:
    """Tell whether the server's socket is replaced by one of the ssl module."""
    if isinstance(made, Call):
        for call in program.calls:
            if root_of(call.receiver) is made and call.name.endswith(".socket="):
                wrapping = name_of(call.args[0] if call.args else None).endswith("wrap_socket()")
                return True if wrapping and call.certain else None
    return False


def _rebinds(made: Call) -> bool:
    names = ("__init__", "server_bind", "server_activate", "serve_forever", "address_family", "get_request")
    return made.subclass is not None and any(made.subclass.find(name) is not None for name in names)


def _wsgiref(call: Call, _program: Program) -> Address | str:
    made = call.receiver
    if not isinstance(made, Call):
        return Address(host=None, port=None, server="wsgiref", certain=False)
    return Address(
        host=host_of(made.argument(0, "host"), ""),
        port=port_of(made.argument(1, "port"), None),
        server="wsgiref",
        app=made.argument(2, "app"),
        interface="wsgi",
    )


CALLS: Mapping[str, Server] = {
    "http.server.HTTPServer().serve_forever": _socket_server,
    "http.server.ThreadingHTTPServer().serve_forever": _socket_server,
    "socketserver.TCPServer().serve_forever": _socket_server,
    "socketserver.ThreadingTCPServer().serve_forever": _socket_server,
    "wsgiref.simple_server.make_server().serve_forever": _wsgiref,
}
"""By the name of the call that serves."""
