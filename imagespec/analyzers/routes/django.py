"""
Routes of Django projects (3.2 to 5.2): ``ROOT_URLCONF`` and what it includes.

The first pattern that fits decides, whatever the method. Settings that refuse requests (ALLOWED_HOSTS, middleware) are
weighed first; a POST to a view without ``csrf_exempt`` is refused where CsrfViewMiddleware is active.
"""

from __future__ import annotations

import ast
import re

import attrs

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Function,
    Items,
    Module,
    Table,
    Value,
    text_of,
)
from imagespec.analyzers.routes.djangosettings import Settings
from imagespec.analyzers.routes.djangoviews import View, read_view
from imagespec.analyzers.routes.handlers import Given
from imagespec.analyzers.routes.patterns import SEGMENT, parse_places
from imagespec.analyzers.routes.reading import Reading, literal
from imagespec.analyzers.routes.regexpaths import groups_of, parse_regex
from imagespec.analyzers.routes.restviewsets import router_patterns
from imagespec.analyzers.routes.routing import ALL_METHODS, Caveat, RouteTable
from imagespec.analyzers.routes.tokens import Token, Tokens

_DEPTH = 6
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_CONVERTER = re.compile(r"<(?:([a-zA-Z_][a-zA-Z0-9_]*):)?([a-zA-Z_][a-zA-Z0-9_]*)>")
_KINDS = {
    "": SEGMENT,
    "str": SEGMENT,
    "int": (Token("digits"),),
    "path": (Token("path"),),
    "slug": (Token("some", "[-a-zA-Z0-9_]"),),
}
_PATTERNS = {"django.urls.path", "django.urls.re_path", "django.conf.urls.url", "django.urls.conf.path"}
_INCLUDES = {"django.urls.include", "django.conf.urls.include", "django.urls.conf.include"}
_LIMIT = 2_000
"""Patterns of one project that are followed, counting a file as often as it is included."""


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
    reader.settings = Settings(names, place, app, reader)
    reader.settings.weigh()
    root = text_of(names.get("ROOT_URLCONF"))
    imported = program.run_import(root) if root else None
    if isinstance(imported, Module):
        reader.module(imported, "/", 0)
    else:
        reader.gap(place, "ROOT_URLCONF is not followed")
    if "*" in names:
        reader.both(place, "the settings take names from elsewhere that are not known")
    if reader.settings.shows_welcome and not reader.routes:
        reader.gap(place, "with DEBUG and without patterns Django shows a page of its own")
    elif reader.settings.shows_welcome and len(reader.routes) == 1:
        # Where that is the admin's, the page is shown for the root (views/debug.py, technical_404_response).
        reader.add("/", literal("/"), None, place, what="Django's own page at", certain=False)
    return reader.table(app.place, "the Django application", ordered=True)


class _Reader(Reading):
    settings: Settings | None = None
    _seen = 0

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._views: dict[tuple[int, Given], View] = {}

    def module(self, module: Module, prefix: str | None, depth: int) -> None:
        """Add the ``urlpatterns`` of a module."""
        place = Place(module.path, None, module.layer)
        listed = attrs.evolve(place, line=_line_of(module))
        self._listed(module.scope.names.get("urlpatterns"), prefix, listed, depth)
        if {"handler404", "handler400"} & module.scope.names.keys():
            self.gap(place, "a handler for errors may answer requests that have no route")

    def _listed(self, value: Value | None, prefix: str | None, place: Place, depth: int) -> None:
        value = router_patterns(value, place, self.program) or value
        if not isinstance(value, Items) or value.open or depth > _DEPTH:
            self.gap(place, "urlpatterns are not wholly known")
        for item in value.items if isinstance(value, Items) and depth <= _DEPTH else ():
            self._seen += 1
            if self._seen > _LIMIT:
                self.both(place, "urlpatterns are more than are followed")
                break
            if isinstance(item, Call) and item.name in _PATTERNS:
                self._pattern(item, prefix, depth)
            else:
                self.gap(place, "an item of urlpatterns is not followed")

    def _pattern(self, call: Call, prefix: str | None, depth: int) -> None:
        text, view = text_of(call.argument(0, "route")), call.argument(1, "view")
        plain = call.name.endswith("path") and not call.name.endswith("re_path")
        if isinstance(view, Call) and view.name in _INCLUDES:
            self._include(view, _prefix(prefix, text, plain=plain), depth)
        elif isinstance(view, Function | Call):
            tokens = None
            if text is not None and prefix is not None:
                tokens = _parse(prefix + text) if plain else _parse_regex(prefix, text)
            shown = (
                None
                if text is None or prefix is None
                else prefix + (text if plain else text.removeprefix("^"))
            )
            given = _given(call, prefix or "", text or "", plain=plain)
            self._add_view(shown, tokens, self._view(view, call, given), call)
        else:  # it may be a list of further patterns, such as admin.site.urls
            self._below(call, None if prefix is None or text is None or not plain else prefix + text)

    def _view(self, value: Value, call: Call, given: Given) -> View:
        key = (id(value), given)
        if key not in self._views:
            self._views[key] = read_view(value, call.place, self.program, given)
        return self._views[key]

    def _add_view(self, shown: str | None, tokens: Tokens | None, view: View, call: Call) -> None:
        doubt = self.settings.rest_doubt(permits=view.permits) if view.rest and self.settings else None
        guarded = self.settings is not None and self.settings.checks_csrf and not view.exempt
        self.add(
            shown,
            tokens,
            view.methods,
            call.place,
            certain=call.certain,
            method_caveats=view.caveats,
            caveats=(Caveat(call.place.evidence(doubt)),) if doubt else (),
            refused=view.methods - _SAFE if guarded else frozenset(),
            refusal="CsrfViewMiddleware is active and the view is not csrf_exempt: 403 without a token",
            served=None if doubt else True,
        )
        if view.open:
            self.add(shown, tokens, view.open, call.place, certain=call.certain, served=None)
        rest = ALL_METHODS - view.methods - view.open
        if rest:  # the first pattern that fits decides: other methods are answered 405 here
            self.add(shown, tokens, rest, call.place, certain=call.certain, served=False)

    def _include(self, call: Call, prefix: str | None, depth: int) -> None:
        value = call.args[0] if call.args else None
        if isinstance(value, Items) and value.kind == "tuple" and value.items:
            value = value.items[0]
        name = text_of(value)
        if name is not None:
            self.program.stopped = None
            value = self.program.run_import(name)
        if isinstance(value, Module):
            self.module(value, prefix, depth + 1)
        elif isinstance(value, Items) or router_patterns(value, call.place, self.program) is not None:
            self._listed(value, prefix, call.place, depth + 1)
        else:
            self._below(call, prefix)

    def _below(self, call: Call, prefix: str | None) -> None:
        """Add that everything below a prefix is not known."""
        tokens = None if prefix is None else _parse(prefix)
        self.add(prefix, None if tokens is None else (*tokens, Token("rest")), None, call.place, served=None)


def _line_of(module: Module) -> int | None:
    """Return the line where ``urlpatterns`` is bound; None where that is not plain."""
    lines = [
        node.lineno
        for node in (module.tree.body if module.tree is not None else ())
        if isinstance(node, ast.Assign)
        and any(isinstance(item, ast.Name) and item.id == "urlpatterns" for item in node.targets)
    ]
    return lines[0] if len(lines) == 1 else None


def _prefix(prefix: str | None, text: str | None, *, plain: bool) -> str | None:
    """Return the prefix of what is included; None where it is a regular expression with more than text."""
    if prefix is None or text is None:
        return None
    inner = text if plain else text.removeprefix("^")
    simple = plain or (text.startswith("^") and re.fullmatch(r"[A-Za-z0-9_/-]*", inner) is not None)
    return prefix + inner if simple else None


def _given(call: Call, prefix: str, text: str, *, plain: bool) -> Given:
    """Return what the view is given: the converters' names, or a regular expression's groups, and ``kwargs``."""
    extra = call.argument(2, "kwargs")
    names = frozenset(str(key) for key in extra.entries) if isinstance(extra, Table) else frozenset()
    names |= frozenset(found[2] for found in _CONVERTER.finditer(prefix + (text if plain else "")))
    if plain:
        return Given(names)
    count, own = groups_of(text)
    return Given(names | own, 0 if own else count)


def _parse(pattern: str) -> Tokens | None:
    swapped = _CONVERTER.sub(lambda found: f"<{found[2]}:{found[1] or 'str'}>", pattern)
    return parse_places(swapped, _SWAPPED, _KINDS, "<>")


_SWAPPED = re.compile(r"<([a-zA-Z_][a-zA-Z0-9_]*):([a-zA-Z_][a-zA-Z0-9_]*)>")


def _parse_regex(prefix: str, text: str) -> Tokens | None:
    """Return the tokens of ``re_path``: searched from the place where the prefix ends."""
    before = _parse(prefix)
    behind = parse_regex(text, from_start=False, to_end=False)
    return None if before is None or behind is None else (*before, *behind)
