"""Arguments that the calls which serve do not take, and files that they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagespec.analyzers.python.datafiles import path_text
from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Items

_KNOWN: Mapping[str, frozenset[str]] = {
    # Flask.run takes these, and hands the others to werkzeug's run_simple (serving.py, 2.0 to 3.1).
    "flask.Flask().run": frozenset(
        [
            "host",
            "port",
            "debug",
            "load_dotenv",
            "use_reloader",
            "use_debugger",
            "use_evalex",
            "extra_files",
            "exclude_patterns",
            "reloader_interval",
            "reloader_type",
            "threaded",
            "processes",
            "request_handler",
            "static_files",
            "passthrough_errors",
            "ssl_context",
        ]
    ),
    # waitress/adjustments.py, 1.4 to 3.0
    "waitress.serve": frozenset(
        [
            "app",
            "host",
            "port",
            "ipv4",
            "ipv6",
            "listen",
            "threads",
            "trusted_proxy",
            "trusted_proxy_count",
            "trusted_proxy_headers",
            "ident",
            "sockets",
            "log_untrusted_proxy_headers",
            "clear_untrusted_proxy_headers",
            "url_scheme",
            "url_prefix",
            "backlog",
            "recv_bytes",
            "send_bytes",
            "outbuf_overflow",
            "outbuf_high_watermark",
            "inbuf_overflow",
            "connection_limit",
            "cleanup_interval",
            "channel_timeout",
            "server_name",
            "max_request_header_size",
            "max_request_body_size",
            "expose_tracebacks",
            "unix_socket",
            "unix_socket_perms",
            "socket_options",
            "asyncore_loop_timeout",
            "asyncore_use_poll",
            "channel_request_lookahead",
            "log_socket_errors",
            "_quiet",
            "_profile",
            "_server",
        ]
    ),
}
_LEVELS = frozenset({"critical", "error", "warning", "info", "debug", "trace"})
_FILES = ("ssl_keyfile", "ssl_certfile", "ssl_ca_certs", "log_config", "env_file")


def refused_keywords(call: Call) -> str | None:
    """Return why a call that serves certainly raises; None where it does not, as far as known."""
    known = _KNOWN.get(call.name)
    unknown = sorted(call.keywords.keys() - known) if known is not None else []
    if unknown:
        return f"{call.name} does not know {unknown[0][:60]}, and raises"
    processes, threaded = call.keywords.get("processes"), call.keywords.get("threaded")
    many = isinstance(processes, Const) and isinstance(processes.value, int) and processes.value > 1
    if call.name == "flask.Flask().run" and many and threaded == Const(value=True):
        return "Flask refuses several processes with threads"
    level = call.keywords.get("log_level")
    text = level.value if isinstance(level, Const) and isinstance(level.value, str) else "info"
    if call.name == "uvicorn.run" and text.lower() not in _LEVELS:
        return f"uvicorn does not know the log level {text[:60]!r}, and raises"
    return None


def missing_keys(call: Call, program: Program) -> Iterator[str]:
    """Yield what is told of files that a call is given and that the image does not have."""
    values = [call.keywords[name] for name in _FILES if name in call.keywords]
    context = call.keywords.get("ssl_context")
    values += context.items if isinstance(context, Items) and not context.open else []
    for value in values:
        path = path_text(value)
        full = missing_file(program, path) if path else None
        if full is not None:
            yield f"{call.name} is given {full[:200]}, which is not in the image"
