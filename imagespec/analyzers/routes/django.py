"""
Routes of Django projects (3.2 to 5.2): ``ROOT_URLCONF`` and what it includes.

The first pattern that fits decides, whatever the method. Settings that refuse requests (ALLOWED_HOSTS, middleware) are
weighed first; a POST to a view without ``csrf_exempt`` is refused where CsrfViewMiddleware is active.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import attrs

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Const,
    Function,
    Items,
    Module,
    Place,
    Value,
    text_of,
)
from imagespec.analyzers.routes.reading import Reading
from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import ALL_METHODS, RouteTable, Token, Tokens

_DEPTH = 6
_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_SLASH = "django.middleware.common.CommonMiddleware"
_PASSING = frozenset(
    ("corsheaders.middleware.CorsMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware", *tuple(f"django.{name}" for name in ("middleware.security.SecurityMiddleware", "contrib.sessions.middleware.SessionMiddleware", "middleware.common.CommonMiddleware", "middleware.csrf.CsrfViewMiddleware", "contrib.auth.middleware.AuthenticationMiddleware", "contrib.messages.middleware.MessageMiddleware", "middleware.clickjacking.XFrameOptionsMiddleware", "middleware.gzip.GZipMiddleware", "middleware.locale.LocaleMiddleware")))
)  # fmt: skip
_CONVERTER = re.compile(r"<(?:([a-zA-Z_][a-zA-Z0-9_]*):)?[a-zA-Z_][a-zA-Z0-9_]*>")
_KINDS = {"": "segment", "str": "segment", "int": "digits", "path": "path"}
_PATTERNS = {"django.urls.path", "django.urls.re_path", "django.conf.urls.url", "django.urls.conf.path"}


def django_routes(app: Call, program: Program, _root_path: str | None) -> RouteTable:
    """Return the routing table of the project that the process's settings name."""
    reader = _Reader(program)
    name = program.environment.get("DJANGO_SETTINGS_MODULE")
    program.stopped = None
    settings = program.run_import(name) if name else None
    if not isinstance(settings, Module):
        reader.gap(app.place, "the settings of the Django project are not known")
        return reader.table(app.place, "the Django application")
    names = settings.scope.names
    place = Place(settings.path, None, settings.layer)
    reader.settings(names, place)
    root = text_of(names.get("ROOT_URLCONF"))
    imported = program.run_import(root) if root else None
    if isinstance(imported, Module):
        reader.module(imported, "/", 0)
    else:
        reader.gap(place, "ROOT_URLCONF is not followed")
    if "*" in names:
        reader.gap(place, "the settings take names from elsewhere that are not known")
        reader.filters.extend(reader.gaps[-1:])
    return reader.table(app.place, "the Django application", ordered=True)


class _Reader(Reading):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._csrf = True

    def settings(self, names: Mapping[str, Value], place: Place) -> None:
        """Weigh what may refuse requests."""
        hosts = names.get("ALLOWED_HOSTS", Items([]))
        known = isinstance(hosts, Items) and not hosts.open
        if not (known and isinstance(hosts, Items) and "*" in [text_of(item) for item in hosts.items]):
            self.filter(
                place, "ALLOWED_HOSTS lacks '*': a request by another host or address is answered 400"
            )
        listed = names.get("MIDDLEWARE", Items([]))
        texts = [text_of(item) for item in listed.items] if isinstance(listed, Items) else [None]
        if not isinstance(listed, Items) or listed.open or not set(texts) <= _PASSING:
            self.filter(place, "MIDDLEWARE has something that may answer requests itself")
        self._csrf = not isinstance(listed, Items) or listed.open or None in texts or _CSRF in texts
        if names.get("SECURE_SSL_REDIRECT", Const(value=False)) != Const(value=False):
            self.filter(place, "SECURE_SSL_REDIRECT answers plain requests with a redirect")
        for name in ("FORCE_SCRIPT_NAME", "PREPEND_WWW"):
            if names.get(name, Const(None)) not in {Const(None), Const(value=False)}:
                self.filter(place, f"{name} changes how requests are taken")

    def module(self, module: Module, prefix: str | None, depth: int) -> None:
        """Add the ``urlpatterns`` of a module."""
        place = Place(module.path, None, module.layer)
        self._listed(module.scope.names.get("urlpatterns"), prefix, place, depth)
        if {"handler404", "handler400"} & module.scope.names.keys():
            self.gap(place, "a handler for errors may answer requests that have no route")

    def _listed(self, value: Value | None, prefix: str | None, place: Place, depth: int) -> None:
        if not isinstance(value, Items) or value.open or depth > _DEPTH:
            self.gap(place, "urlpatterns are not wholly known")
        for item in value.items[:1_000] if isinstance(value, Items) and depth <= _DEPTH else ():
            if isinstance(item, Call) and item.name in _PATTERNS:
                self._pattern(item, prefix, depth)
            else:
                self.gap(place, "an item of urlpatterns is not followed")

    def _pattern(self, call: Call, prefix: str | None, depth: int) -> None:
        text, view = text_of(call.argument(0, "route")), call.argument(1, "view")
        plain = call.name.endswith("path") and not call.name.endswith("re_path")
        if isinstance(view, Call) and view.name in {"django.urls.include", "django.conf.urls.include"}:
            inner = text if plain else (text or "").removeprefix("^") if text is not None else None
            simple = plain or (inner is not None and re.fullmatch(r"[A-Za-z0-9_/-]*", inner) is not None)
            self._include(
                view, prefix + inner if prefix is not None and inner is not None and simple else None, depth
            )
            return
        if not isinstance(
            view, Function | Call
        ):  # it may be a list of further patterns, such as admin.site.urls
            self._below(call, None if prefix is None or text is None or not plain else prefix + text)
            return
        pattern = (
            None if text is None or prefix is None else prefix + (text if plain else text.removeprefix("^"))
        )
        tokens = (
            None if pattern is None else _parse(pattern) if plain else _parse_regex(prefix or "", text or "")
        )
        known = isinstance(view, Function) or _is_exempt(view)
        methods = _methods(view)
        self.add(
            pattern,
            tokens,
            methods,
            call.place,
            certain=call.certain,
            served=True if known and methods is not None else None,
        )
        if known and self._csrf and not _is_exempt(view):
            self._refuse_unsafe()

    def _refuse_unsafe(self) -> None:
        """Take from the last route the methods that CsrfViewMiddleware refuses without a token."""
        last = self.routes[-1]
        if last.methods is not None:
            safe = last.methods & {"GET", "HEAD", "OPTIONS", "TRACE"}
            self.routes[-1] = attrs.evolve(last, methods=safe)
            self.routes.append(attrs.evolve(last, methods=last.methods - safe, served=None))

    def _include(self, call: Call, prefix: str | None, depth: int) -> None:
        value = call.args[0] if call.args else None
        if isinstance(value, Items) and value.kind == "tuple" and value.items:
            value = value.items[0]
        name = text_of(value)
        if name is not None:
            self.program.stopped = None
            found = self.program.run_import(name)
            if isinstance(found, Module):
                self.module(found, prefix, depth + 1)
                return
            self._below(call, prefix)
            return
        if isinstance(value, Module):
            self.module(value, prefix, depth + 1)
        elif isinstance(value, Items):
            self._listed(value, prefix, call.place, depth + 1)
        else:
            self._below(call, prefix)

    def _below(self, call: Call, prefix: str | None) -> None:
        """Add that everything below a prefix is not known."""
        tokens = None if prefix is None else _parse(prefix)
        self.add(prefix, None if tokens is None else (*tokens, Token("rest")), None, call.place, served=None)


def _names(view: Function) -> set[str]:
    return {node.attr for node in ast.walk(view.node) if isinstance(node, ast.Attribute)}


def _is_exempt(view: Value | None) -> bool:
    return (
        isinstance(view, Call) and view.decorator and view.name == "django.views.decorators.csrf.csrf_exempt"
    )


def _methods(view: Value | None) -> frozenset[str] | None:
    """Return the methods that a view takes: all, where nothing around it or inside it looks at the method."""
    if _is_exempt(view) and isinstance(view, Call):
        view = view.args[0] if view.args else None
    if isinstance(view, Function):
        return None if "method" in _names(view) else ALL_METHODS
    return None


def _parse(pattern: str) -> Tokens | None:
    tokens: list[Token] = []
    end = 0
    for found in _CONVERTER.finditer(pattern):
        kind = _KINDS.get(found[1] or "")
        if kind is None:
            return None
        tokens += [Token("literal", pattern[end : found.start()]), Token(kind)]
        end = found.end()
    rest = Token("literal", pattern[end:])
    return None if any(mark in token.text for token in (*tokens, rest) for mark in "<>") else (*tokens, rest)


def _parse_regex(prefix: str, text: str) -> Tokens | None:
    """Return the tokens of ``re_path``: searched from the place where the prefix ends."""
    before = _parse(prefix)
    behind = parse_regex(text, from_start=False, to_end=False)
    if before is None or behind is None or not text.startswith("^"):
        return None
    return (*before, *behind)
