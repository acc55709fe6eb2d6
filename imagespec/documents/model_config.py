"""
The ModelArts model configuration file (config.json): which interfaces the image promises to serve.

The file is no part of the image: for a container image it is uploaded beside it or typed into the console. Facts
after "Specifications for Editing a Model Configuration File" (2019 to 2025), the API reference of "Obtaining Details
About an AI Application", and the console's list of interfaces (a top-level array).
"""

from __future__ import annotations

from typing import Any

import attrs

from imagespec.documents.model_config_checks import Finder, check_values
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError
from imagespec.limits import Limits
from imagespec.verdict import Evidence

_MOST_VALUES = 20_000
"""Values of all kinds in one file; real files have a few hundred, and checking each costs up to 0.1 ms."""


@attrs.frozen
class Api:
    """One interface that the image promises. None means that the file does not say, or not in a way that counts."""

    url: str
    """The path as written; ``/`` where the file says none."""
    method: str
    """In lower case; ``post`` where the file says none."""
    protocol: str | None
    """``http`` or ``https``."""
    request_type: str | None
    """The media type of the request's body."""
    response_type: str | None
    pointer: str


@attrs.frozen(kw_only=True)
class Health:
    """One health check; None means that the file does not say."""

    check_method: str
    """``HTTP``, also where the file says none, or ``EXEC``."""
    url: str | None
    protocol: str | None
    command: str | None
    """With EXEC."""
    initial_delay_seconds: int | None
    timeout_seconds: int | None
    period_seconds: int | None
    failure_threshold: int | None
    pointer: str


@attrs.frozen(kw_only=True)
class ModelConfig:
    """A model configuration file as far as it can be understood, and what is wrong with it."""

    name: str
    """What the file is called in evidence."""
    raw: bytes = attrs.field(repr=False)
    model_type: str | None
    apis: tuple[Api, ...] | None
    """None: the file declares none."""
    health: Health | None
    """The liveness check."""
    readiness_health: Health | None
    startup_health: Health | None
    protocol: str | None
    """What the whole container speaks, where the file says it once."""
    port: int | None
    violations: tuple[Evidence, ...]
    """What the platform would refuse or not understand; the first 100."""
    remarks: tuple[Evidence, ...]
    """What is odd, and most likely harmless."""


def parse_model_config(raw: bytes, name: str, limits: Limits, *, batch: bool = False) -> ModelConfig:
    """
    Parse a model configuration for an imported image; ``batch`` says that it is for a batch service.

    Raises DocumentError where it is no JSON, and LimitError. What merely breaks the specification is reported in
    ``violations``, with a JSON pointer such as ``config.json#/apis/0/url``.
    """
    tree = load_json(raw, name, limits)
    _bound(tree, name)
    find = Finder(name)
    check_values(tree, find, batch=batch)
    top: dict[str, Any] = tree if isinstance(tree, dict) else {}
    # The console's newest form is the list of interfaces alone.
    listed, pointer = (tree, f"{name}#") if isinstance(tree, list) else (top.get("apis"), f"{name}#/apis")
    return ModelConfig(
        name=name,
        raw=raw,
        model_type=_text(top, "model_type"),
        apis=_apis(listed, pointer) if isinstance(listed, list) else None,
        health=_health(top, "health", name),
        readiness_health=_health(top, "readiness_health", name),
        startup_health=_health(top, "startup_health", name),
        protocol=_protocol(top),
        port=_number(top, "port"),
        violations=tuple(find.violations),
        remarks=tuple(find.remarks),
    )


def _bound(tree: Any, name: str) -> None:
    stack, seen = [tree], 0
    while stack:
        value = stack.pop()
        seen += 1
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        if seen + len(stack) > _MOST_VALUES:
            raise DocumentError(
                name, f"holds more than {_MOST_VALUES:,} values, which no model configuration needs"
            )


def _apis(items: list[Any], pointer: str) -> tuple[Api, ...]:
    """Return the interfaces; one whose URL or method is not even text is a violation and not among them."""
    apis = []
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        url, method = _default(item, "url", "/"), _default(item, "method", "post")
        if isinstance(url, str) and isinstance(method, str):
            kinds = [_text(_mapping(item, side), "Content-type") for side in ("request", "response")]
            apis.append(Api(url, method.lower(), _protocol(item), kinds[0], kinds[1], f"{pointer}/{number}"))
    return tuple(apis)


def _health(top: dict[str, Any], key: str, name: str) -> Health | None:
    item = top.get(key)
    if not isinstance(item, dict):
        return None
    return Health(
        check_method=(_text(item, "check_method") or "HTTP").upper(),
        url=_text(item, "url"),
        protocol=_protocol(item),
        command=_text(item, "command"),
        initial_delay_seconds=_number(item, "initial_delay_seconds"),
        timeout_seconds=_number(item, "timeout_seconds"),
        period_seconds=_number(item, "period_seconds"),
        failure_threshold=_number(item, "failure_threshold"),
        pointer=f"{name}#/{key}",
    )


def _default(item: dict[str, Any], key: str, default: str) -> Any:
    value = item.get(key)
    return default if value is None else value


def _mapping(item: dict[str, Any], key: str) -> dict[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def _text(item: dict[str, Any], key: str) -> str | None:
    value = item.get(key)
    return value if isinstance(value, str) else None


def _protocol(item: dict[str, Any]) -> str | None:
    text = (_text(item, "protocol") or "").lower()
    return text if text in {"http", "https"} else None


def _number(item: dict[str, Any], key: str) -> int | None:
    """Return a number that may be written as a string, as every sample does it."""
    value = item.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
