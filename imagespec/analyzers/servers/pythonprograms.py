"""Python programs that may start a server themselves: a script, ``-m MODULE``, or ``-c CODE``."""

from __future__ import annotations

import posixpath
import sys

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.source import Source
from imagespec.analyzers.python.values import Call
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
_MANY = 5


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
    program = Program(command.step, command.sources(posixpath.dirname(path)), BLOCKING)
    program.argv = [script, *words]
    program.run_file(path)
    return read_program(command, program)


def follow_code(command: Command, code: str) -> Listening:
    """Follow ``python -c CODE …``."""
    program = Program(command.step, command.sources(command.step.cwd), BLOCKING)
    program.argv = ["-c", *command.words]
    place = command.evidence
    parsed = program.sources.parse(code, place.path or "-c", place.layer)
    if not isinstance(parsed, Source):
        return command.gap(f"the code behind -c {parsed}")
    program.run_source(parsed, "__main__")
    return read_program(command, program)


def follow_module(command: Command, name: str) -> Listening:
    """Follow ``python -m MODULE …`` for a module of the image's own."""
    program = Program(command.step, command.sources(command.step.cwd), BLOCKING)
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
    serves = stopped is not None and stopped.reason == "serves"
    calls = list(program.calls)
    if any(call.name == "asyncio.Event().set" for call in calls):
        serves = False  # what waits for an event may be what ended here
    never: list[Evidence] = []
    listeners = []
    for call in calls:
        if call.name in SERVERS:
            # A thread may end with the program, and so does a server whose call returns.
            aside = (call.thread or call.name not in BLOCKING) and not serves
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
    if stopped is not None and stopped.reason != "serves":
        never.append(stopped.evidence)
    gaps = [*program.gaps, *_gaps(calls, ends=not serves)]
    return Listening(listeners=tuple(listeners), gaps=tuple(gaps), never=tuple(never), programs=(program,))


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
        if name.startswith(SETUP) and ".?" not in name and not last.startswith(_SERVING_WORDS):
            continue
        if name.startswith(_OTHER_PROGRAMS):
            gaps.append(call.place.evidence(f"{name} may start another program, which is not followed"))
        elif ".?" in name or name.startswith(_SERVING) or _may_serve(name, last):
            gaps.append(call.place.evidence(f"{name} may listen, which is not followed"))
        elif ends and not _is_standard(name) and not name.startswith(_QUIET):
            foreign.append(
                call.place.evidence(f"{name} is not followed, and the program serves in no known way")
            )
    return gaps[:_MANY] + foreign[:_MANY]


def _may_serve(name: str, last: str) -> bool:
    return name.startswith(("?", "asyncio.")) and name != "asyncio.run" and last in _SERVING_METHODS


def _is_standard(name: str) -> bool:
    top = name.partition(".")[0].removesuffix("()")
    return top == "builtins" or top in sys.stdlib_module_names
