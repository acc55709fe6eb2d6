"""Python programs that may start a server themselves: a script, ``-m MODULE``, or ``-c CODE``."""

from __future__ import annotations

import posixpath
import sys

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.source import Source
from imagespec.analyzers.python.threads import outlives
from imagespec.analyzers.python.values import Call, Const, Instance, Items, Table, Value
from imagespec.analyzers.servers.children import Children
from imagespec.analyzers.servers.listening import Listening
from imagespec.analyzers.servers.servercalls import BLOCKING, PREPARING, SERVERS, SETUP, listener_of
from imagespec.analyzers.servers.words import Command, word_set
from imagespec.verdict import Evidence

_OTHER_PROGRAMS = (
    "subprocess.", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.startfile", "pty.spawn",
    "asyncio.create_subprocess", "?.Popen", "?.system",
)  # fmt: skip
_SERVING = (
    "socket.", "socketserver.", "http.server.", "xmlrpc.server.", "asyncio.start_", "wsgiref.",
    "aiohttp.", "tornado.", "sanic.", "bottle.", "cherrypy.", "hypercorn.", "waitress.", "gevent.", "eventlet.",
    "twisted.", "grpc.", "ray.", "bentoml.", "mlserver.", "mindspore_serving.", "django.", "falcon.", "pyramid.",
    "dash.", "gradio.", "streamlit.", "prometheus_client.", "notebook.", "jupyter", "robyn.", "litestar.", "quart.",
    "flask_socketio.", "socketio.", "engineio.", "meinheld.", "bjoern.", "granian.", "daphne.", "web.", "nicegui.",
    "panel.", "bokeh.", "mlflow.", "ts.", "tritonclient.", "tensorflow_serving.", "paddle_serving", "zmq.", "zerorpc.",
    "uvicorn.", "gunicorn.", "flask_script.", "connexion.", "flask.cli", "aiohttp_", "websockets.", "vllm.",
    "sglang.", "fastchat.", "modelscope.", "xinference", "lmdeploy", "rpyc.", "thriftpy", "thrift.", "jina.",
)  # fmt: skip
"""What can serve, or is the network itself; calls into it that are no entry of `SERVERS` stay open."""
_SERVING_METHODS = word_set("""run serve listen start launch serve_forever run_app run_forever run_server start_server run_until_complete
    execute_from_command_line main create_server start_unix_server""")
_SERVING_WORDS = (
    "run",
    "serve",
    "listen",
    "start",
    "create_server",
    "create_unix",
    "add_socket",
    "bind",
    "launch",
)
_QUIET = (
    "flask.", "fastapi.", "starlette.", "werkzeug.", "pydantic.", "numpy.", "pandas.", "PIL.", "cv2.", "yaml.", "requests.",
    "joblib.", "sklearn.", "dotenv.", "loguru.", "jinja2.", "flask_cors.",
)  # fmt: skip
"""Libraries that never serve by themselves."""
_SETTERS = ("socket.gethost", "socket.getfqdn", "socket.inet_", "socket.getaddrinfo", "uvicorn.logging.")
_IN_THREADS = {
    "uvicorn.run", "uvicorn.Server().run", "waitress.serve", "bottle.run", "bottle.Bottle().run",
    "http.server.HTTPServer().serve_forever", "http.server.ThreadingHTTPServer().serve_forever",
    "socketserver.TCPServer().serve_forever", "socketserver.ThreadingTCPServer().serve_forever",
    "wsgiref.simple_server.make_server().serve_forever",
}  # fmt: skip
_MANY = 5


def _begin(command: Command, first: str | None) -> Program:
    """Return a program that has not begun; ``first`` is the directory where it looks for modules first."""
    program = Program(command.step, command.sources(first, by_python=True), BLOCKING)
    if command.children is not None:
        program.processes.start = command.children(command, program)
    return program


def follow_script(command: Command, script: str, words: tuple[str | None, ...]) -> Listening:
    """Follow ``python FILE …``."""
    path = command.step.script
    if path is None:
        if command.step.cwd is None and not script.startswith("/"):
            return command.gap(f"the directory of {script} is unknown")
        entry = command.rootfs.resolve(posixpath.join(command.step.cwd or "/", script))
        if entry is None:
            return command.never(f"Python is to run {script}, which is not in the image")
        path = entry.path
    program = _begin(command, posixpath.dirname(path))
    program.argv = [script, *words]
    program.run_file(path)
    return read_program(command, program)


def follow_code(command: Command, code: str) -> Listening:
    """Follow ``python -c CODE …``."""
    program = _begin(command, command.step.cwd)
    program.argv = ["-c", *command.words]
    place = command.evidence
    parsed = program.sources.parse(code, place.path or "-c", place.layer)
    if not isinstance(parsed, Source):
        return command.gap(f"the code behind -c {parsed}")
    program.run_source(parsed, "__main__")
    return read_program(command, program)


def follow_module(command: Command, name: str) -> Listening:
    """Follow ``python -m MODULE …`` for a module of the image's own."""
    program = _begin(command, command.step.cwd)
    found = program.sources.find(name)
    if found.kind in {"source", "directory"} and found.directory is not None:
        found = program.sources.find_below(found.directory, "__main__")
        name += ".__main__"
    if found.kind == "missing" and program.sources.exact:
        return command.never(f"python -m {name}: there is no such module in the image")
    if found.kind != "source":
        return command.gap(f"whether the module {name} listens is not known")
    package = name.rpartition(".")[0]
    if package:
        program.run_import(package)
    program.argv = ["/" + found.path, *command.words]
    loaded = program.sources.load(found.path)
    if isinstance(loaded, str):
        return command.gap(f"{found.path} {loaded}")
    program.run_source(loaded, "__main__", package)
    return read_program(command, program)


def read_program(command: Command, program: Program) -> Listening:
    """Return who listens in a program that has been followed."""
    stopped = program.stopped
    calls = list(program.calls)
    serves = _stays_up(program)
    never: list[Evidence] = []
    listeners = []
    for call in calls:
        if call.name in SERVERS:
            # A thread may end with the program, and so does a server whose call returns.
            aside = (call.thread or call.name not in BLOCKING) and not serves
            aside = aside or (call.in_thread and not _works_in_threads(call, program))
            before, program.stopped = program.doubt, None
            listener = listener_of(call, program, certain=command.step.certain and not aside)
            if program.stopped is not None and program.stopped.reason == "serves":  # the import serves itself
                program.gap(program.stopped.evidence)
            elif program.stopped is not None:  # the application's own import ends it
                never.append(program.stopped.evidence)
            elif isinstance(listener, str):
                never.append(call.place.evidence(listener))
            else:
                doubtful = program.doubt and not before
                listeners.append(attrs.evolve(listener, certain=False) if doubtful else listener)
    if stopped is not None and stopped.reason not in {"serves", "exec"}:
        never.append(stopped.evidence)
    calls = [call for call in calls if not program.processes.knows(call)]
    gaps = [*program.gaps, *_gaps(calls, ends=not serves)]
    found = Listening(
        listeners=tuple(listeners),
        gaps=tuple(gaps),
        never=tuple(never),
        programs=(program,),
        unfollowed=tuple(filter(None, map(_other_program, calls))),
        stays=serves,
        ends=stopped is None and not gaps,
    )
    started = program.processes.start
    return found.plus(started.listening(stays=serves)) if isinstance(started, Children) else found


def _stays_up(program: Program) -> bool:
    """Tell whether a program certainly runs as long as the container."""
    if any(call.name in {"asyncio.Event().set", "threading.Event().set"} for call in program.calls):
        return False  # what waits for an event may be what ended here
    stopped = program.stopped
    if stopped is not None and stopped.reason not in {"exit", "raise"}:
        return stopped.reason == "serves"
    return outlives(program)


def _works_in_threads(call: Call, program: Program) -> bool:
    """Tell whether a server comes up in a thread: others set handlers of signals, which only a main thread may."""
    if call.name != "flask.Flask().run":
        return call.name in _IN_THREADS
    reloads = [call.keywords.get(name, Const(value=False)) for name in ("debug", "use_reloader")]
    debug = any(other.name == "flask.Flask().debug=" for other in program.calls)
    return all(value == Const(value=False) for value in reloads) and not (
        debug or call.spread or program.environment.get("FLASK_DEBUG", "0") != "0"
    )


def beside_a_server(listening: Listening) -> Listening:
    """Return what a server's command line came to, with what the application that it imports starts beside it."""
    gaps = list(listening.gaps)
    blocked = False
    for program in listening.programs:
        under_flask = (
            program.environment.get("FLASK_RUN_FROM_CLI") == "true"
        )  # then app.run() returns at once
        for call in program.calls:
            if call.name in SERVERS and not (under_flask and call.name == "flask.Flask().run"):
                gaps.append(
                    call.place.evidence(f"{call.name} is called while the server imports the application")
                )
                blocked = True
        gaps += _gaps(program.calls, ends=False)
    listeners = [attrs.evolve(one, certain=one.certain and not blocked) for one in listening.listeners]
    return attrs.evolve(listening, listeners=tuple(listeners), gaps=tuple(gaps))


def _gaps(calls: list[Call], *, ends: bool) -> list[Evidence]:
    """Return what may listen without our knowing; a program that ``ends`` may serve through any library."""
    gaps, foreign = [], []
    for call in calls:
        name = call.name
        last = name.rpartition(".")[2].removesuffix("()")
        if name in SERVERS or name in BLOCKING or name in PREPARING or name.startswith(_SETTERS):
            continue
        if (
            last == "run_until_complete"
            and name.startswith("asyncio.")
            and _comes_back(call.argument(0, "future"))
        ):
            continue
        if name.startswith(SETUP) and ".?" not in name and not last.startswith(_SERVING_WORDS):
            continue
        if (other := _other_program(call)) is not None:
            gaps.append(other)
        elif ".?" in name or name.startswith(_SERVING) or _may_serve(name, last):
            gaps.append(call.place.evidence(f"{name} may listen, which is not followed"))
        elif ends and not _is_standard(name) and not name.startswith(_QUIET):
            foreign.append(
                call.place.evidence(f"{name} is not followed, and the program serves in no known way")
            )
    return gaps[:_MANY] + foreign[:_MANY]


def _other_program(call: Call) -> Evidence | None:
    started = call.name.startswith(_OTHER_PROGRAMS)
    message = f"{call.name} may start another program, which is not followed"
    return call.place.evidence(message) if started else None


def _comes_back(coroutine: Value | None, depth: int = 4) -> bool:
    """Tell whether nothing in a coroutine is called like a server; what the program's own ones do was followed."""
    match coroutine:
        case Call(name=name) if name.startswith("asyncio."):
            parts = [*coroutine.args, *coroutine.keywords.values()]
            return depth > 0 and not coroutine.spread and all(_comes_back(one, depth - 1) for one in parts)
        case Call(name=name):
            last = name.rpartition(".")[2].removesuffix("()")
            words = last in _SERVING_METHODS or last.startswith(_SERVING_WORDS)
            return not words and not name.startswith(("?", *_SERVING))
        case Items():
            return (
                depth > 0
                and not coroutine.open
                and all(_comes_back(one, depth - 1) for one in coroutine.items)
            )
    return isinstance(coroutine, Const | Instance | Table)


def _may_serve(name: str, last: str) -> bool:
    return name.startswith(("?", "asyncio.")) and name != "asyncio.run" and last in _SERVING_METHODS


def _is_standard(name: str) -> bool:
    top = name.partition(".")[0].removesuffix("()")
    return top == "builtins" or top in sys.stdlib_module_names
