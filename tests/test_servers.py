"""Servers that are started by a command of their own: what they listen on, serve and log."""

from __future__ import annotations

import pytest

from tests.build import Item, directory, file, program
from tests.services import APP, BASE, service

ENTRY = program("usr/local/bin/uwsgi")
SUPERVISORD = program("usr/bin/supervisord", "#!/usr/bin/python3\n")
PYTHON = program("usr/bin/python3")
ASGI = file(
    "app/web.py",
    "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/health')\ndef health(): return {}\n",
)


def base(*more: Item) -> list[Item]:
    return [*BASE, SUPERVISORD, PYTHON, ENTRY, *more]


@pytest.mark.parametrize(
    ("command", "ini", "expected"),
    [
        ("uwsgi --http 0.0.0.0:8080 --module app:app", "", ["uwsgi 0.0.0.0:8080"]),
        ("uwsgi --http=:8080 --wsgi-file app.py --callable app --master -p 4", "", ["uwsgi :8080"]),
        ("uwsgi --http-socket 127.0.0.1:8080 -w app:app", "", ["uwsgi 127.0.0.1:8080"]),
        ("uwsgi --ini uwsgi.ini", "[uwsgi]\nhttp = 0.0.0.0:8080\nmodule = app:app\nmaster = true\n", ["uwsgi 0.0.0.0:8080"]),
        ("uwsgi uwsgi.ini", "[uwsgi]\n; x\nport = 8080\nhttp-socket = :%(port)\nchdir = /app\nmodule = app\ncallable = app", ["uwsgi :8080"]),
        ("uwsgi uwsgi.ini", "[uwsgi]\nhttp = :$(PORT)\nmodule = app:app", ["? uwsgi None:None"]),
        ("uwsgi uwsgi.ini", "[uwsgi]\nsocket = /tmp/u.sock\nmodule = app:app", ["uwsgi /tmp/u.sock"]),
        ("uwsgi --https 0.0.0.0:8443,c.crt,c.key -w app:app", "", ["uwsgi 0.0.0.0:8443!"]),
        ("uwsgi --http :8080 -w app:app --daemonize /var/log/u.log", "", ["? uwsgi :8080"]),
        ("uwsgi --http :8080 -w app:app --daemonize /var/log/u.log; tail -f /var/log/u.log", "", ["uwsgi :8080"]),
        ("uwsgi -w app:app", "", []),
        ("uwsgi uwsgi.ini", "[uwsgi]\nini = uwsgi.ini\n", []),
        ("uwsgi --emperor /etc/uwsgi", "", []),
        ("uwsgi --http :8080 -w missing:app", "", []),
    ],
)  # fmt: skip
def test_uwsgi(command: str, ini: str, expected: list[str]) -> None:
    found = service(command, APP, file("app/uwsgi.ini", ini), base=base())
    assert found.shown == expected, found.listening


def test_uwsgi_serves_its_application() -> None:
    found = service("exec uwsgi --http :8080 -w app:app", APP, base=base())
    asked = "GET /health YES, GET /x NO, POST /predict YES"
    assert found.asked(asked) == asked


def test_uwsgi_behind_nginx() -> None:
    site = "server { listen 8080; location / { try_files $uri @w; } location @w { include uwsgi_params; uwsgi_pass unix:///tmp/u.sock; } }"
    items = [
        APP,
        file("etc/nginx/nginx.conf", f"daemon off;\nevents {{}}\nhttp {{ {site} }}"),
        file("etc/nginx/uwsgi_params", "uwsgi_param QUERY_STRING $query_string;\n"),
        file(
            "etc/supervisor/conf.d/s.conf",
            "[program:n]\ncommand=nginx\n[program:u]\ncommand=uwsgi -s /tmp/u.sock -w app:app\n",
        ),
        file(
            "etc/supervisor/supervisord.conf",
            "[supervisord]\nnodaemon=true\n[include]\nfiles = conf.d/*.conf\n",
        ),
    ]
    found = service({"Cmd": ["supervisord", "-c", "/etc/supervisor/supervisord.conf"]}, *items, base=base())
    assert found.shown == ["nginx :8080", "uwsgi /tmp/u.sock"]
    asked = "GET /health YES, GET /x NO, POST /predict YES, GET /predict NO"
    assert found.asked(asked) == asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[program:a]\ncommand=gunicorn -b :8080 app:app\n", ["gunicorn :8080"]),
        ("[program:a]\ncommand=gunicorn -b :8080 app:app\nautostart=false\n", []),
        ("[program:a]\ncommand=gunicorn -b :%(ENV_PORT)s app:app\n", ["gunicorn :8080"]),
        ("[program:a]\ncommand=gunicorn -b :%(ENV_NONE)s app:app\n", []),
        (
            "[program:a]\ncommand=gunicorn app:app\nenvironment=PORT=\"8080\",A='b c'\n",
            ["gunicorn 0.0.0.0:8080"],
        ),
        ('[program:a]\ncommand=sh -c "exec gunicorn -b :8080 app:app"\n', ["gunicorn :8080"]),
        ("[program:a]\ncommand=gunicorn -b :8080 app:app\ndirectory=/nowhere\n", []),
        (
            "[program:a]\ncommand=gunicorn -b :8080 app:app ; comment\n[unix_http_server]\nfile=/x\n",
            ["gunicorn :8080"],
        ),
        ("command=x", []),
        ("[program:a]\n" * 50_000, []),
    ],
)
def test_supervisord(text: str, expected: list[str]) -> None:
    conf = file("etc/supervisord.conf", "[supervisord]\nnodaemon = true\n" + text)
    found = service({"Cmd": ["supervisord"], "Env": ["PORT=8080"]}, APP, conf, base=base())
    assert found.shown == expected, (found.listening, found.start)


def test_supervisord_in_the_background_lets_the_container_end() -> None:
    conf = file("etc/supervisord.conf", "[supervisord]\n[program:a]\ncommand=gunicorn -b :8080 app:app\n")
    found = service({"Cmd": ["supervisord"]}, APP, conf, base=base())
    assert "the container stops" in found.start.failures[0].message
    assert service({"Cmd": ["supervisord", "-n"]}, APP, conf, base=base()).start.failures == ()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nredirect_stderr=true", "kept"),
        (
            "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0\nstderr_logfile=/dev/fd/2\nstderr_logfile_maxbytes=0",
            "kept",
        ),
        ("stdout_logfile=/dev/stdout\nredirect_stderr=true", "doubts"),
        ("", "lost"),
        ("stdout_logfile=/var/log/a.log\nredirect_stderr=true", "lost"),
    ],
)
def test_logs_of_supervised_programs(settings: str, expected: str) -> None:
    conf = file(
        "etc/supervisord.conf",
        f"[supervisord]\nnodaemon=true\n[program:a]\ncommand=gunicorn -b :8080 app:app\n{settings}\n",
    )
    logs = service({"Cmd": ["supervisord"]}, APP, conf, directory("var/log"), base=base()).logs
    assert ("lost" if logs.lost else "doubts" if logs.doubts else "kept") == expected, logs


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("waitress-serve app:app", ["waitress 0.0.0.0:8080"]),
        ("waitress-serve --port=9000 --host=127.0.0.1 app:app", ["waitress 127.0.0.1:9000"]),
        ("waitress-serve --listen=*:8080 --threads 4 app:app", ["waitress :8080"]),
        ("waitress-serve --unix-socket=/s app:app", ["waitress /s"]),
        ("python -m waitress --port $PORT app:app", ["waitress 0.0.0.0:None"]),
        ("waitress-serve app:nothing", []),
        ("hypercorn web:app", ["hypercorn 127.0.0.1:8000"]),
        ("hypercorn -b 0.0.0.0:8080 -w 2 asgi:web:app", ["hypercorn 0.0.0.0:8080"]),
        ("hypercorn --bind [::]:8080 web:app", ["hypercorn :::8080"]),
        ("hypercorn --certfile c --keyfile k -b :8443 web:app", ["? hypercorn :8443!"]),
        ("hypercorn -c conf.toml web:app", []),
    ],
)
def test_command_lines(command: str, expected: list[str]) -> None:
    assert service(command, APP, ASGI).shown == expected


def test_routes_behind_command_lines() -> None:
    asked = "GET /health YES, GET /x NO"
    assert service("waitress-serve app:app", APP).asked(asked) == asked
    assert service("hypercorn -b :8080 web:app", ASGI).asked(asked) == asked


SERVERS = ("torchserve", "tritonserver", "tensorflow_model_server", "mlserver", "vllm", "bentoml", "java")


def model_server(command: str, *items: Item) -> list[str]:
    return service(
        command,
        *items,
        directory("models"),
        base=base(*(program(f"usr/local/bin/{name}") for name in SERVERS)),
    ).shown


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("torchserve --start --model-store /models", ["? torchserve 127.0.0.1:8080", "? torchserve (management_address) 127.0.0.1:8081",
                                                      "? torchserve (metrics_address) 127.0.0.1:8082"]),
        ("torchserve --start --ts-config /c.properties", ["? torchserve 0.0.0.0:8080", "? torchserve (management_address) 127.0.0.1:8081",
                                                          "? torchserve (metrics_address) 127.0.0.1:8082"]),
        ("torchserve --start --ts-config /missing", []),
        ("torchserve --stop", []),
        ("tritonserver --model-repository=/models", ["? tritonserver 0.0.0.0:8000"]),
        ("tritonserver --model-repository=/models --http-port 8080", ["? tritonserver 0.0.0.0:8080"]),
        ("tritonserver --allow-http=false", []),
        ("tensorflow_model_server --port=8500", []),
        ("tensorflow_model_server --rest_api_port=8501 --model_name=m", ["? tensorflow_model_server 0.0.0.0:8501"]),
        ("mlserver start .", ["? mlserver 0.0.0.0:8080"]),
        ("vllm serve m", ["? vllm :8000"]),
        ("python -m vllm.entrypoints.openai.api_server --port 8080 --host 0.0.0.0", ["? vllm 0.0.0.0:8080"]),
        ("bentoml serve x --port 8080", ["? bentoml 0.0.0.0:8080"]),
        ("java -jar /app/app.jar", []),
    ],
)  # fmt: skip
def test_model_servers(command: str, expected: list[str]) -> None:
    conf = file("c.properties", "# x\ninference_address=http://0.0.0.0:8080\nload_models=all\n")
    assert model_server(command, conf) == expected


def test_what_model_servers_never_answer() -> None:
    programs = base(*(program(f"usr/local/bin/{name}") for name in SERVERS))
    for command, port, asked in (
        (
            "torchserve --start --foreground",
            8080,
            "GET /health NO, GET /ping OPEN, POST /predictions/m OPEN, POST / NO",
        ),
        ("tritonserver", 8000, "GET /health NO, GET /v2/health/live OPEN, POST /v2/models/m/infer OPEN"),
        (
            "tensorflow_model_server --rest_api_port=8501",
            8501,
            "GET /health NO, POST /v1/models/m:predict OPEN, POST /predict NO",
        ),
        ("mlserver start .", 8080, "GET /health OPEN"),
    ):
        assert service(command, base=programs).asked(asked, port) == asked


def test_a_java_program_is_open() -> None:
    found = service("java -jar /app/app.jar", base=base(program("usr/bin/java")))
    assert (found.shown, bool(found.listening.gaps)) == ([], True)


MANAGE = (
    "import os, sys\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n    try:\n"
    "        from django.core.management import execute_from_command_line\n    except ImportError as error:\n"
    "        raise ImportError('x') from error\n    execute_from_command_line(sys.argv)\nif __name__ == '__main__':\n    main()\n"
)
SETTINGS = "ALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'site1.urls'\nMIDDLEWARE = ['django.middleware.common.CommonMiddleware'%s]\n"
URLS = (
    "from django.urls import include, path, re_path\nfrom django.contrib import admin\nfrom . import views\nurlpatterns = [\n"
    "    path('health', views.health), path('slash/', views.health), path('m/<str:name>/predict', views.predict),\n"
    "    path('api/', include('site1.more')), re_path(r'^n/[0-9]+$', views.health), path('admin/', admin.site.urls),\n]\n"
)
VIEWS = (
    "from django.http import HttpResponse\nfrom django.views.decorators.csrf import csrf_exempt\ndef health(request):\n"
    "    return HttpResponse('ok')\n@csrf_exempt\ndef predict(request, name):\n    return HttpResponse(name)\n"
    "def by_method(request):\n    if request.method != 'POST':\n        return HttpResponse(status=405)\n"
)


def django(command: str, settings: str = SETTINGS % "") -> object:
    files = {"manage.py": MANAGE, "site1/__init__.py": "", "site1/settings.py": settings, "site1/urls.py": URLS, "site1/views.py": VIEWS,
             "site1/more.py": "from django.urls import path\nfrom . import views\nurlpatterns = [path('x', views.health), path('b', views.by_method)]\n",
             "site1/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
             "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\napplication = get_wsgi_application()\n"}  # fmt: skip
    return service(command, *(file(f"app/{name}", text) for name, text in files.items()))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python manage.py runserver 0.0.0.0:8080", ["django 0.0.0.0:8080"]),
        ("python manage.py runserver 0:8080 --noreload", ["django 0.0.0.0:8080"]),
        ("python manage.py runserver 8080", ["django 127.0.0.1:8080"]),
        ("python manage.py runserver", ["django 127.0.0.1:8000"]),
        ("python manage.py migrate", []),
        ("gunicorn -b :8080 site1.wsgi", ["gunicorn :8080"]),
    ],
)
def test_django(command: str, expected: list[str]) -> None:
    assert django(command).shown == expected, django(command)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (
            SETTINGS % "",
            (
                "GET /health YES, GET /health/ NO, GET /slash/ YES, GET /slash NO, POST /m/a/predict YES, GET /api/x YES, "
                "POST /api/b OPEN, GET /n/12 YES, GET /n/a NO, GET /admin/x OPEN, GET /other NO"
            ),
        ),
        (SETTINGS % ", 'django.middleware.csrf.CsrfViewMiddleware'", "GET /health YES, POST /health NO, POST /m/a/predict YES"),
        (SETTINGS % ", 'site1.own.Middleware'", "GET /health OPEN"),
        ((SETTINGS % "").replace("'*'", ""), "GET /health OPEN"),
        ("from missing import *", "GET /health OPEN"),
    ],
)  # fmt: skip
def test_routes_of_django(settings: str, asked: str) -> None:
    for command in ("gunicorn -b :8080 site1.wsgi", "python manage.py runserver 0.0.0.0:8080"):
        assert django(command, settings).asked(asked) == asked  # type: ignore[attr-defined]
