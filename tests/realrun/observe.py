"""
Run one image with the real engine, and write down what can be seen from outside.

The engine and this process share a network namespace of their own (`make_images.isolate`), in which nothing else
listens: every listening socket is the container's. OUTSIDE is an address of the namespace that is not a loopback
address, as a container's address on a bridge is.
"""

from __future__ import annotations

import http
import http.client
import io
import json
import re
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks.engine import Client
from tests.realrun.sources import ImageSource

OUTSIDE = "198.51.100.7"  # TEST-NET-2 (RFC 5737)
PORT = 8080

MOST_SECONDS = 12.0  # until something listens
SETTLED_SECONDS = 1.5  # without a change of the listening sockets
REQUEST_SECONDS = 5.0
LOG_SECONDS = 1.5  # `tail -f` looks once a second at files on an overlay file system
LOG_CHARACTERS = 600

_MARK = re.compile(rb"realrun-[a-z0-9]+")
_BOOT_MARK = re.compile(rb"^realrun-boot", re.MULTILINE)
_TROUBLE = re.compile(
    r"not found|no such file|permission denied|exec format|syntax error|cannot open|can't|directory|unexpected",
    re.IGNORECASE,
)

PROGRAMS = {
    "python3": ("--version",),
    "python": ("--version",),
    "java": ("-version",),
    "zip": ("-v",),
}


@attrs.frozen(kw_only=True)
class Seen:
    """What running one image showed."""

    running: bool
    """Whether the container still ran when it had been asked everything."""
    exit_code: int
    engine_error: str
    """What the engine said instead of starting the command."""
    listening: list[str]
    """``address:port`` of each listening TCP socket, as ss(8) writes it."""
    reached: bool
    """Whether a TCP connection to OUTSIDE:PORT over IPv4 was accepted."""
    asked_at: str
    """Where the requests went; empty where nobody listened, or it was not clear who."""
    answers: dict[str, int | None]
    """Status of each request of config.json, redirects not followed; None for no HTTP answer."""
    log_marks: list[str]
    """The words ``realrun-…`` in the container's log: printed by the programs, or a part of a requested URL."""
    file_marks: dict[str, list[str]]
    """The same in files that the container wrote."""
    log: str
    """The end of the container's log, both streams."""
    boot_is_file: bool
    """Whether /home/run.sh leads to a regular file, with all links followed by the engine."""
    boot_ran: bool
    """Whether the image's own command made the boot file print its first line."""
    boot_trouble: str
    """The first line in which the engine or a shell complains of the boot file."""
    boot_ran_by_hand: bool | None
    """Whether ``/bin/sh /home/run.sh`` prints that line; None where it was not tried."""
    programs: dict[str, int]
    """Exit code of each of PROGRAMS when a container starts it, for batch services."""


@attrs.frozen
class Container:
    """A container that was started, or that the engine refused to start."""

    docker: Client
    name: str
    engine_error: str

    def state(self) -> tuple[bool, int]:
        """Return whether it runs, and the exit code."""
        row = json.loads(self.docker("inspect", "--format={{json .State}}", self.name))
        return row["Running"], row["ExitCode"]

    def log(self) -> bytes:
        """Return both streams of the log."""
        return b"".join(_call(self.docker, "logs", self.name)[1:])

    def written(self) -> dict[str, bytes]:
        """Return the regular files that the container wrote, except compiled Python."""
        upper = Path(self.docker("inspect", "--format={{.GraphDriver.Data.UpperDir}}", self.name).strip())
        files = (path for path in upper.rglob("*") if path.is_file() and not path.is_symlink())
        return {f"/{path.relative_to(upper)}": path.read_bytes() for path in files if path.suffix != ".pyc"}

    def has_boot_file(self) -> bool:
        """Tell whether /home/run.sh is a regular file."""
        code, out, _ = _call(self.docker, "cp", "--follow-link", f"{self.name}:/home/run.sh", "-")
        if code:
            return False
        with tarfile.open(fileobj=io.BytesIO(out)) as tar:
            first = tar.next()
            return first is not None and first.isreg()


def observe(docker: Client, source: ImageSource) -> Seen:
    """Run an image once and return what was seen."""
    with _started(docker, f"realrun/{source.name}") as container:
        listening = _wait(container)
        reached = _accepts(OUTSIDE, PORT)
        host = _where_to_ask(listening, reached=reached)
        requests = [*source.requests, ("GET", source.health)]
        answers = _answers(host, requests) if host else {}
        for number, (method, url) in enumerate(requests):
            _ask(host, method, f"{url}?mark=realrun-request{number}")
        time.sleep(LOG_SECONDS)
        running, exit_code = container.state()
        log, written = container.log(), container.written()
        boot_is_file = container.has_boot_file()
    boot_ran = any(_BOOT_MARK.search(text) for text in (log, *written.values()))
    trouble = _trouble(f"{container.engine_error}\n{log.decode(errors='replace')}", ran=boot_ran)
    batch = source.service == "batch"
    by_hand = _boot_by_hand(docker, source) if batch and boot_is_file and not (boot_ran or trouble) else None
    return Seen(
        running=running,
        exit_code=exit_code,
        engine_error=container.engine_error,
        listening=sorted(listening),
        reached=reached,
        asked_at=host,
        answers=answers,
        log_marks=_marks(log),
        file_marks={path: marks for path, text in sorted(written.items()) if (marks := _marks(text))},
        log=log.decode(errors="replace")[-LOG_CHARACTERS:],
        boot_is_file=boot_is_file,
        boot_ran=boot_ran,
        boot_trouble=trouble,
        boot_ran_by_hand=by_hand,
        programs=_start_programs(docker, source.name) if batch else {},
    )


@contextmanager
def _started(docker: Client, image: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[Container]:
    name = "realrun"
    code, _, error = _call(
        docker, "run", "--detach", "--network=host", f"--name={name}", *options, image, *command
    )
    try:
        if code and _call(docker, "inspect", name)[0]:
            docker(
                "create", f"--name={name}", image, "true"
            )  # it has no command: only its files can be looked at
        yield Container(docker, name, error.decode().strip().replace("\n", " ")[:300] if code else "")
    finally:
        _call(docker, "rm", "--force", "--volumes", name)


def _wait(container: Container) -> set[str]:
    """Wait until the listening sockets do not change any more, or the container has ended."""
    started = changed = time.monotonic()
    before: set[str] = set()
    while True:
        now, listening = time.monotonic(), _listening()
        if listening != before:
            before, changed = listening, now
        settled = before and now - changed > SETTLED_SECONDS
        if settled or now - started > MOST_SECONDS or (now - started > 1 and not container.state()[0]):
            return before
        time.sleep(0.25)


def _listening() -> set[str]:
    rows = subprocess.run(["ss", "-Htln"], check=True, capture_output=True, text=True).stdout.splitlines()
    return {row.split()[3] for row in rows}


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), REQUEST_SECONDS):
            return True
    except OSError:
        return False


def _where_to_ask(listening: set[str], *, reached: bool) -> str:
    """Return the platform's port where it is reached, else the only port that somebody listens on."""
    if reached:
        return f"{OUTSIDE}:{PORT}"
    if len(listening) != 1:
        return ""
    host, _, port = next(iter(listening)).rpartition(":")
    # Who listens for IPv6 only cannot be asked: the namespace has no IPv6.
    return "" if "[" in host else f"{OUTSIDE if host in ('0.0.0.0', '*') else host}:{port}"


def _answers(host: str, requests: list[tuple[str, str]]) -> dict[str, int | None]:
    """Send every request; all again while a proxy says that nobody is behind it, as its server may come later."""
    started = time.monotonic()
    while True:
        answers = {f"{method} {url}": _ask(host, method, url) for method, url in requests}
        if http.HTTPStatus.BAD_GATEWAY not in answers.values() or time.monotonic() - started > MOST_SECONDS:
            return answers
        time.sleep(0.25)


def _ask(host: str, method: str, url: str) -> int | None:
    """Send one request and return the status; POST has a JSON body."""
    address, _, port = host.rpartition(":")
    if not host:
        return None
    body = b'{"data": [1, 2, 3]}' if method in {"POST", "PUT"} else None
    connection = http.client.HTTPConnection(address.strip("[]"), int(port), timeout=REQUEST_SECONDS)
    try:
        connection.request(method, url, body, {"Content-Type": "application/json"} if body else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _marks(text: bytes) -> list[str]:
    return sorted({mark.decode() for mark in _MARK.findall(text)})


def _trouble(text: str, *, ran: bool) -> str:
    # A CR stays: it is what the shell complains of. What env(1) says of a script's first line does not name the script.
    about = ("run.sh",) if ran else ("run.sh", "env: ")
    lines = (line.strip(" ") for line in text.split("\n") if any(word in line for word in about))
    return next((line[-300:] for line in lines if _TROUBLE.search(line)), "")


def _boot_by_hand(docker: Client, source: ImageSource) -> bool:
    options = ("--entrypoint=/bin/sh",)
    with _started(docker, f"realrun/{source.name}", "/home/run.sh", options=options) as container:
        _wait(container)
        return bool(_BOOT_MARK.search(container.log()))


def _start_programs(docker: Client, name: str) -> dict[str, int]:
    """Start each program in a container of its own, found by the engine on the image's PATH."""
    options = ("run", "--rm", "--network=none")
    return {
        program: _call(docker, *options, f"--entrypoint={program}", f"realrun/{name}", *words)[0]
        for program, words in PROGRAMS.items()
    }


def _call(docker: Client, *words: str) -> tuple[int, bytes, bytes]:
    """Run a command of the engine that may fail; return its exit code and both streams."""
    done = subprocess.run(
        [*docker.words, *words],
        check=False,
        capture_output=True,
        env={**_environment(), **dict(docker.environment)},
    )
    return done.returncode, done.stdout, done.stderr


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
