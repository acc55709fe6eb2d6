"""
Programs that set logging up in code, really run: what is said of their log is held against where a record came to be.

The record is of the logger ``service``, as loud as can be. `LOST` must be in a file and in no stream, `KEPT` in a stream.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from tests.build import directory, file
from tests.services import service

HEAD = "import datetime, logging, logging.config, logging.handlers, os, sys, tempfile, time, uuid\nfrom pathlib import Path\nlog = logging.getLogger('service')\n"
KEPT, LOST, OPEN = "kept", "lost", "open"
FILE = "logging.FileHandler('/logs/a.log')"
CASES = {
    "logging.basicConfig(filename=os.path.join('/logs', 'a-%s.log' % datetime.date.today()))": LOST,
    "logging.basicConfig(filename=f'/logs/{datetime.datetime.now():%Y-%m-%d}.log')": LOST,
    "logging.basicConfig(filename=Path('/logs') / f'{time.strftime(\"%Y\")}.log')": LOST,
    "logging.basicConfig(filename='/logs/' + time.strftime('%Y%m%d') + '.log')": LOST,
    "logging.basicConfig(filename='/logs/{}-{}.log'.format('a', os.getpid()))": LOST,
    "logging.basicConfig(filename='/logs/%d.log' % int(time.time()))": LOST,
    "logging.basicConfig(filename='/logs/' + str(uuid.uuid4()))": LOST,
    "logging.basicConfig(filename=os.environ.get('LOG_FILE', '/logs/a.log'))": LOST,
    "logging.basicConfig(filename=os.environ.get('LOG_FILE'))": KEPT,
    "d = Path('/logs') / 'x'\nd.mkdir(exist_ok=True)\nlogging.basicConfig(filename=d / 'a.log')": LOST,
    "log.addHandler(logging.handlers.TimedRotatingFileHandler('/logs/a.log', when='D'))": LOST,
    f"log.addHandler({FILE})\nlog.addHandler(logging.StreamHandler(sys.stdout))": KEPT,
    f"log.addHandler({FILE})\nlogging.basicConfig(level=20)": KEPT,
    f"log.addHandler({FILE})\nlogging.getLogger().addHandler(logging.StreamHandler())": KEPT,
    f"log.addHandler({FILE})\nlog.propagate = False\nlogging.basicConfig(level=20)": OPEN,
    f"log.addHandler({FILE})\nlogging.info('x')": KEPT,
    f"log.addHandler({FILE})\ndef later():\n    logging.info('x')": OPEN,
    f"logging.getLogger().addHandler({FILE})\ndef later():\n    logging.info('x')": LOST,
    f"logging.getLogger().addHandler({FILE})\nlogging.basicConfig()": LOST,
    f"logging.basicConfig()\nlogging.getLogger().addHandler({FILE})": KEPT,
    "logging.basicConfig(filename='/logs/a.log')\nlogging.basicConfig(stream=sys.stdout)": LOST,
    "logging.basicConfig(stream=sys.stdout)\nlogging.basicConfig(filename='/logs/a.log')": KEPT,
    "logging.basicConfig(filename='/logs/a.log')\nlogging.basicConfig(stream=sys.stdout, force=True)": KEPT,
    "logging.basicConfig(stream=sys.stdout)\nlogging.basicConfig(filename='/logs/a.log', force=True)": LOST,
    f"logging.basicConfig(filename='/logs/b.log')\nlogging.basicConfig(handlers=[{FILE}, logging.StreamHandler()])": LOST,
    f"logging.basicConfig(handlers=[{FILE}, logging.StreamHandler()])": KEPT,
    "logging.warning('early')\nlogging.basicConfig(filename='/logs/a.log')": KEPT,
    "logging.basicConfig()\nlogging.getLogger().handlers.clear()\nlogging.basicConfig(filename='/logs/a.log')": OPEN,
    f"root = logging.getLogger()\nh = logging.StreamHandler()\nroot.addHandler(h)\nlog.addHandler({FILE})\nroot.removeHandler(h)": OPEN,
    f"h = logging.StreamHandler()\nh.setLevel(60)\nlogging.getLogger().addHandler(h)\nlog.addHandler({FILE})": OPEN,
    f"if os.path.exists('/nowhere'):\n    logging.basicConfig()\nlog.addHandler({FILE})": OPEN,
    f"logging.getLogger('service.sub').addHandler({FILE})\nlogging.getLogger('service').addHandler(logging.StreamHandler())": OPEN,
}
OBSERVED_AS = {KEPT: {"stream", "both"}, LOST: {"file"}, OPEN: {"stream", "file", "both", "nowhere"}}


def run(text: str, folder: pathlib.Path) -> str:
    """Run a program and return where its record came to be."""
    text = HEAD + text.replace("/logs", str(folder)) + "\nlog.critical('the record')\n"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, check=True, cwd=folder, text=True, env={}
    )
    streams = "the record" in done.stdout + done.stderr
    files = any("the record" in path.read_text() for path in folder.rglob("*") if path.is_file())
    return {(True, True): "both", (True, False): "stream", (False, True): "file"}.get(
        (streams, files), "nowhere"
    )


def judge(text: str) -> str:
    """Return what is said of the log of a service that sets it up like this."""
    serve = "\nfrom flask import Flask\nFlask('a').run('0.0.0.0', 8080)\n"
    found = service(
        "exec python m.py", file("app/m.py", HEAD + text + serve), directory("logs"), directory("etc")
    ).logs
    return LOST if found.lost and not found.doubts else OPEN if found.doubts or found.lost else KEPT


@pytest.mark.parametrize("text", CASES)
def test_where_the_record_comes_to_be(text: str, tmp_path: pathlib.Path) -> None:
    assert judge(text) == CASES[text]
    assert run(text, tmp_path) in OBSERVED_AS[CASES[text]]


@pytest.mark.parametrize(
    "name",
    [
        "time.strftime('%Y/%m/%d')",
        "time.strftime('%D')",
        "str(datetime.datetime.now()).replace('-', '/')",
        "datetime.datetime.now().isoformat().replace('-', '/')",
        "f'{datetime.datetime.now():%Y/%m}'",
        "input()",
        "'\\ufffc'",
    ],
)
def test_a_name_that_may_have_a_slash_is_not_known(name: str) -> None:
    assert judge(f"logging.basicConfig(filename='/logs/' + {name})") == OPEN


def test_a_directory_that_is_not_there_is_found_by_what_is_known_of_the_name() -> None:
    text = HEAD + "logging.basicConfig(filename='/nowhere/%s.log' % time.time())\n"
    found = service(
        {"Cmd": ["python", "m.py"]},
        file("app/m.py", text + "from flask import Flask\nFlask('a').run('', 8080)\n"),
    )
    assert (
        "/nowhere/*.log is written, and its directory is not in the image" in found.listening.gaps[0].message
    )
