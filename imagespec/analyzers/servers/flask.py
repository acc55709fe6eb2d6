"""The ``flask run`` command (Flask 2.2 to 3.1, cli.py)."""

from __future__ import annotations

import posixpath
import re
from itertools import chain

import attrs

from imagespec.analyzers.python.dotenv import read_dotenv
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, External, Function, Instance, Member, Module, Unknown
from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.optiontables import FLASK, FLASK_VARIABLES
from imagespec.analyzers.servers.optionvalues import of_variables, refused, wrongs
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    framework_of,
    load_variable,
    parse_options,
    port_number,
    served,
    with_app,
    word_set,
)

_GROUP_VALUED = frozenset({"-A", "--app", "-e", "--env-file"})
_GROUP_FLAGS = frozenset({"--debug", "--no-debug", "--version", "--help"})
_VALUED = word_set("-h --host -p --port --cert --key --extra-files --exclude-patterns")
_FLAGS = word_set("""--reload --no-reload --debugger --no-debugger --with-threads --without-threads --debug --no-debug
    --eager-loading --lazy-loading --help""")


def follow_flask(command: Command) -> Listening:
    """Return the listeners of a ``flask`` command."""
    if "run" not in command.words:
        return command.gap("flask is started with another command than run")
    cut = command.words.index("run")
    group = parse_options(command.words[:cut], _GROUP_VALUED, _GROUP_FLAGS)
    options = parse_options(command.words[cut + 1 :], _VALUED, _FLAGS)
    problem = (
        group.problem or options.problem or ("an operand" if group.operands or options.operands else None)
    )
    if problem or command.step.cwd is None:
        return command.gap(f"flask: {problem or 'its working directory is unknown'}")
    if group.has("--version", "--help") or options.has("--help"):
        return command.never("flask only prints its version or help here")
    sources = command.sources(command.step.cwd)
    if sources.find("flask").kind == "missing" and sources.exact:
        return command.never("flask is not among the packages of its Python")
    return _follow(command, group, options, Program(command.step, sources))


def _dotenv(command: Command, group: Options, program: Program) -> dict[str, str | None] | None:
    """
    Return the variables that python-dotenv sets from .flaskenv and .env, here or above (cli.py, load_dotenv).

    Those of .env come first. None where they are not known.
    """
    library = program.sources.find("dotenv").kind
    skipped = command.step.environment().get("FLASK_SKIP_DOTENV", "")
    if (library == "missing" and program.sources.exact) or skipped not in {"", None, "0", "false", "no"}:
        return {}
    if group.has("-e", "--env-file") or skipped is None:
        return None
    found: dict[str, str | None] = {}
    for name in (".flaskenv", ".env"):
        path = _above(command, name)
        values = read_dotenv(program, path) if path else {}
        if values is None or (values and library == "missing"):
            return None
        found |= values
    return found


def _above(command: Command, name: str) -> str | None:
    """Return the path of a file in the working directory or the nearest directory above it that has it."""
    directory = command.step.cwd or "/"
    for _ in range(50):
        path = posixpath.join(directory, name)
        if command.rootfs.resolve(path) is not None:
            return path
        if directory in {"/", ""}:
            break
        directory = posixpath.dirname(directory)
    return None


def _follow(command: Command, group: Options, options: Options, program: Program) -> Listening:
    variables = _dotenv(command, group, program)
    dotted = variables is None
    env = {**(variables or {}), **command.step.environment()}
    program.environment.update(
        (name, value) for name, value in env.items() if name not in program.environment
    )
    program.environment["FLASK_RUN_FROM_CLI"] = "true"  # makes app.run() return at once
    if dotted:
        program.gap(attrs.evolve(command.evidence, message="flask: a .env file may set variables"))
    if program.sources.find("flask").kind == "missing":
        program.gap(
            attrs.evolve(command.evidence, message="flask was not found where its Python certainly looks")
        )
    names = {name: option for name, option in FLASK_VARIABLES.items() if not options.has(option)}
    found = chain(wrongs(options, FLASK, command), of_variables(names, FLASK, command))
    why = refused(found, "flask run", command, program)
    if why:
        return command.never(why)
    listener = _listener(command, options, env, dotted=dotted)
    named = group.has("-A", "--app")
    target = group.last("-A", "--app") if named else env.get("FLASK_APP", "")
    if target is None or (dotted and not named):
        app = command.gap("flask: its application is unknown")
        return with_app(command, [listener], app, program, certain=False)
    return _load(command, program, target, listener)


def _listener(command: Command, options: Options, env: dict[str, str | None], *, dotted: bool) -> Listener:
    host = options.last("-h", "--host")
    port = options.last("-p", "--port")
    if not options.has("-h", "--host"):
        host = None if dotted else env.get("FLASK_RUN_HOST", "127.0.0.1")
    if not options.has("-p", "--port"):
        port = None if dotted else env.get("FLASK_RUN_PORT", "5000")
    message = f"flask run binds {host or 'an unknown host'}:{port or 'unknown port'}; its defaults are 127.0.0.1:5000"
    evidence = attrs.evolve(command.evidence, message=message)
    return Listener(
        host=host,
        port=port_number(port),
        server="flask",
        certain=True,
        evidence=(*command.step.trail[:-1], evidence),
        tls=True if options.has("--cert") or env.get("FLASK_RUN_CERT") else None if dotted else False,
    )


def _load(command: Command, program: Program, target: str, listener: Listener) -> Listening:
    path, _, name = _split_target(target)
    candidates = [path] if target else ["wsgi.py", "app.py"]
    for candidate in candidates:
        module = _prepare(command, program, candidate)
        if program.sources.find(module).kind == "missing" and not target:
            continue
        if name:
            found = load_variable(
                program, module, name
            )  # a factory is called (flask/cli.py, find_app_by_string)
            app = served(command, program, module, name, factory=isinstance(found, Function))
        else:
            imported = program.run_import(module)
            best = _best(imported, program) if isinstance(imported, Module) else None
            app = served(command, program, module, best or "app")
        return with_app(command, [listener], app, program, certain=True)
    return command.never("flask finds no wsgi.py or app.py, and is told no application")


def _split_target(target: str) -> tuple[str, str, str]:
    found = re.search(r":(?![\\/])", target)
    return (target[: found.start()], ":", target[found.end() :]) if found else (target, "", "")


def _prepare(command: Command, program: Program, path: str) -> str:
    """Return the module name of a path or name, with its directory put first (cli.py, prepare_import)."""
    full = posixpath.normpath(posixpath.join(command.step.cwd or "/", path))
    base = full.removesuffix(".py")
    if posixpath.basename(base) == "__init__":
        base = posixpath.dirname(base)
    names: list[str] = []
    while len(names) < 20:
        base, name = posixpath.split(base)
        names.append(name)
        if command.rootfs.resolve(posixpath.join(base, "__init__.py")) is None:
            break
    program.sources.own.insert(0, base.strip("/"))
    return ".".join(reversed(names))


def _best(module: Module, program: Program) -> str | None:
    """Return the expression for the application that Flask would choose (cli.py, find_best_app)."""
    names = module.scope.names
    for name in ("app", "application"):
        if framework_of(names.get(name)) == "flask":
            return name
        if isinstance(
            names.get(name), Unknown | Member | Call | External | Instance
        ):  # may be one all the same
            program.gap(
                program.place().evidence(f"whether {name} of {module.path} is a Flask application is unknown")
            )
            return name
    found = [
        name for name, value in names.items() if isinstance(value, Call) and framework_of(value) == "flask"
    ]
    if len(found) == 1:
        return found[0]
    factory = next(
        (name for name in ("create_app", "make_app") if isinstance(names.get(name), Function)), None
    )
    if factory and not found:
        return f"{factory}()"
    program.gap(program.place().evidence(f"the Flask application of {module.path} is not clear"))
    return None
