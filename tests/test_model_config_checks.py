"""What is wrong with a model configuration file, and what is only odd."""

from __future__ import annotations

import json

import pytest

from tests.modelfiles import (
    SCORES,
    UPLOAD,
    Json,
    api,
    array_of,
    body,
    dependency,
    image,
    parse,
    places,
    properties,
    remarks,
)

ACCEPTED: list[object] = [
    image(model_algorithm="a" * 36),
    image(metrics={"f1": "0.5", "recall": 1, "precision": None, "accuracy": 0.12345678901234567}),
    image(swr_location="swr.example.com/group/image:1.0"),
    image(dependencies=[]),
    image(port=1),
    image(port="65535"),
    image(model_source="custom", tunable=True, downloadable_flag=None),
    image(apis=[api(method="put"), api(method="delete"), api(method="get")]),
    image(apis=[api(request=None)]),
    image(apis=[api(request={"Content-type": "application/json", "data": "an object with one field"})]),
    image(health={"url": "/health", "initial_delay_seconds": 0}),
    image(health={"url": "/health", "initial_delay_seconds": "2147483647", "period_seconds": 2147483647}),
    image(health={"check_method": "EXEC", "command": "sh /home/check.sh", "url": None}),
]


@pytest.mark.parametrize("document", ACCEPTED)
def test_accepted(document: object) -> None:
    config = parse(document)
    assert (config.violations, config.remarks) == ((), ())


BREACHES: list[tuple[object, str]] = [
    ("text", ""),
    (None, ""),
    (image(model_type=None), ""),
    (image(model_type="image"), "/model_type"),
    (image(model_type="PyTorch"), "/model_type"),
    (image(model_type=7), "/model_type"),
    ({**image(), "model_type": None}, "/model_type"),
    (image(model_algorithm=None), ""),
    (image(model_algorithm="1st"), "/model_algorithm"),
    (image(model_algorithm="a" * 37), "/model_algorithm"),
    (image(model_algorithm="a<b"), "/model_algorithm"),
    (image(model_algorithm="模型"), "/model_algorithm"),
    (image(runtime=3.7), "/runtime"),
    (image(swr_location=1), "/swr_location"),
    (image(metrics=[]), "/metrics"),
    (image(metrics={"f1": "good"}), "/metrics/f1"),
    (image(metrics={"recall": True}), "/metrics/recall"),
    (image(apis={}), "/apis"),
    (image(apis=["/"]), "/apis/0"),
    (image(apis=[api(protocol="ftp")]), "/apis/0/protocol"),
    (image(apis=[api(url=8080)]), "/apis/0/url"),
    (image(apis=[api(url="")]), "/apis/0/url"),
    (image(apis=[api(url="/a b")]), "/apis/0/url"),
    (image(apis=[api(url="http://host/predict")]), "/apis/0/url"),
    (image(apis=[api(method="fetch")]), "/apis/0/method"),
    (image(apis=[api(method="patch")]), "/apis/0/method"),
    (image(apis=[api(request=[])]), "/apis/0/request"),
    (image(apis=[api(request=body("text/plain"))]), "/apis/0/request/Content-type"),
    (image(apis=[api(request=body("multipart/from-data"))]), "/apis/0/request/Content-type"),
    (image(apis=[api(response=body("applicaton/json"))]), "/apis/0/response/Content-type"),
    (image(apis=[api(request={"Content-Type": "application/json"})]), "/apis/0/request/Content-Type"),
    (image(apis=[api(request={"Content-type": "application/json", "data": []})]), "/apis/0/request/data"),
    (image(apis=[api(procotol="http")]), "/apis/0/procotol"),
    (image(Apis=[api()]), "/Apis"),
    (image(dependencies=[dependency("numpy", "1.16.4")]), "/dependencies"),
    (image(dependencies={}), "/dependencies"),
    (image(health=True), "/health"),
    (image(health={}), "/health"),
    (image(health={"url": None}), "/health/url"),
    (image(health={"check_method": "EXEC"}), "/health"),
    (image(health={"check_method": "TCP", "url": "/"}), "/health/check_method"),
    (image(health={"url": "/", "protocol": "tcp"}), "/health/protocol"),
    (image(health={"url": "http://host/health"}), "/health/url"),
    (image(health={"url": "/", "initial_delay_seconds": -1}), "/health/initial_delay_seconds"),
    (image(health={"url": "/", "initial_delay_seconds": "12s"}), "/health/initial_delay_seconds"),
    (image(health={"url": "/", "timeout_seconds": ""}), "/health/timeout_seconds"),
    (image(health={"url": "/", "timeout_seconds": True}), "/health/timeout_seconds"),
    (image(health={"url": "/", "period_seconds": 0}), "/health/period_seconds"),
    (image(health={"url": "/", "period_seconds": "0"}), "/health/period_seconds"),
    (image(health={"url": "/", "period_seconds": 1.5}), "/health/period_seconds"),
    (image(health={"url": "/", "failure_threshold": "2147483648"}), "/health/failure_threshold"),
    (image(health={"url": "/", "failure_threshold": 2147483648}), "/health/failure_threshold"),
    (image(readiness_health={}), "/readiness_health"),
    (image(startup_health={}), "/startup_health"),
    (image(protocol="tcp"), "/protocol"),
    (image(port=0), "/port"),
    (image(port=65536), "/port"),
    (image(port="65536"), "/port"),
    (image(port="http"), "/port"),
    (image(model_source="stolen"), "/model_source"),
    (image(tunable="yes"), "/tunable"),
    (image(downloadable_flag=1), "/downloadable_flag"),
]


@pytest.mark.parametrize(
    ("document", "pointer"), BREACHES, ids=[json.dumps(item)[:60] for item, _ in BREACHES]
)
def test_breaches(document: object, pointer: str) -> None:
    assert set(places(parse(document))) == {pointer}


def test_dependencies_are_described_even_where_they_are_of_no_use() -> None:
    def wrong(item: Json) -> set[str]:
        return set(places(parse(image(model_type="PyTorch", dependencies=[item])))) - {"/model_type"}

    packages = "/dependencies/0/packages"
    assert wrong(dependency("numpy", "1.16.4")) == set()
    assert wrong({"installer": "pip", "packages": [{"package_name": "numpy"}]}) == set()
    assert wrong(dependency("numpy", "", "")) == set()
    assert wrong({"installer": "conda", "packages": []}) == {"/dependencies/0/installer"}
    assert wrong({"installer": "pip"}) == {"/dependencies/0"}
    assert wrong({"installer": "pip", "packages": [{}]}) == {packages + "/0"}
    assert wrong({"installer": "pip", "packages": [{"package_name": "a", "package_version": "1"}]}) == {
        packages + "/0"
    }
    assert wrong(dependency("a=b", "1")) == {packages + "/0/package_name"}
    assert wrong(dependency("a", "1<2")) == {packages + "/0/package_version"}
    assert wrong(dependency("a", "1", "ABOUT")) == {packages + "/0/restraint"}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (image(runtime="python3.6"), "/runtime"),
        (image(comment="ours"), "/comment"),
        (image(model_algorythm="a"), "/model_algorythm"),
        (image(metrics={"f2": 1}), "/metrics/f2"),
        (image(apis=[api(url="predict")]), "/apis/0/url"),
        (image(apis=[api(method="Post")]), "/apis/0/method"),
        (image(apis=[api(protocol="HTTP")]), "/apis/0/protocol"),
        (image(apis=[api(request=body("application/json; charset=utf-8"))]), "/apis/0/request/Content-type"),
        (image(health={"url": "/h", "protocol": "https"}), "/health/protocol"),
        (image(health={"check_method": "exec", "command": "true"}), "/health/check_method"),
    ],
)
def test_oddities_are_remarks(document: Json, pointer: str) -> None:
    config = parse(document)
    assert remarks(config) == [pointer]
    assert config.violations == ()


def test_misspellings_name_the_right_word() -> None:
    cases = [
        (image(apis=[api(procotol="http")]), "violations", "'protocol'"),
        (image(apis=[api(request=body("multipart/from-data"))]), "violations", "'multipart/form-data'"),
        (image(apis=[api(request={"Content-Type": "application/json"})]), "violations", "'Content-type'"),
        (image(model_algorythm="a"), "remarks", "'model_algorithm'"),
    ]
    for document, where, word in cases:
        (item,) = getattr(parse(document), where)
        assert f"did you mean {word}?" in item.message


def test_a_misspelt_protocol_does_not_count() -> None:
    (found,) = parse(image(apis=[api(procotol="http")])).apis or ()
    assert found.protocol is None


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (UPLOAD, []),
        (SCORES, []),
        (properties(a={"type": ["string", "null"]}), []),
        (properties(type={"type": "string"}, item={"type": "number"}), []),  # names of fields, not keywords
        (properties(a={"type": "list"}), ["/properties/a/type"]),
        (properties(a={"type": "strnig"}), ["/properties/a/type"]),
        (properties(a={"type": "array", "item": [{}]}), ["/properties/a/item"]),
        ({"type": "object", "propertys": {}}, ["/propertys"]),
        (array_of({"type": "array", "minItems": "2"}), ["/items/0/minItems"]),
        ({"type": "object", "required": "a"}, ["/required"]),
        ({"properties": []}, ["/properties"]),
        ({"allOf": [{"not": {"type": "list"}}]}, ["/allOf/0/not/type"]),
        ({"type": 3}, ["/type"]),
    ],
)
def test_body_schemas(schema: Json, where: list[str]) -> None:
    config = parse(image(apis=[api(request=body("application/json", schema))]))
    assert remarks(config) == [f"/apis/0/request/data{place}" for place in where]
    assert config.violations == ()


def test_batch_services_need_media_types() -> None:
    whole = api(request=body("application/json"), response=body("application/json"))
    assert places(parse(image(apis=[whole]), batch=True)) == []
    assert places(parse(image(apis=[api()]), batch=True)) == ["/apis/0/response"]
    assert places(parse(image(apis=[{}]), batch=True)) == ["/apis/0/request", "/apis/0/response"]
    assert places(parse(image(apis=[{}]))) == []
    assert places(parse(image(), batch=True)) == []
