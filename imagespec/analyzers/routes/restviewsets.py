"""
View sets of Django REST framework (3.12 to 3.18), and the patterns that its routers make of them.

``ViewSet.as_view({"post": "create"})`` names a method of the class for each verb; routers call it for the actions that
a class has (routers.py), in the order of their routes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    Function,
    Items,
    Member,
    Table,
    Value,
    name_of,
    root_of,
    text_of,
)
from imagespec.analyzers.routes.classviews import class_place

_ROUTERS = {"rest_framework.routers.DefaultRouter": True, "rest_framework.routers.SimpleRouter": False}
"""And whether they add a root view and suffixes for formats."""
VIEW_SETS = frozenset({"rest_framework.viewsets.ViewSet", "rest_framework.viewsets.GenericViewSet"})
"""Classes whose actions are all of the program's own."""
_ACTION = "rest_framework.decorators.action()"
_LIST = {"get": "list", "post": "create"}
_DETAIL = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
_LOOKUP = "(?P<pk>[^/.]+)"
_SUFFIX = r"\.(?P<format>[a-z0-9]+)/?$"
_LOOKUPS = ("lookup_field", "lookup_url_kwarg", "lookup_value_regex", "get_extra_actions", "as_view")


def router_patterns(value: Value | None, place: Place, program: Program) -> Items | None:
    """
    Return the patterns of ``router.urls``; None where the value is none of a router, or not all of it is understood.

    ``place`` is where they are asked for: a router gives those that are registered by then.
    """
    router = value.owner if isinstance(value, Member) and value.attribute == "urls" else None
    if not isinstance(router, Call) or router.name not in _ROUTERS or router.subclass is not None:
        return None
    slash = router.argument(0, "trailing_slash") or Const(value=True)
    if not isinstance(slash, Const) or router.spread or not router.keywords.keys() <= {"trailing_slash"}:
        return None
    found: list[Value] = []
    for call in program.calls:
        if root_of(call.receiver) is not router:
            continue
        if call.name != f"{router.name}().register" or not call.certain:
            return None
        if call.place.path == place.path and (place.line is None or (call.place.line or 0) > place.line):
            return None
        made = list(_registered(call, "/" if slash.value else ""))
        if not made:
            return None
        found += made
    if _ROUTERS[router.name]:
        formats = [_with_suffix(item) for item in found if isinstance(item, Call)]
        found = [one for pair in zip(found, formats, strict=True) for one in pair if one is not None]
        found.append(_pattern(router.place, "^$", None))
    return Items(found)


def _registered(call: Call, slash: str) -> Iterator[Call]:
    """Yield the patterns of one registered view set; nothing where they are not known, or registering fails."""
    prefix, cls = text_of(call.argument(0, "prefix")), call.argument(1, "viewset")
    named = call.argument(2, "basename")
    if prefix is None or not isinstance(cls, Class):
        return
    if named in {None, Const(None)} and cls.find("queryset") is None:
        return  # an AssertionError, for every request
    if not is_plain_set(cls) or any(cls.find(name) is not None for name in _LOOKUPS):
        yield _call("django.urls.path", call.place, prefix, None)
        return
    actions = sorted(_actions(cls), key=lambda item: item[0])
    for detail, base in ((False, prefix), (True, f"{prefix}/{_LOOKUP}")):
        standard = {verb: name for verb, name in (_DETAIL if detail else _LIST).items() if cls.find(name)}
        own = [_pattern(call.place, _regex(f"{base}/{path}", slash), _as_view(cls, verbs, call))
               for _, path, is_detail, verbs in actions if is_detail is detail]  # fmt: skip
        first = [_pattern(call.place, _regex(base, slash), _as_view(cls, standard, call))] if standard else []
        yield from (*own, *first) if detail else (*first, *own)


def _regex(path: str, slash: str) -> str:
    return f"^{path.removeprefix('/')}{slash}$"


def _with_suffix(pattern: Call) -> Call | None:
    regex = text_of(pattern.args[0]) or ""
    if pattern.name == "django.urls.path":  # what is below it is not known anyhow
        return None
    return _pattern(pattern.place, regex.rstrip("$").rstrip("/") + _SUFFIX, None)


def _pattern(place: Place, regex: str, view: Call | None) -> Call:
    return _call("django.urls.re_path", place, regex, view or _call("as_view", place, spread=True))


def _call(name: str, place: Place, *args: str | Call | None, spread: bool = False) -> Call:
    values = tuple(item if isinstance(item, Call) else Const(item) for item in args)
    return Call(
        name=name,
        receiver=None,
        args=values,
        keywords={},
        spread=spread,
        certain=True,
        thread=False,
        decorator=False,
        place=place,
    )


def _as_view(cls: Class, verbs: Mapping[str, str], call: Call) -> Call:
    made = _call("as_view", call.place)
    made.receiver = cls
    made.args = (Table({verb: Const(name) for verb, name in verbs.items()}),)
    return made


def is_plain_set(cls: Class) -> bool:
    """Tell whether a class is a view set whose actions are known: its own methods, and those that `action` makes."""
    own = {name_of(base) for base in cls.foreign_bases()}
    members = [value for one in cls.lineage() for value in one.scope.names.values()]
    decorated = [value for value in members if isinstance(value, Call) and value.decorator]
    return bool(own) and own <= VIEW_SETS and all(_action(value) is not None for value in decorated)


def _actions(cls: Class) -> Iterator[tuple[str, str, bool, Mapping[str, str]]]:
    """Yield name, path, whether it is of one object, and the verbs of each method that `action` decorates."""
    for one in cls.lineage():
        for name, value in one.scope.names.items():
            found = _action(value)
            if found is not None:
                path, detail, verbs = found
                yield name, path, detail, dict.fromkeys(verbs, name)


def _action(value: Value) -> tuple[str, bool, tuple[str, ...]] | None:
    """Return path, whether it is of one object, and the verbs of a method behind ``@action(...)``."""
    made = value.receiver if isinstance(value, Call) and value.name == _ACTION else None
    function = action_function(value)
    if not isinstance(made, Call) or function is None or made.spread:
        return None
    detail, listed = made.argument(1, "detail"), made.argument(0, "methods") or Items([Const("get")])
    path = made.argument(2, "url_path") or Const(function.name)
    if not made.keywords.keys() <= {"methods", "detail", "url_path", "url_name"}:
        return None
    verbs = (
        [text_of(item) for item in listed.items] if isinstance(listed, Items) and not listed.open else [None]
    )
    known = tuple(verb.lower() for verb in verbs if verb)
    text = text_of(path) if path != Const(None) else function.name
    if len(known) < len(verbs) or text is None or not isinstance(detail, Const):
        return None
    return text, bool(detail.value), known


def action_function(value: Value | None) -> Function | None:
    """Return the method itself, where ``@action(...)`` decorates it, too."""
    if isinstance(value, Call) and value.name == _ACTION and value.args:
        value = value.args[0]
    return value if isinstance(value, Function) else None


def actions_of(cls: Value | None, mapping: Value | None) -> dict[str, tuple[Function, Place]] | None:
    """Return the method that answers each verb, for ``cls.as_view(mapping)``; None where that is not known."""
    if not isinstance(cls, Class) or not isinstance(mapping, Table) or mapping.open or not is_plain_set(cls):
        return None
    found: dict[str, tuple[Function, Place]] = {}
    for verb, name in mapping.entries.items():
        function = action_function(cls.find(text_of(name) or ""))
        if function is None:
            return None
        place = class_place(cls)
        found[str(verb).upper()] = (function, Place(place.path, function.node.lineno, place.layer))
    return found
