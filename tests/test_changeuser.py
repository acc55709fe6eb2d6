"""Programs that are started as another user, and services that Debian's init scripts start."""

from __future__ import annotations

import pytest

from tests.build import Item, file, program, symlink
from tests.services import APP, service

PASSWD = file(
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\nmodel:x:1000:1000::/home/model:/bin/bash\nnobody:x:9:9::/:/usr/sbin/nologin\n"
    "www-data:x:33:33::/:/bin/false\n",
)
SERVE = file("home/model/serve.py", "import flask\nflask.Flask('x').run('0.0.0.0', 8080)\n", mode=0o644)
MINE = file(
    "home/model/mine.py", "import flask\nflask.Flask('x').run('0.0.0.0', 8080)\n", mode=0o600, uid=1000
)
SECRET = file("home/model/secret.py", "import flask\nflask.Flask('x').run('0.0.0.0', 8080)\n", mode=0o600)
LOGIN = file(
    "etc/login.defs",
    "# ENV_PATH /wrong\nENV_SUPATH\tPATH=/usr/sbin\nENV_PATH\tPATH=/usr/local/bin:/usr/bin:/bin\n",
)
FILES = (
    PASSWD,
    SERVE,
    MINE,
    SECRET,
    LOGIN,
    *(program(f"usr/bin/{name}") for name in ("su", "runuser", "gosu", "chown")),
)
YES, MAYBE = ["flask 0.0.0.0:8080"], ["? flask 0.0.0.0:8080"]
NO: list[str] = []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("su - model -c 'cd /home/model && python serve.py'", YES),
        ("su - model -c 'python serve.py'", YES),
        ("su model -c 'python serve.py'", NO),  # in /app, where it is not
        ("su model -s /bin/sh -c 'python /home/model/serve.py'", YES),
        ("su -l -c 'python serve.py' model", YES),
        ("su --login --command='python serve.py' model", YES),
        ("runuser -l model -c 'python serve.py'", YES),
        ("runuser -u model -- python /home/model/serve.py", YES),
        ("gosu model python /home/model/serve.py", YES),
        ("gosu model python /home/model/secret.py", MAYBE),
        ("su - model -c 'python mine.py'", YES),
        ("su - model -c 'python secret.py'", MAYBE),
        ("chown -R model /home/model; su - model -c 'python secret.py'", YES),
        ("export FLASK=1 PATH=/nowhere; /usr/bin/su - model -c 'python serve.py'", YES),
        ("export PATH=/nowhere; /usr/bin/su model -c 'python /home/model/serve.py'", NO),
        ("su - nobody -c 'python /home/model/serve.py'", NO),
        ("su - nosuch -c 'python /home/model/serve.py'", NO),
        ('su - model -c "$NEVER"', NO),
    ],
)
def test_su(command: str, expected: list[str]) -> None:
    assert service(command, *FILES).shown == expected


@pytest.mark.parametrize(
    ("command", "gap"),
    [
        ("su - nosuch -c 'python x'", "the options of su are not understood"),
        ('su - model -c "$NEVER"', "the options of su are not understood"),
        ("su - model", "the options of su are not understood"),
        ("su --pty model -c 'python x'", "the options of su are not understood"),
    ],
)
def test_su_that_is_not_understood(command: str, gap: str) -> None:
    assert gap in {item.message for item in service(command, *FILES).listening.gaps}


def test_only_root_needs_no_password() -> None:
    run = {"User": "model", "Cmd": ["su", "-", "model", "-c", "python serve.py"]}
    assert service(run, *FILES).shown == []


def test_pam_may_set_the_path() -> None:
    found = service("su - model -c 'python serve.py'", *FILES, file("etc/environment", 'PATH="/opt/bin"\n'))
    assert found.shown != YES
    assert "PATH is not known, so neither is the file of python" in {
        gap.message for gap in found.listening.gaps
    }


INIT = """#!/bin/sh
# Provides: nginx
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
DAEMON=/usr/sbin/nginx
if [ -r /etc/default/nginx ]; then
	. /etc/default/nginx
fi
start_nginx() {
	start-stop-daemon --start --quiet --pidfile $PID --exec $DAEMON -- \\
		$DAEMON_OPTS 2>/dev/null \\
		|| return 2
}
"""
SUPERVISOR = """#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
DAEMON=/usr/bin/supervisord
DAEMON_OPTS="-c /etc/supervisor/supervisord.conf $DAEMON_OPTS"
	start-stop-daemon --start --quiet --pidfile $PIDFILE \\
		--startas $DAEMON -- $DAEMON_OPTS
"""
NGINX = "events {}\nhttp { server { listen 8080; } }\n"


def _debian(init: str = INIT, defaults: str = "#DAEMON_OPTS=x\n\n", conf: str = NGINX) -> list[Item]:
    return [
        APP,
        program("usr/sbin/service", "#!/bin/sh\nexec $SERVICEDIR/$1\n"),
        program("etc/init.d/nginx", init),
        file("etc/default/nginx", defaults),
        file("etc/nginx/nginx.conf", conf),
    ]


@pytest.mark.parametrize(
    ("command", "items", "expected"),
    [
        ("service nginx start; tail -f /dev/null", _debian(), ["nginx :8080"]),
        ("service nginx restart && tail -f /dev/null", _debian(), ["nginx :8080"]),
        ("service nginx start", _debian(), ["? nginx :8080"]),
        ("service nginx start", _debian(conf="daemon off;\n" + NGINX), ["nginx :8080"]),
        ("service nginx start; tail -f /dev/null", _debian(defaults='DAEMON_OPTS="-c /other"\n'), []),
        (
            "service nginx start; tail -f /dev/null",
            _debian(INIT.replace("/usr/sbin/nginx", "/opt/nginx")),
            [],
        ),
        ("service nginx start; tail -f /dev/null", _debian(INIT + "DAEMON=/opt/nginx\n"), []),
        ("sed -i s/a/$X/ /etc/default/nginx; service nginx start; tail -f /dev/null", _debian(), []),
        ("service nginx stop; tail -f /dev/null", _debian(), []),
    ],
)
def test_service(command: str, items: list[Item], expected: list[str]) -> None:
    found = service(command, *items)
    assert found.shown == expected
    assert bool(found.listening.gaps) == (not expected)


def test_service_starts_supervisor() -> None:
    items = [
        APP,
        program("usr/sbin/service", "#!/bin/sh\nexec $SERVICEDIR/$1\n"),
        program("usr/bin/supervisord"),
        program("etc/init.d/supervisor", SUPERVISOR),
        file("etc/default/supervisor", '# x\nDAEMON_OPTS=""\n'),
        file(
            "etc/supervisor/supervisord.conf",
            "[supervisord]\n[program:a]\ncommand=gunicorn -b :8080 app:app\ndirectory=/app\n",
        ),
    ]
    found = service("service supervisor start; tail -f /dev/null", *items)
    assert (found.shown, found.listening.gaps) == (["gunicorn :8080"], ())


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            (
                symlink("usr/share/nginx/modules", "../../lib/nginx/modules"),
                file("usr/lib/nginx/modules/m.so", "x"),
            ),
            ["nginx :8080"],
        ),
        ((), ["? nginx :8080"]),
    ],
)
def test_modules_of_debian(items: tuple[Item, ...], expected: list[str]) -> None:
    main = "include /etc/nginx/modules-enabled/*.conf;\n" + NGINX
    found = service(
        "nginx -g 'daemon off;'",
        file("etc/nginx/nginx.conf", main),
        symlink("etc/nginx/modules-enabled/50-m.conf", "/usr/share/nginx/modules-available/m.conf"),
        file("usr/share/nginx/modules-available/m.conf", "load_module modules/m.so;\n"),
        *items,
    )
    assert found.shown == expected
