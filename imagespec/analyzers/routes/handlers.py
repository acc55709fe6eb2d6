"""
Whether the function behind a route answers a plain request with success, for all frameworks.

What speaks against it is a *caveat*: `errorsigns` reads the handler's text; here it is looked at how the framework calls
it and what it takes from it. A handler that is not known is a caveat as well.
"""

from __future__ import annotations

import ast
import re

import attrs

from imagespec.analyzers.python.flow import leaves, own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Function, Value
from imagespec.analyzers.routes.errorsigns import certain_sign, error_signs
from imagespec.analyzers.routes.handlertext import Handler
from imagespec.analyzers.routes.proofs import unproven
from imagespec.analyzers.routes.routing import Caveat
from imagespec.analyzers.routes.urlrefusals import refuses_some


@attrs.frozen(kw_only=True)
class Calling:
    """How a framework calls its handlers, and what they may return."""

    positional: int | None = None
    """Arguments before those of the path; None where the framework looks at the handler's parameters itself."""
    takes: str = "anything"
    """
    ``anything`` (FastAPI), ``nothing`` but None (Tornado), ``text`` also bytes, dicts and None (Bottle), ``values``
    that are not None or numbers (Flask), ``responses`` of its own classes only.
    """
    tuples: bool = False
    """Whether the status is the second item of a tuple."""
    coroutine: bool | None = None
    """Whether handlers must be coroutines (True) or must not (False)."""
    needs: str = ""
    """A package without which coroutines are refused."""


@attrs.frozen
class Given:
    """The path's own arguments of one route."""

    names: frozenset[str] = frozenset()
    count: int = 0
    """Of those without names."""


NOTHING = Given()
_DECORATORS = 100
_CHECKED = frozenset({"GET", "HEAD"})
"""Methods of health checks, which want a 200 and bring nothing: what others bring is their caller's matter."""
_REGISTERING = re.compile(
    r"^(?:flask|quart|fastapi|starlette|sanic|bottle|aiohttp)[.].*[.]?(?:route|get|post|put|delete|patch|head|options|api_route)\(\)\Z"
)


def handler_caveats(
    view: Value | None,
    place: Place,
    program: Program,
    calling: Calling,
    given: Given = NOTHING,
    owner: Class | None = None,
) -> tuple[Caveat, ...]:
    """
    Return why a plain request may be answered with an error by this handler; ``given`` are the path's arguments.

    ``owner`` is the class that the handler is a method of, where it was taken from there.
    """
    view = handler_of(view)
    if isinstance(view, Call) and view.decorator:
        message = f"the handler is wrapped by {view.name}, which may refuse requests"
        return (Caveat(view.place.evidence(message)),)
    if not isinstance(view, Function):
        return (Caveat(place.evidence("what handles the request is not followed")),)
    key = (view.node, view.scope, view.self_value, calling, given, owner)  # a decorator wraps many
    if key not in program.remembered:  # one handler may stand behind thousands of routes
        program.remembered[key] = _reasons(view, program, calling, given, owner)
    found = [Caveat(place.evidence(message), always) for message, always in program.remembered[key]]
    unproved = () if found else _open_questions(view, program, calling, owner)
    return (*found, *_of_url(view, place, program, given), *unproved)


def _of_url(view: Function, place: Place, program: Program, given: Given) -> tuple[Caveat, ...]:
    key = ("of the URL", view.node, given.names)
    if key not in program.remembered:
        message = "the handler answers some values in the URL with 404 or its like"
        program.remembered[key] = ((message, False),) if refuses_some(view, given.names) else ()
    return tuple(Caveat(place.evidence(message), of_url=True) for message, _ in program.remembered[key])


def _open_questions(
    view: Function, program: Program, calling: Calling, owner: Class | None
) -> tuple[Caveat, ...]:
    """Return what of a handler without any sign of an error is not known to succeed; it counts where only 200 will do."""
    key = ("proof", view.node, view.scope, view.self_value, calling, owner)
    if key not in program.remembered:
        program.remembered[key] = tuple(
            Caveat(place.evidence(message), methods=_CHECKED)
            for message, place in unproven(view, owner, program, calling.takes, calling.positional)
        )
    found: tuple[Caveat, ...] = program.remembered[key]
    return found


def _reasons(
    view: Function, program: Program, calling: Calling, given: Given, owner: Class | None
) -> tuple[tuple[str, bool], ...]:
    handler = Handler(view, program, owner, calling.tuples)
    certain = certain_sign(handler)
    signs = error_signs(attrs.evolve(handler, exact=True))
    found: dict[str | None, bool] = {message: message == certain for message in signs}
    found |= dict.fromkeys((_misfit(view, calling, given, owner), _coroutine(view, calling, program)), True)
    found |= _unlike(view, calling)
    return tuple((message, always) for message, always in found.items() if message)


def handler_of(view: Value | None) -> Value | None:
    """Return what decorators that register routes are applied to: they give back what they are given."""
    for _ in range(_DECORATORS):
        if not (isinstance(view, Call) and view.decorator and view.args and _REGISTERING.search(view.name)):
            break
        view = view.args[0]
    return view


def _misfit(function: Function, calling: Calling, given: Given, owner: Class | None) -> str | None:
    """Tell why a handler cannot be called with what the framework gives it."""
    if calling.positional is None or function.is_static:
        return None
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    bound = int(function.self_value is not None or owner is not None)
    count = bound + calling.positional + given.count
    if len(names) < count and spec.vararg is None:
        return f"the handler takes fewer arguments than the {count - bound} that it is called with"
    needed = set(names[count : len(names) - len(spec.defaults)])
    needed |= {
        item.arg for item, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if value is None
    }
    missing = sorted(needed - given.names)
    if missing:
        return f"the handler wants {missing[0]}, which the route does not give: 500"
    more = given.names - {*names[count:], *(item.arg for item in spec.kwonlyargs)}
    if more and spec.kwarg is None:
        return f"the handler does not take {min(more)}, which the route gives: 500"
    return None


def _coroutine(function: Function, calling: Calling, program: Program) -> str | None:
    is_coroutine = isinstance(function.node, ast.AsyncFunctionDef)
    if calling.needs and is_coroutine and program.sources.find(calling.needs).kind != "library":
        return f"the handler is a coroutine, which is refused without {calling.needs}"
    if calling.coroutine is not None and is_coroutine is not calling.coroutine:
        return (
            "the handler is a coroutine, which nothing awaits"
            if is_coroutine
            else "the handler is no coroutine"
        )
    return None


def _unlike(function: Function, calling: Calling) -> dict[str | None, bool]:
    """Tell why what a handler returns is no answer to its framework, and whether nothing else is returned."""
    node = function.node
    values: list[ast.expr | None] = [item.value for item in own_nodes(node) if isinstance(item, ast.Return)]
    if isinstance(node, ast.Lambda):
        values = [node.body]
    if calling.takes == "anything":
        return {}
    silent = calling.takes in {"values", "responses"} and not isinstance(node, ast.Lambda)
    ends = silent and not isinstance(node, ast.Lambda) and not leaves(node.body)
    wrong = [value for value in values if not _is_taken(value, calling.takes)]
    found: dict[str | None, bool] = {}
    if wrong:
        shown = "nothing" if wrong[0] is None else ast.unparse(wrong[0])[:60]
        always = len(wrong) == len(values) and (ends or silent or isinstance(node, ast.Lambda))
        found[f"the handler may return {shown}, which is no answer"] = always
    if ends:
        found["the handler may end without an answer"] = len(wrong) == len(values)
    return found


_LISTS = ast.List | ast.ListComp | ast.Tuple
_LITERALS = ast.Constant | ast.Dict | ast.DictComp | ast.JoinedStr | ast.Set | ast.SetComp | _LISTS


def _is_taken(value: ast.expr | None, takes: str) -> bool:
    constant = value.value if isinstance(value, ast.Constant) else ...
    match takes:
        case "responses":
            return value is not None and not isinstance(value, _LITERALS)
        case "nothing":
            return constant is None or not isinstance(value, _LITERALS)
        case "values":
            numbers = isinstance(constant, int | float | None) or isinstance(value, ast.Set | ast.SetComp)
            return value is not None and not numbers
    texts = isinstance(value, _LISTS) and all(_is_text(item) for item in getattr(value, "elts", [value]))
    odd = isinstance(value, ast.Set | ast.SetComp) or (isinstance(value, _LISTS) and not texts)
    return not odd and not (isinstance(constant, int | float) and constant)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
