"""
Run the small applications of `framework_truth.json` with the real frameworks, and record what they answer.

    pip install --target DIR $(python -m tests.framework_runs --requirements)
    python -m tests.framework_runs DIR [--only REGEX] [--write]

Run it from the top of the repository with Python 3.11, in an environment in which imagespec can be imported; DIR has the
frameworks. Nothing is installed and nothing but loopback is used: each application is started in a folder and process of
its own on a free port, which stands wherever its files and command say 8080, is asked its requests one after the other,
and is killed with all that it started.

Without --write what differs from the record is printed, and the exit status is 1 where something does. With it the record
gets the new statuses, versions and date, and what is said of each request now. To add an application, write its command,
files and requests into the record with ``[null, "open"]`` for each request, and run it with --write.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import http.client
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from tests.build import file, program
from tests.python_images import PACKAGES, SITE
from tests.services import service

RECORD = pathlib.Path(__file__).parent / "framework_truth.json"
PORT = 8080
"""The port in the applications' texts, and the one that they are judged with."""
NEEDED = (
    *(
        "gunicorn==27.0.1",
        "hypercorn==0.18.0",
        "numpy==2.4.6",
        "paste==3.10.1",
        "pydantic==2.14.3",
        "waitress==3.0.2",
    ),
    *("python-multipart", "setuptools"),
)
"""Distributions that applications import beside those whose versions are recorded."""
_START_SECONDS = 15
_SETTLE_SECONDS = 0.2
_ANSWER_SECONDS = 5
_WORDS = {True: "yes", False: "no", None: "open"}

Case = dict[str, Any]
"""One application: its ``command``, ``files``, and ``requests`` with what was answered and what is said of each."""


def load_record() -> dict[str, Any]:
    """Return the record."""
    document: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return document


def judged(case: Case, record: dict[str, Any]) -> dict[str, str]:
    """Return what is said of each request of an image that starts an application."""
    packages = [file(f"{SITE}/{name}/__init__.py") for name in (*PACKAGES, *record["packages"])]
    scripts = [
        program(f"usr/local/bin/{name}", "#!/usr/local/bin/python3.11\n") for name in record["programs"]
    ]
    versions = [
        file(f"{SITE}/{name}-{version}.dist-info/METADATA") for name, version in record["versions"].items()
    ]
    sources = [file(f"app/{path}", text) for path, text in case["files"].items()]
    made = service({"Cmd": shlex.split(case["command"])}, *packages, *scripts, *versions, *sources)
    listeners = [one for one in made.listening.listeners if one.port in {PORT, None}]
    if not listeners and not made.listening.gaps:
        return dict.fromkeys(case["requests"], "no")
    comes_up = any(one.certain and one.port == PORT for one in listeners)
    table = made.routes()
    said = {}
    for asked in case["requests"]:
        answer = table.answer(*asked.split())
        word = _WORDS[answer.served] + (", but" if answer.served and answer.caveats else "")
        said[asked] = word if comes_up or not answer.served else "open"
    return said


def run_case(case: Case, packages: pathlib.Path) -> dict[str, int | None]:
    """Start an application and return the status of each request; None where the connection gives none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in case["files"].items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(str(PORT), str(port)), encoding="utf-8")
        first, *words = shlex.split(case["command"].replace(str(PORT), str(port)))
        argv = [sys.executable, *([] if first == "python" else ["-m", first]), *words]
        with _running(argv, folder, packages) as process:
            _wait_for(process, port)
            if process.poll() is not None:  # a container ends with its first process, and all that it started
                _kill(process)
            return {asked: _status(port, *asked.split()) for asked in case["requests"]}


@contextlib.contextmanager
def _running(argv: list[str], folder: str, packages: pathlib.Path) -> Iterator[subprocess.Popen[bytes]]:
    paths = f"{packages.resolve()}{os.pathsep}{folder}"
    env = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        argv, cwd=folder, env=env, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        yield process
    finally:
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
    time.sleep(_SETTLE_SECONDS)  # some listen before their startup is through


def _status(port: int, method: str, path: str) -> int | None:
    """Ask as the platform does: by an address, with a body of JSON where the method has one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    headers = {"Host": f"10.1.2.3:{PORT}"}
    body = None
    if method in {"POST", "PUT"}:
        body, headers["Content-Type"] = b"{}", "application/json"
    try:
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def run_all(record: dict[str, Any], packages: pathlib.Path, only: str) -> int:
    """Run the applications whose name fits, put what they answer into the record, and return how many differ."""
    different = 0
    for framework, cases in record["applications"].items():
        for name, case in cases.items():
            if not re.search(only, f"{framework}-{name}"):
                continue
            seen, said = run_case(case, packages), judged(case, record)
            for asked, before in case["requests"].items():
                now = [seen[asked], said[asked]]
                if now != before:
                    different += 1
                    print(f"{framework}-{name} {asked}: recorded {before}, now {now}", flush=True)
                case["requests"][asked] = now
    return different


def _versions(packages: pathlib.Path) -> dict[str, str]:
    """Return the versions of all distributions in a folder, by names as their ``dist-info`` has them."""
    found = importlib.metadata.distributions(path=[str(packages)])
    return {_normal(one.metadata["Name"]): one.version for one in found}


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("packages", type=pathlib.Path, nargs="?", metavar="DIR")
    parser.add_argument("--only", default="", metavar="REGEX", help="applications, such as 'flask-static'")
    parser.add_argument("--write", action="store_true", help="write what was seen into the record")
    parser.add_argument("--requirements", action="store_true", help="print what pip must install into DIR")
    options = parser.parse_args()
    record = load_record()
    if options.requirements or options.packages is None:
        print(*(f"{name}=={version}" for name, version in record["versions"].items()), *NEEDED)
        return 0
    here = _versions(options.packages)
    versions = {name: here.get(name, "missing") for name in record["versions"]}
    for name, version in versions.items():
        if version != record["versions"][name]:
            print(f"{name} is {version}, recorded with {record['versions'][name]}")
    different = run_all(record, options.packages, options.only)
    if options.write:
        if not options.only:
            record |= {"date": str(dt.datetime.now(dt.UTC).date()), "versions": versions}
            record["python"] = platform.python_version()
        RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
