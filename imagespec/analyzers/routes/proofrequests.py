"""What handlers ask of requests and applications that a bare request does not have; see `proofs`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from imagespec.analyzers.python.values import External, text_of
from imagespec.analyzers.routes.proofkinds import ANY, FOREIGN, Kind

if TYPE_CHECKING:
    from imagespec.analyzers.routes.proofs import Prover

_BODY = re.compile(
    r"(?:flask|quart)[.]request[.]json\Z|request[.](?:media|get_media[(][)]|json)\Z|bottle[.]request[.]json[.]"
)
_MAY_BE_NONE = re.compile(
    r"(?:flask|quart)[.]request[.](?:authorization|view_args|url_rule|endpoint|blueprint)[.]"
)
_HELD = re.compile(
    r"(?:flask|quart)[.](?:g|current_app|Flask[(][)]|Quart[(][)])[.](\w+)\Z|request[.](?:state|context|ctx)[.](\w+)\Z"
)
_OWN = {
    "config", "logger", "name", "debug", "testing", "url_map", "extensions", "root_path", "import_name", "view_functions",
    "jinja_env", "blueprints", "instance_path", "static_folder", "static_url_path", "secret_key", "json", "response_class",
    "make_response", "get", "setdefault", "pop", "app_context", "test_client", "ensure_sync", "url_for", "env", "aborter",
}  # fmt: skip
_NEEDING = {
    "request.session": "SessionMiddleware",
    "request.user": "AuthenticationMiddleware",
    "request.auth": "AuthenticationMiddleware",
}
_ITEMS = re.compile(
    r"(?:flask|quart|bottle)[.](?:request|session)\b|request[.](?!match_info\Z)|(?:flask|quart)[.](?:current_app|Flask[(][)]|Quart[(][)])[.]config\Z"
)
_DEFAULTS = {
    "DEBUG",
    "TESTING",
    "SECRET_KEY",
    "APPLICATION_ROOT",
    "SERVER_NAME",
    "MAX_CONTENT_LENGTH",
    "PROPAGATE_EXCEPTIONS",
}


def request_attribute(prover: Prover, node: ast.AST, owner: Kind, name: str) -> Kind | None:
    """Say of an attribute of a request or application that it may not be there; None where nothing is known of it."""
    full = f"{owner.source}.{name}" if name else owner.source
    if _BODY.match(full):
        prover.say(node, "the handler reads the request's body as JSON, and a health check has none")
        return ANY
    if _MAY_BE_NONE.match(full):
        prover.say(node, f"the handler asks for {full[:60]}, which may not be there")
        return ANY
    held = _HELD.match(full)
    if held:
        word = held[1] or held[2]
        if word not in _OWN and word not in prover.program.running().attributes:
            prover.say(node, f"the handler asks for {full[-60:]}, which nothing sets")
            return ANY
        return Kind("foreign", External(full[:200]))
    needed = _NEEDING.get(full)
    if needed and not any(_names(call.args, needed) for call in prover.program.calls):
        prover.say(node, f"the handler asks for {full}, which needs {needed}")
        return ANY
    return None


def _names(values: tuple[object, ...], word: str) -> bool:
    return any(isinstance(value, External) and value.name.endswith("." + word) for value in values)


def request_item(prover: Prover, owner: Kind, key: str | None) -> Kind | None:
    """Return an item of something foreign; None where it may not be there."""
    if not _ITEMS.match(owner.source) and owner.source != "request":
        return FOREIGN
    if owner.source.endswith(".config"):
        return FOREIGN if key in _DEFAULTS or _is_set(prover, key, ".config[]=") else None
    if owner.source == "request.app":
        return FOREIGN if _is_set(prover, key, "[]=") else None
    return None


def _is_set(prover: Prover, key: str | None, ending: str) -> bool:
    calls = [call for call in prover.program.calls if call.name.endswith(ending) and call.args]
    return key is not None and any(text_of(call.args[0]) == key and call.certain for call in calls)
