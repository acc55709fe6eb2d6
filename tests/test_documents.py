"""Manifests, indexes and configs: what is read, what is tolerated, what is refused."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from imagespec import mediatypes
from imagespec.digest import digest_matches, parse_digest, sha256_of
from imagespec.documents.config import parse_config
from imagespec.documents.docker import parse_docker_manifest
from imagespec.documents.oci import Index, Manifest, parse_manifest_or_index
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError, LimitError
from imagespec.limits import Limits
from imagespec.mediatypes import LayerKind, layer_kind

LIMITS = Limits()
DIGEST = "sha256:" + "a" * 64
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def load(raw: str | bytes) -> Any:
    return load_json(raw.encode() if isinstance(raw, str) else raw, "x.json", LIMITS)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"Layers": ["good"], "layers": ["evil"]}', "'layers' is there also as 'Layers'"),
        ('{"Layers": 1, "Layer\u017f": 2}', "also as 'Layers'"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a": 1} {"a": 2}', "line 1, column 10"),
        ("\ufeff{}", "byte order mark"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "1" * 5_000 + "}", "too long"),
        ('{"a": 1,}', "line 1, column"),
        ('{\n  // why\n  "a": 1}', "line 2, column 3"),
        ("", "line 1, column 1"),
        ("{", "line 1"),
    ],
)
def test_json_that_others_read_differently_is_refused(raw: str | bytes, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(raw)
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.json: ")


def test_keys_of_maps_may_differ_in_case() -> None:
    assert load('{"config": {"Labels": {"Version": "1", "version": "2"}}}')
    assert load('{"data": {"properties": {"Image": {}, "image": {}}}}')
    with pytest.raises(DocumentError, match="is there twice"):
        load('{"Labels": {"a": "1", "a": "2"}}')


def test_json_depth_and_size_are_bounded() -> None:
    assert load("[" * 64 + "]" * 64)
    with pytest.raises(LimitError, match="document_depth"):
        load("[" * 65 + "]" * 65)
    with pytest.raises(LimitError, match="document_depth"):
        load("[" * 1_000_000)
    assert load('{"a": "[[[[' + "[" * 100 + '\\""}')
    with pytest.raises(LimitError, match="document_bytes"):
        load_json(b" " * 101, "x.json", attrs.evolve(LIMITS, document_bytes=100))


@pytest.mark.parametrize(
    "text", ["", "sha256:abc", "sha256:" + "A" * 64, "md5:" + "a" * 32, "sha256:../../etc/passwd", None, 5]
)
def test_bad_digests(text: object) -> None:
    with pytest.raises(ValueError, match="no sha256 or sha512 digest"):
        parse_digest(text)


def test_digests() -> None:
    assert digest_matches(sha256_of(b"x"), b"x")
    assert not digest_matches(sha256_of(b"x"), b"y")


def config(**change: Any) -> bytes:
    document: dict[str, Any] = {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "created": "2024-01-01T00:00:00Z",
        "config": {
            "Entrypoint": ["/tini", "--"],
            "Cmd": ["run"],
            "Env": ["PATH=/bin", "A=1=2", "odd", "A=3"],
            "WorkingDir": "/w",
            "User": "1000:100",
            "ExposedPorts": {"8080/tcp": {}},
            "Volumes": {"/data": {}},
            "Labels": {"a": "b"},
            "Shell": ["/bin/bash", "-c"],
            "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD", "true"]},
        },
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        "history": [{"created_by": "a"}, {"created_by": "b", "empty_layer": True}],
    }
    return json.dumps({**document, **change}).encode()


def test_config() -> None:
    read = parse_config(config(), "c.json", LIMITS)
    assert (read.os, read.architecture, read.variant) == ("linux", "arm64", "v8")
    assert (read.entrypoint, read.cmd, read.shell) == (("/tini", "--"), ("run",), ("/bin/bash", "-c"))
    assert read.environment() == {"PATH": "/bin", "A": "3"}
    assert (read.working_dir, read.user, read.exposed_ports) == ("/w", "1000:100", ("8080/tcp",))
    assert read.diff_ids == (DIGEST,)
    assert [line.empty_layer for line in read.history] == [False, True]
    assert read.digest == sha256_of(read.raw)


def test_config_tolerates_null_and_unknown_fields() -> None:
    inner = dict.fromkeys(("Entrypoint", "Cmd", "Env", "ExposedPorts", "Labels", "WorkingDir", "User"))
    read = parse_config(config(config=inner, history=None, created=None, extra={"x": 1}), "c.json", LIMITS)
    assert (read.entrypoint, read.cmd, read.env, read.exposed_ports, read.user) == ((), (), (), (), "")
    assert parse_config(config(config=None), "c.json", LIMITS).cmd == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": []}, "#/config should be an object"),
        ({"config": {"Cmd": 5}}, "#/config/Cmd should be an array"),
        ({"config": {"Env": [1]}}, "#/config/Env should hold strings only"),
        ({"config": {"User": 0}}, "#/config/User should be a string"),
        ({"rootfs": {"type": "windows", "diff_ids": []}}, "#/rootfs/type"),
        ({"rootfs": {"type": "layers", "diff_ids": ["sha256:x"]}}, "#/rootfs/diff_ids: 'sha256:x'"),
        ({"history": [1]}, "#/history/0 is not an object"),
        ({"history": [{"empty_layer": 1}]}, "#/history/0/empty_layer should be true or false"),
    ],
)
def test_config_of_wrong_types(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_config(config(**change), "c.json", LIMITS)
    assert words in str(caught.value)


def descriptor(**change: Any) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 5, **change}


def parse(document: Any) -> Manifest | Index:
    return parse_manifest_or_index(json.dumps(document).encode(), "m.json", LIMITS)


def test_manifest_and_index() -> None:
    layers = [descriptor(mediaType="application/vnd.oci.image.layer.v1.tar+gzip", urls=["https://x"])]
    kind = "application/vnd.oci.image.config.v1+json"
    manifest = parse({"schemaVersion": 2, "config": descriptor(mediaType=kind), "layers": layers})
    assert isinstance(manifest, Manifest)
    assert manifest.is_image
    assert manifest.layers[0].urls == ("https://x",)
    index = parse(
        {"manifests": [descriptor(platform={"os": "linux", "architecture": "arm", "variant": "v7"})]}
    )
    assert isinstance(index, Index)
    assert index.manifests[0].platform == "linux/arm/v7"
    assert parse({"manifests": None}) == Index(())


def test_what_is_no_image() -> None:
    attestation = descriptor(annotations={mediatypes.ATTESTATION_ANNOTATION: "attestation-manifest"})
    unknown = descriptor(platform={"os": "unknown", "architecture": "unknown"})
    index = parse(
        {
            "manifests": [
                *(attestation, unknown, descriptor(artifactType="application/x"), descriptor()),
                descriptor(artifactType="application/vnd.docker.container.image.v1+json"),
            ]
        }
    )
    assert isinstance(index, Index)
    assert [item.is_image_like for item in index.manifests] == [False, False, False, True, True]
    in_toto = [descriptor(mediaType="application/vnd.in-toto+json")]
    kind = "application/vnd.oci.image.config.v1+json"
    manifest = parse({"config": descriptor(mediaType=kind), "layers": in_toto})
    assert isinstance(manifest, Manifest)
    assert not manifest.is_image


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"manifests": [], "layers": []}, "a manifest and an index in one"),
        ({"manifests": [], "config": {}}, "a manifest and an index in one"),
        ({"mediaType": OCI_INDEX, "config": {}, "layers": []}, "has the other shape"),
        ({"mediaType": OCI_MANIFEST, "manifests": []}, "has the other shape"),
        ({"fsLayers": []}, "schema 1"),
        ({}, "neither a manifest nor an index"),
        ([], "is not an object"),
        ({"manifests": [descriptor(digest="sha256:../../../../etc/passwd")]}, "#/manifests/0/digest"),
        ({"manifests": [descriptor(size=-1)]}, "#/manifests/0/size"),
        ({"manifests": [descriptor(size=1.5)]}, "#/manifests/0/size"),
        ({"manifests": [descriptor(size=True)]}, "#/manifests/0/size"),
        ({"manifests": [descriptor()] * 300}, "300 manifests"),
    ],
)
def test_manifests_that_are_refused(document: Any, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(document)
    assert words in str(caught.value)


def test_docker_manifest() -> None:
    rows: list[Any] = [{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar"], "LayerSources": {}}]
    (image,) = parse_docker_manifest(json.dumps(rows).encode(), "manifest.json", LIMITS)
    assert (image.config, image.repo_tags, image.layers) == ("c.json", (), ("a/layer.tar",))
    for broken in ("{}", "null", '[{"Layers": []}]', "[1]", '[{"Config": "c", "Layers": "x"}]'):
        with pytest.raises(DocumentError):
            parse_docker_manifest(broken.encode(), "manifest.json", LIMITS)


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        (None, LayerKind.TAR),
        ("application/vnd.oci.image.layer.v1.tar", LayerKind.TAR),
        ("application/vnd.oci.image.layer.v1.tar+gzip", LayerKind.TAR),
        ("application/vnd.oci.image.layer.v1.tar+zstd", LayerKind.TAR),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", LayerKind.TAR),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", LayerKind.TAR),
        ("application/vnd.docker.image.rootfs.diff.tar", LayerKind.TAR),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LayerKind.FOREIGN),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LayerKind.FOREIGN),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", LayerKind.ENCRYPTED),
        ("application/vnd.oci.image.layer.v1.tar+encrypted", LayerKind.ENCRYPTED),
        ("application/vnd.oci.image.layer.v1.tar+lz4", LayerKind.UNKNOWN),
        ("application/vnd.erofs.layer.v1", LayerKind.UNKNOWN),
        ("application/vnd.oci.image.layer.v1.tarball", LayerKind.UNKNOWN),
        ("", LayerKind.UNKNOWN),
    ],
)
def test_layer_media_types(media_type: str | None, kind: LayerKind) -> None:
    assert layer_kind(media_type) is kind
