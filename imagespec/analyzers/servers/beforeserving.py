"""
What stands between an imported application and its first request, and may end the server.

Functions that frameworks call when the server starts are followed like any other; what frameworks refuse when routes are
registered, and Django's settings, are looked at here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Const,
    Function,
    Items,
    Value,
    root_of,
    text_of,
)
from imagespec.analyzers.servers.djangostart import check_django
from imagespec.analyzers.servers.fastapirefusals import refused_by_fastapi, refused_by_pydantic
from imagespec.analyzers.servers.flaskrefusals import refused_by_flask
from imagespec.verdict import Evidence

_STARLETTE = {"fastapi.FastAPI", "starlette.applications.Starlette"}
_FLASK = {"flask.Flask", "flask.Blueprint"}
_DJANGO = {
    "django.core.wsgi.get_wsgi_application",
    "django.core.asgi.get_asgi_application",
    "django.core.management.execute_from_command_line",
}
_BEFORE = {
    "quart.Quart": ("before_serving", "while_serving"),
    "sanic.Sanic": ("before_server_start", "after_server_start", "main_process_start", "listener"),
}
"""Decorators of functions that run when the server starts; a listener of Sanic's may run when it stops."""
_REGISTERING = (".route()", ".get()", ".post()", ".put()", ".delete()", ".patch()", ".add_url_rule")
_GONE = (".before_first_request", ".before_app_first_request")


def follow_before_serving(app: Value | None, program: Program) -> None:
    """Follow what runs before an application serves; what may end the server is a gap of the program."""
    closed = program.sources.unreadable
    if closed is not None:
        message = f"the user {program.sources.user} may not be allowed to read it (mode {closed.mode:04o})"
        program.gap(Evidence(message=message, path=closed.path, layer=closed.layer))
    if not isinstance(app, Call):
        return
    for function in list(_hooks(app, program)):
        follow_hook(function, program, _given(app))
        _check_lifespan(function, app, program)
    if app.name in {"flask.Flask", "quart.Quart"}:
        _check_flask(program)
    elif app.name in _STARLETTE:
        _check_fastapi(program)
    elif app.name in _DJANGO:
        check_django(app, program)


def _check_fastapi(program: Program) -> None:
    for call, message in list(refused_by_fastapi(program)):
        if call.certain:
            program.gap(call.place.evidence(message))
    for cls, message in list(refused_by_pydantic(program)):
        program.gap(Place(cls.module.path, cls.node.lineno, cls.module.layer).evidence(message))


def _given(app: Call) -> Arguments:
    """Return what an application's hooks are called with."""
    lifespan = app.argument(None, "lifespan")
    if app.name in _STARLETTE:
        return Arguments(() if lifespan in {None, Const(None)} else (app,))
    return Arguments((app,)) if app.name == "aiohttp.web.Application" else Arguments(spread=True)


def follow_hook(function: Function, program: Program, given: Arguments | None = None) -> None:
    """Follow a function that a server calls when it starts; what may end the server is a gap of the program."""
    arguments = given or Arguments(spread=True)
    before, program.stopped = program.stopped, None
    program.guarded(lambda: program.call(function, arguments))
    if program.stopped is not None:
        program.gap(program.stopped.evidence)
    program.stopped = before


def _check_lifespan(function: Function, app: Call, program: Program) -> None:
    yields = any(isinstance(node, ast.Yield) for node in own_nodes(function.node))
    given = app.argument(None, "lifespan") not in {None, Const(None)}
    if app.name in _STARLETTE and given and not yields:
        place = Place(function.module.path, function.node.lineno, function.module.layer)
        program.gap(place.evidence("a lifespan that does not yield, which ends the server"))


def _hooks(app: Call, program: Program) -> Iterator[Function]:
    """Yield the functions that the framework calls when the server starts."""
    values: list[Value | None] = []
    lifespan = app.argument(None, "lifespan")
    if isinstance(lifespan, Call) and lifespan.name == "contextlib.asynccontextmanager":
        lifespan = next(iter(lifespan.args), None)
    if app.name in _STARLETTE and lifespan not in {None, Const(None)}:
        values = [lifespan]  # with one, the other hooks are not called
    elif app.name in _STARLETTE:
        listed = app.argument(None, "on_startup")
        values = list(listed.items) if isinstance(listed, Items) else []
        values += [call.args[0] for call in program.calls if _is_startup(call, app) and call.args]
        values += [
            call.argument(1, "func")
            for call in program.calls
            if root_of(call.receiver) is app
            and call.name.endswith(".add_event_handler")
            and text_of(call.argument(0, "event_type")) == "startup"
        ]
    elif app.name == "aiohttp.web.Application":
        names = {
            "aiohttp.web.Application().on_startup.append",
            "aiohttp.web.Application().cleanup_ctx.append",
        }
        values = [
            call.argument(0, "object")
            for call in program.calls
            if call.name in names and root_of(call.receiver) is app
        ]
    elif app.name in _BEFORE:
        endings = tuple(f".{name}{end}" for name in _BEFORE[app.name] for end in ("", "()"))
        values = [
            call.args[0]
            for call in program.calls
            if call.decorator and call.args and root_of(call.receiver) is app and call.name.endswith(endings)
        ]
    yield from (value for value in values if isinstance(value, Function))


def _is_startup(call: Call, app: Call) -> bool:
    made = call.receiver
    return (
        call.name.endswith(".on_event()")
        and isinstance(made, Call)
        and root_of(made.receiver) is app
        and text_of(made.argument(0, "event_type")) == "startup"
    )


def _check_flask(program: Program) -> None:
    """Find what Flask refuses while routes are registered (sansio/scaffold.py and app.py, 2.3 to 3.1)."""
    for call, message in list(refused_by_flask(program)):
        if call.certain:
            program.gap(call.place.evidence(message))
    registered: list[Value] = []
    views: dict[tuple[int, str], Value] = {}
    names: dict[ast.AST, str | None] = {}
    for call in program.calls:
        owner = root_of(call.receiver)
        if not isinstance(owner, Call) or owner.name not in _FLASK:
            continue
        if call.name.endswith(_GONE):
            program.gap(
                call.place.evidence(f"{call.name} is gone since Flask 2.3, and Python stops here then")
            )
        elif call.name.endswith(".register_blueprint"):
            registered += call.args[:1]
        elif call.name.endswith(_REGISTERING):
            if any(owner is one for one in registered):
                message = "a blueprint gets routes after it was registered, which Flask refuses since 2.3"
                program.gap(call.place.evidence(message))
            view, endpoint = _endpoint(call, names)
            if endpoint is not None and views.setdefault((id(owner), endpoint), view) is not view:
                message = f"two views have the endpoint {endpoint[:100]}, which Flask refuses"
                program.gap(call.place.evidence(message))


def _endpoint(call: Call, names: dict[ast.AST, str | None]) -> tuple[Value, str | None]:
    """Return what is registered, and under which name; ``names`` remembers those of functions."""
    by_rule = call.name.endswith(".add_url_rule")
    made = call if by_rule else call.receiver
    view = _plain(call.argument(2, "view_func") if by_rule else next(iter(call.args), None))
    if not isinstance(made, Call) or not isinstance(view, Function):
        return UNKNOWN, None
    given = made.argument(1 if by_rule else None, "endpoint")
    if given not in {None, Const(None)}:
        return view, text_of(given)
    if view.node not in names:  # thousands of decorators may register one function
        names[view.node] = _name(view)
    return view, names[view.node]


def _plain(view: Value | None) -> Value | None:
    while isinstance(view, Call) and view.decorator and view.args:
        view = view.args[0]
    return view


def _name(view: Function) -> str | None:
    """Return a function's ``__name__``; None where a decorator such as ``functools.wraps`` may change it."""
    decorators = [ast.unparse(item) for item in getattr(view.node, "decorator_list", ())]
    return None if any("wraps" in item for item in decorators) else view.name
