"""The options of Python's servers whose values may keep them from starting, by the sources that each table names."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.servers.optionvalues import (
    Check,
    Wrong,
    count,
    decimal,
    folder,
    group,
    kinds,
    natural,
    never,
    number,
    one_of,
    pair,
    read_file,
    user,
    written_file,
)
from imagespec.analyzers.servers.words import Command

_ENDING = never("it ends after so many requests")


def _ends(text: str, command: Command) -> Wrong | None:
    return number(text, command) or _ENDING(text, command)


UVICORN: Mapping[str, Check] = kinds(
    ("--port --fd --ws-max-size --ws-max-queue --limit-concurrency --backlog --timeout-keep-alive", number),
    ("--timeout-graceful-shutdown --timeout-worker-healthcheck --ssl-version --ssl-cert-reqs", number),
    ("--h11-max-incomplete-event-size --limit-max-requests-jitter", number),
    ("--workers", count),
    ("--reload-delay --ws-ping-interval --ws-ping-timeout", decimal),
    ("--log-level", one_of("critical error warning info debug trace")),
    ("--lifespan", one_of("auto on off")),
    ("--interface", one_of("auto asgi3 asgi2 wsgi")),
    ("--loop", one_of("auto asyncio uvloop none", certain=False)),
    ("--http", one_of("auto h11 httptools", certain=False)),
    ("--ws", one_of("auto none websockets websockets-sansio wsproto", certain=False)),
    ("--log-config --ssl-keyfile --ssl-certfile --ssl-ca-certs", read_file),
    ("--reload-dir --app-dir", folder),
    ("--uds", written_file),
    ("--header", pair(":")),
    ("--limit-max-requests", _ends),
)
"""uvicorn 0.20 to 0.54, main.py: click's types and choices, which tell capitals apart."""

UVICORN_VARIABLES: Mapping[str, str] = {
    "UVICORN_" + name[2:].upper().replace("-", "_"): name for name in UVICORN if name != "--header"
} | {"WEB_CONCURRENCY": "--workers"}
"""What the environment says where the command line does not (main.py, ``auto_envvar_prefix``; config.py, workers)."""


def _worker(text: str, _command: Command) -> Wrong | None:
    """Check gunicorn's worker class: a short name, or a path of a package's (gunicorn/workers/__init__.py)."""
    known = "." in text or ":" in text or text in _WORKERS
    return None if known else Wrong(f"gunicorn has no worker class {text[:60]!r}")


_WORKERS = frozenset("sync gthread gevent eventlet tornado gevent_wsgi gevent_pywsgi asgi".split())  # noqa: SIM905

GUNICORN: Mapping[str, Check] = kinds(
    (
        "--backlog --worker-connections --max-requests --max-requests-jitter -t --timeout --graceful-timeout",
        natural,
    ),
    (
        "--keep-alive --limit-request-line --limit-request-fields --limit-request-field_size --threads",
        natural,
    ),
    ("-w --workers", lambda text, command: natural(text, command) or count(text, command)),
    ("-k --worker-class", _worker),
    ("-p --pid --access-logfile --error-logfile --log-file", written_file),
    ("--worker-tmp-dir --chdir", folder),
    ("-u --user", user),
    ("-g --group", group),
    (
        "-c --config",
        lambda text, command: None if text.startswith("python:") else read_file(_bare(text), command),
    ),
    ("--certfile --keyfile --ca-certs --log-config --log-config-json", read_file),
    ("--reload-engine", one_of("auto poll", certain=False)),
    ("-e --env", pair("=")),
    ("--statsd-host", pair(":")),
)
"""gunicorn 20 to 27, config.py: validators, and what ``Arbiter`` opens."""

GUNICORN_SETTINGS: Mapping[str, str] = {
    "backlog": "--backlog", "worker_connections": "--worker-connections", "max_requests": "--max-requests",
    "max_requests_jitter": "--max-requests-jitter", "timeout": "--timeout", "graceful_timeout": "--graceful-timeout",
    "keepalive": "--keep-alive", "threads": "--threads", "workers": "--workers", "worker_class": "--worker-class",
    "pidfile": "--pid", "accesslog": "--access-logfile", "errorlog": "--error-logfile", "user": "--user", "group": "--group",
    "worker_tmp_dir": "--worker-tmp-dir", "certfile": "--certfile", "keyfile": "--keyfile", "ca_certs": "--ca-certs",
    "logconfig": "--log-config", "reload_engine": "--reload-engine",
}  # fmt: skip
"""Settings of a configuration file, with the option that is checked alike."""


def _bare(text: str) -> str:
    return text.removeprefix("file:")


WAITRESS: Mapping[str, Check] = kinds(
    ("--port --threads --backlog --recv-bytes --send-bytes --outbuf-overflow --inbuf-overflow", number),
    ("--connection-limit --cleanup-interval --channel-timeout --max-request-header-size", number),
    (
        "--max-request-body-size --asyncore-loop-timeout --channel-request-lookahead --trusted-proxy-count",
        number,
    ),
    ("--unix-socket", written_file),
)
"""waitress 2.0 to 3.0, adjustments.py."""

HYPERCORN: Mapping[str, Check] = kinds(
    ("--backlog --graceful-timeout --read-timeout --keep-alive --max-requests-jitter", number),
    ("-w --workers", count),
    ("-k --worker-class", one_of("asyncio uvloop trio")),
    ("--certfile --keyfile --ca-certs", read_file),
    ("--access-logfile --access-log --error-logfile --error-log --log-file -p --pid", written_file),
    ("--log-config", lambda text, command: read_file(text.partition(":")[2] or text, command)),
    ("-u --user -g --group -m --umask --statsd-host", never("it is not followed")),
    ("--max-requests", _ends),
)
"""hypercorn 0.13 to 0.18, __main__.py and run.py."""


def _certificate(text: str, command: Command) -> Wrong | None:
    """Check Flask's ``--cert``: a file, or ``adhoc``, which needs the package cryptography."""
    return Wrong("adhoc needs the package cryptography") if text == "adhoc" else read_file(text, command)


FLASK: Mapping[str, Check] = kinds(("-p --port", number), ("--cert", _certificate), ("--key", read_file))
"""Flask 2.2 to 3.1, cli.py."""

FLASK_VARIABLES: Mapping[str, str] = {
    "FLASK_RUN_PORT": "--port", "FLASK_RUN_CERT": "--cert", "FLASK_RUN_KEY": "--key",
}  # fmt: skip

PACKAGES: Mapping[str, str] = {
    "uvloop": "uvloop", "httptools": "httptools", "websockets": "websockets", "websockets-sansio": "websockets",
    "wsproto": "wsproto", "trio": "trio",
}  # fmt: skip
"""Values of options of uvicorn and hypercorn that need a package, which these do not bring."""
