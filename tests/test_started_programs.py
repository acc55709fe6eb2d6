"""
Programs that Python programs start: where they listen and log, whether they stay, and where their lines are.

Which of them really answer is in `framework_truth.json` under ``processes``; here is what cannot be asked of a server.
"""

from __future__ import annotations

import pytest

from tests.build import directory, file, program
from tests.services import APP, Service, service
from tests.test_server_outcomes import in_source, verdict_of

SERVE = """\
import multiprocessing, os, signal, subprocess, sys
def stop(nginx, gunicorn):
    os.kill(nginx, signal.SIGQUIT)
    os.kill(gunicorn, signal.SIGTERM)
    sys.exit(0)
def start():
    workers = int(os.environ.get("WORKERS", multiprocessing.cpu_count()))
    subprocess.check_call(["ln", "-sf", "/dev/stdout", "/var/log/nginx/access.log"])
    subprocess.check_call(["ln", "-sf", "/dev/stderr", "/var/log/nginx/error.log"])
    nginx = subprocess.Popen(["nginx", "-c", "/opt/nginx.conf"])
    gunicorn = subprocess.Popen(["gunicorn", "-b", "unix:/tmp/g.sock", "-w", str(workers), "app:app"])
    signal.signal(signal.SIGTERM, lambda a, b: stop(nginx.pid, gunicorn.pid))
    pids = set([nginx.pid, gunicorn.pid])
    while True:
        pid, _ = os.wait()
        if pid in pids:
            break
    stop(nginx.pid, gunicorn.pid)
if __name__ == "__main__":
    start()
"""
NGINX = "daemon off;\nevents {}\nhttp { server { listen 8080; location / { proxy_pass http://unix:/tmp/g.sock; } } }\n"
GUNICORN = "['gunicorn', '-b', '0.0.0.0:8080', 'app:app'"


def started(text: str, *items: object, nginx: str = NGINX) -> Service:
    """Return what is made of an image that starts a Python program of this text."""
    tools = [program("usr/bin/ln"), program("usr/bin/true")]
    files = [
        directory("var/log/nginx"),
        file("opt/serve.py", "import os, subprocess, sys\n" + text),
        file("opt/nginx.conf", nginx),
    ]
    return service({"Cmd": ["python", "/opt/serve.py"]}, APP, *tools, *files, *items)  # type: ignore[arg-type]


def test_a_proxy_and_a_server_behind_it() -> None:
    found = started(SERVE)
    assert found.shown == ["nginx :8080", "gunicorn /tmp/g.sock"]
    assert found.listening.gaps == ()
    assert found.asked("GET /health, GET /none") == "GET /health YES, GET /none NO"
    assert [(item.path, item.line) for item in found.listening.listeners[1].evidence] == [
        (None, None),
        ("/opt/serve.py", 12),
    ]


def test_a_proxy_that_goes_to_the_background_lets_the_wait_end() -> None:
    found = started(SERVE, nginx=NGINX.replace("daemon off;", ""))
    assert all(not one.certain for one in found.listening.listeners)
    assert "returns when one of the programs ends" in found.listening.gaps[0].message


def test_a_proxy_in_the_background_beside_a_server_that_stays() -> None:
    text = f"subprocess.check_call(['nginx', '-c', '/opt/nginx.conf'])\nsubprocess.run({GUNICORN.replace('0.0.0.0:8080', 'unix:/tmp/g.sock')}])"
    found = started(text, nginx=NGINX.replace("daemon off;", ""))
    assert found.shown == ["nginx :8080", "gunicorn /tmp/g.sock"]
    assert not found.listening.gaps


@pytest.mark.parametrize(
    ("arguments", "lost", "doubts"),
    [
        ("", 0, 0),
        (", stdout=sys.stdout, stderr=subprocess.STDOUT", 0, 0),
        (", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL", 1, 0),
        (", stdout=open('/var/log/a.log', 'w'), stderr=subprocess.STDOUT", 1, 0),
        (", stdout=subprocess.DEVNULL", 0, 1),
        (", stdout=subprocess.PIPE", 0, 1),
        (", capture_output=True", 0, 2),
    ],
)
def test_where_its_streams_go(arguments: str, lost: int, doubts: int) -> None:
    sinks = started(f"subprocess.run({GUNICORN}]{arguments})", file("var/log/x")).logs
    assert (len(sinks.lost), len(sinks.doubts)) == (lost, doubts), sinks


@pytest.mark.parametrize(
    "text",
    [
        "open('/opt/nginx.conf', 'w').write('x')\n",
        "open(sys.argv[1], 'w').write('x')\n",
        "import shutil\nshutil.copy('/x', '/opt/nginx.conf')\n",
        "import pathlib\npathlib.Path('/opt/nginx.conf').write_text('x')\n",
        "import jinja2\njinja2.Template('x').stream().dump('/opt/nginx.conf')\n",
        "subprocess.check_call(['sed', '-i', 's/8080/9090/', '/opt/nginx.conf'])\n",
        "os.system('echo $NGINX > /opt/nginx.conf')\n",
    ],
)
def test_what_it_reads_may_have_been_written_before(text: str) -> None:
    found = started(text + "subprocess.run(['nginx', '-c', '/opt/nginx.conf'])")
    assert not any(one.certain and one.port == 8080 for one in found.listening.listeners), found.shown


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run([sys.executable, '/opt/serve.py'])",
        "subprocess.Popen([sys.executable, '/opt/serve.py'])\nsubprocess.Popen([sys.executable, '/opt/serve.py'])",
        "for i in range(60):\n    subprocess.Popen([sys.executable, '/opt/serve.py'])",
        "os.system('python /opt/serve.py; python /opt/serve.py')",
        "os.execv(sys.executable, ['python', '/opt/serve.py'])",
    ],
)
def test_programs_that_start_themselves_are_followed_for_a_while(text: str) -> None:
    found = started(text)
    assert found.listening.gaps
    assert len(found.listening.steps) < 100


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f"import subprocess\nsubprocess.run({GUNICORN}])", "pass"),
        (f"import subprocess\nsubprocess.run({GUNICORN}], check=False)\nprint('ended')", "pass"),
        (f"import subprocess\nsubprocess.run({GUNICORN.replace('8080', '9090')}])", "fail"),
        ("import os\nos.execvp('nothing', ['nothing'])", "fail"),
        (f"import subprocess\nsubprocess.run({GUNICORN}], executable='/bin/x')", "unknown"),
        (f"import subprocess\nsubprocess.run({GUNICORN}], timeout=3)", "unknown"),
        (f"import subprocess\nsubprocess.Popen({GUNICORN}])", "unknown"),
        (f"import subprocess\nif input():\n    subprocess.run({GUNICORN}])", "unknown"),
        (f"import subprocess\nsubprocess.run(['mystery'])\nsubprocess.run({GUNICORN}])", "unknown"),
    ],
)
def test_verdicts(text: str, verdict: str) -> None:
    assert verdict_of(in_source(text))[0] == verdict
