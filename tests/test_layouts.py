"""Every layout over every store gives the same image."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

import imagespec
from imagespec.errors import InputError, LimitError, UnknownFormatError, UsageError
from imagespec.limits import Limits
from imagespec.scan import ScanRequest
from imagespec.sources import registry as registry_layout
from tests.build import Item, Pipe, config, digest, file, layer, oci_members, outer_tar
from tests.conformance import Expected, conforms_to, expected_of
from tests.layouts import (
    BUILDERS,
    NAME,
    WRAPPERS,
    Made,
    containerd,
    docker_1_9,
    docker_1_10,
    docker_25,
    make_image,
    oci,
    pack,
    put,
    put_all,
    registry,
    skopeo_sync,
    unpack,
)

IMAGE = make_image()
OTHER = make_image(layer(file("other")))


@functools.cache
def expected() -> Expected:
    with imagespec.open(io.BytesIO(pack(docker_1_10(IMAGE))), verify=True) as archive:
        return expected_of(archive.images[0])


@functools.cache
def packed(name: str) -> bytes:
    return pack(BUILDERS[name](IMAGE))


STORES: dict[str, Callable[[str, Path], Any]] = {
    "file": lambda name, _: io.BytesIO(packed(name)),
    "pipe": lambda name, _: Pipe(packed(name)),
    "directory": lambda name, path: str(unpack(BUILDERS[name](IMAGE), path)),
    "dots": lambda name, _: io.BytesIO(pack(BUILDERS[name](IMAGE), dots=True)),
    "gzip": lambda name, _: io.BytesIO(WRAPPERS["gzip"](packed(name))),
    "zstd": lambda name, _: io.BytesIO(WRAPPERS["zstd"](packed(name))),
    "xz": lambda name, _: Pipe(WRAPPERS["xz"](packed(name))),
    "bzip2": lambda name, _: io.BytesIO(WRAPPERS["bzip2"](packed(name))),
    "url": lambda name, _: put(f"{name}.tar", packed(name)),
    "url-directory": lambda name, path: put_all(name, unpack(BUILDERS[name](IMAGE), path)),
}


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("store", STORES)
def test_every_layout_in_every_store(name: str, store: str, tmp_path: Path) -> None:
    if (name, store) == ("docker-1.12-links-too-far", "url-directory"):
        pytest.skip("object storage has no links, and these lead nowhere")
    with imagespec.open(STORES[store](name, tmp_path), verify=True) as archive:
        (image,) = archive.images
        assert not archive.unreadable
        conforms_to(expected(), image, v1="1.9" in name)
    assert archive.container.endswith("-dir" if "directory" in store else "-archive")


REFERENCES = {
    "docker-1.9": ("docker-v1-archive", ["sample:1.0"]),
    "docker-1.9-by-id": ("docker-v1-archive", []),
    "docker-25": ("docker-archive", ["sample:1.0"]),
    "docker-25-null": ("docker-archive", []),
    "containerd": ("docker-archive", ["sample:1.0"]),
    "oci-gzip": ("oci-archive", ["1.0"]),
    "hauler": ("oci-archive", ["index.docker.io/library/sample:1.0"]),
    "zarf": ("oci-archive", [NAME]),
    "crane": ("docker-archive", ["registry.example/sample:1.0", "registry.example/sample:latest"]),
    "apko": ("docker-archive", ["sample:1.0-amd64"]),
    "dir": ("skopeo-archive", []),
    "registry": ("registry-archive", ["team/sample:1.0", "team/sample:latest"]),
    "registry-inside": ("registry-archive", ["team/sample:1.0", "team/sample:latest"]),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_what_an_image_is_called(name: str) -> None:
    container, references = REFERENCES[name]
    with imagespec.open(io.BytesIO(packed(name))) as archive:
        assert (archive.container, list(archive.images[0].references)) == (container, references)


def test_a_mirror_by_digest_is_called_by_digest() -> None:
    with imagespec.open(io.BytesIO(packed("registry-untagged"))) as archive:
        (image,) = archive.images
    assert image.references == (f"team/sample@{image.manifest_digest}",)


def test_what_a_v1_archive_does_not_say_is_not_invented() -> None:
    with imagespec.open(io.BytesIO(packed("docker-1.9"))) as archive:
        (image,) = archive.images
    assert (image.image_id, image.manifest_digest, image.config.diff_ids) == (None, None, ())
    assert [item.created_by for item in image.layers] == [
        f"/bin/sh -c step {number}" for number in range(len(IMAGE.layers))
    ]
    report = imagespec.check(io.BytesIO(packed("docker-1.9")), verify=True)
    result = next(item for item in report.inputs[0].images[0].results if item.rule == "archive-integrity")
    assert "no sha256 digests" in result.outcome.summary
    assert any("record no digests" in item.message for item in result.outcome.evidence)
    assert report.to_dict()["inputs"][0]["images"][0]["image_id"] is None


def without(items: list[Item], *names: str) -> list[Item]:
    return [item for item in items if item.path not in names]


def with_document(items: list[Item], name: str, value: object) -> list[Item]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert any(item.path == name for item in items)
    return [attrs.evolve(item, data=data) if item.path == name else item for item in items]


@pytest.mark.parametrize(
    ("index", "slugs"), [("order", ["index-disagrees"]), ("no-layers", ["index-disagrees"])]
)
def test_faults_of_docker_25(index: str, slugs: list[str]) -> None:
    with imagespec.open(io.BytesIO(pack(docker_25(IMAGE, index))), verify=True) as archive:
        conforms_to(expected(), archive.images[0], defects=slugs)


def test_one_platform_of_several() -> None:
    with imagespec.open(io.BytesIO(packed("containerd"))) as archive:
        assert len(archive.images) == 1
        first, second = archive.notes
    assert first.startswith(f"the index of {NAME} lists sha256:")
    assert first.endswith("(linux/s390x), which the archive does not hold")
    assert second.endswith("(linux/arm64), of which the archive holds the manifest alone")
    with pytest.raises(
        UsageError, match=r"holds 1 image: .*\(linux/arm64\), of which the archive holds the manifest alone"
    ):
        imagespec.open(io.BytesIO(packed("containerd")), platform="linux/arm64")


def test_a_mirror_in_folders() -> None:
    with imagespec.open(io.BytesIO(pack(skopeo_sync(IMAGE)))) as archive:
        assert [image.references for image in archive.images] == [
            ("mirror/sample:1.0",),
            ("mirror/sample:2.0",),
        ]


def two_in_a_registry() -> list[Item]:
    other = [
        attrs.evolve(item, path=item.path.replace("team/sample", "other"))
        for item in registry(OTHER, tags=("9",))
    ]
    return list({item.path: item for item in [*registry(IMAGE), *other]}.values())


@pytest.mark.parametrize("store", ["file", "directory"])
def test_every_repository_of_a_registry(store: str, tmp_path: Path) -> None:
    items = two_in_a_registry()
    source: Any = io.BytesIO(pack(items)) if store == "file" else unpack(items, tmp_path)
    with imagespec.open(source, verify=True) as archive:
        first, second = archive.images
    assert (first.references, second.references) == (("other:9",), ("team/sample:1.0", "team/sample:latest"))
    assert (first.number, second.number) == (0, 1)


def test_a_partial_registry_gives_what_is_there() -> None:
    items = two_in_a_registry()
    gone = next(
        item for item in items if item.path.endswith("repositories/other/_manifests/tags/9/current/link")
    )
    blob = f"docker/registry/v2/blobs/sha256/{gone.data[7:9].decode()}/{gone.data[7:].decode()}/data"
    with imagespec.open(io.BytesIO(pack(without(items, blob)))) as archive:
        assert [image.references[0] for image in archive.images] == ["team/sample:1.0"]
        (note,) = archive.notes
    assert "other/_manifests/tags/9/current/link lists sha256:" in note


@pytest.mark.parametrize(
    "link",
    [b"sha256:../../../../etc/passwd", b"/etc/passwd", b"", b"\xff" * 71, b"sha256:" + b"a" * 4_000_000],
)
@pytest.mark.parametrize("store", ["file", "directory"])
def test_a_hostile_link_is_one_unreadable_image(link: bytes, store: str, tmp_path: Path) -> None:
    items = with_document(
        two_in_a_registry(), "docker/registry/v2/repositories/other/_manifests/tags/9/current/link", link
    )
    source: Any = io.BytesIO(pack(items)) if store == "file" else unpack(items, tmp_path)
    with imagespec.open(source) as archive:
        assert [image.references[0] for image in archive.images] == ["team/sample:1.0"]
        (unreadable,) = archive.unreadable
    assert unreadable.references == ("other:9",)
    assert len(str(unreadable.error)) < 700
    report = imagespec.check(io.BytesIO(pack(items)))
    assert report.exit_code() == 3
    assert report.inputs[0].problems[0].message.startswith("other:9: ")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_directory_of_many_layers_keeps_few_files_open(tmp_path: Path) -> None:
    layers = [layer(file("number", str(number))) for number in range(200)]
    image = Made(tuple(layers), config(layers))
    before = open_descriptors()
    with imagespec.open(unpack(oci(image), tmp_path)) as archive:
        blobs = [each.blob for each in archive.images[0].layers]
        with ThreadPoolExecutor(8) as threads:
            for _ in range(3):
                scans = list(threads.map(lambda blob: blob.scan(ScanRequest(verify=True)), blobs))
                assert [scan.diff_id for scan in scans] == image.diff_ids
        assert 1 < open_descriptors() - before < 80
    assert open_descriptors() == before


def test_links_of_a_registry_do_not_leave_it(tmp_path: Path) -> None:
    root = unpack(registry(IMAGE), tmp_path / "registry")
    (tmp_path / "secret").write_bytes(b"sha256:" + b"a" * 64)
    link = root / "docker/registry/v2/repositories/team/sample/_manifests/tags/1.0/current/link"
    link.unlink()
    link.symlink_to(tmp_path / "secret")
    with imagespec.open(root) as archive:
        assert [image.references for image in archive.images] == [("team/sample:latest",)]
        assert archive.unreadable[0].references == ("team/sample:1.0",)


def chain(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a v1 archive whose base layer's document was changed."""
    items = docker_1_9(IMAGE)
    base = next(item for item in items if item.path.endswith("/json") and b"parent" not in item.data)
    document = json.loads(base.data)
    top = json.loads(items[-1].data)["sample"]["1.0"]
    document["parent"] = top
    change(document)
    return pack(with_document(items, base.path, document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: None, "lead back to"),
        (lambda document: document.update(parent=document["id"]), "lead back to"),
        (lambda document: document.update(parent="0" * 64), "which the archive does not hold"),
        (lambda document: document.update(parent="../../etc"), "which the archive does not hold"),
    ],
)
def test_v1_chains_that_do_not_end(change: Callable[[dict[str, Any]], None], words: str) -> None:
    with pytest.raises(InputError, match=words):
        imagespec.open(io.BytesIO(chain(change)))


def test_a_v1_chain_is_bounded() -> None:
    with pytest.raises(LimitError, match="layers"):
        imagespec.open(io.BytesIO(packed("docker-1.9")), limits=Limits(layers=3))


def test_a_newer_archive_that_was_cut_off_is_no_v1_archive() -> None:
    whole = pack(docker_1_10(IMAGE))
    cut = whole[: whole.index(b"manifest.json\0")]
    assert len(cut) % 512 == 0
    with pytest.raises(InputError, match="truncated"):
        imagespec.open(io.BytesIO(cut))
    with pytest.raises(InputError, match="neither manifest"):
        imagespec.open(io.BytesIO(pack(without(docker_1_10(IMAGE), "manifest.json"))))


def test_blobs_that_lie_elsewhere(tmp_path: Path) -> None:
    """skopeo's --dest-shared-blob-dir."""
    unpack(oci(IMAGE), tmp_path / "layout")
    (tmp_path / "layout/blobs").rename(tmp_path / "shared")
    with pytest.raises(InputError, match=r"say where \(--blobs DIR\)"):
        imagespec.open(tmp_path / "layout")
    for shared in (tmp_path / "shared", unpack(oci(IMAGE), tmp_path / "another")):
        with imagespec.open(tmp_path / "layout", blobs=shared, verify=True) as archive:
            conforms_to(expected(), archive.images[0])


def test_an_unreadable_image_does_not_hide_the_others() -> None:
    """Its error is the input's problem; asked for by name, it is raised."""
    one, two = outer_members(IMAGE, "one"), outer_members(OTHER, "two")
    rows = [json.loads(each["index.json"])["manifests"][0] for each in (one, two)]
    members = {**one, **two, "index.json": json.dumps({"schemaVersion": 2, "manifests": rows}).encode()}
    broken = "blobs/sha256/" + digest(OTHER.document)[7:]
    data = outer_tar({**members, broken: b"{"})
    with imagespec.open(io.BytesIO(data)) as archive:
        assert [image.references for image in archive.images] == [("one",)]
        assert archive.unreadable[0].references == ("two",)
    with imagespec.open(io.BytesIO(data), image="one") as archive:
        assert not archive.unreadable
    with pytest.raises(InputError, match="broken JSON"):
        imagespec.open(io.BytesIO(data), image="two")


def outer_members(image: Made, name: str) -> dict[str, bytes]:
    return oci_members(image.layers, image.document, name=name)


def test_several_rows_of_one_image_are_one() -> None:
    items = docker_1_10(IMAGE)
    (row,) = json.loads(next(item.data for item in items if item.path == "manifest.json"))
    rows = [row, {**row, "RepoTags": ["sample:2.0", "sample:1.0"]}]
    with imagespec.open(io.BytesIO(pack(with_document(items, "manifest.json", rows)))) as archive:
        assert [image.references for image in archive.images] == [("sample:1.0", "sample:2.0")]


def test_two_documents_that_name_an_image_differently() -> None:
    items = containerd(IMAGE, name="docker.io/library/another:1.0")
    with imagespec.open(io.BytesIO(pack(items))) as archive:
        (defect,) = archive.images[0].defects
    assert defect.slug == "index-disagrees"
    assert "docker.io/library/another:1.0" in defect.message


@pytest.mark.parametrize(
    ("told", "slugs"),
    [
        ({"os": "linux", "architecture": "amd64"}, []),
        ({"os": "linux", "architecture": "amd64", "variant": "v2"}, []),
        ({"os": "linux", "architecture": "arm64"}, ["platform-mismatch"]),
        ({"os": "windows", "architecture": "amd64"}, ["platform-mismatch"]),
    ],
)
def test_an_index_that_tells_another_platform(told: dict[str, str], slugs: list[str]) -> None:
    items = oci(IMAGE)
    document = json.loads(next(item.data for item in items if item.path == "index.json"))
    document["manifests"][0]["platform"] = told
    with imagespec.open(io.BytesIO(pack(with_document(items, "index.json", document)))) as archive:
        assert [defect.slug for defect in archive.images[0].defects] == slugs


def test_sizes_and_digests_of_what_is_read() -> None:
    items = oci(IMAGE)
    names = {digest(item.data): item.path for item in items}
    manifest = json.loads(next(i.data for i in items if b'"layers": [' in i.data))
    changed = with_document(items, names[manifest["config"]["digest"]], config(IMAGE.layers, {"Cmd": ["x"]}))
    changed = with_document(changed, names[manifest["layers"][0]["digest"]], b"")
    with imagespec.open(io.BytesIO(pack(changed))) as archive:
        slugs = [defect.slug for defect in archive.images[0].defects]
    assert slugs == ["size-mismatch", "digest-mismatch", "size-mismatch"]


def test_embedded_data_is_checked() -> None:
    for data, words in (("e30=", "digest-mismatch"), ("%", "broken embedded data")):
        items = oci(IMAGE, data=True)
        old = next(item for item in items if b'"layers": [' in item.data)
        document = json.loads(old.data)
        document["config"]["data"] = data
        new = json.dumps(document).encode()
        path = "blobs/sha256/" + digest(new)[7:]
        index = json.loads(items[-1].data)
        index["manifests"][0] |= {"digest": digest(new), "size": len(new)}
        changed = [*without(items, old.path), file(path, new)]
        changed = with_document(changed, "index.json", index)
        try:
            with imagespec.open(io.BytesIO(pack(changed))) as archive:
                told = str([defect.slug for defect in archive.images[0].defects])
        except InputError as error:
            told = str(error)
        assert words in told


def test_what_was_compared_is_said() -> None:
    told = {}
    for name in ("jib", "registry", "docker-25"):
        report = imagespec.check(io.BytesIO(packed(name)), service="batch")
        result = next(r for r in report.inputs[0].images[0].results if r.rule == "archive-integrity")
        assert result.outcome.verdict == "unknown"
        told[name] = "\n".join(item.message for item in result.outcome.evidence)
    assert (
        "not compared: digest of the config, against its name (config.json, which holds none)" in told["jib"]
    )
    assert "compared: digest of the manifest and of the config" in told["registry"]
    assert "compared: stored sizes of 7 of 7 layers, against the manifest" in told["registry"]
    assert "compared: manifest.json and index.json, against one another" in told["docker-25"]
    assert "not compared: digests of 7 layers" in told["docker-25"]


def without_images() -> list[Item]:
    """Return a haul of nothing but a chart."""
    items = BUILDERS["hauler"](IMAGE)
    index = json.loads(next(item.data for item in items if item.path == "index.json"))
    index["manifests"] = index["manifests"][:1]
    return with_document(items, "index.json", index)


OTHER_KINDS = {
    "repositories alone": (
        pack(
            [
                item
                for item in registry(IMAGE, "x/")
                if "/blobs/" not in item.path and "/current/" not in item.path
            ]
        ),
        "which the archive does not hold",
    ),
    "one repository": (
        pack([file("app/_manifests/tags/1/current/link", "sha256:" + "0" * 64), file("README", "")]),
        "a part of a registry's storage",
    ),
    "a chart": (pack([file("app/Chart.yaml", "name: app"), file("app/values.yaml", "")]), "a Helm chart"),
    "artifacts only": (
        pack(without_images()),
        r"lists no image, only other artifacts \(application/vnd.cncf.helm",
    ),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_what_is_no_image_is_said(name: str) -> None:
    data, words = OTHER_KINDS[name]
    with pytest.raises(UnknownFormatError, match=words):
        imagespec.open(io.BytesIO(data))


def test_layers_of_another_kind_make_an_image_all_the_same() -> None:
    items = oci(IMAGE, ("plain",))
    old = next(item for item in items if b'"layers": [' in item.data)
    new = old.data.replace(b"application/vnd.oci.image.layer.v1.tar", b"application/vnd.erofs.layer.v1")
    index = json.loads(items[-1].data)
    index["manifests"][0] |= {"digest": digest(new), "size": len(new)}
    path = "blobs/sha256/" + digest(new)[7:]
    changed = with_document([*without(items, old.path), file(path, new)], "index.json", index)
    report = imagespec.check(io.BytesIO(pack(changed)))
    assert {layer.state for layer in report.inputs[0].images[0].layers} == {"unknown-type"}
    assert report.exit_code() == 3


@pytest.mark.parametrize(
    "name",
    [
        "repositories/" + "a/" * 500_000 + "link",
        "repositories/" + "a/_manifests/" * 80_000 + "link",
        "repositories/" + "_manifests/tags/" * 60_000 + "current/link",
        "docker/registry/v2/" * 50_000 + "repositories/a/_manifests/tags/x/link",
    ],
    ids=["deep", "manifests", "tags", "roots"],
)
def test_names_of_a_million_characters(name: str) -> None:
    assert registry_layout._place(name) is None


def test_a_registry_without_blobs() -> None:
    items = [item for item in registry(IMAGE) if "/blobs/" not in item.path]
    with pytest.raises(InputError, match=r"current/link lists sha256:.*which the archive does not hold"):
        imagespec.open(io.BytesIO(pack(items)))
