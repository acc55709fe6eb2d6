"""What stands before the routes of Starlette and FastAPI applications: middleware, exception handlers, startup."""

from __future__ import annotations

import re

from imagespec.analyzers.python.values import Call, Class, Const, External, Function, Value, name_of
from imagespec.analyzers.routes.errorhandlers import always_fails, hears_of_missing_routes
from imagespec.analyzers.routes.hooks import passes_on
from imagespec.analyzers.routes.reading import Reading, is_empty

_MIDDLEWARE = {
    "starlette.middleware.cors.CORSMiddleware",
    "starlette.middleware.gzip.GZipMiddleware",
    "starlette.middleware.sessions.SessionMiddleware",
    "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware",
}
_UNASKED = re.compile(r"fastapi[.](?:exceptions[.])?HTTPException|builtins[.]Exception")
"""Not asked about a missing route: FastAPI derives its class from what Starlette raises, which answers that before all others."""
_ARGUMENTS = {
    "allow_origins", "allow_methods", "allow_headers", "allow_credentials", "allow_origin_regex", "expose_headers", "max_age",
    "allow_private_network", "minimum_size", "compresslevel", "secret_key", "session_cookie", "path", "same_site", "https_only",
    "domain", "trusted_hosts", "options",
}  # fmt: skip


def add_options(reader: Reading, app: Call) -> None:
    """Look at the arguments of an application that change what is answered."""
    for name in ("middleware", "dependencies", "exception_handlers"):
        if not is_empty(app.argument(None, name)):
            message = f"the application is made with {name}, which is not followed"
            if name != "exception_handlers":
                reader.filter(app.place, message)
            if name != "dependencies":
                reader.gap(app.place, message)
    for name in ("lifespan", "on_startup"):
        value = app.argument(None, name)
        items = getattr(value, "items", [value]) if not is_empty(value) else []
        for item in items:
            if isinstance(item, Call) and item.name == "contextlib.asynccontextmanager" and item.args:
                item = item.args[0]
            reader.starts(item, app.place)


def add_middleware(reader: Reading, call: Call, value: Value | None) -> None:
    """Look at ``add_middleware(cls)``."""
    if isinstance(value, External) and value.name in _MIDDLEWARE:
        given = call.keywords.keys() - {"middleware_class"}
        needed = {"secret_key"} if value.name.endswith("SessionMiddleware") else set()
        if given <= _ARGUMENTS and needed <= given and not call.spread:
            return
        reader.filter(call.place, f"{value.name.rpartition('.')[2]} may not take its arguments")
        return
    if isinstance(value, Class):
        bases = [name_of(base) for base in value.foreign_bases()]
        dispatch = value.find("dispatch")
        plain = bases == ["starlette.middleware.base.BaseHTTPMiddleware"] and value.find("__call__") is None
        if plain and isinstance(dispatch, Function) and passes_on(dispatch, reader.program):
            return
    reader.filter(call.place, "middleware that is not followed may answer requests itself")


def add_hook(reader: Reading, call: Call, made: Call, kind: str) -> None:
    """Look at what ``@app.middleware``, ``@app.exception_handler`` and ``@app.on_event`` are applied to."""
    view = call.args[0] if call.args else None
    if kind == "middleware":
        if not (isinstance(view, Function) and passes_on(view, reader.program)):
            reader.filter(call.place, "middleware may answer requests itself")
    elif kind == "exception_handler":
        add_exception_handler(reader, call, made)
    elif not made.args or made.args[0] != Const("shutdown"):
        reader.starts(view, call.place)


def add_exception_handler(reader: Reading, call: Call, made: Call) -> None:
    """Look at a handler of exceptions: one of status 404, or of all, may answer for what has no route."""
    code = made.argument(0, "exc_class_or_status_code")
    view = call.argument(1, "handler") if call is made else call.args[0] if call.args else None
    own = isinstance(code, External) and _UNASKED.fullmatch(code.name)
    if not own and hears_of_missing_routes(code) and not always_fails(view):
        reader.gap(call.place, "an exception handler may answer requests that have no route")
