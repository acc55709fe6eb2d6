"""The command line ``waitress-serve`` (waitress 2.0 to 3.0, runner.py), and addresses as it and others write them."""

from __future__ import annotations

import attrs

from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.optiontables import WAITRESS
from imagespec.analyzers.servers.optionvalues import refused, wrongs
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    parse_options,
    port_number,
    program_for,
    served,
    with_app,
    word_set,
)

_WAITRESS_VALUED = word_set("""--host --port --listen --unix-socket --unix-socket-perms --url-scheme --url-prefix --ident
    --threads --backlog --recv-bytes --send-bytes --outbuf-overflow --inbuf-overflow --connection-limit
    --cleanup-interval --channel-timeout --max-request-header-size --max-request-body-size --asyncore-loop-timeout
    --channel-request-lookahead --trusted-proxy --trusted-proxy-count --trusted-proxy-headers --server-name --app""")
_WAITRESS_FLAGS = word_set("""--call --help --expose-tracebacks --no-expose-tracebacks --ipv4 --no-ipv4 --ipv6 --no-ipv6
    --asyncore-use-poll --no-asyncore-use-poll --log-socket-errors --no-log-socket-errors
    --clear-untrusted-proxy-headers --no-clear-untrusted-proxy-headers --log-untrusted-proxy-headers""")


def follow_waitress(command: Command) -> Listening:
    """Return the listeners of ``waitress-serve``: 0.0.0.0:8080 unless told otherwise (adjustments.py)."""
    options = parse_options(command.words, _WAITRESS_VALUED, _WAITRESS_FLAGS)
    target = options.last("--app") or next(iter(options.operands), None)
    if options.problem or target is None:
        return command.gap(f"waitress-serve: {options.problem or 'no application is named'}")
    program = program_for(command, "waitress")
    if isinstance(program, Listening):
        return program
    if options.has("--listen") and options.has("--host", "--port"):
        return command.never("waitress-serve takes --listen or --host and --port, not both")
    why = refused(wrongs(options, WAITRESS, command), "waitress-serve", command, program)
    if why:
        return command.never(why)
    module, colon, variable = target.partition(":")
    if not colon:
        return command.gap("waitress-serve wants MODULE:OBJECT")
    app = served(command, program, module, variable, factory=options.has("--call"))
    if not isinstance(app, Listening):
        app = attrs.evolve(app, interface="wsgi")
        if options.has("--url-prefix"):
            program.gap(
                attrs.evolve(command.evidence, message="waitress-serve: --url-prefix is not followed")
            )
    return with_app(command, _waitress_listeners(command, options), app, program, certain=True)


def _waitress_listeners(command: Command, options: Options) -> list[Listener]:
    if options.has("--unix-socket"):
        return [made_listener(command, "waitress", None, None, socket=options.last("--unix-socket"))]
    if not options.has("--listen"):
        host = options.last("--host") if options.has("--host") else "0.0.0.0"  # noqa: S104 - its default
        port = options.last("--port") if options.has("--port") else "8080"
        return [made_listener(command, "waitress", host, port)]
    texts = [part for text in options.values["--listen"] for part in (text or "?").split()]
    return [made_listener(command, "waitress", *split_address(text, "8080")) for text in texts]


def split_address(text: str, default: str) -> tuple[str | None, str | None]:
    """Return host and port of ``host:port``, ``:port``, ``host`` and ``[host]:port``; None where it is unknown."""
    if "?" in text:
        return None, None
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, default
    return {"*": ""}.get(host, host).strip("[]"), port


def made_listener(
    command: Command,
    server: str,
    host: str | None,
    port: str | None,
    *,
    socket: str | None = None,
    tls: bool | None = False,
) -> Listener:
    """Return a listener at an address from a command line or configuration."""
    shown = socket or f"{'an unknown host' if host is None else host or '*'}:{port or 'unknown port'}"
    evidence = attrs.evolve(command.evidence, message=f"{server} binds {shown}")
    return Listener(
        host=None if socket else host,
        port=None if socket else port_number(port),
        server=server,
        certain=True,
        evidence=(*command.step.trail[:-1], evidence),
        socket=socket,
        tls=tls,
    )
