"""
What is wrong with a model configuration: breaches of its JSON Schema, and rules for imported images beside it.

A breach that the platform would refuse, or not see and so not heed, is a violation; anything else is a remark.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from imagespec.documents.body_schema import check_body_schema
from imagespec.documents.schemas import load_schema
from imagespec.text import shorten
from imagespec.verdict import Evidence

if TYPE_CHECKING:
    from jsonschema import ValidationError

_MOST = 100  # violations or remarks of one file
_LONGEST_KEY = 64  # for comparisons with known keys, which cost the square of the length
_MISSPELT = {"procotol": "protocol", "protocal": "protocol", "protocl": "protocol", "item": "items"}
"""Seen in real files, official samples among them; any other is found by likeness."""
_SAMPLE_LENGTH = 60

Path = Sequence[str | int]


@attrs.frozen
class Finder:
    """Collects violations and remarks of the document ``name``, up to 100 of each."""

    name: str
    violations: list[Evidence] = attrs.field(factory=list)
    remarks: list[Evidence] = attrs.field(factory=list)

    def violation(self, path: Path, message: str, seen: Any = None, wanted: str | None = None) -> None:
        """Add what the platform would refuse or not see."""
        self._add(self.violations, path, message, seen, wanted)

    def remark(self, path: Path, message: str, seen: Any = None, wanted: str | None = None) -> None:
        """Add what is odd but most likely harmless."""
        self._add(self.remarks, path, message, seen, wanted)

    def _add(self, to: list[Evidence], path: Path, message: str, seen: Any, wanted: str | None) -> None:
        if len(to) < _MOST:
            parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)  # RFC 6901
            pointer = f"{self.name}#" + "".join(f"/{part}" for part in parts)
            text = seen if isinstance(seen, str) or seen is None else _sample(seen)
            sentence = message if message.endswith("?") else f"{message}."
            to.append(
                Evidence(
                    message=sentence, pointer=pointer, seen=shorten(text) if text else text, wanted=wanted
                )
            )


def check_values(tree: Any, find: Finder, *, batch: bool) -> None:
    """Check a parsed model configuration."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 70 ms that only user documents should cost
    from referencing import Registry  # noqa: PLC0415

    # An empty registry without a retriever: a `$ref` to anywhere else is an error, never a download.
    schema = load_schema("imagespec.documents", "model_config.schema.json")
    validator = Draft202012Validator(schema, registry=Registry())
    for error in itertools.islice(validator.iter_errors(tree), _MOST):
        _report(error, find)
    if isinstance(tree, dict):
        _check_for_image(tree, find)
    elif not isinstance(tree, list):
        return
    _check_apis(tree, find, batch=batch)
    for key in ("health", "readiness_health", "startup_health"):
        probe = tree.get(key) if isinstance(tree, dict) else None
        if isinstance(probe, dict):
            _check_probe(probe, (key,), find)


def _report(error: ValidationError, find: Finder) -> None:
    """Turn an error of the validator into evidence; its own messages may hold the whole document."""
    path: Path = list(error.absolute_path)
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            _report_keys(value, schema["properties"], path, find)
        case "required":
            missing = next(key for key in wanted if key not in value)
            find.violation(path, f"{_name(path)} lacks {missing!r}, which is mandatory", wanted=missing)
        case "anyOf":
            find.violation(
                path, "the file lacks 'model_algorithm', which is mandatory", wanted="model_algorithm"
            )
        case "enum":
            _report_choice(value, [item for item in wanted if item is not None], path, find)
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"]
            text = " or ".join(_KINDS[kind] for kind in kinds)
            find.violation(path, f"{_name(path)} should be {text}", value, text)
        case "minimum" | "maximum":
            find.violation(path, f"{_name(path)} is out of range", value, f"{error.validator} {wanted}")
        case _:
            find.violation(
                path, f"{_name(path)} has a value that is not allowed", value, f"{error.validator} {wanted}"
            )


_KINDS = {
    "string": "a string",
    "object": "an object",
    "array": "an array",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


def _report_keys(value: dict[str, Any], known: Iterable[str], path: Path, find: Finder) -> None:
    names = list(known)
    for key in value:
        if key in names:
            continue
        certain = next((name for name in names if name.casefold() == key.casefold()), None) or _MISSPELT.get(
            key
        )
        if certain in names:
            message = f"the key {_sample(key)} is not read; did you mean {certain!r}?"
            find.violation([*path, key[:_LONGEST_KEY]], message, key, certain)
            continue
        near = did_you_mean(key, names)
        hint = f"; did you mean {near!r}?" if near else ""
        find.remark(
            [*path, key[:_LONGEST_KEY]],
            f"the key {_sample(key)} is in no edition of the table{hint}",
            key,
            near,
        )


def _report_choice(value: Any, allowed: list[str], path: Path, find: Finder) -> None:
    wanted = " or ".join(allowed)
    if isinstance(value, str):
        bare = value.partition(";")[0].strip() if "/" in allowed[0] else value
        if bare.casefold() in {item.casefold() for item in allowed}:
            find.remark(path, f"{_name(path)} is written otherwise than in the table", value, wanted)
            return
        near = did_you_mean(value, allowed)
        if near and value:
            find.violation(path, f"{_name(path)} is misspelt; did you mean {near!r}?", value, near)
            return
    find.violation(path, f"{_name(path)} has a value that is not allowed", value, wanted)


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that is most like ``word``, None when none is."""
    return (
        next(iter(difflib.get_close_matches(word, known, 1, 0.8)), None)
        if len(word) <= _LONGEST_KEY
        else None
    )


def _check_for_image(tree: dict[str, Any], find: Finder) -> None:
    """Check what an imported image must or cannot have."""
    kind = tree.get("model_type")
    if isinstance(kind, str) and kind != "Image":
        find.violation(
            ["model_type"], "an imported image needs the model_type Image, spelled so", kind, "Image"
        )
    if tree.get("dependencies") and isinstance(kind, str) and kind.casefold() == "image":
        message = "packages cannot be installed into a custom image; remove the dependencies"
        find.violation(["dependencies"], message, wanted="none")
    if tree.get("runtime") is not None and kind == "Image":
        find.remark(["runtime"], "a custom image brings its own runtime; this is not used", tree["runtime"])
    if "model_algorithm" not in tree and "algorithm" in tree:
        find.remark(
            ["algorithm"], "the tables call it 'model_algorithm'; stored configurations have this name"
        )
    _check_port(tree, find)


def _check_port(tree: dict[str, Any], find: Finder) -> None:
    port = tree.get("port")
    if isinstance(port, str) and port.isascii() and port.isdigit() and not 1 <= int(port[:10]) <= 65535:
        find.violation(["port"], "port is out of range", port, "1 to 65535")


def _check_apis(tree: dict[str, Any] | list[Any], find: Finder, *, batch: bool) -> None:
    path: list[str | int] = [] if isinstance(tree, list) else ["apis"]
    items = tree if isinstance(tree, list) else tree.get("apis")
    for number, item in enumerate(items if isinstance(items, list) else []):
        if not isinstance(item, dict):
            continue
        here = [*path, number]
        _check_url(item.get("url"), [*here, "url"], find)
        for side in ("request", "response"):
            message = item.get(side)
            body = message if isinstance(message, dict) else {}
            # "Content-type" is mandatory for batch services in CFG 2021 and since 2024-07; between, inverted in print.
            if batch and body.get("Content-type") is None:
                what = f"{side} lacks 'Content-type', which a batch service needs"
                find.violation([*here, side], what, wanted="Content-type")
            if isinstance(body.get("data"), dict):
                check_body_schema(body["data"], [*here, side, "data"], find.remark)


def _check_url(url: Any, path: Path, find: Finder) -> None:
    if not isinstance(url, str):
        return
    if "://" in url:
        find.violation(
            path, "url should be the path alone, without protocol and host", url, "a path such as /predict"
        )
    elif url and not url.startswith("/"):
        find.remark(path, "url does not begin with a slash", url, "/" + url[:_SAMPLE_LENGTH])


def _check_probe(probe: dict[str, Any], path: Path, find: Finder) -> None:
    _check_url(probe.get("url"), [*path, "url"], find)
    if probe.get("protocol") == "https":
        find.remark(
            [*path, "protocol"],
            "the tables allow only http for health checks, the newest guide both",
            "https",
        )
    for key in ("initial_delay_seconds", "timeout_seconds", "period_seconds", "failure_threshold"):
        text = probe.get(key)
        if isinstance(text, str) and text.isascii() and text.isdigit() and int(text[:11]) > 2147483647:
            find.violation([*path, key], f"{key} is out of range", text, "2147483647 at most")


def _name(path: Path) -> str:
    return (
        next((part for part in reversed(path) if isinstance(part, str)), "the file") if path else "the file"
    )


def _sample(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SAMPLE_LENGTH else text[: _SAMPLE_LENGTH - 1] + "…"
