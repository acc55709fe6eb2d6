"""``manage.py runserver`` of Django (3.2 to 5.2): 127.0.0.1:8000 (core/management/commands/runserver.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Items, text_of
from imagespec.analyzers.servers.calls import Address, Server
from imagespec.analyzers.servers.words import parse_options, port_number, word_set

_VALUED = word_set("--settings --pythonpath -v --verbosity --addrport")
_FLAGS = word_set("""--ipv6 -6 --nothreading --noreload --nostatic --insecure --traceback --no-color --force-color
    --skip-checks""")
_ADDRESS = re.compile(r"(?:(?P<host>[0-9a-zA-Z.-]{1,253}|\[[0-9a-f:]{1,45}\]):)?(?P<port>[0-9]{1,5})\Z")


def _execute(call: Call, program: Program) -> Address | str:
    """Serve by ``execute_from_command_line(argv)``: the development server for ``runserver``, nothing for the rest."""
    given = call.argument(0, "argv")
    words: list[str | None] = list(program.argv)
    if given is not None:
        known = isinstance(given, Items) and not given.open
        words = (
            [text_of(item) for item in given.items] if isinstance(given, Items) and known else [None, None]
        )
    name = words[1] if len(words) > 1 else "help"
    if name is None:
        return Address(host=None, port=None, server="django", certain=False)
    if name != "runserver":
        return f"Django's command {name} does not listen, as far as Django's own commands go"
    options = parse_options(tuple(words[2:]), _VALUED, _FLAGS)
    host, port = _address(next(iter(options.operands), ""))
    if (
        options.problem
        or len(options.operands) > 1
        or options.has("--ipv6", "-6", "--addrport", "--settings")
    ):
        host, port = None, None
    return Address(host=host, port=port, server="django", app=call, interface="wsgi")


def _address(text: str | None) -> tuple[str | None, int | None]:
    if text == "":
        return "127.0.0.1", 8000
    found = _ADDRESS.match(text) if text is not None else None
    if found is None:
        return None, None
    host = found["host"] or "127.0.0.1"
    return {"0": "0.0.0.0"}.get(host, host), port_number(found["port"])  # noqa: S104 - runserver's own short form


CALLS: Mapping[str, Server] = {"django.core.management.execute_from_command_line": _execute}

SETUP = (
    "django.urls.", "django.conf.", "django.core.wsgi.get_wsgi_application", "django.core.asgi.get_asgi_application",
    "django.http.", "django.shortcuts.", "django.views.", "django.contrib.", "django.utils.", "django.db.",
    "django.apps.", "django.forms.", "django.setup", "rest_framework.",
)  # fmt: skip
