"""What Flask and Quart refuse while an application is made and its routes are registered."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from imagespec.analyzers.python.loading import missing_file
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import (
    Call,
    Const,
    Value,
    root_of,
    text_of,
)

_FLASK = {"flask.Flask", "flask.Blueprint", "quart.Quart", "quart.Blueprint"}
_VERBS = (".route", ".get", ".post", ".put", ".delete", ".patch", ".add_url_rule")
_CONVERTERS = {"default", "string", "int", "float", "path", "any", "uuid", ""}
_PLACE = re.compile(r"<(?:([a-zA-Z_][a-zA-Z0-9_]*)(?:\([^<>]*\))?:)?([a-zA-Z_][a-zA-Z0-9_]*)>")
_CODES = {
    400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 428, 429, 431,
    451, 500, 501, 502, 503, 504, 505,
}  # fmt: skip
"""Status codes that werkzeug has an exception for (exceptions.py, 2.0 to 3.1)."""
_OUTSIDE = (
    "flask.jsonify",
    "flask.url_for",
    "flask.current_app.",
    "flask.request.",
    "flask.render_template",
    "flask.g.",
)


def refused_by_flask(program: Program) -> Iterator[tuple[Call, str]]:
    """Yield the calls that Flask and Quart refuse (sansio/scaffold.py, app.py and blueprints.py, 2.3 to 3.1), and why."""
    own = any(".url_map.converters" in call.name for call in program.calls)
    in_context = any("_context" in call.name for call in program.calls)
    registered: dict[tuple[int, str], Value] = {}
    for call in program.calls:
        owner = root_of(call.receiver)
        if call.name in _FLASK:
            yield from _made(call)
        elif call.name.startswith(_OUTSIDE) and call.within is None and not in_context and not call.decorator:
            yield call, f"{call.name} is called outside of a request, where Flask refuses it"
        elif isinstance(owner, Call) and owner.name in _FLASK:
            yield from _registered(call, owner, own_converters=own)
            if call.name.endswith(".register_blueprint"):
                yield from _blueprint(call, owner, registered)
            yield from _settings(call, owner, program)


def _made(call: Call) -> Iterator[tuple[Call, str]]:
    name = call.argument(0, "name" if "Blueprint" in call.name else "import_name")
    if name is None or ("Blueprint" in call.name and call.argument(1, "import_name") is None):
        yield call, f"{call.name} is called without its name"
    text = text_of(name)
    if "Blueprint" in call.name and text is not None and (not text or "." in text):
        yield call, "the name of a blueprint is empty or has a dot, which Flask refuses"
    prefix = text_of(call.argument(None, "url_prefix"))
    if prefix and not prefix.startswith("/"):
        yield call, f"the prefix {prefix[:60]} has no slash before it, which Flask refuses"


def _registered(call: Call, owner: Call, *, own_converters: bool) -> Iterator[tuple[Call, str]]:
    applied = call.name.endswith("()") and call.decorator
    base = call.name.removesuffix("()")
    if base.endswith((".errorhandler", ".register_error_handler")) and not applied:
        code = call.args[0] if call.args else None
        if isinstance(code, Const) and isinstance(code.value, int) and code.value not in _CODES:
            yield call, f"{code.value} is no status of an error that Flask knows"
    if not base.endswith(_VERBS) or base.count(".") > 2:
        return
    view = (
        call.argument(2, "view_func")
        if base.endswith(".add_url_rule")
        else call.args[0]
        if applied and call.args
        else None
    )
    if isinstance(view, Const) and (applied or view.value is not None):
        yield call, "a view is no function, which Flask refuses"
    if applied:
        return
    rule = text_of(call.argument(0, "rule"))
    if rule is not None and not rule.startswith("/") and owner.name.endswith(("Flask", "Quart")):
        yield call, f"the rule {rule[:60]} does not begin with a slash, which Flask refuses"
    if (
        isinstance(call.argument(None, "methods"), Const)
        and text_of(call.argument(None, "methods")) is not None
    ):
        yield call, "methods is one text, which Flask refuses"
    found = _PLACE.findall(rule or "")
    names = [name for _, name in found]
    rest = _PLACE.sub("", rule or "")
    unknown = [kind for kind, _ in found if kind not in _CONVERTERS]
    if len(set(names)) < len(names) or "<" in rest or (unknown and not own_converters):
        yield call, f"the rule {(rule or '')[:60]} has a place that Flask refuses"


def _blueprint(
    call: Call, owner: Call, registered: dict[tuple[int, str], Value]
) -> Iterator[tuple[Call, str]]:
    blueprint = call.argument(0, "blueprint")
    if isinstance(blueprint, Const):
        yield call, "what is registered is no blueprint"
    if (
        not isinstance(blueprint, Call)
        or not blueprint.name.endswith(".Blueprint")
        or call.argument(None, "name") is not None
    ):
        return
    name = text_of(blueprint.argument(0, "name"))
    if name is not None and (id(owner), name) in registered:
        yield call, f"two blueprints are registered by the name {name[:60]}, which Flask refuses"
    registered[(id(owner), name or "?")] = blueprint


def _settings(call: Call, owner: Call, program: Program) -> Iterator[tuple[Call, str]]:
    base = call.name.partition(".config.")[2]
    text = text_of(call.args[0]) if call.args else None
    if text is None or call.argument(None, "silent") == Const(value=True):
        return
    if base in {"from_pyfile", "from_file"}:
        path = posixpath.join("/", posixpath.dirname(owner.place.path), text)
        if missing_file(program, path):
            yield call, f"{path} is read and is not in the image"
    elif base == "from_envvar" and text not in program.environment:
        yield call, f"the environment variable {text[:60]} is not set in the image"
    elif base == "from_object":
        before, program.stopped = program.stopped, None
        parent = text.rpartition(".")[0]
        if program.sources.find(text).kind == "missing" and (
            not parent or program.sources.find(parent).kind == "missing"
        ):
            yield call, f"{text[:60]} is not in the image"
        else:
            program.run_import(text if program.sources.find(text).kind != "missing" else parent)
        if program.stopped is not None:
            yield call, program.stopped.evidence.message
        program.stopped = before
