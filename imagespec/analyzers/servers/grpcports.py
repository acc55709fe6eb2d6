"""Ports of gRPC servers (grpcio 1.40 to 1.85): they speak HTTP/2 only, beside what answers the platform's requests."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, text_of
from imagespec.analyzers.servers.calls import Address, Server
from imagespec.analyzers.servers.words import port_number

_SERVERS = ("grpc.server()", "grpc.aio.server()")


def _port(call: Call, _program: Program) -> Address | str:
    """Bind ``HOST:PORT``; brackets stand around an IPv6 address, of which [::] is all of both families."""
    host, colon, port = (text_of(call.argument(0, "address")) or "").rpartition(":")
    number = port_number(port) if colon else None
    return Address(
        host={"[::]": ""}.get(host, host).strip("[]") if colon else None,
        port=number,
        server="grpc",
        certain=number not in {None, 8080},  # whether that will do for the platform is not told
    )


CALLS: Mapping[str, Server] = {
    f"{server}.add_{way}_port": _port for server in _SERVERS for way in ("insecure", "secure")
}
STARTING = frozenset(CALLS)
LOOPS = frozenset(f"{server}.wait_for_termination" for server in _SERVERS)
PREPARING = frozenset(f"{server}.start" for server in _SERVERS)
SETUP = ("grpc.",)
