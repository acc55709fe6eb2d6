"""nginx: its configuration, its listeners, and what its locations answer."""

from __future__ import annotations

import pytest

from tests.build import Item, directory, file, symlink
from tests.services import APP, service

MAIN = "user nginx;\nevents { worker_connections 10; }\nhttp {\n  include mime.types;\n  %s\n  include /etc/nginx/conf.d/*.conf;\n}\n"
MIME = file("etc/nginx/mime.types", "types { text/html html htm; }\n")
OFF = "nginx -g 'daemon off;'"
PROXY = "server { listen 8080; server_name _; location / { proxy_pass http://127.0.0.1:5000; proxy_set_header Host $host; } %s }"
BEHIND = "gunicorn -b 127.0.0.1:5000 app:app & nginx -g 'daemon off;'"


def conf(site: str, main: str = MAIN % "") -> list[Item]:
    return [file("etc/nginx/nginx.conf", main), MIME, file("etc/nginx/conf.d/default.conf", site), APP]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("server { listen 8080; }", ["nginx :8080"]),
        ("server { listen 8080 default_server; listen [::]:8080; }", ["nginx :8080", "nginx :::8080"]),
        ("server { listen [::]:8080 ipv6only=off; }", ["nginx :8080"]),
        ("server { listen 0.0.0.0:8080 ssl http2; }", ["? nginx :8080!"]),
        ("server { listen 8080; ssl on; }", ["? nginx :8080!"]),
        ("server { listen 127.0.0.1:8080; }", ["nginx 127.0.0.1:8080"]),
        ("server { listen unix:/run/n.sock; }", ["nginx /run/n.sock"]),
        ("server { listen localhost; }", ["nginx localhost:80"]),
        ("server { }", ["nginx :80"]),
        ("server { listen 80; } server { listen 8080; }", ["nginx :80", "nginx :8080"]),
        ("server { listen 8080 proxy_protocol; }", ["? nginx :8080"]),
        (
            "server { listen 8080 ssl; ssl_certificate x.pem; ssl_certificate_key /etc/nginx/x.pem; }",
            ["nginx :8080!"],
        ),
        ("server { listen 8080; misspelt on; }", ["? nginx :8080"]),
        ("server { listen 8080; location / { proxy_pass http://model:80; } }", ["? nginx :8080"]),
        ("server { listen 8080; access_log /nowhere/a.log; }", ["? nginx :8080"]),
        ("server { listen 8080; location / { return; } }", ["? nginx :8080"]),
        (
            "server { listen 8080; location /a { return 200; } location ^~ /a { return 201; } }",
            ["? nginx :8080"],
        ),
        ("server { listen 8080; root /a; root /b; }", ["? nginx :8080"]),
        ("server { listen 8080; listen 8080 default; }", ["? nginx :8080"]),
        ("server { listen 8080 bogus; }", ["? nginx :8080"]),
        ("server { listen 8080; client_max_body_size lots; }", ["? nginx :8080"]),
        ("server { listen 8080; location ~ '(' { return 200; } }", ["? nginx :8080"]),
        ("server { listen 8080; try_files $uri; }", ["? nginx :8080"]),
        ("server { listen 8080; location / { proxy_pass 127.0.0.1:5000; } }", ["? nginx :8080"]),
        ("server { listen 8080; location / { return 200 $unheard; } }", ["? nginx :8080"]),
        (
            "map $uri $own { default 1; } server { listen 8080; return 200 '$own $http_x ${arg_y} $1'; }",
            ["nginx :8080"],
        ),
        ("server { listen 8080; access_log /dev/stdout missing; }", ["? nginx :8080"]),
        ("log_format mine '$uri'; server { listen 8080; access_log /dev/stdout mine; }", ["nginx :8080"]),
        ("# server { listen 9; }\nserver {\n  listen '8080' ;\n}", ["nginx :8080"]),
    ],
)
def test_listen(site: str, expected: list[str]) -> None:
    found = service(OFF, *conf(site), file("etc/nginx/x.pem"))
    assert (found.shown, found.listening.gaps) == (expected, ())


@pytest.mark.parametrize(
    "top", ["user nobody-there;", "unheard on;", "load_module x.so;", "worker_processes many;"]
)
def test_what_may_stop_nginx_at_the_top(top: str) -> None:
    found = service(OFF, *conf("server { listen 8080; }", (MAIN % "").replace("user nginx;", top)))
    assert found.shown == ["? nginx :8080"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("exec nginx -g 'daemon off;'", ["nginx :8080"]),
        ("nginx", ["? nginx :8080"]),
        ("nginx; tail -f /dev/null", ["nginx :8080"]),
        ("nginx && gunicorn -b 127.0.0.1:5000 app:app", ["nginx :8080", "gunicorn 127.0.0.1:5000"]),
        ("nginx -t", []),
        ("nginx -t && nginx -g 'daemon off;'", ["nginx :8080"]),
        ("nginx -c /etc/nginx/nginx.conf -g 'daemon off;'", ["nginx :8080"]),
        ("nginx -c other.conf -g 'daemon off;'", []),
    ],
)
def test_command_line(command: str, expected: list[str]) -> None:
    assert service(command, *conf("server { listen 8080; }")).shown == expected


@pytest.mark.parametrize(
    ("site", "main"),
    [
        ("server { listen 8080; ", MAIN % ""),
        ("server { listen 8080; } }", MAIN % ""),
        ("server { listen 8080; return 200 'x; }", MAIN % ""),
        ("content_by_lua_block { x }", MAIN % ""),
        ("include /etc/nginx/conf.d/default.conf;", MAIN % ""),
        ("include missing.conf;", MAIN % ""),
        ("server { listen 8080; }", "events {}\nstream { server { listen 8080; } }"),
        ("a " * 40_000, MAIN % ""),
        ("x {" * 3_000, MAIN % ""),
        ("a;" * 30_000, MAIN % ""),
        ("server { listen 8080 location / { return 200; } }", MAIN % ""),
    ],
)
def test_what_cannot_be_followed_is_a_gap(site: str, main: str) -> None:
    found = service(OFF, *conf(site, main))
    assert found.listening.gaps
    assert not [one for one in found.listening.listeners if one.certain]


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("sed -i s/$X/8080/ /etc/nginx/conf.d/default.conf", []),
        ("sed -i 's/\\(80\\)/\\1/' /etc/nginx/conf.d/default.conf", []),
        ("cat > /etc/nginx/conf.d/new.conf < x", []),
        ("cp x $(cat y)", ["? nginx None:None"]),
    ],
)
def test_a_configuration_that_a_command_before_may_have_changed(before: str, shown: list[str]) -> None:
    found = service(f"{before}; {OFF}", *conf("server { listen 8080; }"))
    assert found.shown == shown
    assert found.listening.gaps


def test_commands_before_that_change_nothing() -> None:
    found = service(
        f"cat /etc/nginx/nginx.conf; mkdir -p /var/cache; {OFF}", *conf("server { listen 8080; }")
    )
    assert found.shown == ["nginx :8080"]


@pytest.mark.parametrize(
    ("site", "asked"),
    [
        ("server { listen 8080; location = /health { return 200 ok; } }", "GET /health YES, GET /healthz NO"),
        ("server { listen 8080; location /health { access_log off; return 204; } }", "GET /health YES, GET /health/x YES"),
        ("server { listen 8080; location /health { return 301 /x; } }", "GET /health NO"),
        ("server { listen 8080; return 404; location / { root /x; } }", "GET /health NO"),
        (PROXY % "", "GET /health YES, POST /predict YES, GET /predict NO, GET /other NO"),
        (PROXY % "listen [::]:8080;", "GET /health YES, POST /predict YES, GET /predict NO, GET /other NO"),
        ("server { listen 8080; return 200; } server { listen [::]:8080; return 404; }", "GET /health OPEN"),
        (PROXY % "location = /health { return 503; }", "GET /health NO, POST /predict YES"),
        (PROXY % "location /api/ { proxy_pass http://127.0.0.1:5000/; }", "GET /api/health YES, GET /api/x NO, GET /api OPEN"),
        (PROXY % "location /api/ { proxy_pass http://localhost:5000; }", "GET /api/health NO"),
        (PROXY % "location ~ ^/v[0-9]+/ { return 200; }", "GET /v2/x YES, GET /v/x NO"),
        (PROXY % "location ~* ^/V { return 200; }", "GET /v2/x OPEN"),
        (PROXY % "location ~ (?=x) { return 200; }", "GET /health OPEN"),
        (PROXY % "location ^~ /health { return 500; } location ~ h { return 200; }", "GET /health NO"),
        (PROXY % "location /health { auth_basic on; proxy_pass http://127.0.0.1:5000; }", "GET /health OPEN, POST /predict YES"),
        (PROXY % "auth_basic secret;", "GET /health OPEN"),
        (PROXY % "if ($http_x = X) { return 400; }", "GET /health OPEN"),
        (PROXY % "rewrite ^/x /health;", "GET /x OPEN"),
        (PROXY % "error_page 500 502 /50x.html;", "GET /health YES"),
        (PROXY % "" + " server { listen 8080; server_name b; }", "GET /health OPEN"),
        ("upstream app { server 127.0.0.1:5000 weight=2; } " + (PROXY % "location /u { proxy_pass http://app; }"), "GET /u NO"),
        ("upstream app { server 127.0.0.1:5000; } server { listen 8080; location / { proxy_pass http://app; } }", "GET /health YES"),
        ("server { listen 8080; location / { proxy_pass http://127.0.0.1:9999; } }", "GET /health NO"),
        ("server { listen 8080; location / { proxy_pass http://model.example; } }", "GET /health OPEN"),
        ("server { listen 8080; location / { proxy_pass http://$backend; } }", "GET /health OPEN"),
        ("server { listen 8080; location / { proxy_pass http://127.0.0.1:8080; } }", "GET /health OPEN"),
        (
            "server { listen 8080; location / { try_files $uri @app; } location @app { proxy_pass http://127.0.0.1:5000; } }",
            "GET /health YES, GET /other NO",
        ),
        ("server { listen 8080; root /srv; location / { try_files $uri =404; } }", "GET /health NO, GET /page.html YES, POST /page.html NO"),
        ("server { listen 8080; root /srv/www; }", "GET / YES, GET /a NO, GET /a/ YES, GET /f OPEN, POST /index.html NO, GET /none/ NO"),
        ("server { listen 8080; root /srv/www; location / { try_files $uri /index.html; } }", "GET /any/where YES, POST /x NO"),
        ("server { listen 8080; root /srv/www; location / { try_files $uri @b; } location @b { return 404; } }", "GET / NO, GET /a NO"),
        ("server { listen 8080; location /s/ { alias /srv/www/; } location / { return 404; } }", "GET /s/index.html YES, GET /s/x NO"),
        ("server { listen 8080; root /srv/www; location ~ html$ { return 403; } }", "GET / NO, GET /index.html NO"),
        ("server { listen 8080; root /srv/www; location / { try_files /index.html =404; } }", "GET /zzz YES"),
        ("server { listen 8080; location / { try_files $uri /x; } location = /x { try_files $uri /; } }", "GET / OPEN"),
        ("server { listen 8080; location / { return 200; } } server { listen 8080; server_name b; location / { return 204; } }", "GET /x YES"),
        ("server { listen 8080; server_name a; location / { return 404; } } server { listen 8080 default; return 404; }", "GET /x NO"),
        ("server { listen 8080; server_name a; return 404; } server { listen 8080 default; server_name _; return 200; }", "GET /x OPEN"),
        ("server { listen 8080; server_name _; return 404; } server { listen 8080 default; return 200; }", "GET /x YES"),
        (PROXY % "client_max_body_size 10;", "POST /predict OPEN"),
        ("server { listen 8080; location / { lua_thing x; proxy_pass http://127.0.0.1:5000; } }", "GET /health OPEN"),
    ],
)  # fmt: skip
def test_locations(site: str, asked: str) -> None:
    found = service(
        BEHIND,
        *conf(site),
        file("srv/page.html", "x"),
        file("srv/www/index.html"),
        file("srv/www/a/index.html"),
        file("srv/www/f", mode=0o600),
    )
    assert found.asked(asked) == asked, found.routes().answer("GET", "/health")


def test_nginx_before_a_unix_socket() -> None:
    site = "server { listen 8080; location / { proxy_pass http://unix:/tmp/app.sock; } }"
    found = service("gunicorn -b unix:/tmp/app.sock app:app & exec nginx -g 'daemon off;'", *conf(site))
    assert found.shown == ["gunicorn /tmp/app.sock", "nginx :8080"]
    assert found.asked("GET /health YES, GET /x NO") == "GET /health YES, GET /x NO"


LINKS = [
    symlink("var/log/nginx/access.log", "/dev/stdout"),
    symlink("var/log/nginx/error.log", "/dev/stderr"),
]


@pytest.mark.parametrize(
    ("site", "links", "expected"),
    [
        ("server { listen 8080; }", LINKS, "kept"),
        ("server { listen 8080; }", [], "lost"),
        ("server { listen 8080; access_log off; error_log /dev/stderr; }", [], "kept"),
        ("server { listen 8080; access_log /dev/stdout; error_log /var/log/e.log; }", [], "doubts"),
        ("access_log /data/a.log; error_log stderr; server { listen 8080; }", [], "doubts"),
    ],
)
def test_logs(site: str, links: list[Item], expected: str) -> None:
    logs = service(OFF, *conf(site), *links).logs
    found = "lost" if logs.lost else "doubts" if logs.doubts else "kept"
    assert found == expected, logs


def test_a_configuration_without_events_never_starts() -> None:
    found = service(OFF, *conf("server { listen 8080; }", "http { include conf.d/*.conf; }"))
    assert (found.shown, len(found.listening.never)) == ([], 1)


def test_nginx_of_another_user_may_not_write_its_files() -> None:
    run = {"Cmd": ["nginx", "-g", "daemon off;"], "User": "1000"}
    found = service(run, *conf("server { listen 8080; }"))
    assert found.shown == ["? nginx :8080"]
    assert "process file" in found.start.gaps[0].message


_BY_METHOD = {
    "location / { if ($request_method = OPTIONS) { return 204; } PASS }": "YES YES NO YES NO",
    "location / { if ($request_method = 'POST') { add_header A b; return 403; } PASS }": "YES NO NO YES NO",
    "if ($request_method != POST) { return 405; } location / { PASS }": "NO YES NO NO NO",
    "if ($request_method !~ ^(GET|HEAD|POST)$ ) { return 444; } location / { PASS }": "YES YES NO NO NO",
    "location /health { if ($request_method ~ ^(GET)$) { return 200; } return 404; } location / { PASS }": "YES YES NO NO NO",
    "location / { if ($request_method = GET) { return 200; } if ($request_method = POST) { return 400; } PASS }": "YES NO NO YES YES",
    "location = /x { if ($request_method = GET) { return 301 /health; } PASS } location / { PASS }": "YES YES NO YES NO",
    "if ($request_method = OPTIONS) { return 204; } location / { try_files $uri @a; } location @a { if ($request_method = POST) { return 202; } PASS }": "YES YES NO YES NO",
    "location / { return 201; if ($request_method = GET) { return 500; } }": "OPEN OPEN OPEN OPEN OPEN",
    "location / { if ($request_method ~ POST) { return 200; } PASS }": "OPEN OPEN OPEN OPEN OPEN",
    "location / { set $x 1; if ($request_method = POST) { return 200; } PASS }": "OPEN OPEN OPEN OPEN OPEN",
    "location / { if ($request_method = PUT) { set $y 1; } PASS }": "OPEN OPEN OPEN OPEN OPEN",
    "location / { if ($request_method = get) { return 200; } PASS }": "OPEN OPEN OPEN OPEN OPEN",
}
"""The answers are those of nginx 1.22 before the same application, or open."""


@pytest.mark.parametrize("site", _BY_METHOD)
def test_what_some_methods_are_answered(site: str) -> None:
    text = f"events {{}}\nhttp {{ server {{ listen 8080;\n{site.replace('PASS', 'proxy_pass http://127.0.0.1:9000;')}\n}} }}\n"
    items = (APP, file("etc/nginx/nginx.conf", text), directory("var/log/nginx"))
    found = service("nginx && exec gunicorn -b 127.0.0.1:9000 app:app", *items)
    asked = found.asked("GET /health, POST /predict, PUT /predict, OPTIONS /health, GET /x")
    assert [item.split()[2] for item in asked.split(", ")] == _BY_METHOD[site].split()


def test_headers_in_an_if_of_a_server_block_stop_nginx() -> None:
    text = "daemon off;\nevents {}\nhttp { server { listen 8080; if ($request_method = GET) { add_header A b; return 200; } } }\n"
    found = service("exec nginx", file("etc/nginx/nginx.conf", text), directory("var/log/nginx"))
    assert [one.certain for one in found.listening.listeners] == [False]


WHOLE = "server { listen 8080; location / { proxy_pass http://127.0.0.1:9000; } }"


@pytest.mark.parametrize(
    ("http", "main", "certain"),
    [
        ("", "pid /run/nginx.pid;", True),
        ("", "pid /run/svc/nginx.pid;", False),
        ("client_body_temp_path /var/cache/svc/body;", "", False),
        ("server { listen 9090; location / { proxy_pass http://other:9000; } }", "", False),
        ("server { listen 9090; location / { proxy_pass http://127.0.0.1:9001; } }", "", True),
        ("server { listen 8443 ssl; ssl_certificate /etc/c; ssl_certificate_key /etc/k; }", "", False),
        ("upstream old { server 127.0.0.1:9; }", "", True),
        ("upstream old { server other:9; }", "", False),
        ("upstream old { keepalive 8; }", "", False),
        ("upstream a { server 127.0.0.1:9; } upstream a { server 127.0.0.1:9; }", "", False),
        ("log_format a '$status'; log_format a '$host';", "", False),
        ("keepalive_timeout 65;", "", True),
        ("keepalive_timeout 75s 60s;", "", True),
        ("keepalive_timeout 65sec;", "", False),
        ("server { listen 9090; expires 1h; return 204; }", "", True),
        ("server { listen 9090; expires sometimes; return 204; }", "", False),
        ("server { listen 9090; root /usr/share index index.html; return 204; }", "", False),
        ("server { listen 9090; proxy_set_header X; return 204; }", "", False),
        ("server { listen 9090; listen 0.0.0.0:9090; return 204; }", "", False),
        ("server { listen 9090; listen [::]:9090; return 204; }", "", True),
        ("server { listen 9090; listen [::]:9090 ipv6only=off; return 204; }", "", False),
        (
            "server { listen 9090 default_server; return 204; } server { listen 9090 default_server; return 204; }",
            "",
            False,
        ),
        ("server { listen 9090; location ~ ^/a { proxy_pass http://127.0.0.1:9/; } }", "", False),
        ("server { listen 9090; location ~ ^/a { proxy_pass http://127.0.0.1:9; } }", "", True),
        ("server { listen 9090; location /a/ { location /b { return 204; } } }", "", False),
        ("server { listen 9090; location /a/ { location /a/b { return 204; } } }", "", True),
        ("server { listen 9090; proxy_pass http://127.0.0.1:9; }", "", False),
        ("server { listen 9090; upstream a { server 127.0.0.1:9; } return 204; }", "", False),
        ("server { listen 9090; location / { listen 9091; return 204; } }", "", False),
        (
            "server { listen 9090; ssl_certificate /etc/c; ssl_certificate_key /etc/k; return 204; }",
            "",
            False,
        ),
    ],
)
def test_what_stands_anywhere_keeps_nginx_from_starting(http: str, main: str, certain: bool) -> None:
    text = f"{main}\nevents {{}}\nerror_log /dev/stderr;\nhttp {{ access_log /dev/stdout; {http} {WHOLE} }}"
    items = (file("etc/nginx/nginx.conf", text), directory("run"), directory("var/cache"))
    found = service({"Cmd": ["nginx", "-g", "daemon off;"]}, *items)
    assert [one.certain for one in found.listening.listeners if one.port == 8080] == [certain]
