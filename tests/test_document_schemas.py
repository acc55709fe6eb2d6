"""The schemas of manifests, indexes and configs, and the checks that run in their place, accept the same documents."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from imagespec.documents.config import parse_config
from imagespec.documents.docker import parse_docker_manifest
from imagespec.documents.oci import parse_manifest_or_index
from imagespec.documents.schemas import load_schema
from imagespec.errors import DocumentError
from imagespec.limits import Limits
from tests.test_documents import config
from tests.test_sources import FIXTURES

NAMES = ("manifest", "index", "docker_manifest", "image_config")
SCHEMAS = {name: load_schema("imagespec.documents", f"{name}.schema.json") for name in NAMES}
DIGEST = "sha256:" + "a" * 64

DESCRIPTOR = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": DIGEST,
    "size": 7,
    "annotations": {"a": "b"},
    "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
    "urls": ["https://example.com/layer"],
    "artifactType": "application/x",
    "data": "e30=",
}
GOOD: dict[str, Any] = {
    "manifest": {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": DESCRIPTOR,
        "layers": [DESCRIPTOR],
        "artifactType": "application/x",
    },
    "index": {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [DESCRIPTOR],
    },
    "docker_manifest": [
        {
            "Config": "c.json",
            "RepoTags": ["a:1"],
            "Layers": ["l.tar"],
            "LayerSources": {DIGEST: {"mediaType": "application/x", "size": 1, "digest": DIGEST}},
        }
    ],
    "image_config": {**json.loads(config()), "created": "2024-01-01T00:00:00Z"},
}


def follows(value: Any, *names: str) -> bool:
    return any(Draft202012Validator(SCHEMAS[name]).is_valid(value) for name in names)


def passes(value: Any, name: str) -> bool:
    raw = json.dumps(value).encode()
    parse = {"docker_manifest": parse_docker_manifest, "image_config": parse_config}
    try:
        parse.get(name, parse_manifest_or_index)(raw, "x.json", Limits())
    except DocumentError:
        return False
    return True


NEW: list[Any] = [None, True, 7, -1, 1.5, "x", "", [], {}, [7], ["x"], [{}], {"a": 7}, 1 << 63, ...]


def accepted(value: Any, name: str) -> tuple[bool, bool]:
    names = ("manifest", "index") if name in {"manifest", "index"} else (name,)
    return follows(value, *names), passes(value, name)


# Whole numbers with a fraction of zero are integers to a JSON Schema, and to Go they are none; both refuse others.
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 1 << 64),
        st.just(1.5),
        st.sampled_from(["", "layers", "x", DIGEST, DIGEST + "\n", "sha512:" + "b" * 128, DIGEST.upper()]),
        st.sampled_from([GOOD["manifest"]["mediaType"], GOOD["index"]["mediaType"]]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        stack += [here[key] for key in keys]
    return found


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Any]:
    """Return a good document with up to three of its values replaced, removed or added."""
    name = draw(st.sampled_from(sorted(GOOD)))
    value = copy.deepcopy(GOOD[name])
    for _ in range(draw(st.integers(0, 3))):
        where = places(value)
        if not where:
            break
        holder, key = draw(st.sampled_from(where))
        how = draw(st.sampled_from(["replace", "remove", "add"]))
        if how == "remove" and isinstance(holder, dict):
            del holder[key]
        elif how == "add" and isinstance(holder, dict):
            more = draw(st.sampled_from(["manifests", "layers", "config", "fsLayers", "other"]))
            # Keys that differ in case only are refused before, as no schema can (documents/strictjson).
            if more.casefold() not in {known.casefold() for known in holder}:
                holder[more] = draw(VALUES)
        else:
            holder[key] = draw(VALUES)
    return name, value


@settings(max_examples=400, deadline=None)
@given(documents())
def test_schemas_and_checks_agree(document: tuple[str, Any]) -> None:
    name, value = document
    by_schema, by_checks = accepted(value, name)
    assert by_schema == by_checks


@pytest.mark.parametrize("name", GOOD)
def test_every_single_change(name: str) -> None:
    """The table: each value of a good document replaced by each of a kind, or removed."""
    assert accepted(GOOD[name], name) == (True, True)
    refused = 0
    for number in range(len(places(GOOD[name]))):
        for new in NEW:
            value = copy.deepcopy(GOOD[name])
            holder, key = places(value)[number]
            if new is ...:
                del holder[key]
            else:
                holder[key] = new
            by_schema, by_checks = accepted(value, name)
            assert by_schema == by_checks, (key, new)
            refused += not by_checks
    assert refused > 20


@pytest.mark.parametrize(
    "value",
    [
        {**GOOD["manifest"], "manifests": []},
        {**GOOD["index"], "config": DESCRIPTOR},
        {"fsLayers": []},
        {"manifests": None},
        {"manifests": None, "layers": None},
        {"config": DESCRIPTOR, "mediaType": GOOD["index"]["mediaType"]},
        {"manifests": [], "mediaType": GOOD["manifest"]["mediaType"]},
        {},
        [],
        None,
        7,
    ],
)
def test_manifest_or_index(value: Any) -> None:
    assert len(set(accepted(value, "manifest"))) == 1


def test_real_documents() -> None:
    layout = FIXTURES / "sample-crane-0.22-oci"
    seen = set()
    for path in [layout / "index.json", *(layout / "blobs/sha256").iterdir()]:
        raw = path.read_bytes()
        if raw[:1] == b"{":
            value = json.loads(raw)
            assert follows(value, "manifest", "index", "image_config")
            seen |= {name for name in NAMES if "schemaVersion" in value and follows(value, name)}
    assert seen >= {"manifest", "index"}
