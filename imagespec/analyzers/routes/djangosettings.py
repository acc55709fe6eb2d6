"""Settings of a Django project that refuse requests before they come to a view, or keep the server from starting."""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.values import Call, Const, Items, Table, Value, text_of
from imagespec.analyzers.routes.djangoviews import permits_all
from imagespec.analyzers.routes.reading import Reading

_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
_PASSING = frozenset(
    ("corsheaders.middleware.CorsMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware", *tuple(f"django.{name}" for name in ("middleware.security.SecurityMiddleware", "contrib.sessions.middleware.SessionMiddleware", "middleware.common.CommonMiddleware", "middleware.csrf.CsrfViewMiddleware", "contrib.auth.middleware.AuthenticationMiddleware", "contrib.messages.middleware.MessageMiddleware", "middleware.clickjacking.XFrameOptionsMiddleware", "middleware.gzip.GZipMiddleware", "middleware.locale.LocaleMiddleware")))
)  # fmt: skip
_USERS = {"django.contrib.auth", "django.contrib.contenttypes"}
_NO = Const(value=False)


class Settings:
    """The settings of one project, as far as they change what is answered."""

    def __init__(self, names: Mapping[str, Value], place: Place, app: Call, reader: Reading) -> None:
        self._names = names
        self._place = place
        self._reader = reader
        listed = names.get("MIDDLEWARE", Items([]))
        self._middleware = _texts(listed)
        self.checks_csrf = self._middleware is not None and _CSRF in self._middleware
        self._apps = _texts(names.get("INSTALLED_APPS", Items([])))
        self._by_command = app.name.endswith("execute_from_command_line")

    def weigh(self) -> None:
        """Record what may refuse requests."""
        self._hosts()
        texts = self._middleware
        if texts is None or not set(texts) <= _PASSING:
            self._doubt("MIDDLEWARE has something that may answer requests itself")
        elif _AUTH in texts and self._apps is not None and not set(self._apps) >= _USERS:
            self._may_not_start(
                "AuthenticationMiddleware fails without django.contrib.auth in INSTALLED_APPS"
            )
        for name in (*(texts or ()), *(self._apps or ())):
            if self._reader.program.sources.find(name.partition(".")[0]).kind == "missing":
                self._may_not_start(f"{name[:100]} is not in the image, without which Django does not start")
        if self._names.get("SECURE_SSL_REDIRECT", _NO) != _NO:
            self._doubt("SECURE_SSL_REDIRECT answers plain requests with a redirect")
        for name in ("FORCE_SCRIPT_NAME", "PREPEND_WWW"):
            if self._names.get(name, Const(None)) not in {Const(None), _NO}:
                self._doubt(f"{name} changes how requests are taken")
        if self._by_command and not self._has_own_database():
            self._may_not_start("runserver asks the database for its migrations, and ends where that fails")

    def _hosts(self) -> None:
        hosts = _texts(self._names.get("ALLOWED_HOSTS", Items([])))
        if hosts is None or "*" not in hosts:
            self._doubt("ALLOWED_HOSTS lacks '*': a request by another host or address is answered 400")

    def _has_own_database(self) -> bool:
        """Tell whether there is no database, or SQLite only, which is a file."""
        databases = self._names.get("DATABASES", Table({}))
        if not isinstance(databases, Table) or databases.open:
            return False
        engines = [
            text_of(one.entries.get("ENGINE")) if isinstance(one, Table) else None
            for one in databases.entries.values()
        ]
        return all(engine in {"django.db.backends.sqlite3", "django.db.backends.dummy"} for engine in engines)

    def rest_doubt(self, *, permits: bool = False) -> str | None:
        """Return why a request to a view of Django REST framework may be refused; None where nothing says so."""
        table = self._names.get("REST_FRAMEWORK", Table({}))
        if not isinstance(table, Table) or table.open:
            return "the settings of REST framework are not known"
        entries = table.entries
        permissions = entries.get("DEFAULT_PERMISSION_CLASSES", Items([]))
        if not permits and not permits_all(permissions):
            return "DEFAULT_PERMISSION_CLASSES may refuse requests"
        if any(str(key).startswith(("DEFAULT_THROTTLE", "EXCEPTION", "DEFAULT_AUTH")) and not _is_none(value) for key, value in entries.items()):  # fmt: skip
            return "REST framework's settings have authentication, throttles or error handlers of their own"
        anonymous = entries.get("UNAUTHENTICATED_USER", ...) == Const(None)
        if not anonymous and not set(self._apps or ()) >= _USERS:
            return "REST framework needs django.contrib.auth in INSTALLED_APPS"
        return None

    @property
    def shows_welcome(self) -> bool:
        """Tell whether Django may show its own page where there are no patterns (views/debug.py)."""
        return self._names.get("DEBUG", _NO) != _NO

    def _doubt(self, message: str) -> None:
        self._reader.filter(self._place, message)

    def _may_not_start(self, message: str) -> None:
        self._reader.doubt(self._place, message)


def _texts(value: Value) -> list[str] | None:
    if not isinstance(value, Items) or value.open:
        return None
    texts = [text for item in value.items if (text := text_of(item)) is not None]
    return texts if len(texts) == len(value.items) else None


def _is_none(value: Value) -> bool:
    return isinstance(value, Items) and not value.items and not value.open
