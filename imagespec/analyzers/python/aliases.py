"""The one name under which the analyzers know what libraries offer under several."""

from __future__ import annotations

_ALIASES = {
    "flask.app.Flask": "flask.Flask",
    "flask.blueprints.Blueprint": "flask.Blueprint",
    "fastapi.applications.FastAPI": "fastapi.FastAPI",
    "fastapi.routing.APIRouter": "fastapi.APIRouter",
    "uvicorn.main.run": "uvicorn.run",
    "uvicorn.config.Config": "uvicorn.Config",
    "uvicorn.server.Server": "uvicorn.Server",
    "werkzeug.run_simple": "werkzeug.serving.run_simple",
    "os.environ.__getitem__": "os.environ[]",
    "loguru._logger.logger": "loguru.logger",
    "fastapi.staticfiles.StaticFiles": "starlette.staticfiles.StaticFiles",
    "fastapi.middleware.cors.CORSMiddleware": "starlette.middleware.cors.CORSMiddleware",
    "fastapi.middleware.gzip.GZipMiddleware": "starlette.middleware.gzip.GZipMiddleware",
    "fastapi.middleware.wsgi.WSGIMiddleware": "starlette.middleware.wsgi.WSGIMiddleware",
}


def canonical(name: str) -> str:
    """Return the name under which the analyzers know something of a library."""
    return _ALIASES.get(name, name)
