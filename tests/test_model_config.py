"""The model configuration file: what it promises, and that hostile files do no harm."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib import resources
from typing import NoReturn

import pytest
from jsonschema import Draft202012Validator

from imagespec.documents.model_config import Api, Health, parse_model_config
from imagespec.errors import DocumentError, LimitError
from imagespec.limits import Limits
from tests.modelfiles import (
    Json,
    api,
    body,
    image,
    parse,
    places,
    properties,
    remarks,
)


def test_interfaces() -> None:
    config = parse(
        image(
            apis=[
                api(url="/predict", method="POST", protocol="http", response=body("multipart/form-data")),
                {},
                {"url": None, "method": None},
                {"url": 8080},
            ]
        )
    )
    assert config.apis == (
        Api("/predict", "post", "http", "application/json", "multipart/form-data", "config.json#/apis/0"),
        Api("/", "post", None, None, None, "config.json#/apis/1"),
        Api("/", "post", None, None, None, "config.json#/apis/2"),
    )


def test_health() -> None:
    health = {
        "url": "/health",
        "protocol": "http",
        "initial_delay_seconds": "12",
        "timeout_seconds": 3,
        "period_seconds": "007",
        "failure_threshold": None,
    }
    config = parse(image(health=health, protocol="https", port="8443"))
    assert config.health == Health(
        check_method="HTTP",
        url="/health",
        protocol="http",
        command=None,
        initial_delay_seconds=12,
        timeout_seconds=3,
        period_seconds=7,
        failure_threshold=None,
        pointer="config.json#/health",
    )
    assert config.readiness_health is None
    assert (config.model_type, config.protocol, config.port) == ("Image", "https", 8443)
    assert config.violations == ()


def test_what_a_file_does_not_say_is_none() -> None:
    config = parse(image())
    assert (config.apis, config.health, config.protocol, config.port) == (None, None, None, None)
    assert config.violations == config.remarks == ()
    assert parse(image(apis=[])).apis == ()
    assert parse([]).apis == ()
    assert parse({**image(), "apis": None, "health": None, "dependencies": None}).apis is None


def test_pointers_of_the_bare_list() -> None:
    config = parse([api(), api(method="fetch")])
    assert config.apis is not None
    assert config.apis[1].pointer == "config.json#/1"
    assert places(config) == ["/1/method"]


# Broken and hostile files.


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{\n  "a": 1,\n  // "b": 2\n}', "line 3, column 3"),
        (b'{\n  "a": 1,\n  // "b": 2\n}', "JSON has no comments; remove '// \"b\": 2'"),
        (b'{"a": 1 /* one */}', "JSON has no comments"),
        (b'{"a": 1,}', "remove the comma before '}'"),
        (b"[1, ]", "remove the comma before ']'"),
        (b"{'a': 1}", "double quotes"),
        (b"", "line 1, column 1"),
        (b"{", "broken JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"url": 1, "url": 2}', "'url' is there twice"),
        (b'{"apis": [{"url": "/", "url": "/"}]}', "'url' is there twice"),
        (b"[" + b"{}," * 20_000 + b"{}]", "more than 20,000 values"),
    ],
)
def test_broken_files(raw: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(raw)
    assert words in str(caught.value)
    assert str(caught.value).startswith("config.json: ")


def test_limits() -> None:
    with pytest.raises(LimitError, match="document_depth"):
        parse(b"[" * 100_000)
    with pytest.raises(LimitError, match="document_bytes"):
        parse_model_config(b" " * 101, "config.json", Limits(document_bytes=100))


def nested(levels: int) -> Json:
    schema: Json = {"type": "list"}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


def test_deep_schemas_are_checked_to_the_bottom() -> None:
    config = parse([{"request": {"data": nested(59)}}])
    assert remarks(config) == ["/0/request/data" + "/not" * 59 + "/type"]


def test_findings_are_bounded_and_short() -> None:
    config = parse(image(apis=[{f"key {n}" + "x" * 5000: 1} for n in range(500)]))
    assert len(config.remarks) == 100
    assert max(len(str(item)) for item in config.remarks) < 1000
    assert len(parse([1] * 500).violations) == 100


def test_keys_that_differ_in_case_are_different_fields_of_a_body() -> None:
    assert parse(image(apis=[api(request=body("application/json", properties(ID={}, id={})))])).remarks == ()


@pytest.fixture
def no_sockets() -> Iterator[None]:
    """Let every attempt to reach a network fail the test."""

    class Refused(socket.socket):
        def __init__(self, *_: object, **__: object) -> None:
            raise AssertionError("a socket was opened")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a name was looked up")

    real, look_up = socket.socket, socket.getaddrinfo
    socket.socket, socket.getaddrinfo = Refused, refuse  # type: ignore[misc]
    yield
    socket.socket, socket.getaddrinfo = real, look_up  # type: ignore[misc]


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://schemas.example.com/a.json"},
        {"$schema": "http://schemas.example.com/meta.json", "type": "object"},
        {"$id": "http://schemas.example.com/", "properties": {"a": {"$ref": "b.json"}}},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#/allOf/0"}]},
        {"pattern": "(a+)+$", "type": "string"},
    ],
)
def test_references_are_never_followed(schema: Json) -> None:
    config = parse(image(apis=[api(request=body("application/json", schema))]))
    assert config.violations == ()


def test_the_schema_is_valid_and_describes_every_field() -> None:
    raw = resources.files("imagespec.documents").joinpath("model_config.schema.json").read_bytes()
    schema = json.loads(raw)
    Draft202012Validator.check_schema(schema)
    fields = {
        name: field for part in schema["$defs"].values() for name, field in part.get("properties", {}).items()
    }
    assert all("description" in field for field in fields.values())
    assert {
        "model_algorithm",
        "model_type",
        "runtime",
        "swr_location",
        "metrics",
        "apis",
        "dependencies",
    } <= set(fields)
    assert {"Content-type", "data", "installer", "packages", "check_method", "command", "port"} <= set(fields)
