"""
uWSGI (2.0, core/uwsgi.c and core/ini.c): ini files and options; nothing listens by default.

``http`` and ``http-socket`` speak HTTP, ``socket`` the uwsgi protocol that nginx speaks to it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

import attrs

from imagespec.analyzers.programs.shebang import parse_shebang
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.servers.listening import AppRef, Listener, Listening, ServerLog
from imagespec.analyzers.servers.words import Command, port_number, served, with_app
from imagespec.verdict import Evidence

_SHORT = {
    "s": "socket",
    "w": "module",
    "d": "daemonize",
    "p": "processes",
    "H": "home",
    "M": "master",
    "T": "threads",
}
_SHORT_VALUED = {"-s", "-w", "-d", "-p", "-H", "-b", "-l", "-z", "-t"}
_FLAGS = frozenset(
    [
        "master",
        "enable-threads",
        "vacuum",
        "die-on-term",
        "lazy",
        "lazy-apps",
        "need-app",
        "single-interpreter",
        "thunder-lock",
        "memory-report",
        "disable-logging",
        "log-master",
        "strict",
        "no-orphans",
        "py-autoreload-off",
        "http-keepalive",
        "http-auto-chunked",
        "auto-procname",
        "harakiri-verbose",
        "ignore-sigpipe",
        "ignore-write-errors",
        "disable-write-exception",
        "manage-script-name",
        "catch-exceptions",
        "log-x-forwarded-for",
        "reuse-port",
        "uwsgi-socket-off",
        "single-interpreter",
        "async",
        "ugreen",
    ]
)
_SPEAKING = {
    "http": "http", "http-socket": "http", "https": "https", "https-socket": "https", "socket": "uwsgi",
    "uwsgi-socket": "uwsgi", "fastcgi-socket": "fastcgi", "raw-socket": "raw", "http11-socket": "http",
    "shared-socket": "shared", "zmq-socket": "zmq", "fastrouter": "uwsgi", "emperor": "emperor", "http-to": "other",
}  # fmt: skip
_NOT_FOLLOWED = frozenset(
    [
        "emperor",
        "shared-socket",
        "http-to",
        "fastrouter",
        "http-subscription-server",
        "subscription-server",
        "attach-daemon",
        "smart-attach-daemon",
        "mount",
        "yaml",
        "json",
        "xml",
        "yml",
        "route-run",
        "if-env",
        "for",
        "if-exists",
        "plugin-loader",
        "exec-asap",
        "import",
        "shared-import",
        "pyimport",
        "inherit",
    ]
)
_PLACEHOLDER = re.compile(r"%\(([A-Za-z0-9_.-]+)\)|\$\(([A-Za-z_][A-Za-z0-9_]*)\)|(%[a-zA-Z])")
_LIMIT_OPTIONS = 500
_LIMIT_FILES = 5

Settings = dict[str, list[str | None]]


def follow_uwsgi(command: Command) -> Listening:
    """Return the listeners of a ``uwsgi`` command."""
    settings: Settings = {}
    problem = _command_line(command, settings)
    if problem is None:
        problem = next((f"{name} is not followed" for name in settings if name in _NOT_FOLLOWED), None)
    if problem:
        return command.gap(f"uwsgi: {problem}")
    listeners = [_listener(command, name, text) for name in _SPEAKING for text in settings.get(name, ())]
    logs = _logs(command, settings)
    program = command.step.program
    if program is not None and program.path.startswith(("usr/bin/", "usr/sbin/")):
        # Distributions build it without its plugins: it stops where they are not named, or not installed.
        listeners = [attrs.evolve(one, certain=False) for one in listeners]
    if not listeners:
        return attrs.evolve(command.never("uwsgi is told no address to listen on"), logs=logs)
    if "daemonize" in settings or "daemonize2" in settings:
        listeners = [attrs.evolve(one, detached=True) for one in listeners]
    return attrs.evolve(_with_application(command, settings, listeners), logs=logs)


def _command_line(command: Command, settings: Settings) -> str | None:
    """Fill the settings; return what is not understood."""
    words = list(command.words)
    while words:
        word = words.pop(0)
        if word is None:
            return "a word of its command line is unknown"
        if not word.startswith("-"):
            problem = _file(command, word, settings) if word.endswith(".ini") else f"the operand {word}"
        else:
            problem = _option(command, word, words, settings)
        if problem:
            return problem
    return None


def _option(command: Command, word: str, words: list[str | None], settings: Settings) -> str | None:
    name, equals, value = word.lstrip("-").partition("=")
    given: str | None = value
    if not word.startswith("--"):
        name, value = _SHORT.get(word[1:2], word[1:2]), word[2:]
        given = value or (words.pop(0) if word[:2] in _SHORT_VALUED and words else "true")
    elif not equals:
        takes = name not in _FLAGS and bool(words) and not (words[0] or "").startswith("-")
        given = words.pop(0) if takes else "true"
    if name == "ini":
        return "the name of its ini file is unknown" if given is None else _file(command, given, settings)
    settings.setdefault(name.replace("_", "-"), []).append(given)
    return None


def _file(command: Command, name: str, settings: Settings) -> str | None:
    """Read an ini file: keys of the section ``[uwsgi]``, each as often as it comes."""
    if command.step.cwd is None or ":" in name or len(settings.setdefault("", [])) >= _LIMIT_FILES:
        return f"the file {name} is not followed"
    path = posixpath.normpath(posixpath.join(command.step.cwd, name))
    entry = command.rootfs.resolve(path)
    data = command.rootfs.content(entry) if entry is not None else None
    if entry is None or data is None or len(data) < entry.size_bytes or command.changed_before([path]):
        return f"the file {path} is not in the image, was not kept, or may have been changed before"
    settings[""].append(path)
    section = ""
    known: dict[str, str | None] = {}
    for line in data.decode("utf-8", "replace").splitlines()[:_LIMIT_OPTIONS]:
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1]
        elif section == "uwsgi" and text and not text.startswith((";", "#")):
            key, equals, value = text.partition("=")
            key, expanded = key.strip().replace("_", "-"), _expanded(value.strip(), known, command)
            known[key] = expanded
            problem = _key(command, key, expanded if equals else "true", settings)
            if problem:
                return problem
    return None


def _key(command: Command, key: str, value: str | None, settings: Settings) -> str | None:
    if key == "ini":
        return "an ini file is not known" if value is None else _file(command, value, settings)
    settings.setdefault(key, []).append(value)
    return None


def _expanded(text: str, known: Mapping[str, str | None], command: Command) -> str | None:
    """Return a value with ``%(key)`` and ``$(VARIABLE)`` replaced; None where one is not known."""
    missing = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal missing
        value = known.get(match[1]) if match[1] else command.step.env.get(match[2]) if match[2] else None
        missing |= value is None
        return value or ""

    result = _PLACEHOLDER.sub(replaced, text[:4_000])
    return None if missing else result


def _last(settings: Settings, *names: str) -> str | None:
    found = [value for name in names for value in settings.get(name, ())]
    return found[-1] if found else ""


def _listener(command: Command, name: str, text: str | None) -> Listener:
    address, *_options = (text or "").split(",")
    host, port, socket = _address(address) if text is not None else (None, None, None)
    shown = "an unknown address" if text is None else address
    protocol = _SPEAKING[name]
    evidence = attrs.evolve(command.evidence, message=f"uwsgi's {name} binds {shown}", seen=text)
    return Listener(
        host=host,
        port=port,
        server="uwsgi",
        certain=text is not None,
        evidence=(*command.step.trail[:-1], evidence),
        socket=socket,
        tls=protocol == "https",
        protocol="http" if protocol == "https" else protocol,
    )


def _address(text: str) -> tuple[str | None, int | None, str | None]:
    if text.startswith(("/", "@")) or ":" not in text:
        return None, None, text.removeprefix("unix:") if not text.isdecimal() else None
    host, _, port = text.rpartition(":")
    return {"*": ""}.get(host, host), port_number(port), None


def _with_application(command: Command, settings: Settings, listeners: list[Listener]) -> Listening:
    folder = _last(settings, "chdir", "chdir2")
    cwd = None if folder is None or command.step.cwd is None else posixpath.join(command.step.cwd, folder)
    if cwd is None:
        return _open(listeners, command.gap("uwsgi: its directory is unknown"))
    step = attrs.evolve(
        command.step,
        cwd=cwd,
        argv=(_interpreter(command, settings) or command.step.argv[0], *command.step.argv[1:]),
    )
    command = attrs.evolve(command, step=step)
    program = Program(step, command.sources(cwd))
    for name in ("pythonpath", "python-path", "pp"):
        for text in settings.get(name, ()):
            program.sources.own.append(posixpath.join(cwd, text or "?").strip("/"))
    app = _application(command, settings, program)
    return with_app(command, listeners, app, program, certain=True)


def _interpreter(command: Command, settings: Settings) -> str | None:
    """Return the Python that uwsgi was built for: that of ``virtualenv``, of its console script, or beside it."""
    home = _last(settings, "home", "virtualenv", "venv", "pyhome")
    program = command.step.program
    folder = posixpath.dirname("/" + program.path) if program is not None else "/usr/bin"
    shebang = parse_shebang(command.rootfs.content(program) or b"") if program is not None else None
    candidates = [shebang.interpreter] if shebang else []
    candidates += [f"{home}/bin/python3", f"{home}/bin/python"] if home else []
    for name in [*candidates, f"{folder}/python3", f"{folder}/python"]:
        if command.rootfs.resolve(name) is not None:
            return name
    return None


def _application(command: Command, settings: Settings, program: Program) -> AppRef | Listening:
    module, variable = _last(settings, "module", "wsgi"), _last(settings, "callable")
    file = _last(settings, "wsgi-file", "file")
    if module is None or variable is None or file is None or (not module and not file):
        return command.gap("uwsgi: its application is unknown")
    if module:
        name, _, inner = module.partition(":")
        app = served(command, program, name, inner or variable or "application")
    else:
        folder, _, base = file.rpartition("/")
        program.sources.own.insert(0, posixpath.join(command.step.cwd or "/", folder).strip("/"))
        app = served(command, program, base.removesuffix(".py"), variable or "application")
    return app if isinstance(app, Listening) else attrs.evolve(app, interface="wsgi")


def _open(listeners: list[Listener], gap: Listening) -> Listening:
    return attrs.evolve(gap, listeners=tuple(attrs.evolve(one, certain=False) for one in listeners))


def _logs(command: Command, settings: Settings) -> tuple[ServerLog, ...]:
    found = []
    for name in ("logto", "logto2", "daemonize", "daemonize2", "logger", "req-logger"):
        for text in settings.get(name, ()):
            path = (text or "").removeprefix("file:")
            evidence: Evidence = attrs.evolve(
                command.evidence, message=f"uwsgi's {name} logs to {text or 'somewhere else'}"
            )
            found.append(
                ServerLog(path=path if path.startswith("/") else None, certain=True, evidence=evidence)
            )
    return tuple(found)
