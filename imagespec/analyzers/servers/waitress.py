"""The command lines ``waitress-serve`` (waitress 2.0 to 3.0, runner.py) and ``hypercorn`` (0.13 to 0.17, __main__.py)."""

from __future__ import annotations

import posixpath
import tomllib
from itertools import chain

import attrs

from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.optiontables import HYPERCORN, PACKAGES, WAITRESS
from imagespec.analyzers.servers.optionvalues import lacking, refused, wrongs
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
_HYPERCORN_VALUED = word_set("""-b --bind --backlog -c --config --ca-certs --certfile --cert-reqs --ciphers --error-logfile
    --error-log --log-file --access-logfile --access-log --access-logformat --graceful-timeout --read-timeout
    --group -g -k --worker-class --keep-alive --keyfile --keyfile-password --insecure-bind --log-config --log-level
    -p --pid --quic-bind --root-path --server-name --statsd-host --statsd-prefix -m --umask -u --user
    --verify-mode --websocket-ping-interval -w --workers --max-requests --max-requests-jitter""")
_SETTINGS = word_set("""bind workers worker_class accesslog errorlog loglevel access_log_format keep_alive_timeout backlog
    graceful_timeout startup_timeout shutdown_timeout certfile keyfile read_timeout max_requests""")
_HYPERCORN_FLAGS = word_set("--reload --debug --version -h --help")


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
        return [_listener(command, "waitress", None, None, socket=options.last("--unix-socket"))]
    if not options.has("--listen"):
        host = options.last("--host") if options.has("--host") else "0.0.0.0"  # noqa: S104 - its default
        port = options.last("--port") if options.has("--port") else "8080"
        return [_listener(command, "waitress", host, port)]
    texts = [part for text in options.values["--listen"] for part in (text or "?").split()]
    return [_listener(command, "waitress", *_split(text, "8080")) for text in texts]


def follow_hypercorn(command: Command) -> Listening:
    """Return the listeners of ``hypercorn``: 127.0.0.1:8000 unless told otherwise (config.py)."""
    options = parse_options(command.words, _HYPERCORN_VALUED, _HYPERCORN_FLAGS)
    target = next(iter(options.operands), None)
    settings = _hypercorn_settings(command, options)
    if options.problem or target is None or settings is None or options.has("--insecure-bind", "--quic-bind"):
        return command.gap(
            f"hypercorn: {options.problem or 'its configuration or application is not followed'}"
        )
    program = program_for(command, "hypercorn")
    if isinstance(program, Listening):
        return program
    why = refused(
        chain(wrongs(options, HYPERCORN, command), lacking(options, PACKAGES, program)),
        "hypercorn",
        command,
        program,
    )
    if why:
        return command.never(why)
    kind, _, rest = target.partition(":")
    interface = kind if kind in {"asgi", "wsgi"} else None
    module, _, variable = (rest if interface else target).partition(":")
    app = served(command, program, module, variable or "app")
    if not isinstance(app, Listening):
        app = attrs.evolve(app, interface=interface, root_path=options.last("--root-path") or "")
    texts = options.values.get("-b", []) + options.values.get("--bind", []) or settings.binds
    tls = options.has("--certfile") or settings.tls
    made = [_hypercorn_listener(command, text, tls=tls) for text in texts]
    return with_app(command, made, app, program, certain=True)


@attrs.frozen
class _Settings:
    binds: list[str | None]
    tls: bool = False


def _hypercorn_settings(command: Command, options: Options) -> _Settings | None:
    """Return what a file of settings in TOML says (config.py, from_toml); None where not all of it is understood."""
    if not options.has("-c", "--config"):
        return _Settings(["127.0.0.1:8000"])
    name = options.last("-c", "--config")
    if name is None or name.startswith(("python:", "file:")):
        return None
    entry = command.rootfs.resolve(posixpath.join(command.step.cwd or "/", name))
    data = command.rootfs.content(entry) if entry is not None else None
    if entry is None or data is None or len(data) < entry.size_bytes or command.step.cwd is None:
        return None
    try:
        found = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    bind = found.get("bind", ["127.0.0.1:8000"])
    binds = [bind] if isinstance(bind, str) else bind
    if (
        not isinstance(binds, list)
        or not all(isinstance(one, str) for one in binds)
        or not found.keys() <= _SETTINGS
    ):
        return None
    return _Settings([*binds], tls="certfile" in found)


def _hypercorn_listener(command: Command, text: str | None, *, tls: bool) -> Listener:
    if text is not None and text.startswith("unix:"):
        return _listener(command, "hypercorn", None, None, socket=text.removeprefix("unix:"), tls=tls)
    host, port = _split(text, "8000") if text is not None and not text.startswith("fd://") else (None, None)
    return _listener(command, "hypercorn", host, port, tls=tls)


def _split(text: str, default: str) -> tuple[str | None, str | None]:
    """Return host and port of ``host:port``, ``:port``, ``host`` and ``[host]:port``; None where it is unknown."""
    if "?" in text:
        return None, None
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, default
    return {"*": ""}.get(host, host).strip("[]"), port


def _listener(
    command: Command,
    server: str,
    host: str | None,
    port: str | None,
    *,
    socket: str | None = None,
    tls: bool = False,
) -> Listener:
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
