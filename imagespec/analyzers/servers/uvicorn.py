"""The uvicorn command line (uvicorn 0.20 to 0.54, main.py): click options, each also read from UVICORN_*."""

from __future__ import annotations

import posixpath
from itertools import chain

import attrs

from imagespec.analyzers.python.logsetup import set_up
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Const
from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.optiontables import PACKAGES, UVICORN, UVICORN_VARIABLES
from imagespec.analyzers.servers.optionvalues import lacking, of_variables, refused, wrongs
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    parse_options,
    port_number,
    served,
    with_app,
    word_set,
)

_VALUED = word_set("""--host --port --uds --fd --reload-dir --reload-include --reload-exclude --reload-delay --workers --loop --http
    --ws --ws-max-size --ws-max-queue --ws-ping-interval --ws-ping-timeout --ws-per-message-deflate --lifespan
    --interface --env-file --log-config --log-level --forwarded-allow-ips --root-path --limit-concurrency --backlog
    --limit-max-requests --limit-max-requests-jitter --timeout-keep-alive --timeout-graceful-shutdown
    --timeout-worker-healthcheck --ssl-keyfile --ssl-certfile --ssl-keyfile-password --ssl-version --ssl-cert-reqs
    --ssl-ca-certs --ssl-ciphers --header --app-dir --h11-max-incomplete-event-size""")
_FLAGS = word_set("""--reload --access-log --no-access-log --use-colors --no-use-colors --proxy-headers --no-proxy-headers
    --server-header --no-server-header --date-header --no-date-header --version --help --factory
    --reset-contextvars""")


@attrs.frozen
class _Settings:
    options: Options
    env: dict[str, str | None]

    def get(self, name: str, default: str = "") -> str | None:
        """Return a setting; None when it is unknown."""
        if self.options.has("--" + name):
            return self.options.last("--" + name)
        variable = "UVICORN_" + name.upper().replace("-", "_")
        value = self.env.get(variable, default)
        return default if value == "" else value  # click takes an empty variable for an unset one


def follow_uvicorn(command: Command) -> Listening:
    """Return the listeners of a uvicorn command."""
    options = parse_options(command.words, _VALUED, _FLAGS)
    if options.problem:
        return command.gap(f"uvicorn: {options.problem}")
    if options.has("--version", "--help"):
        return command.never("uvicorn only prints its version or help here")
    settings = _Settings(options, command.step.environment())
    app_dir, cwd = settings.get("app-dir"), command.step.cwd
    target = options.operands[0] if options.operands else command.step.env.get("UVICORN_APP", "")
    if app_dir is None or cwd is None or target is None or settings.get("fd") != "":
        return command.gap("uvicorn: its directory, application or socket is unknown")
    program = Program(command.step, command.sources(posixpath.normpath(posixpath.join(cwd, app_dir))))
    if target.partition(":")[0].endswith(".py") or "/" in target:
        return command.never(f"uvicorn imports {target[:60]} as a module, and there is none of that name")
    if settings.get("env-file") != "":
        program.environment.update(dict.fromkeys(program.environment))
        program.gap(attrs.evolve(command.evidence, message="uvicorn: its --env-file is not followed"))
    return _follow(command, settings, program, target)


def _follow(command: Command, settings: _Settings, program: Program, target: str) -> Listening:
    if program.sources.find("uvicorn").kind == "missing":
        missing = "uvicorn is not among the packages of its Python"
        if program.sources.exact:
            return command.never(missing)
        program.gap(attrs.evolve(command.evidence, message=missing))
    options = settings.options
    names = {name: option for name, option in UVICORN_VARIABLES.items() if not options.has(option)}
    found = chain(
        wrongs(options, UVICORN, command),
        of_variables(names, UVICORN, command),
        lacking(options, PACKAGES, program),
    )
    why = refused(found, "uvicorn", command, program)
    if why:
        return command.never(why)
    module, _, variable = target.partition(":")
    if not module or not variable:
        return command.never(f"uvicorn wants MODULE:ATTRIBUTE, and is given {target!r}")
    log_config = settings.get("log-config")
    if log_config != "":
        place = Place(command.evidence.path or "", command.evidence.line, command.evidence.layer)
        value = UNKNOWN if log_config is None else Const(log_config)
        program.guarded(lambda: set_up(program, value, place))
    factory = settings.options.has("--factory") or bool(settings.env.get("UVICORN_FACTORY"))
    app = served(command, program, module, variable, factory=factory)
    if not isinstance(app, Listening):
        app = attrs.evolve(app, interface=_interface(settings), root_path=settings.get("root-path"))
    return with_app(command, [_listener(command, settings)], app, program, certain=True)


def _interface(settings: _Settings) -> str | None:
    return {"auto": "asgi", "asgi3": "asgi", "wsgi": "wsgi"}.get(settings.get("interface", "auto") or "")


def _listener(command: Command, settings: _Settings) -> Listener:
    host, text = settings.get("host", "127.0.0.1"), settings.get("port", "8000")
    socket = settings.get("uds")
    secure = settings.get("ssl-certfile")
    shown = f"{'an unknown host' if host is None else host} and {'an unknown port' if text is None else 'port ' + text}"
    message = f"uvicorn binds {shown}; its defaults are 127.0.0.1 and 8000 (main.py)"
    evidence = attrs.evolve(command.evidence, message=message)
    return Listener(
        host=None if socket != "" else host,
        port=None if socket != "" else port_number(text),
        server="uvicorn",
        certain=True,
        evidence=(*command.step.trail[:-1], evidence),
        socket=socket or None,
        tls=None if secure is None else bool(secure),
    )
