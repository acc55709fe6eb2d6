"""The shapes of real and official model configuration files, each rebuilt, and what is to be said about them."""

from __future__ import annotations

import pytest

from tests.modelfiles import (
    METRICS,
    SCORES,
    UPLOAD,
    api,
    body,
    dependency,
    image,
    parse,
    properties,
    remarks,
    violations,
)

# Name: the file, its violations with what is wanted, its remarks.
SAMPLES: dict[str, tuple[object, list[tuple[str, str | None]], list[str]]] = {
    "2021, Image, three interfaces": (
        image(
            apis=[
                api(url=url, method=method, protocol="http", response=body("application/json"))
                for url, method in (("/", "post"), ("/greet", "post"), ("/goodbye", "get"))
            ]
        ),
        [],
        [],
    ),
    "2025, Image, no protocol": (
        image(
            metrics=METRICS,
            apis=[
                api(request=body("multipart/form-data", UPLOAD), response=body("application/json", SCORES))
            ],
        ),
        [],
        [],
    ),
    "2019, Image, https": (
        image(
            metrics=METRICS,
            apis=[
                api(
                    protocol="https",
                    request=body("multipart/form-data", UPLOAD),
                    response=body("multipart/form-data", SCORES),
                )
            ],
        ),
        [],
        [],
    ),
    "PyTorch with the type list": (
        image(
            model_type="PyTorch",
            runtime="python3.7",
            apis=[
                api(response=body("multipart/form-data", properties(items={"type": "list", "items": [{}]})))
            ],
            dependencies=[dependency("torch", "1.8.0")],
        ),
        [("/model_type", "Image")],
        ["/apis/0/response/data/properties/items/type"],
    ),
    "official sample with three misspellings": (
        image(
            model_type="TensorFlow",
            runtime="python3.6",
            apis=[
                {
                    "procotol": "http",
                    "url": "/",
                    "method": "post",
                    "request": body("multipart/form-data", UPLOAD),
                    "response": body(
                        "applicaton/json", properties(result={"type": "array", "item": [{"type": "string"}]})
                    ),
                }
            ],
        ),
        [
            ("/apis/0/procotol", "protocol"),
            ("/apis/0/response/Content-type", "application/json"),
            ("/model_type", "Image"),
        ],
        ["/apis/0/response/data/properties/result/item"],
    ),
    "stored configuration with three probes": (
        image(
            model_source="auto",
            model_type="TensorFlow",
            tunable=False,
            downloadable_flag=True,
            algorithm="resnet_v2_50,mobilenet_v1",
            **{
                key: {
                    "check_method": "HTTP",
                    "protocol": "http",
                    "url": f"/{key}",
                    "period_seconds": "5",
                    "failure_threshold": "10",
                    "initial_delay_seconds": "12",
                }
                for key in ("health", "readiness_health", "startup_health")
            },
        ),
        [("/model_type", "Image")],
        [],
    ),
    "the list of interfaces alone": (
        [api(url=url, response=body("application/json")) for url in ("/", "/greet", "/goodbye")],
        [],
        [],
    ),
    "terraform, Image with a command": (
        {
            "protocol": "https",
            "port": 90,
            "model_type": "Image",
            "algorithm": "unknown_algorithm",
            "health": {
                "check_method": "EXEC",
                "command": "echo 1",
                "period_seconds": "1",
                "failure_threshold": "2",
                "initial_delay_seconds": "1",
            },
        },
        [],
        ["/algorithm"],
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str) -> None:
    document, wrong, odd = SAMPLES[name]
    config = parse(document)
    assert violations(config) == wrong
    assert remarks(config) == odd
