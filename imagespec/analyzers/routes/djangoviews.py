"""
Views of Django (3.2 to 5.2) and of Django REST framework (3.12 to 3.18): which methods they answer, and their caveats.

A view is a function, ``SomeView.as_view()``, or one of them behind decorators that are known. Functions that ask for
``request.method`` are read for each method by itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

import attrs

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Function, Items, Value, name_of, text_of
from imagespec.analyzers.routes.classviews import Kind, verbs_of
from imagespec.analyzers.routes.handlers import Calling, Given, handler_caveats
from imagespec.analyzers.routes.handlertext import words_of
from imagespec.analyzers.routes.restviewsets import actions_of
from imagespec.analyzers.routes.routing import ALL_METHODS, Caveat

_CALLING = Calling(positional=1, takes="responses")
_EXEMPT = "django.views.decorators.csrf.csrf_exempt"
_FIXED: Mapping[str, frozenset[str]] = {
    "django.views.decorators.http.require_GET": frozenset({"GET"}),
    "django.views.decorators.http.require_POST": frozenset({"POST"}),
    "django.views.decorators.http.require_safe": frozenset({"GET", "HEAD"}),
}
_HARMLESS = {"django.views.decorators.cache.never_cache", "django.views.decorators.gzip.gzip_page"}
_METHOD_DECORATOR = "django.utils.decorators.method_decorator()"
_REST_DECORATORS = "rest_framework.decorators."
_OPEN_TO_ALL = {"rest_framework.permissions.AllowAny"}
_VIEW = Kind(
    bases=frozenset({"django.views.View", "django.views.generic.View", "django.views.generic.base.View"}),
    calling=_CALLING,
    hooks=("http_method_names", "setup", "as_view", "http_method_not_allowed", "__init__", "options"),
)
_REST_HOOKS = (*_VIEW.hooks, "dispatch", "initial", "handle_exception", "get_permissions", "get_authenticators",
    "get_parsers", "get_renderers", "get_throttles", "throttle_classes", "content_negotiation_class", "versioning_class",
)  # fmt: skip
_API_VIEW = attrs.evolve(
    _VIEW,
    bases=frozenset({"rest_framework.views.APIView", "rest_framework.generics.GenericAPIView"}),
    hooks=_REST_HOOKS,
)


@attrs.frozen(kw_only=True)
class View:
    """What a view answers: ``methods`` certainly, ``open`` perhaps."""

    methods: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    exempt: bool = False
    """Whether CsrfViewMiddleware lets it alone."""
    rest: bool = False
    """Whether it is of Django REST framework, whose settings count."""
    permits: bool = False
    """Whether it says itself that everybody may ask it."""
    caveats: Mapping[str, tuple[Caveat, ...]] = {}


UNKNOWN_VIEW = View(open=ALL_METHODS)


def read_view(value: Value | None, place: Place, program: Program, given: Given, depth: int = 8) -> View:
    """Return what a view answers, the path's arguments being ``given``."""
    if isinstance(value, Function):
        return _function(value, place, program, given)
    if not isinstance(value, Call) or depth == 0:
        return UNKNOWN_VIEW
    if value.name.endswith("as_view") and value.args and not value.keywords and not value.spread:
        return _view_set(value.receiver, value.args[0], program, given)
    if value.name.endswith("as_view") and not value.keywords and not value.spread:
        return _class(value.receiver, program, given)
    inner = value.args[0] if len(value.args) == 1 else None
    allowed = _allowed(value)
    if value.name.startswith(_REST_DECORATORS) and value.name.endswith("()"):
        return _api_view(value, inner, place, program, given)
    if inner is None or (allowed is None and value.name not in {_EXEMPT, *_HARMLESS}):
        return UNKNOWN_VIEW
    view = read_view(inner, place, program, given, depth - 1)
    if allowed is not None:
        return attrs.evolve(view, methods=view.methods & allowed, open=view.open & allowed)
    return attrs.evolve(view, exempt=view.exempt or value.name == _EXEMPT)


def _allowed(call: Call) -> frozenset[str] | None:
    """Return the methods that a decorator lets through; None where it is none of those."""
    made = call.receiver
    if call.name == "django.views.decorators.http.require_http_methods()" and isinstance(made, Call):
        return _listed(made.argument(0, "request_method_list"))
    return _FIXED.get(call.name)


def _listed(value: Value | None) -> frozenset[str] | None:
    if not isinstance(value, Items) or value.open:
        return None
    texts = [text_of(item) for item in value.items]
    return frozenset(text.upper() for text in texts if text) if all(texts) else None


def _api_view(call: Call, inner: Value | None, place: Place, program: Program, given: Given) -> View:
    """Read ``@api_view([...])``: it answers its methods and OPTIONS, and HEAD only where that is named."""
    made = call.receiver
    if (
        call.name != _REST_DECORATORS + "api_view()"
        or not isinstance(made, Call)
        or not isinstance(inner, Function)
    ):
        return UNKNOWN_VIEW
    listed = made.argument(0, "http_method_names")
    methods = frozenset({"GET"}) if listed is None else _listed(listed)
    if methods is None:
        return UNKNOWN_VIEW
    view = _function(inner, place, program, given)
    allowed = methods | {"OPTIONS"}
    return attrs.evolve(
        view, methods=view.methods & allowed, open=view.open & allowed, exempt=True, rest=True
    )


def _class(value: Value | None, program: Program, given: Given) -> View:
    exempt = False
    if isinstance(value, Call) and value.decorator and value.name == _METHOD_DECORATOR and value.args:
        made = value.receiver
        named = isinstance(made, Call) and text_of(made.argument(1, "name")) == "dispatch"
        if not named or not isinstance(made, Call) or name_of(made.argument(0, "decorator")) != _EXEMPT:
            return UNKNOWN_VIEW
        value, exempt = value.args[0], True
    if not isinstance(value, Class):
        return UNKNOWN_VIEW
    dispatch = value.find("dispatch")
    if dispatch is not None:
        if not _only_exempts(dispatch):
            return UNKNOWN_VIEW
        exempt = True
    plain, rest = verbs_of(value, _VIEW, program, given), verbs_of(value, _API_VIEW, program, given)
    verbs = plain if plain.methods is not None else rest
    if verbs.methods is None:
        return UNKNOWN_VIEW
    methods = verbs.methods | {"OPTIONS"} | ({"HEAD"} if "GET" in verbs.methods else set())
    is_rest = plain.methods is None
    if is_rest and not _plain_settings(value):
        return UNKNOWN_VIEW
    permits = is_rest and value.find("permission_classes") is not None
    return View(
        methods=methods, exempt=exempt or is_rest, rest=is_rest, permits=permits, caveats=verbs.caveats
    )


def _plain_settings(cls: Class) -> bool:
    """Tell whether the settings of a class of REST framework let a request with JSON through."""
    permissions, authenticators = cls.find("permission_classes"), cls.find("authentication_classes")
    if permissions is not None and not permits_all(permissions):
        return False
    if authenticators is not None and not _names_only(authenticators, ()):
        return False
    named = (("parser_classes", "JSONParser"), ("renderer_classes", "JSONRenderer"))
    return all((value := cls.find(name)) is None or _names_only(value, (wanted,)) for name, wanted in named)


def _names_only(value: Value, wanted: tuple[str, ...]) -> bool:
    """Tell whether a list holds classes of REST framework's own, with those that are wanted, or nothing at all."""
    if not isinstance(value, Items) or value.open:
        return False
    names = [name_of(item) for item in value.items]
    own = all(name.startswith(("rest_framework.parsers.", "rest_framework.renderers.")) for name in names)
    return own and all(any(name.endswith("." + one) for name in names) for one in wanted)


def _view_set(cls: Value | None, mapping: Value, program: Program, given: Given) -> View:
    found = actions_of(cls, mapping)
    hooked = isinstance(cls, Class) and any(cls.find(name) is not None for name in _REST_HOOKS)
    if found is None or not isinstance(cls, Class) or hooked or not _plain_settings(cls):
        return UNKNOWN_VIEW
    caveats = {
        verb: handler_caveats(function, place, program, _CALLING, given, cls)
        for verb, (function, place) in found.items()
    }
    methods = found.keys() | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())
    permits = cls.find("permission_classes") is not None
    return View(methods=frozenset(methods), exempt=True, rest=True, permits=permits, caveats=caveats)


def _only_exempts(dispatch: Value) -> bool:
    """Tell whether a class's ``dispatch`` only calls that of its base, behind ``csrf_exempt``."""
    if not isinstance(dispatch, Call) or not dispatch.decorator or len(dispatch.args) != 1:
        return False
    made = dispatch.receiver
    by_method = dispatch.name == _METHOD_DECORATOR and isinstance(made, Call)
    decorator = (
        name_of(made.argument(0, "decorator")) if by_method and isinstance(made, Call) else dispatch.name
    )
    inner = dispatch.args[0]
    if decorator != _EXEMPT or not isinstance(inner, Function) or isinstance(inner.node, ast.Lambda):
        return False
    last = inner.node.body[-1]
    calls_base = isinstance(last, ast.Return) and last.value and "super(" in ast.unparse(last.value)[:20]
    return bool(calls_base) and len(inner.node.body) == 1


def _function(view: Function, place: Place, program: Program, given: Given) -> View:
    """Read a function for each method; one that asks for the method otherwise than by comparing it stays open."""
    if "method" not in words_of(view):
        caveats = handler_caveats(view, place, program, _CALLING, given)
        return View(methods=ALL_METHODS, caveats=dict.fromkeys(ALL_METHODS, caveats))
    sure: dict[str, tuple[Caveat, ...]] = {}
    for method in sorted(ALL_METHODS):
        part = _for_method(view, method)
        if part is not None and "method" not in words_of(part):
            sure[method] = handler_caveats(part, place, program, _CALLING, given)
    return View(methods=frozenset(sure), open=ALL_METHODS - sure.keys(), caveats=sure)


def _for_method(view: Function, method: str) -> Function | None:
    """Return a function with only those of its statements that a request of one method comes to."""
    node = view.node
    if isinstance(node, ast.Lambda):
        return None
    body = _statements(node.body, method, 0)
    kind = type(node)
    pruned = kind(node.name, node.args, body or [ast.Pass()], [])
    return attrs.evolve(view, node=ast.copy_location(pruned, node))


def _statements(body: Iterable[ast.stmt], method: str, depth: int) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for statement in body:
        truth = _truth(statement.test, method) if isinstance(statement, ast.If) and depth < 20 else None
        if isinstance(statement, ast.If) and truth is not None:
            found += _statements(statement.body if truth else statement.orelse, method, depth + 1)
        else:
            found.append(statement)
        if found and isinstance(found[-1], ast.Return | ast.Raise):
            break
    return found


def _truth(test: ast.expr, method: str) -> bool | None:
    """Tell whether a comparison of ``request.method`` holds for a method; None for anything else."""
    match test:
        case ast.UnaryOp(op=ast.Not()):
            truth = _truth(test.operand, method)
            return None if truth is None else not truth
        case ast.Compare(left=ast.Attribute(attr="method"), ops=[operator], comparators=[other]):
            items = other.elts if isinstance(other, ast.Tuple | ast.List | ast.Set) else [other]
            texts = [item.value for item in items if isinstance(item, ast.Constant)]
            single = isinstance(other, ast.Constant)
            plain = (
                isinstance(operator, ast.Eq | ast.NotEq)
                if single
                else isinstance(operator, ast.In | ast.NotIn)
            )
            if not plain or len(texts) < len(items):
                return None
            return (method in texts) is isinstance(operator, ast.Eq | ast.In)
    return None


def permits_all(value: Value | None) -> bool:
    """Tell whether permission classes are none, or such as let everybody in."""
    return (
        isinstance(value, Items)
        and not value.open
        and all((text_of(item) or name_of(item)) in _OPEN_TO_ALL for item in value.items)
    )
