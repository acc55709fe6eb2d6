"""
What of a whole configuration keeps nginx from starting (nginx 1.18 to 1.29): any block, also one that nobody asks.

nginx reads everything before it listens anywhere: a server block for another port, an upstream that no location names and
directories for its own files count as well.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import attrs

from imagespec.analyzers.servers.nginxconf import Directive
from imagespec.analyzers.servers.optionvalues import written_file
from imagespec.analyzers.servers.words import Command
from imagespec.verdict import Evidence

_PLACES: Mapping[str, frozenset[str]] = {
    name: frozenset(places.split())
    for names, places in (
        ("proxy_pass uwsgi_pass fastcgi_pass grpc_pass scgi_pass", "location if limit_except"),
        ("listen server_name location", "server location"),
        ("upstream map geo split_clients log_format", "http"),
        ("server", "http upstream"),
        ("events http user worker_processes pid daemon master_process load_module", "main"),
        ("worker_connections multi_accept use accept_mutex", "events"),
        ("try_files", "server location"),
        ("return rewrite", "server location if"),
        ("alias", "location"),
        (
            "root index error_page add_header client_max_body_size proxy_set_header",
            "http server location if limit_except",
        ),
    )
    for name in names.split()
}
"""Blocks in which a directive may stand."""
_HOST = re.compile(r"([0-9.]+|localhost|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?\Z|unix:")
_TIME = r"[0-9]+(ms|[smhdwMy])?"
_MANY = 99
_COUNTS: Mapping[str, tuple[int, int]] = {
    "proxy_set_header": (2, 2), "uwsgi_param": (2, 3), "fastcgi_param": (2, 3), "add_header": (2, 3), "root": (1, 1),
    "alias": (1, 1), "index": (1, _MANY), "server_name": (1, _MANY), "default_type": (1, 1), "charset": (1, 1),
    "error_page": (2, _MANY), "log_format": (2, _MANY), "proxy_buffers": (2, 2), "proxy_redirect": (1, 2),
    "proxy_pass_header": (1, 1), "proxy_hide_header": (1, 1), "error_log": (1, 2), "include": (1, 1), "pid": (1, 1),
    "gzip_types": (1, _MANY), "gzip_comp_level": (1, 1), "gzip_min_length": (1, 1), "ssl_certificate": (1, 1),
    "ssl_certificate_key": (1, 1), "ssl_protocols": (1, _MANY), "ssl_ciphers": (1, 1), "uwsgi_pass": (1, 1),
    "fastcgi_pass": (1, 1), "fastcgi_index": (1, 1), "autoindex": (1, 1), "internal": (0, 0), "client_max_body_size": (1, 1),
    "set": (2, 2), "upstream": (1, 1), "server_tokens": (1, 1), "proxy_cookie_path": (1, 2), "keepalive_requests": (1, 1),
}  # fmt: skip
"""How many words a directive takes."""
_VALUES: Mapping[str, re.Pattern[str]] = {
    "keepalive_timeout": re.compile(rf"{_TIME}( {_TIME})?\Z"),
    "expires": re.compile(rf"(modified )?(-?{_TIME}|@\S+|epoch|max|off|\$\w+)\Z"),
    "gzip_comp_level": re.compile(r"[1-9]\Z"),
    "keepalive_requests": re.compile(r"[0-9]{1,9}\Z"),
}
_FOLLOWED = frozenset({"main", "http", "server", "location", "if", "limit_except", "events", "upstream"})
_WRITTEN = frozenset(
    "pid lock_file client_body_temp_path proxy_temp_path fastcgi_temp_path uwsgi_temp_path scgi_temp_path "  # noqa: SIM905 - one word a line is no better
    "proxy_cache_path".split()
)
"""Directives whose first word is a file or directory that nginx makes, without those above it."""


def whole_refusal(main: tuple[Directive, ...], command: Command) -> Evidence | None:
    """Return what nginx may refuse to start with, wherever it stands; None for nothing."""
    top = Directive("main", (), command.evidence, main)
    for parent, item in _all(top):
        message = _miscounted(item) or _unmakeable(item, command) or _misplaced(parent, item)
        if message is not None:
            return attrs.evolve(item.place, message=f"nginx may not start: {message}")
    for http in top.all("http"):
        for found in (_upstreams(http), _formats(http), _addresses(http)):
            if found is not None:
                return found
    return None


def _all(top: Directive) -> Iterator[tuple[Directive, Directive]]:
    """Yield every directive with the block that it stands in."""
    pending = [top]
    while pending:
        block = pending.pop()
        for item in block.block or ():
            if block.name not in {"types", "map", "geo", "split_clients"}:
                yield block, item
            if item.block:
                pending.append(item)


def _miscounted(item: Directive) -> str | None:
    least, most = _COUNTS.get(item.name, (0, _MANY * 100))
    text = " ".join(item.args)
    if not least <= len(item.args) <= most:
        return f"{item.name} {text[:100]} has another number of words than it takes (is a semicolon missing?)"
    pattern = _VALUES.get(item.name)
    return (
        f"{item.name} {text[:100]} is no value of its kind" if pattern and not pattern.match(text) else None
    )


def _unmakeable(item: Directive, command: Command) -> str | None:
    if item.name not in _WRITTEN or not item.args or not item.args[0].startswith("/"):
        return None
    wrong = written_file(posixpath.normpath(item.args[0]), command)
    return wrong.message if wrong is not None else None


def _misplaced(parent: Directive, item: Directive) -> str | None:
    """Return what is wrong with a directive where it stands: the block, the location around, a path without a prefix."""
    places = _PLACES.get(item.name)
    listed = item.name in {"listen", "server_name"} and parent.name == "location"
    if parent.name in _FOLLOWED and places is not None and (parent.name not in places or listed):
        return f"{item.name} may not stand in {parent.name}"
    pattern = parent.name == "location" and parent.args[:1] and parent.args[0] in {"~", "~*"}
    named = parent.name == "location" and bool(parent.args) and parent.args[-1].startswith("@")
    if item.name == "proxy_pass" and (pattern or named or parent.name in {"if", "limit_except"}):
        target = item.args[0] if item.args else ""
        if re.match(r"https?://[^/$]+/", target):
            return f"proxy_pass {target[:100]} has a path in a place without a prefix"
    inside = (
        item.name == "location" and parent.name == "location" and not pattern and item.args and parent.args
    )
    if inside and item.args[0] not in {"~", "~*"} and not item.args[-1].startswith(("@", parent.args[-1])):
        return f"the location {item.args[-1][:100]} is outside of {parent.args[-1][:100]}"
    return None


def _upstreams(http: Directive) -> Evidence | None:
    twice = _first_twice((item.args[0] if item.args else "", item) for item in http.all("upstream"))
    if twice is not None:
        return twice
    for upstream in http.all("upstream"):
        servers = list(upstream.all("server"))
        if not servers:
            return attrs.evolve(upstream.place, message="nginx does not start: an upstream has no server")
        for server in servers:
            if not server.args or not _HOST.match(server.args[0]):
                message = f"nginx does not start where it cannot resolve {' '.join(server.args)[:100]}"
                return attrs.evolve(server.place, message=message)
    return None


def _formats(http: Directive) -> Evidence | None:
    return _first_twice((item.args[0] if item.args else "", item) for item in http.all("log_format"))


def _first_twice(named: Iterable[tuple[str, Directive]]) -> Evidence | None:
    seen: Counter[str] = Counter()
    for name, item in named:
        seen[name] += 1
        if seen[name] > 1:
            message = f"nginx does not start: {item.name} {name[:100]} is there twice"
            return attrs.evolve(item.place, message=message)
    return None


def _addresses(http: Directive) -> Evidence | None:
    """Return a ``listen`` that excludes another one: the same address in a block, a second default server, both families."""
    defaults: Counter[str] = Counter()
    plain: set[str] = set()
    both: dict[str, Directive] = {}
    for server in http.all("server"):
        own: Counter[str] = Counter()
        for line in server.all("listen"):
            address = re.sub(r"\A(\*|0\.0\.0\.0):", "", line.args[0]) if line.args else ""
            own[address] += 1
            defaults[address] += bool({"default_server", "default"} & set(line.args[1:]))
            if own[address] > 1 or defaults[address] > 1:
                message = f"nginx does not start: two lines are about {address[:60]}, or two servers are its default"
                return attrs.evolve(line.place, message=message)
            if "ipv6only=off" in line.args[1:]:
                both[address.rpartition(":")[2]] = line
            elif address.isdecimal():
                plain.add(address)
    shared = next((both[port] for port in both if port in plain), None)
    message = "nginx does not start: one socket for both families, and one for IPv4, want the port"
    return None if shared is None else attrs.evolve(shared.place, message=message)
