"""
nginx (1.18 to 1.29): listeners from its configuration.

Defaults: port 80 on all interfaces (ngx_http_core_module, ``listen``), the configuration /etc/nginx/nginx.conf of
distributions and of the official image, or conf/nginx.conf beside a build's own sbin; in the background unless
``daemon off``. ``listen [::]:port`` is for IPv6 only since 1.3.4.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import attrs

from imagespec.analyzers.servers.listening import Listener, Listening, ServerLog
from imagespec.analyzers.servers.nginxchecks import refusal
from imagespec.analyzers.servers.nginxconf import ConfigError, ConfigReader, Directive
from imagespec.analyzers.servers.nginxsites import site_of, upstreams_of, what_may_stop_it
from imagespec.analyzers.servers.nginxwhole import whole_refusal
from imagespec.analyzers.servers.site import Site
from imagespec.analyzers.servers.words import Command, parse_options, port_number, word_set
from imagespec.verdict import Evidence

_VALUED = word_set("-c -g -p -e -s")
_FLAGS = word_set("-t -T -v -V -h -? -q")
_LIMIT_BLOCKS = 20  # server blocks
_PORT = re.compile(r"[0-9]{1,5}\Z")


def follow_nginx(command: Command) -> Listening:
    """Return the listeners of an ``nginx`` command."""
    options = parse_options(command.words, _VALUED, _FLAGS)
    if options.problem or options.operands:
        return command.gap(f"nginx: {options.problem or 'an operand'}")
    if options.has("-t", "-T", "-v", "-V", "-h", "-?", "-s"):
        return command.never("nginx only tests, prints or signals here")
    if options.has("-p") and options.last("-p") is None:
        return command.gap("nginx: its prefix is unknown")
    path = _config_path(command, options.last("-c"), options.last("-p"), given=options.has("-c"))
    if path is None:
        return command.gap("which configuration nginx reads is not known")
    reader = ConfigReader(command.rootfs, posixpath.dirname(path))
    try:
        main = reader.read(path)
        extra = [item for text in options.values.get("-g", ()) for item in _given(reader, text, command)]
    except ConfigError as error:
        return Listening(gaps=(error.evidence,))
    if not any(item.name == "events" for item in main):
        return command.never(
            "the configuration of nginx has no events block, without which it does not start"
        )
    changed = command.changed_before(reader.files)
    found = _listening(command, (*extra, *main), attached=_is_off((*extra, *main), "daemon"))
    if changed:
        gap = attrs.evolve(command.evidence, message=f"{changed} may have changed the configuration of nginx")
        unsure = tuple(
            attrs.evolve(one, certain=False, host=None, port=None, site=None) for one in found.listeners[:1]
        )
        return Listening(listeners=unsure, gaps=(*found.gaps, gap))
    return found


def _given(reader: ConfigReader, text: str | None, command: Command) -> tuple[Directive, ...]:
    if text is None:
        raise ConfigError("the directives behind nginx's -g are unknown", command.evidence)
    return reader.parse(text if text.rstrip().endswith((";", "}")) else text + ";", command.evidence)


def _config_path(command: Command, given_path: str | None, prefix: str | None, *, given: bool) -> str | None:
    program = command.step.program
    own = posixpath.dirname(posixpath.dirname("/" + program.path)) if program else "/"
    beside = posixpath.join(prefix or own, "conf/nginx.conf")
    if given:
        base = prefix or ("/etc/nginx" if own in {"/usr", "/"} else own)
        return None if given_path is None else posixpath.normpath(posixpath.join(base, given_path))
    for path in (
        (beside, "/etc/nginx/nginx.conf")
        if own not in {"/usr", "/"} or prefix
        else ("/etc/nginx/nginx.conf",)
    ):
        if command.rootfs.resolve(path) is not None:
            return path
    return None


def _is_off(main: tuple[Directive, ...], name: str) -> bool:
    return any(item.name == name and item.args == ("off",) for item in main)


def _listening(command: Command, main: tuple[Directive, ...], *, attached: bool) -> Listening:
    https = [item for item in main if item.name == "http"]
    gaps = tuple(
        attrs.evolve(item.place, message=f"nginx's {item.name} block may listen, which is not followed")
        for item in main
        if item.name in {"stream", "mail", "rtmp"}
    )
    if _is_off(main, "master_process"):
        gaps += (attrs.evolve(command.evidence, message="master_process off is for development only"),)
    addresses: dict[
        tuple[str | None, int | None, str | None], list[tuple[Directive, Directive, tuple[str, ...]]]
    ] = {}
    for http in https:
        for server in http.all("server"):
            lines = list(server.all("listen"))
            for args, _ in [(line.args, line) for line in lines] or [(("80",), server)]:
                host, port, socket = parse_listen(args[0] if args else "80", args[1:])
                addresses.setdefault((host, port, socket), []).append((http, server, args[1:]))
    listeners = [
        _listener(command, address, blocks, attached=attached)
        for address, blocks in list(addresses.items())[:200]
    ]
    stopping = whole_refusal(main, command) or _stopping(command, main, https)
    if stopping is not None:
        listeners = [
            attrs.evolve(one, certain=False, evidence=(*one.evidence, stopping)) for one in listeners
        ]
    logs = tuple(_logs(command, main, https))
    if any("does not start" in log.evidence.message for log in logs):
        listeners = [attrs.evolve(one, certain=False) for one in listeners]
    if not listeners and not gaps:
        return attrs.evolve(command.never("the configuration of nginx has no server block"), logs=logs)
    return Listening(listeners=tuple(listeners), gaps=gaps, logs=logs)


def _listener(
    command: Command,
    address: tuple[str | None, int | None, str | None],
    blocks: list[tuple[Directive, Directive, tuple[str, ...]]],
    *,
    attached: bool,
) -> Listener:
    host, port, socket = address
    http, server, options = next(
        (item for item in blocks if {"default_server", "default"} & set(item[2])), blocks[0]
    )
    quic = "quic" in options or "proxy_protocol" in options
    ssl = any("ssl" in item[2] or _is_on(item[1], "ssl") for item in blocks)
    shown = socket or f"{host or '*'}:{port}"
    evidence = attrs.evolve(server.place, message=f"nginx listens on {shown}")
    site = _site(http, server, blocks)
    return Listener(
        host=host,
        port=port,
        server="nginx",
        certain=command.step.certain and not quic,
        evidence=(*command.step.trail, evidence),
        socket=socket,
        tls=None if quic else ssl,
        detached=not attached,
        site=site,
    )


def _stopping(command: Command, main: tuple[Directive, ...], https: list[Directive]) -> Evidence | None:
    """Return what any server block may keep nginx from starting with."""
    blocks = [(http, server) for http in https for server in http.all("server")]
    for http, server in blocks[:_LIMIT_BLOCKS]:
        site = site_of(http, server, upstreams_of(http))
        found = what_may_stop_it(http, server, site) or refusal(main, http, server, command.rootfs)
        if found is not None:
            return found
        ssl = any("ssl" in line.args[1:] for line in server.all("listen")) or _is_on(server, "ssl")
        ssl = ssl or any(block.last("ssl_certificate") is not None for block in (http, server))
        if ssl and not _has_certificate(command, http, server):
            message = "nginx does not start without the certificate, which is not in the image"
            return attrs.evolve(server.place, message=message)
    if len(blocks) > _LIMIT_BLOCKS:
        return attrs.evolve(blocks[-1][1].place, message="more server blocks than are looked at")
    return None


def _has_folder(command: Command, path: str) -> bool:
    folder = posixpath.dirname(path)
    return folder.startswith(("/dev", "/proc")) or command.rootfs.resolve(folder) is not None


def _has_certificate(command: Command, http: Directive, server: Directive) -> bool:
    for name in ("ssl_certificate", "ssl_certificate_key"):
        line = server.last(name) or http.last(name)
        path = posixpath.join("/etc/nginx", line.args[0]) if line is not None and line.args else ""
        if not path or command.rootfs.resolve(path) is None:
            return False
    return True


def _site(
    http: Directive, server: Directive, blocks: list[tuple[Directive, Directive, tuple[str, ...]]]
) -> Site:
    """Return what the default server of an address does, with the others that the Host header may choose."""
    site = site_of(http, server, upstreams_of(http))
    others = [item for item in blocks if item[1] is not server and _may_be_asked(item[1])]
    if len(others) > _LIMIT_BLOCKS:
        doubt = attrs.evolve(server.place, message="more server blocks share the address than are followed")
        return attrs.evolve(site, doubts=(*site.doubts, doubt))
    return attrs.evolve(site, others=tuple(site_of(one, two, upstreams_of(one)) for one, two, _ in others))


def _may_be_asked(server: Directive) -> bool:
    """Tell whether a request may name this server, which ``_`` and no name at all are not for."""
    names = {name for line in server.all("server_name") for name in line.args}
    return bool(names - {"_", "__", "-"})


def _is_on(server: Directive, name: str) -> bool:
    found = server.last(name)
    return found is not None and found.args == ("on",)


def parse_listen(text: str, options: tuple[str, ...]) -> tuple[str | None, int | None, str | None]:
    """Return host, port and Unix socket of a ``listen``; the empty host is all interfaces, None is unknown."""
    if text.startswith("unix:"):
        return None, None, text.removeprefix("unix:")
    if _PORT.match(text):
        return "", port_number(text), None
    host, port = text, "80"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or "80"
        both = host == "::" and "ipv6only=off" in options
        return "" if both else host, port_number(port), None
    if ":" in text:
        host, _, port = text.rpartition(":")
    return "" if host in {"*", "0.0.0.0"} else host, port_number(port), None  # noqa: S104 - compared with


def _logs(command: Command, main: tuple[Directive, ...], https: list[Directive]) -> list[ServerLog]:
    """Return where nginx logs; the defaults of distributions and of the official image are in /var/log/nginx."""
    found: list[ServerLog] = []
    top = Directive("main", (), command.evidence, main)
    for name, default in (
        ("access_log", "/var/log/nginx/access.log"),
        ("error_log", "/var/log/nginx/error.log"),
    ):
        servers = [server for http in https for server in http.all("server")]
        blocks = [top, *https, *servers, *(place for server in servers for place in _locations(server))]
        lines = [line for block in blocks for line in block.all(name)]
        inner = [line for server in servers for line in server.all(name)]
        outer = [line for block in [top, *https] for line in block.all(name)]
        for line in lines or [Directive(name, (default,), command.evidence)]:
            target = line.args[0] if line.args else default
            path = {"stderr": "/dev/stderr", "off": None}.get(target, target)
            if path is None and name == "access_log":
                continue
            hidden = line in outer and bool(inner)  # a server block's own replaces it, at least there
            plain = path is not None and path.startswith("/") and "$" not in path
            evidence = attrs.evolve(line.place, message=f"nginx's {name} goes to {target}")
            if plain and line.place.line is not None and not _has_folder(command, path or ""):
                message = f"nginx does not start where the directory of {path} is missing"
                evidence = attrs.evolve(line.place, message=message)
            partly = bool(lines) and line not in outer and line not in inner  # of one location only
            sure = not hidden and not partly
            found.append(ServerLog(path=path if plain else None, certain=sure, evidence=evidence))
    return found


def _locations(server: Directive) -> Iterator[Directive]:
    """Yield the locations of a server block and what is inside of them."""
    pending = [server]
    while pending:
        for item in pending.pop().block or ():
            if item.name in {"location", "if", "limit_except"}:
                yield item
                pending.append(item)
