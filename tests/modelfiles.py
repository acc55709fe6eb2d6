"""Model configuration files written in a line each."""

from __future__ import annotations

import json
from typing import Any

from imagespec.documents.model_config import ModelConfig, parse_model_config
from imagespec.limits import Limits

Json = dict[str, Any]


def parse(value: object, *, batch: bool = False) -> ModelConfig:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse_model_config(raw, "config.json", Limits(), batch=batch)


def image(**more: object) -> Json:
    """Return the smallest file without fault, with changes; None removes a key."""
    base = {"model_type": "Image", "model_algorithm": "detector"} | more
    return {key: value for key, value in base.items() if value is not None}


def api(**more: object) -> Json:
    return {"url": "/", "method": "post", "request": {"Content-type": "application/json"}} | more


def body(media_type: str, schema: Json | None = None) -> Json:
    return {"Content-type": media_type} | ({"data": schema} if schema is not None else {})


def array_of(*items: Json) -> Json:
    return {"type": "array", "items": list(items)}


def properties(**named: Json) -> Json:
    return {"type": "object", "properties": named}


def dependency(name: str, version: str, restraint: str = "EXACT") -> Json:
    package = {"package_name": name, "package_version": version, "restraint": restraint}
    return {"installer": "pip", "packages": [package]}


def violations(config: ModelConfig) -> list[tuple[str, str | None]]:
    return sorted(
        ((item.pointer or "").removeprefix("config.json#"), item.wanted) for item in config.violations
    )


def places(config: ModelConfig) -> list[str]:
    return [pointer for pointer, _ in violations(config)]


def remarks(config: ModelConfig) -> list[str]:
    return sorted((item.pointer or "").removeprefix("config.json#") for item in config.remarks)


UPLOAD = properties(images={"type": "file"})
SCORES = properties(scores=array_of(array_of({"type": "string"}, {"type": "number"}) | {"minItems": 2}))
METRICS = {"f1": 0.345294, "accuracy": 0.462963, "precision": 0.338977, "recall": 0}
