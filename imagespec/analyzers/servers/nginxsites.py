"""The locations of nginx's server blocks (ngx_http_core_module and the proxy modules, 1.18 to 1.29)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from imagespec.analyzers.servers.nginxconf import Directive
from imagespec.analyzers.servers.site import Action, Location, MethodReturn, Site
from imagespec.verdict import Evidence

_PASSES = {
    "proxy_pass": "http", "uwsgi_pass": "uwsgi", "fastcgi_pass": "fastcgi", "grpc_pass": "grpc", "scgi_pass": "scgi",
}  # fmt: skip
_HARMLESS = re.compile(
    r"(listen|server_name|server_tokens|access_log|error_log|log_not_found|log_subrequest|index|charset|default_type|"
    r"types|types_hash\w*|client_max_body_size|client_body_\w+|client_header_\w+|keepalive_\w+|send_timeout|sendfile\w*|"
    r"tcp_\w+|gzip\w*|expires|add_header|etag|if_modified_since|large_client_header_buffers|reset_timedout_connection|"
    r"proxy_set_header|proxy_http_version|proxy_\w+_timeout|proxy_buffer\w*|proxy_busy_buffers_size|proxy_redirect|"
    r"proxy_request_buffering|proxy_max_temp_file_size|proxy_temp_\w+|proxy_pass_header|proxy_hide_header|"
    r"proxy_ssl_\w+|proxy_ignore_client_abort|proxy_headers_hash\w*|proxy_next_upstream\w*|uwsgi_param|uwsgi_\w+_timeout|"
    r"uwsgi_buffer\w*|uwsgi_modifier\d|fastcgi_param|fastcgi_\w+_timeout|fastcgi_buffer\w*|ssl|ssl_certificate|"
    r"ssl_certificate_key|ssl_protocols|ssl_ciphers|ssl_prefer_server_ciphers|ssl_session_\w+|ssl_dhparam|http2|"
    r"root|alias|try_files|return|location|set_real_ip_from|real_ip_\w+|autoindex\w*|open_file_cache\w*|aio|directio|"
    r"chunked_transfer_encoding|port_in_redirect|server_name_in_redirect|absolute_redirect|merge_slashes|output_buffers|"
    r"postpone_output|resolver|resolver_timeout|proxy_pass|uwsgi_pass|fastcgi_pass|fastcgi_index|grpc_pass|scgi_pass|"
    r"log_format|map_hash\w*|variables_hash\w*|server_names_hash\w*|server|upstream|map|lingering_\w+|ignore_invalid_headers|"
    r"underscores_in_headers|limit_rate\w*)\Z"
)
"""Directives that neither refuse requests nor send them elsewhere."""


def upstreams_of(http: Directive) -> Mapping[str, tuple[str, ...] | None]:
    """Return the servers of each ``upstream``; None where one is not followed."""
    found: dict[str, tuple[str, ...] | None] = {}
    for item in http.all("upstream"):
        servers = [line for line in item.all("server") if line.args]
        plain = all("down" not in line.args and "backup" not in line.args for line in servers)
        found[item.args[0] if item.args else ""] = (
            tuple(line.args[0] for line in servers) if servers and plain else None
        )
    return found


def site_of(http: Directive, server: Directive, upstreams: Mapping[str, tuple[str, ...] | None]) -> Site:
    """Return what a server block does with requests."""
    reader = _Reader(http, server, upstreams)
    locations: list[Location] = []
    for item in server.all("location"):
        modifier, path = _named(item)
        locations.append(Location(modifier=modifier, path=path, action=reader.action(item, modifier)))
    returns, rest = method_returns(server)
    doubts = (*_doubts(http), *_doubts(rest))
    own = tuple(item for item in rest.block or () if item.name != "location")
    return Site(
        locations=tuple(locations),
        default=reader.action(attrs.evolve(server, block=own), ""),
        doubts=doubts,
        place=attrs.evolve(server.place, message="this server block answers"),
        returns=returns,
    )


def method_returns(block: Directive) -> tuple[tuple[MethodReturn, ...], Directive]:
    """
    Return what a block answers to some methods by ``if``, and the block without these.

    The directives of ngx_http_rewrite_module run in their order, before any other, so that what stands behind another one
    of them is left where it is.
    """
    found: list[MethodReturn] = []
    rest = list(block.block or ())
    for item in block.block or ():
        if item.name in {"rewrite", "set", "break", "return"}:
            break
        allowed = (
            {"return"} if block.name == "server" else {"return", "add_header"}
        )  # elsewhere nginx refuses it
        one = _method_return(item, allowed) if item.name == "if" else None
        if item.name == "if" and one is None:
            break
        if one is not None:
            found.append(one)
            rest.remove(item)
    return tuple(found), attrs.evolve(block, block=tuple(rest)) if found else block


def _method_return(item: Directive, allowed: set[str]) -> MethodReturn | None:
    """Return what an ``if`` answers that asks for the method only and has nothing but headers and one ``return``."""
    condition = re.fullmatch(
        r"\(\s*\$request_method\s+(=|!=|~|!~)\s+[\"']?(\^?\(?[A-Z|]{1,100}\)?\$?)[\"']?\s*\)",
        " ".join(item.args)[:300],
    )
    inner = item.block or ()
    returned = [line for line in inner if line.name == "return"]
    if condition is None or len(returned) != 1 or any(line.name not in allowed for line in inner):
        return None
    operator, text = condition[1], condition[2]
    words = (
        re.fullmatch(r"\^\(([A-Z|]+)\)\$|\^([A-Z]+)\$", text)
        if "~" in operator
        else re.fullmatch(r"([A-Z]+)()", text)
    )
    status = returned[0].args[0] if returned[0].args else ""
    if words is None or not re.fullmatch(r"[0-9]{3}", status):
        return None
    message = f"nginx returns {' '.join(returned[0].args)[:100]} by its method"
    return MethodReturn(
        methods=frozenset((words[1] or words[2]).split("|")),
        inverted=operator.startswith("!"),
        status=int(status),
        place=attrs.evolve(returned[0].place, message=message),
    )


def _named(item: Directive) -> tuple[str, str]:
    if len(item.args) == 2:
        return item.args[0], item.args[1]
    text = item.args[0] if item.args else ""
    if text.startswith("@"):
        return "@", text
    for modifier in ("=", "^~", "~*", "~"):  # `location =/x` is taken as well
        if text.startswith(modifier) and len(text) > len(modifier):
            return modifier, text[len(modifier) :]
    return "", text


def _doubts(block: Directive) -> tuple[Evidence, ...]:
    found = []
    for item in block.block or ():
        off = item.args[:1] in {("off",), ("all",)} and item.name in {
            "auth_basic",
            "allow",
            "proxy_cache",
            "ssl_verify_client",
        }
        tiny = item.name == "client_max_body_size" and re.match(r"0*[1-9][0-9]{0,2}\Z", "".join(item.args))
        if tiny or (not _HARMLESS.match(item.name) and not off and not _is_error_page(item)):
            message = f"nginx's {item.name} may refuse requests or send them elsewhere"
            found.append(attrs.evolve(item.place, message=message))
    return tuple(found)


_OTHERS = re.compile(
    r"(auth_basic\w*|auth_request\w*|allow|deny|limit_req\w*|limit_conn\w*|limit_except|if|rewrite\w*|set|error_page|internal|"
    r"satisfy|proxy_\w+|uwsgi_\w+|fastcgi_\w+|grpc_\w+|sub_filter\w*|ssi\w*|stub_status|break|recursive_error_pages|geo|"
    r"split_clients|ssl_\w+|valid_referers|secure_link\w*|slice|mirror\w*|add_trailer|addition_\w+|dav_\w+|limit_\w+|"
    r"gunzip|image_filter\w*|random_index|referer_\w+|userid\w*|http2_\w+|http3\w*|keepalive|zone|disable_symlinks|"
    r"max_ranges|msie_\w+|postpone_\w+|read_ahead|request_pool_size|subrequest_\w+|connection_pool_size|override_charset|"
    r"source_charset|charset_\w+|memcached_\w+|scgi_\w+|auth_delay|auth_jwt\w*|js_\w+|perl\w*|xslt_\w+|empty_gif|flv|mp4\w*)\Z"
)
"""Other directives that nginx knows."""


_IN_SERVER_IF = {"return", "rewrite", "set", "break", "rewrite_log", "uninitialized_variable_warn"}
"""Directives whose context is "if" outside of locations, too (ngx_http_rewrite_module)."""


def what_may_stop_it(http: Directive, server: Directive, site: Site) -> Evidence | None:
    """Return what nginx may refuse to start with: a directive that it may lack, or a host that it cannot resolve."""
    for block in (http, server, *server.all("location")):
        for item in block.block or ():
            if not _HARMLESS.match(item.name) and not _OTHERS.match(item.name):
                return attrs.evolve(item.place, message=f"nginx may not know {item.name}, and not start then")
    for item in (line for choice in server.all("if") for line in choice.block or ()):
        if item.name not in _IN_SERVER_IF:
            return attrs.evolve(
                item.place, message=f"nginx does not take {item.name} in an if of a server block"
            )
    for action in (site.default, *(location.action for location in site.locations)):
        for target in action.target.split():
            host = target.rpartition(":")[0]
            if not target.startswith("unix:") and not re.match(
                r"([0-9.]+|localhost|\[[0-9a-fA-F:.]+\])\Z", host
            ):
                return attrs.evolve(
                    action.place, message=f"nginx does not start where it cannot resolve {host}"
                )
    return None


def _is_error_page(item: Directive) -> bool:
    """Tell whether a directive is an ``error_page`` for server errors that keeps their status."""
    codes = item.args[:-1]
    return (
        item.name == "error_page" and bool(codes) and all(re.match(r"5[0-9][0-9]\Z", code) for code in codes)
    )


class _Reader:
    def __init__(
        self, http: Directive, server: Directive, upstreams: Mapping[str, tuple[str, ...] | None]
    ) -> None:
        self._http = http
        self._server = server
        self._upstreams = upstreams

    def action(self, block: Directive, modifier: str) -> Action:
        """Return what a location, or the server block itself, does."""
        returns, block = method_returns(block)
        return attrs.evolve(self._action(block, modifier), returns=returns)

    def _action(self, block: Directive, modifier: str) -> Action:
        place = attrs.evolve(block.place, message=f"location {' '.join(block.args) or '(none)'}")
        doubts = () if block.name == "server" else _doubts(block)
        if any(True for _ in block.all("location", "if", "rewrite")):
            return Action(kind="unknown", place=place, doubts=doubts)
        returned = next(block.all("return"), None) or next(self._server.all("return"), None)
        if returned is not None:
            code = returned.args[0] if returned.args else ""
            status = int(code) if re.match(r"[0-9]{3}\Z", code) else 302
            message = f"nginx returns {' '.join(returned.args)[:100]}"
            return Action(
                kind="return",
                status=status,
                place=attrs.evolve(returned.place, message=message),
                doubts=doubts,
            )
        for item in block.all(*_PASSES):
            return self._pass(item, modifier, doubts)
        return self._files(block, place, doubts, modifier)

    def _pass(self, item: Directive, modifier: str, doubts: tuple[Evidence, ...]) -> Action:
        text = item.args[0] if item.args else ""
        place = attrs.evolve(item.place, message=f"nginx's {item.name} hands on to {text}", seen=text)
        unknown = Action(kind="unknown", place=place, doubts=doubts)
        protocol = _PASSES[item.name]
        uri: str | None = None
        if protocol == "http":
            protocol, slashes, text = text.partition("://")
            if not slashes or "$" in text or protocol not in {"http", "https"}:
                return unknown
            text, uri = _split_uri(text)
        if "$" in text or (uri is not None and modifier not in {"", "=", "^~"}):
            return unknown
        servers = self._upstreams.get(text, (text,))
        if servers is None:
            return unknown
        return Action(
            kind="pass",
            place=place,
            target=" ".join(_with_port(one, protocol) for one in servers),
            protocol=protocol,
            replaces=uri,
            doubts=doubts,
        )

    def _files(
        self, block: Directive, place: Evidence, doubts: tuple[Evidence, ...], modifier: str
    ) -> Action:
        alias, tried = block.last("alias"), block.last("try_files") or self._server.last("try_files")
        root = block.last("root") or self._server.last("root") or self._http.last("root")
        roots = (
            (root.args[0],)
            if root is not None and root.args
            else ("/etc/nginx/html", "/usr/share/nginx/html")
        )
        args = tried.args if tried is not None else ()
        prefix = alias.args[0] if alias is not None and alias.args else None
        odd = prefix is not None and (bool(args) or modifier not in {"", "^~"})
        relative = any(not path.startswith("/") for path in ((prefix,) if prefix else roots))
        if odd or relative or "$" in "".join((*roots, prefix or "")) or (tried is None and modifier == "@"):
            return Action(kind="unknown", place=place, doubts=doubts)
        index = [name for line in self._inherited(block, "index") for name in line.args] or ["index.html"]
        lists = any(line.args == ("on",) for line in self._inherited(block, "autoindex"))
        return Action(
            kind="files",
            place=place,
            roots=roots,
            alias=prefix,
            tried=args,
            index=tuple(index),
            lists=lists,
            doubts=doubts,
        )

    def _inherited(self, block: Directive, name: str) -> list[Directive]:
        """Return the directives of a name that hold in a block: its own, or those of the blocks around it."""
        return next(
            (found for one in (block, self._server, self._http) if (found := list(one.all(name)))), []
        )


def _split_uri(text: str) -> tuple[str, str | None]:
    """Return the server and the URI of a ``proxy_pass``; a Unix socket's URI stands behind a second colon."""
    if text.startswith("unix:"):
        path, colon, uri = text[5:].partition(":")
        return "unix:" + path, uri if colon else None
    name, slash, rest = text.partition("/")
    return name, "/" + rest if slash else None


def _with_port(name: str, protocol: str) -> str:
    if name.startswith("unix:"):
        return "unix:/" + name.removeprefix("unix:").lstrip("/")
    if re.search(r":[0-9]{1,5}\Z", name):
        return name
    return f"{name}:{443 if protocol == 'https' else 80}"
