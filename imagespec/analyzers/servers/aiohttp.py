"""Servers of aiohttp (3.7 to 3.12, web.py and web_runner.py): ``run_app``, and ``TCPSite`` behind an ``AppRunner``."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, text_of
from imagespec.analyzers.servers.calls import Address, Server, host_of, port_of, tls_of


def _run_app(call: Call, _program: Program) -> Address | str:
    """Serve on all interfaces and port 8080, or 8443 with TLS (web.py, run_app)."""
    secure = tls_of(call.argument(None, "ssl_context"))
    other = {"path", "sock"} & call.keywords.keys() or call.spread
    default = None if secure is None else 8443 if secure else 8080
    return Address(
        host=None if other else host_of(call.argument(None, "host"), ""),
        port=None if other else port_of(call.argument(None, "port"), default),
        server="aiohttp",
        app=call.argument(0, "app"),
        tls=secure,
        socket=text_of(call.keywords.get("path")) if "host" not in call.keywords else None,
        certain=not other,
    )


def _site(call: Call, _program: Program) -> Address | str:
    """Serve by ``TCPSite(runner, host=None, port=None)``: all interfaces, 8080 or 8443 (web_runner.py)."""
    site = call.receiver
    runner = site.argument(0, "runner") if isinstance(site, Call) else None
    if not isinstance(site, Call) or site.spread:
        return Address(host=None, port=None, server="aiohttp", certain=False)
    secure = tls_of(site.argument(None, "ssl_context"))
    app = runner.argument(0, "app") if isinstance(runner, Call) else UNKNOWN
    known = isinstance(runner, Call) and runner.name == "aiohttp.web.AppRunner"
    return Address(
        host=host_of(site.argument(1, "host"), ""),
        port=port_of(site.argument(2, "port"), 8443 if secure else 8080),
        server="aiohttp",
        app=app if known else None,
        tls=secure,
        certain=known and site.argument(None, "reuse_port") in {None, Const(None), Const(value=False)},
    )


CALLS: Mapping[str, Server] = {"aiohttp.web.run_app": _run_app, "aiohttp.web.TCPSite().start": _site}

STARTING = frozenset({"aiohttp.web.TCPSite().start"})

SETUP = (
    "aiohttp.web.Application", "aiohttp.web.RouteTableDef", "aiohttp.web.get", "aiohttp.web.post", "aiohttp.web.put",
    "aiohttp.web.delete", "aiohttp.web.patch", "aiohttp.web.head", "aiohttp.web.options", "aiohttp.web.route",
    "aiohttp.web.view", "aiohttp.web.static", "aiohttp.web.AppRunner", "aiohttp.web.json_response",
    "aiohttp.web.Response", "aiohttp.web.middleware", "aiohttp.ClientSession", "aiohttp.ClientTimeout",
    "aiohttp.web.TCPSite", "aiohttp.web.AppKey",
)  # fmt: skip
