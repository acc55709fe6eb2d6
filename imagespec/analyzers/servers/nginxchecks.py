"""
What makes nginx refuse its configuration and not start (nginx 1.18 to 1.29, src/core and src/http).

Directives and values that are not known to be good leave it open, so that a list here may be short and never wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from imagespec.analyzers.servers.nginxconf import Directive
from imagespec.entry import EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_MAIN = frozenset(
    "user worker_processes error_log pid events http worker_rlimit_nofile worker_rlimit_core daemon master_process "  # noqa: SIM905 - one word a line is no better
    "env pcre_jit thread_pool timer_resolution worker_priority worker_cpu_affinity worker_shutdown_timeout lock_file "
    "ssl_engine stream mail".split()
)
_REPEATED = re.compile(
    r"(location|server|listen|add_header|add_trailer|\w+_set_header|error_page|access_log|error_log|allow|deny|set|rewrite|if|"
    r"return|map|geo|upstream|log_format|\w+_hide_header|\w+_pass_header|uwsgi_param|fastcgi_param|scgi_param|limit_req|"
    r"limit_conn|limit_req_zone|limit_conn_zone|set_real_ip_from|server_name|index|ssl_certificate|ssl_certificate_key|"
    r"auth_request_set|sub_filter|proxy_cookie_path|proxy_cookie_domain|proxy_redirect|mirror|js_\w+|perl_\w+|env|types|"
    r"proxy_cache_path|split_clients|load_module|thread_pool|gzip_types|charset_types|userid\w*|break)\Z"
)
"""Directives that may come more than once in a block; nginx calls any other a duplicate."""
_LISTEN_OPTION = re.compile(
    r"(default_server|default|ssl|http2|quic|proxy_protocol|deferred|bind|reuseport|"
    r"(setfib|fastopen|backlog|rcvbuf|sndbuf)=[0-9]+[kKmM]?|accept_filter=\w+|ipv6only=(on|off)|so_keepalive=[\w:]+)\Z"
)
_SIZE, _TIME = r"[0-9]+[kKmMgG]?", r"([0-9]+(ms|[smhdwMy])?)+"
_SIZED = """client_max_body_size client_body_buffer_size client_header_buffer_size proxy_buffer_size types_hash_max_size
    types_hash_bucket_size server_names_hash_bucket_size server_names_hash_max_size"""
_TIMED = """send_timeout client_body_timeout client_header_timeout proxy_read_timeout proxy_connect_timeout
    proxy_send_timeout uwsgi_read_timeout resolver_timeout"""
_SWITCHED = """tcp_nopush tcp_nodelay sendfile gzip gzip_vary autoindex proxy_request_buffering proxy_buffering etag
    port_in_redirect absolute_redirect chunked_transfer_encoding daemon master_process multi_accept"""
_VALUES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?:{pattern})\Z")
    for names, pattern in (
        (_SIZED, _SIZE),
        (_TIMED, _TIME),
        (_SWITCHED, "on|off"),
        ("server_tokens", "on|off|build"),
        ("worker_processes", "auto|[0-9]{1,4}"),
        ("worker_connections", "[0-9]{1,7}"),
        ("proxy_http_version", r"1\.[01]|2"),
    )
    for name in names.split()
}
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_KNOWN_VARIABLE = re.compile(
    r"([0-9]+|(http|arg|cookie|sent_http|sent_trailer|upstream_http|upstream_cookie|upstream_trailer)_\w+|"
    r"args|binary_remote_addr|body_bytes_sent|bytes_sent|connection|connection_requests|connection_time|content_length|"
    r"content_type|document_root|document_uri|host|hostname|https|is_args|limit_rate|msec|nginx_version|pid|pipe|"
    r"proxy_protocol_\w+|query_string|realpath_root|remote_addr|remote_port|remote_user|request|request_body|"
    r"request_body_file|request_completion|request_filename|request_id|request_length|request_method|request_time|"
    r"request_uri|scheme|server_addr|server_name|server_port|server_protocol|status|tcpinfo_\w+|time_iso8601|time_local|uri|"
    r"upstream_(addr|cache_status|connect_time|header_time|response_time|response_length|status|bytes_\w+)|"
    r"proxy_host|proxy_port|proxy_add_x_forwarded_for|ssl_\w+|gzip_ratio|fastcgi_\w+|realip_\w+|invalid_referer|"
    r"connections_\w+|limit_req_status|limit_conn_status|geoip_\w+)\Z"
)
_WITH_PATTERNS = frozenset({"location", "server_name", "rewrite", "if", "map", "~", "valid_referers"})
_LIMIT = 5_000


def refusal(
    main: tuple[Directive, ...], http: Directive, server: Directive, rootfs: RootFs
) -> Evidence | None:
    """Return what nginx may refuse to start with in a server block and the blocks around it; None for nothing."""
    known = _own_variables(http)
    top = Directive("main", (), http.place, main)
    for number, (block, item) in enumerate(_directives(top, http, server)):
        message = (
            _wrong(item, http, known) if number < _LIMIT else "more directives than are looked at"
        ) or _in_main(block, item, rootfs)
        if message is not None:
            return attrs.evolve(item.place, message=f"nginx may not start: {message}")
    for around in (top, http, server, *server.all("location")):
        twice = _twice(around)
        if twice is not None:
            return twice
    return None


def _directives(*blocks: Directive) -> Iterator[tuple[str, Directive]]:
    """Yield the directives of blocks and of the locations inside, each with the name of its block."""
    pending = list(blocks)
    while pending:
        block = pending.pop()
        for item in block.block or ():
            yield block.name, item
            if item.name in {"location", "events", "if", "limit_except"}:
                pending.append(item)


def _wrong(item: Directive, http: Directive, variables: frozenset[str]) -> str | None:  # noqa: C901 - a table
    checked = _VALUES.get(item.name)
    if checked is not None and (len(item.args) != 1 or not checked.match(item.args[0])):
        return f"{item.name} {' '.join(item.args)[:100]} is no value of its kind"
    good: object = True
    match item.name:
        case "return":
            good = len(item.args) in {1, 2} and re.match(r"[0-9]{3}\Z|https?://|\$scheme", item.args[0])
        case "try_files":
            good = len(item.args) > 1
        case "proxy_pass":
            good = len(item.args) == 1 and re.match(r"https?://[^/]|\$", item.args[0])
        case "listen":
            good = bool(item.args) and all(_LISTEN_OPTION.match(option) for option in item.args[1:])
        case "location":
            pattern = item.args[-1] if item.args else "("
            good = len(item.args) in {1, 2} and (item.args[0] not in {"~", "~*"} or _is_closed(pattern))
        case "access_log" if len(item.args) > 1 and "=" not in item.args[1]:
            formats = {line.args[0] for line in http.all("log_format") if line.args}
            good = item.args[1] in formats | {"combined"}
    if not good:
        return f"{item.name} {' '.join(item.args)[:100]} is not understood"
    for name in () if item.name in _WITH_PATTERNS else _named_in(item.args):
        if not _KNOWN_VARIABLE.match(name) and name not in variables:
            return f"it may not know the variable {name}"
    return None


def _in_main(block: str, item: Directive, rootfs: RootFs) -> str | None:
    if block != "main":
        return None
    if item.name == "user" and item.args:
        entry = rootfs.resolve("/etc/passwd")
        names = (rootfs.content(entry) or b"") if entry is not None else b""
        users = {line.partition(b":")[0].decode("utf-8", "replace") for line in names.split(b"\n")}
        return None if item.args[0] in users else f"there is no user {item.args[0]} in /etc/passwd"
    if item.name == "load_module" and _is_packaged(item, rootfs):
        return None
    return None if item.name in _MAIN else f"it may not know {item.name}"


def _is_packaged(item: Directive, rootfs: RootFs) -> bool:
    """
    Tell whether a module was made for this nginx.

    Debian's packages of modules depend on the binary interface of its nginx (``nginx-abi-…``), and bring the file that
    loads the module with it.
    """
    name = item.args[0].removeprefix("modules/") if len(item.args) == 1 else ""
    by_package = (item.place.path or "").lstrip("/").startswith("usr/share/nginx/modules-available/")
    entry = rootfs.resolve(f"/usr/lib/nginx/modules/{name}") if name and "/" not in name else None
    return by_package and entry is not None and entry.kind is EntryKind.FILE


def _named_in(texts: tuple[str, ...]) -> Iterator[str]:
    for text in texts:
        for found in _VARIABLE.finditer(text[:4_000]):
            yield found[1] or found[2]


def _own_variables(http: Directive) -> frozenset[str]:
    """Return the variables that the configuration itself makes."""
    found: set[str] = set()
    for _, item in _directives(http, *http.all("server")):
        names = {"set": item.args[:1], "auth_request_set": item.args[:1]}.get(item.name, ())
        names = item.args[-1:] if item.name in {"map", "geo", "split_clients"} else names
        found.update(name.lstrip("$") for name in names)
        for text in item.args:
            found.update(re.findall(r"\(\?P?<([A-Za-z0-9_]+)>", text[:4_000]))
    return frozenset(found)


def _twice(block: Directive) -> Evidence | None:
    """Return a directive or location that may not be there twice."""
    seen: Counter[str] = Counter()
    for item in block.block or ():
        key = item.name
        if item.name in {"location", "listen"}:
            pattern = item.name == "location" and item.args[:1] in {("~",), ("~*",)}
            words = item.args[:1] if item.name == "listen" else item.args
            key = f"{item.name} {' '.join(word for word in words if word != '^~')}"
            if pattern:
                continue
        elif _REPEATED.match(item.name):
            continue
        seen[key] += 1
        if seen[key] > 1:
            return attrs.evolve(item.place, message=f"nginx does not start: {key[:100]} is there twice")
    return None


def _is_closed(pattern: str) -> bool:
    """Tell whether the parentheses and brackets of a regular expression have counterparts."""
    depth, inside, at = 0, False, 0
    while at < len(pattern):
        char = pattern[at]
        at += 2 if char == "\\" else 1
        if inside:
            inside = char != "]"
        elif char == "[":
            inside = True
            at += pattern[at : at + 1] == "]"
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                return False
    return depth == 0 and not inside and not re.match(r"[*+?]", pattern)
