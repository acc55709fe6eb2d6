"""
The gunicorn command line (gunicorn 20 to 27, config.py and app/base.py).

Precedence: command line, then GUNICORN_CMD_ARGS, then the config file, then the framework's defaults.
"""

from __future__ import annotations

import posixpath
import re
import shlex

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Const, Items, Module, Value, text_of
from imagespec.analyzers.servers.gunicornconfig import follow_hooks, refusals
from imagespec.analyzers.servers.gunicornlogs import gunicorn_logs, refused_dictionary
from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.optionvalues import refused
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    parse_options,
    port_number,
    served,
    with_app,
    word_set,
)

CONFIG_NAME = "gunicorn.conf.py"

_VALUED = word_set("""-c --config -b --bind --backlog -w --workers -k --worker-class --threads --worker-connections --max-requests
    --max-requests-jitter -t --timeout --graceful-timeout --keep-alive --limit-request-line --limit-request-fields
    --limit-request-field_size --reload-engine --reload-extra-file --chdir -e --env -p --pid --worker-tmp-dir -u
    --user -g --group -m --umask --forwarded-allow-ips --access-logfile --access-logformat --error-logfile --log-file
    --log-level --logger-class --log-config --log-config-json --log-syslog-to --log-syslog-prefix
    --log-syslog-facility --statsd-host --dogstatsd-tags --statsd-prefix -n --name --pythonpath --paste --paster
    --proxy-allow-from --protocol --keyfile --certfile --ssl-version --cert-reqs --ca-certs --ciphers
    --http-protocols --paste-global --forwarder-headers --header-map --asgi-loop --asgi-lifespan --root-path
    --control-socket --control-socket-mode""")
_FLAGS = word_set("""--reload --spew --check-config --print-config --preload --no-sendfile --reuse-port -D --daemon --initgroups
    --disable-redirect-access-to-syslog --capture-output --log-syslog -R --enable-stdio-inheritance
    --suppress-ragged-eofs --do-handshake-on-connect --permit-obsolete-folding --strip-header-spaces
    --permit-unconventional-http-method --permit-unconventional-http-version --casefold-http-method
    --no-control-socket""")
_WSGI_WORKERS = {"sync", "gthread", "gevent", "eventlet", "tornado", "gevent_pywsgi", "gevent_wsgi"}


@attrs.frozen
class Settings:
    """gunicorn's settings from all its sources."""

    line: Options
    environment: Options
    config: Module | None
    """The followed config file; None when there is none or it cannot be followed."""
    config_unknown: bool

    def option(self, names: tuple[str, ...], setting: str) -> Value | None:
        """Return one setting: a constant, something unknown, or None when it is not given."""
        for options in (self.line, self.environment):
            if options.has(*names):
                values: list[Value] = [
                    Const(value) for name in names for value in options.values.get(name, ())
                ]
                return Items(values) if setting == "bind" else values[-1]
        if self.config is not None and setting in self.config.scope.names:
            return self.config.scope.names[setting]
        return Items([], open=True) if self.config_unknown else None

    def has_flag(self, *names: str) -> bool:
        """Tell whether a flag is given on the command line or in GUNICORN_CMD_ARGS."""
        return self.line.has(*names) or self.environment.has(*names)


def follow_gunicorn(command: Command) -> Listening:
    """Return the listeners of a gunicorn command."""
    line = parse_options(command.words, _VALUED, _FLAGS)
    environment = environment_options(command)
    problem = line.problem or environment.problem
    if problem:
        return command.gap(f"gunicorn: {problem}")
    if line.has("--check-config", "--print-config"):
        return command.never("gunicorn only checks or prints its configuration here")
    given = line.last("--chdir") or environment.last("--chdir")
    unknown = given is None and (line.has("--chdir") or environment.has("--chdir"))
    cwd = None if unknown or command.step.cwd is None else posixpath.join(command.step.cwd, given or "")
    command = attrs.evolve(command, step=attrs.evolve(command.step, cwd=cwd))
    if cwd is None:
        return command.gap("gunicorn's working directory is unknown")
    program = Program(command.step, command.sources(cwd))
    return _follow(command, read_settings(command, line, environment, program), program)


def environment_options(command: Command) -> Options:
    """Return the options of GUNICORN_CMD_ARGS."""
    text = command.step.env.get("GUNICORN_CMD_ARGS", "")
    try:
        words = None if text is None else shlex.split(text)
    except ValueError:
        words = None
    if words is None:
        return Options({}, [], "GUNICORN_CMD_ARGS is unknown or cannot be split")
    return parse_options(tuple(words), _VALUED, _FLAGS)


def read_settings(command: Command, line: Options, environment: Options, program: Program) -> Settings:
    """Follow the config file, if there is one; errors in it leave its settings unknown."""
    named = line.has("-c", "--config") or environment.has("-c", "--config")
    name = line.last("-c", "--config") or environment.last("-c", "--config")
    if named and name is None:
        return Settings(line, environment, None, config_unknown=True)
    if (name or "").startswith(
        "python:"
    ):  # the working directory is among the modules' by then (app/base.py)
        module = program.run_import((name or "").removeprefix("python:"))
        config = module if isinstance(module, Module) else None
        return Settings(line, environment, config, config_unknown=config is None or program.doubt)
    path = posixpath.join(command.step.cwd or "/", (name or CONFIG_NAME).removeprefix("file:"))
    if command.rootfs.resolve(path) is None:
        return Settings(line, environment, None, config_unknown=named or not command.rootfs.complete)
    config = program.run_file(path, name="__config__")
    return Settings(line, environment, config, config_unknown=config is None or program.doubt)


def _follow(command: Command, settings: Settings, program: Program) -> Listening:
    _check_place(command, settings, program)
    listeners = _listeners(command, settings)
    name = next(iter(settings.line.operands), None) or text_of(settings.option((), "wsgi_app"))
    if name is None:
        return with_app(
            command, listeners, command.gap("gunicorn: no application is named"), program, certain=False
        )
    if program.sources.find("gunicorn").kind == "missing":
        missing = "gunicorn is not among the packages of its Python"
        if program.sources.exact:
            return command.never(missing)
        program.gap(attrs.evolve(command.evidence, message=missing))
    worker = text_of(settings.option(("-k", "--worker-class"), "worker_class"))
    lines = (settings.line, settings.environment)
    why = refused(refusals(command, lines, settings.config, worker), "gunicorn", command, program)
    if why:
        return command.never(why)
    follow_hooks(settings.config, program)
    why = refused_dictionary(settings)
    if why:
        return command.never(why)
    module, _, variable = name.partition(":")
    app = served(command, program, module, variable or "application")
    interface, package = _worker(settings)
    if package and program.sources.find(package).kind == "missing":
        program.gap(
            attrs.evolve(command.evidence, message=f"gunicorn's worker needs {package}, which was not found")
        )
    if not isinstance(app, Listening):
        app = attrs.evolve(app, interface=interface)
    if settings.has_flag("-D", "--daemon"):  # it returns, and something else keeps the container up
        listeners = [attrs.evolve(one, detached=True) for one in listeners]
    found = with_app(command, listeners, app, program, certain=not _daemon(settings))
    return attrs.evolve(found, logs=found.logs + gunicorn_logs(command, settings))


def _check_place(command: Command, settings: Settings, program: Program) -> None:
    """Record settings that change where the application or its paths are, which is not followed."""
    changed = (
        settings.option((), "chdir") is not None
        or settings.option(("--pythonpath",), "pythonpath") is not None
    )
    if changed or settings.option(("--paste", "--paster"), "paste") is not None:
        program.gap(
            attrs.evolve(command.evidence, message="gunicorn: chdir, pythonpath or paste are not followed")
        )
    if "SCRIPT_NAME" in program.environment:
        program.gap(attrs.evolve(command.evidence, message="SCRIPT_NAME changes which paths gunicorn takes"))


def _daemon(settings: Settings) -> bool:
    """Tell whether the configuration may send gunicorn to the background, which the start command is not asked about."""
    value = settings.option((), "daemon")
    return not (value is None or value == Const(value=False)) and not settings.has_flag("-D", "--daemon")


def _worker(settings: Settings) -> tuple[str | None, str | None]:
    """Return what the worker speaks to the application, and the package that it needs."""
    value = settings.option(("-k", "--worker-class"), "worker_class")
    name = "sync" if value is None else text_of(value)
    if name is None:
        return None, None
    if name in _WSGI_WORKERS:
        return "wsgi", None if name in {"sync", "gthread"} else name.partition("_")[0]
    package = name.partition(".")[0]
    if name.startswith(("uvicorn.", "uvicorn_worker.")):
        return "asgi", package
    return None, package if "." in name else None


def _listeners(command: Command, settings: Settings) -> list[Listener]:
    value = settings.option(("-b", "--bind"), "bind")
    source = "its bind setting"
    texts: list[str | None] = [text_of(value)]
    if isinstance(value, Items):
        texts = [text_of(item) for item in value.items] + ([None] if value.open else [])
    if value is None:
        port = command.step.env.get("PORT", "8000")
        texts = [
            "127.0.0.1:8000"
            if "PORT" not in command.step.env
            else None
            if port is None
            else f"0.0.0.0:{port}"
        ]
        source = "its default (config.py: 127.0.0.1:8000, or 0.0.0.0:$PORT where PORT is set)"
    addresses = [part for text in texts for part in ([None] if text is None else text.split(","))]
    secure = settings.option(("--certfile",), "certfile")
    tls = False if secure is None or secure == Const(None) else True if text_of(secure) else None
    return [_listener(command, None if item is None else item.strip(), source, tls=tls) for item in addresses]


def _listener(command: Command, address: str | None, source: str, *, tls: bool | None) -> Listener:
    host, port, socket = parse_address(address) if address is not None else (None, None, None)
    message = f"gunicorn binds {'an unknown address' if address is None else address}, from {source}"
    evidence = attrs.evolve(command.evidence, message=message, seen=address)
    return Listener(
        host=host,
        port=port,
        server="gunicorn",
        certain=True,
        evidence=(*command.step.trail[:-1], evidence),
        socket=socket,
        tls=tls,
    )


def parse_address(text: str) -> tuple[str | None, int | None, str | None]:
    """Return host, port and Unix socket of a bind address (gunicorn util.py, parse_address)."""
    if text.startswith("unix:"):
        return None, None, text.removeprefix("unix:").removeprefix("//")
    if text.startswith("fd://"):
        return None, None, None
    text = text.removeprefix("tcp://")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::([0-9]{1,5}))?", text)
    if bracketed:
        return bracketed[1].lower(), int(bracketed[2] or 8000), None
    if not text:
        return "0.0.0.0", 8000, None  # noqa: S104 - what gunicorn does
    if text.count(":") > 1:
        return None, None, None
    host, colon, port = text.partition(":")
    return host.lower(), port_number(port) if colon else 8000, None
