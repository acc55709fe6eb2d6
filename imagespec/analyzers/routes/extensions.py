"""
What libraries do with an application that they are given, beside what frameworks of their own are read for.

The tables were measured with Flask 3.1 and FastAPI 0.165: an application's rules, and what it answers with GET and POST,
before and after. A library that is in neither may add routes and may refuse requests, as Flask-WTF's CSRFProtect does.
"""

from __future__ import annotations

import sys

_PLAIN = frozenset(
    (
        *("authlib", "celery", "fastapi_pagination", "flask_assets", "flask_babel", "flask_bcrypt"),
        *(
            "flask_caching",
            "flask_compress",
            "flask_cors",
            "flask_executor",
            "flask_jwt_extended",
            "flask_login",
        ),
        *("flask_mail", "flask_marshmallow", "flask_migrate", "flask_moment", "flask_pymongo", "flask_redis"),
        *("flask_session", "flask_sqlalchemy", "loguru", "mangum", "opentelemetry", "structlog"),
    )
)
"""Packages that neither add routes nor refuse requests."""
_ADDING = frozenset(
    (
        *(
            "flasgger",
            "flask_admin",
            "flask_bootstrap",
            "flask_debugtoolbar",
            "flask_smorest",
            "flask_socketio",
        ),
        *("prometheus_fastapi_instrumentator", "prometheus_flask_exporter"),
    )
)
"""Packages that add routes of their own and let all requests through."""


def adds_nothing(name: str) -> bool:
    """Tell whether what is called by this name does nothing to the routes of an application that it is given."""
    package = name.partition(".")[0].removesuffix("()")
    return package in _PLAIN or package in sys.stdlib_module_names


def only_adds(name: str) -> bool:
    """Tell whether it adds routes at the most."""
    return name.partition(".")[0].removesuffix("()") in _ADDING
