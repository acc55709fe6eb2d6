"""
Interfaces that model servers have by themselves, whatever models they are given.

Sources: TorchServe docs/inference_api.md, KServe "Open Inference Protocol" (Triton, MLServer), TensorFlow Serving
api_rest.md, vLLM entrypoints/openai/api_server.py, BentoML "health endpoints".
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.routes.routing import Route, RouteTable
from imagespec.analyzers.routes.tokens import Token
from imagespec.analyzers.servers.listening import Listener
from imagespec.verdict import Evidence

_V2 = (
    "GET /v2/health/live", "GET /v2/health/ready", "GET /v2", "? GET /v2/models/*", "? GET /v2/models/*/ready",
    "? POST /v2/models/*/infer", "? GET /v2/models/*/versions/*", "? GET /v2/models/*/versions/*/ready",
    "? POST /v2/models/*/versions/*/infer", "? POST /v2/repository/index", "? POST /v2/repository/models/*/load",
    "? POST /v2/repository/models/*/unload",
)  # fmt: skip
_TABLES: Mapping[str, tuple[str, ...]] = {
    # "?" stands before what depends on models or options. Triton's own extensions are below /v2 as well.
    "torchserve": (
        "? GET /ping", "? ANY /predictions/**", "? ANY /explanations/**", "? OPTIONS /", "? ANY /v1/**", "? ANY /v2/**",
        "? ANY /invocations", "? ANY /models/**", "? ANY /models", "? GET /metrics", "? ANY /api-description",
    ),
    "triton": (*_V2, "? ANY /v2/**", "? GET /metrics"),
    "tensorflow-serving": (
        "? GET /v1/models/*", "? POST /v1/models/*", "? GET /v1/models/*/**", "? POST /v1/models/*/**",
        "? GET /monitoring/**",
    ),
    "mlserver": (*_V2, "? ANY /**"),
    "vllm": (
        "GET /health", "GET /v1/models", "GET /version", "? ANY /**",
    ),
    "bentoml": ("GET /livez", "GET /readyz", "GET /healthz", "? ANY /**"),
    "other": ("? ANY /**",),
}  # fmt: skip


def fixed_routes(listener: Listener) -> RouteTable:
    """Return the routing table of a listener with a fixed interface."""
    assert listener.api is not None
    kind = listener.api.kind
    place = listener.evidence[-1] if listener.evidence else Evidence(message=kind)
    routes = tuple(_route(line, kind, place) for line in _TABLES[kind])
    return RouteTable(routes=routes, source=(place,), ordered=True)


def _route(line: str, kind: str, place: Evidence) -> Route:
    doubtful = line.startswith("? ")
    method, path = line.removeprefix("? ").split()
    tokens: list[Token] = []
    for part in path.split("/")[1:]:
        tokens.append(Token("literal", "/"))
        tokens.append(Token("rest" if part == "**" else "segment" if part == "*" else "literal", part))
    evidence = Evidence(
        message=f"{method} {path} is part of the interface of {kind}", path=place.path, line=place.line
    )
    return Route(
        pattern=path,
        tokens=tuple(tokens),
        methods=None if method == "ANY" else frozenset({method}),
        evidence=evidence,
        served=None if doubtful else True,
    )
