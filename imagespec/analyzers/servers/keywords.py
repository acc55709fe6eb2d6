"""Keywords of the calls that serve: those that the call does not have, and values with which it does not start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Items, Value, text_of
from imagespec.analyzers.servers.optionvalues import read_file
from imagespec.analyzers.servers.words import Command, word_set

_UVICORN = word_set("""app host port uds fd loop http ws ws_max_size ws_max_queue ws_ping_interval ws_ping_timeout
    ws_per_message_deflate lifespan interface reload reload_dirs reload_includes reload_excludes reload_delay workers
    env_file log_config log_level access_log use_colors proxy_headers server_header date_header forwarded_allow_ips
    root_path limit_concurrency backlog limit_max_requests limit_max_requests_jitter timeout_keep_alive timeout_notify
    timeout_graceful_shutdown timeout_worker_healthcheck callback_notify ssl_keyfile ssl_certfile ssl_keyfile_password
    ssl_version ssl_cert_reqs ssl_ca_certs ssl_ciphers ssl_context_factory headers app_dir factory
    h11_max_incomplete_event_size reset_contextvars""")
_WERKZEUG = word_set("""host port debug load_dotenv hostname application use_reloader use_debugger use_evalex extra_files
    exclude_patterns reloader_interval reloader_type threaded processes request_handler static_files
    passthrough_errors ssl_context""")
_WAITRESS = word_set("""app host port ipv4 ipv6 listen threads trusted_proxy trusted_proxy_count trusted_proxy_headers
    log_untrusted_proxy_headers clear_untrusted_proxy_headers url_scheme url_prefix backlog recv_bytes send_bytes
    outbuf_overflow outbuf_high_watermark inbuf_overflow connection_limit cleanup_interval channel_timeout
    log_socket_errors max_request_header_size max_request_body_size expose_tracebacks unix_socket unix_socket_perms
    socket_options asyncore_loop_timeout asyncore_use_poll ident sockets channel_request_lookahead server_name _quiet
    _profile _server""")
_KNOWN: Mapping[str, frozenset[str]] = {
    "uvicorn.run": _UVICORN,
    "uvicorn.Config": _UVICORN,
    "flask.Flask().run": _WERKZEUG,
    "werkzeug.serving.run_simple": _WERKZEUG,
    "waitress.serve": _WAITRESS,
}
"""uvicorn 0.20 to 0.54, main.py and config.py; Werkzeug 2 and 3, serving.py; waitress 2 and 3, adjustments.py."""
_FILES = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "log_config", "env_file")


def doubts(call: Call, program: Program) -> Iterator[str]:
    """Yield why a call that serves may raise at once, or not go on serving."""
    made = call.receiver
    if isinstance(made, Call) and call.name.startswith("uvicorn.Server()"):
        config = made.argument(0, "config")
        call = config if isinstance(config, Call) else call
    known = _KNOWN.get(call.name)
    if known is None:
        return
    for name in call.keywords.keys() - known:
        yield f"{call.name} may have no keyword {name[:60]}"
    command = Command(program.step, program.sources.rootfs, (), call.place.evidence(""))
    for name in _FILES:
        yield from _missing(call.keywords.get(name), command)
    if call.keywords.get("limit_max_requests", Const(None)) != Const(None):
        yield f"{call.name} ends after limit_max_requests"
    context = call.keywords.get("ssl_context")
    if text_of(context) == "adhoc" and program.sources.find("cryptography").kind == "missing":
        yield "ssl_context 'adhoc' needs the package cryptography, which was not found"
    for item in context.items if isinstance(context, Items) else ():
        yield from _missing(item, command)


def _missing(value: Value | None, command: Command) -> Iterator[str]:
    text = text_of(value)
    wrong = read_file(text, command) if text else None
    if wrong is not None:
        yield f"a file that the server reads first may not be there: {wrong.message}"
