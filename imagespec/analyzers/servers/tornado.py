"""
Servers of Tornado (6.0 to 6.5): ``Application.listen``, ``HTTPServer.listen`` and ``bind``; all interfaces by default.

They return at once; what serves is the loop behind them, or a coroutine that waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, root_of
from imagespec.analyzers.servers.calls import Address, Server, host_of, port_of, tls_of
from imagespec.analyzers.servers.tornadooptions import option_value


def _listen(call: Call, program: Program) -> Address | str:
    """Serve by web.py, Application.listen(port, address=None), and tcpserver.py, TCPServer.listen and bind."""
    made = root_of(call.receiver)
    app, secure = made, call.argument(None, "ssl_options")
    if isinstance(made, Call) and made.name == "tornado.httpserver.HTTPServer":
        app, secure = made.argument(0, "request_callback"), made.argument(None, "ssl_options")
    address = call.argument(1, "address")
    return Address(
        host=None if call.spread else host_of(option_value(address, program), ""),
        port=port_of(option_value(call.argument(0, "port"), program), None, text=True),
        server="tornado",
        app=app,
        tls=tls_of(secure),
        reads_subclasses=True,
    )


CALLS: Mapping[str, Server] = {
    "tornado.web.Application().listen": _listen,
    "tornado.httpserver.HTTPServer().listen": _listen,
    "tornado.httpserver.HTTPServer().bind": _listen,
}

STARTING = frozenset(CALLS)

LOOPS = frozenset(
    (
        *(f"tornado.ioloop.IOLoop.{way}().start" for way in ("current", "instance")),
        "asyncio.Event().wait",
        *(f"asyncio.{way}().run_forever" for way in ("get_event_loop", "new_event_loop", "get_running_loop")),
    )
)
"""What runs the loop: an event without a name of its own is never set."""

PREPARING = frozenset({"tornado.httpserver.HTTPServer().start"})  # behind ``bind``

SETUP = (
    "tornado.web.", "tornado.options.", "tornado.log.", "tornado.escape.", "tornado.gen.", "tornado.concurrent.",
    "tornado.ioloop.IOLoop.current", "tornado.ioloop.IOLoop.instance", "tornado.httpserver.HTTPServer",
    "tornado.ioloop.PeriodicCallback", "tornado.platform.asyncio.AsyncIOMainLoop", "tornado.autoreload.",
    "tornado.locks.",
)  # fmt: skip
