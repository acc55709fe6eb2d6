"""One conformance check over every source, and what each layout is read as."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import attrs
import pytest

import imagespec
from imagespec.analyzers.facts import WANTED
from imagespec.analyzers.wanted import compile_wanted
from imagespec.engine import scan_layers
from imagespec.entry import EntryKind
from imagespec.errors import InputError, LimitError
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.scan import ScanRequest
from imagespec.sources import Archive, open_archive
from tests.build import Pipe, config, digest, docker_archive, file, layer, oci_members, outer_tar, symlink
from tests.comparing import merged
from tests.conformance import Expected, conforms, conforms_to, expected_of
from tests.layouts import WRAPPERS, put

FIXTURES = Path(__file__).parent / "fixtures"
ARCHIVES = sorted(path for path in FIXTURES.glob("*.tar") if "export" not in path.name)
SAMPLES = sorted(
    path for path in FIXTURES.glob("sample-*") if path.suffix != ".json" and "export" not in path.name
)
# Their layers have the bytes of the sample's; what writes eStargz adds files, and so makes other layers.
SAMPLES += sorted(FIXTURES.glob("table-zstd-chunked*.tar"))
TABLES = sorted(FIXTURES.glob("table-*.tar"))
FILES_OF_TABLES = {"stargz.index.json", ".no.prefetch.landmark"}  # stargz-snapshotter estargz/types.go
# Their writers make a new config, as OCI has it.
NEW_CONFIG = ("oci-", "umoci", "buildah", "table-")
INSPECT = json.loads((FIXTURES / "sample-inspect.json").read_text())
EXPORT = json.loads((FIXTURES / "sample-export.json").read_text())


STREAMS = contextlib.ExitStack()


@pytest.fixture(autouse=True)
def _close_streams() -> Iterator[None]:
    """Close what a test handed over: the caller's files are the caller's to close."""
    with STREAMS:
        yield


def through_pipe(path: Path) -> IO[bytes]:
    process = STREAMS.enter_context(subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE))
    assert process.stdout
    return process.stdout


def unpacked(path: Path) -> str:
    folder = STREAMS.enter_context(tempfile.TemporaryDirectory())
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
    return folder


def wrapped(codec: str) -> Callable[[Path], Any]:
    return lambda path: io.BytesIO(WRAPPERS[codec](path.read_bytes()))


OPENERS: dict[str, Callable[[Path], Any]] = {
    "path": str,
    "file": lambda path: STREAMS.enter_context(path.open("rb")),
    "memory": lambda path: io.BytesIO(path.read_bytes()),
    "pipe": through_pipe,
    "slow-pipe": lambda path: Pipe(path.read_bytes()),
    "unpacked": unpacked,
    "url": lambda path: put(path.name, path.read_bytes()),
    **{codec: wrapped(codec) for codec in WRAPPERS},
}


PLAIN = [opener for name, opener in OPENERS.items() if name not in WRAPPERS]


@pytest.fixture(params=sorted(OPENERS))
def opener(request: pytest.FixtureRequest) -> Callable[[Path], Any]:
    return OPENERS[request.param]


def opened(source: Any, **options: Any) -> Archive:
    return open_archive(source, ScanRequest(**options))


@functools.cache
def expected() -> Expected:
    """Return what Docker's own archive gives, which is what the engine says of the image."""
    with opened(
        str(FIXTURES / "sample-docker-20.10.tar"), want=compile_wanted(WANTED), verify=True
    ) as archive:
        (image,) = archive.images
        found = expected_of(image)
        rootfs = conforms(image)
    assert list(found.diff_ids) == INSPECT["RootFS"]["Layers"]
    assert sum(usage.apparent_bytes for usage in rootfs.usage if usage) == INSPECT["Size"]
    assert image.config.digest == INSPECT["Id"]
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_source_gives_the_same_image(path: Path, opener: Callable[[Path], Any]) -> None:
    if path.is_dir() and opener is not str:
        pytest.skip("a directory has no stream")
    if path.suffix == ".gz" and opener not in PLAIN:
        pytest.skip("is compressed already")
    with opened(opener(path), want=compile_wanted(WANTED), verify=True) as archive:
        assert not archive.unreadable
        for image in archive.images:
            conforms_to(expected(), image, config=not any(word in path.name for word in NEW_CONFIG))
    assert archive.images


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_layers_with_tables_give_the_same_files(
    path: Path, trusted: bool, opener: Callable[[Path], Any]
) -> None:
    with opened(opener(path), verify=not trusted, trust_tables=trusted) as archive:
        (image,) = archive.images
        assert all(each.has_table for each in image.layers)
        scans, problems = scan_layers(image)
        view = RootFs(scans) if trusted else conforms(image)
    assert not problems
    seen = merged(view)
    assert {name: row for name, row in seen.items() if name not in FILES_OF_TABLES} == expected().entries


def test_a_registry_with_real_pushes(opener: Callable[[Path], Any]) -> None:
    source = opener(FIXTURES / "registry-distribution-3.1.tar.gz") if opener in PLAIN else None
    if source is None:
        pytest.skip("is compressed already")
    with opened(source, want=compile_wanted(WANTED), verify=True) as archive:
        second, first = archive.images
        conforms_to(expected(), first)
        conforms(second)
    assert first.references == ("team/modelarts-sample:1.0", "team/modelarts-sample:index")
    assert second.references == ("modelarts-second:1.0",)
    assert len(first.index_digests) == 1


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_merged_view_is_what_the_engine_exports(path: Path) -> None:
    with opened(str(path), want=lambda _name, size, _mode: size) as archive:
        scans, _ = scan_layers(archive.images[0])
        rootfs = RootFs(scans)
    seen = {entry.path: entry for entry in rootfs.walk()}
    assert seen.keys() == EXPORT["entries"].keys()
    for name, wanted in EXPORT["entries"].items():
        entry = seen[name]
        found = {"type": entry.kind.value, "mode": f"{entry.mode:04o}", "uid": entry.uid, "gid": entry.gid}
        if entry.kind is EntryKind.SYMLINK:
            found["target"] = entry.link_target
        if entry.kind is EntryKind.FILE:
            content = rootfs.content(entry)
            assert content is not None
            found |= {"size": entry.size_bytes, "sha256": hashlib.sha256(content).hexdigest()}
        assert found == {key: value for key, value in wanted.items() if key != "links"}, name


@pytest.mark.parametrize(
    "path", [path for path in ARCHIVES if path.name.startswith("two")], ids=lambda path: path.name
)
def test_several_images_in_one_archive(path: Path, opener: Callable[[Path], Any]) -> None:
    with opened(opener(path), verify=True) as archive:
        first, second = archive.images
        assert conforms(first).lookup("home/run.sh")
        assert conforms(second).lookup("home/run.sh")
    assert first.references != second.references
    assert len(second.layers) == len(first.layers) + 1


def archives(*layers: bytes) -> Iterator[tuple[str, bytes]]:
    document = config(layers)
    yield "docker", docker_archive(layers, document)
    for codec in ("plain", "gzip", "zstd"):
        yield f"oci-{codec}", outer_tar(oci_members(layers, document, codec))
    hybrid = oci_members(layers, document, "plain")
    names = ["blobs/sha256/" + digest(raw)[7:] for raw in layers]
    row = {"Config": "blobs/sha256/" + digest(document)[7:], "RepoTags": ["sample:latest"], "Layers": names}
    yield "hybrid", outer_tar({**hybrid, "manifest.json": json.dumps([row]).encode()})


@pytest.mark.parametrize("kind", ["docker", "oci-plain", "oci-gzip", "oci-zstd", "hybrid"])
@pytest.mark.parametrize("piped", [False, True])
def test_layouts_and_codecs(kind: str, piped: bool) -> None:
    layers = (layer(file("a", "1"), file("b", "2")), b"", layer(file("a", "3")))
    data = dict(archives(*layers))[kind]
    with opened(Pipe(data) if piped else io.BytesIO(data), verify=True) as archive:
        (image,) = archive.images
        rootfs = conforms(image)
    assert [entry.path for entry in rootfs.walk()] == ["a", "b"]
    assert [entry.layer for entry in rootfs.walk()] == [2, 0]


@pytest.mark.parametrize("piped", [False, True])
def test_an_outer_tar_may_be_compressed(piped: bool) -> None:
    data = gzip.compress(dict(archives(layer(file("a"))))["docker"])
    with opened(Pipe(data) if piped else io.BytesIO(data), verify=True) as archive:
        conforms(archive.images[0])


@pytest.mark.parametrize("piped", [False, True])
def test_names_with_a_leading_dot(piped: bool) -> None:
    raw = layer(file("a"))
    members = {f"./{name}": data for name, data in oci_members([raw], config([raw])).items()}
    data = outer_tar(members)
    with opened(Pipe(data) if piped else io.BytesIO(data), verify=True) as archive:
        conforms(archive.images[0])


@pytest.mark.parametrize("target", ["../first/layer.tar", "../../first/layer.tar"])
@pytest.mark.parametrize("piped", [False, True])
def test_a_layer_that_is_a_link_to_another(target: str, piped: bool) -> None:
    """Docker links equal layers, and one release of it one level too far."""
    raw = layer(file("a"))
    document = config([raw, raw])
    row = {"Config": "c.json", "RepoTags": None, "Layers": ["first/layer.tar", "second/layer.tar"]}
    outer = layer(
        symlink("second/layer.tar", target),
        file("first/layer.tar", raw),
        file("c.json", document),
        file("manifest.json", json.dumps([row])),
        format=tarfile.USTAR_FORMAT,
    )
    with opened(Pipe(outer) if piped else io.BytesIO(outer), verify=True) as archive:
        conforms(archive.images[0])


def test_documents_are_not_read_from_a_second_member_of_the_name() -> None:
    raw = layer(file("a"))
    members = [file("manifest.json", b"[]"), *_items(docker_archive([raw], config([raw])))]
    with pytest.raises(InputError, match=r"holds manifest\.json twice"):
        opened(io.BytesIO(layer(*members)))


def _items(archive: bytes) -> Iterator[Any]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            body = tar.extractfile(info)
            assert body
            yield file(info.name, body.read())


def test_a_directory_is_not_left_by_links(tmp_path: Path) -> None:
    raw = layer(file("a"))
    layout = tmp_path / "layout"
    for name, data in oci_members([raw], config([raw])).items():
        path = layout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    secret = tmp_path / "secret"
    blob = next(path for path in (layout / "blobs/sha256").iterdir() if path.read_bytes()[:2] == b"\x1f\x8b")
    secret.write_bytes(blob.read_bytes())
    blob.unlink()
    blob.symlink_to(secret)
    with opened(str(layout)) as archive:
        assert archive.images[0].layers[0].state.value == "missing"


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (lambda doc: {**doc, "rootfs": {"type": "layers", "diff_ids": []}}, "layer-count"),
        (lambda doc: {**doc, "rootfs": {"type": "layers", "diff_ids": []}, "history": None}, "layer-count"),
        (
            lambda doc: {**doc, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64] * 3}},
            "layer-count",
        ),
        (lambda doc: {**doc, "history": None}, None),
    ],
)
def test_defects_of_a_config(change: Callable[[Any], Any], slug: str | None) -> None:
    raw = layer(file("a"))
    document = json.dumps(change(json.loads(config([raw])))).encode()
    with opened(io.BytesIO(docker_archive([raw], document))) as archive:
        assert [defect.slug for defect in archive.images[0].defects] == ([slug] if slug else [])


def test_index_and_manifest_that_disagree_about_layers() -> None:
    first, second = layer(file("a")), layer(file("b"))
    document = config([first, second])
    members = oci_members([first, second], document, "plain")
    names = ["blobs/sha256/" + digest(raw)[7:] for raw in (second, first)]
    row = {"Config": "blobs/sha256/" + digest(document)[7:], "RepoTags": None, "Layers": names}
    members["manifest.json"] = json.dumps([row]).encode()
    with opened(io.BytesIO(outer_tar(members))) as archive:
        assert [defect.slug for defect in archive.images[0].defects] == ["index-disagrees"]


def test_an_image_that_only_manifest_json_lists() -> None:
    raw, other = layer(file("a")), layer(file("b"))
    members = oci_members([raw], config([raw]))
    document = config([other])
    members |= {"other.tar": other, "c.json": document}
    row = {"Config": "c.json", "RepoTags": None, "Layers": ["other.tar"]}
    members["manifest.json"] = json.dumps([row]).encode()
    with opened(io.BytesIO(outer_tar(members))) as archive:
        only_docker, only_index = archive.images
    assert [defect.slug for defect in only_docker.defects] == ["index-disagrees"]
    assert not only_index.defects


@pytest.mark.parametrize("piped", [False, True])
def test_a_nested_index_with_a_missing_platform_and_an_attestation(piped: bool) -> None:
    raw = layer(file("a"))
    members = oci_members([raw], config([raw]), name=None)
    (row,) = json.loads(members["index.json"])["manifests"]
    missing = {**row, "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "arm64"}}
    attestation = {**missing, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    nested = json.dumps({"schemaVersion": 2, "manifests": [missing, row, attestation]}).encode()
    members[f"blobs/sha256/{digest(nested)[7:]}"] = nested
    kind = "application/vnd.oci.image.index.v1+json"
    name = {"io.containerd.image.name": "docker.io/library/x:1"}
    top = {"mediaType": kind, "digest": digest(nested), "size": len(nested), "annotations": name}
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    data = outer_tar(members)
    with opened(Pipe(data) if piped else io.BytesIO(data), verify=True) as archive:
        (image,) = archive.images
        conforms(image)
    assert image.references == ("docker.io/library/x:1",)
    assert archive.notes == (
        f"the index of docker.io/library/x:1 lists sha256:{'0' * 64} (linux/arm64), which the archive does not hold",
    )


def test_progress_counts_the_archive() -> None:
    path = FIXTURES / "sample-docker-20.10.tar"
    counts: list[int] = []
    with imagespec.open(through_pipe(path), progress=counts.append):
        pass
    assert sum(counts) == path.stat().st_size


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_an_archive_closes_what_it_opened() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with opened(str(FIXTURES / "sample-oci-dir")) as archive:
        scan_layers(archive.images[0])
        assert len(list(Path("/proc/self/fd").iterdir())) > before
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("kind", ["docker", "oci"])
@pytest.mark.parametrize("claimed", [0, 1, 3])
def test_an_image_whose_config_counts_other_layers_is_judged_and_fails(kind: str, claimed: int) -> None:
    layers = [layer(file("a")), layer(file("b"))]
    document = json.loads(config(layers))
    document["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64] * claimed
    document["history"] = document["history"][:claimed]
    raw = json.dumps(document).encode()
    data = docker_archive(layers, raw) if kind == "docker" else outer_tar(oci_members(layers, raw))
    (image,) = imagespec.check(io.BytesIO(data), verify=True).inputs[0].images
    assert image.verdict("archive-integrity") == "fail"


def test_another_layout_version_is_a_defect() -> None:
    raw = layer(file("a"))
    members = {**oci_members([raw], config([raw])), "oci-layout": b'{"imageLayoutVersion": "2.0.0"}'}
    with opened(io.BytesIO(outer_tar(members))) as archive:
        assert [defect.slug for defect in archive.images[0].defects] == ["layout-version"]


def nested_index(depth: int) -> bytes:
    """Return an OCI archive whose image lies below ``depth`` indexes, ``index.json`` counted."""
    raw = layer(file("a"))
    members = oci_members([raw], config([raw]))
    kind = "application/vnd.oci.image.index.v1+json"
    for _ in range(depth - 1):
        inner = members["index.json"]
        members[f"blobs/sha256/{digest(inner)[7:]}"] = inner
        row = {"mediaType": kind, "digest": digest(inner), "size": len(inner)}
        members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()
    return outer_tar(members)


def test_limits_of_an_archive(tmp_path: Path) -> None:
    raw = layer(file("a"))
    data = docker_archive([raw, raw], config([raw, raw]))
    for name in "ab":
        (tmp_path / name).write_bytes(b"{}")
    cases: list[tuple[str, int, Any]] = [
        ("archive_members", 2, io.BytesIO(data)),
        ("archive_members", 2, Pipe(data)),
        ("archive_members", 1, str(tmp_path)),
        ("documents_bytes", 100, Pipe(data)),
        ("document_bytes", 100, io.BytesIO(data)),
        ("layers", 1, io.BytesIO(data)),
        ("manifests", 1, io.BytesIO(nested_index(2))),
        ("index_depth", 2, io.BytesIO(nested_index(3))),
    ]
    for limit, value, source in cases:
        with pytest.raises(LimitError, match=limit):
            opened(source, limits=attrs.evolve(Limits(), **{limit: value}))
    with opened(io.BytesIO(nested_index(3)), limits=attrs.evolve(Limits(), index_depth=3)) as archive:
        assert len(archive.images) == 1
