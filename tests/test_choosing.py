"""Choosing one of several images: what people write, what archives call their images, and what is said otherwise."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import attrs
import pytest

import imagespec
from imagespec import choosing
from imagespec.errors import InputError, UsageError
from imagespec.references import Reference, may_be_same, names_image, platform_fits
from imagespec.sources.location import PREFIXES, Location, parse_location
from tests.build import Item, digest, file, layer
from tests.layouts import INDEX_TYPE, Made, make_image, oci, pack, skopeo_dir, unpack
from tests.test_cli import FIXTURES, run

TWO = FIXTURES / "two-images-podman-4.3.tar"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("app", ("docker.io", "library/app", "latest", "")),
        ("app:1", ("docker.io", "library/app", "1", "")),
        ("team/app:1", ("docker.io", "team/app", "1", "")),
        ("docker.io/app", ("docker.io", "library/app", "latest", "")),
        ("index.docker.io/library/app:1", ("docker.io", "library/app", "1", "")),
        ("localhost/app", ("localhost", "app", "latest", "")),
        ("localhost:5000/app", ("localhost:5000", "app", "latest", "")),
        ("r.example/a/b/c:2", ("r.example", "a/b/c", "2", "")),
        ("r.example/a@sha256:00", ("r.example", "a", "", "sha256:00")),
        ("r.example/a:1@sha256:00", ("r.example", "a", "1", "sha256:00")),
    ],
)
def test_references_in_full(text: str, full: tuple[str, ...]) -> None:
    assert attrs.astuple(Reference.parse(text)) == full


@pytest.mark.parametrize(
    ("wanted", "reference", "same"),
    [
        ("app", "docker.io/library/app:latest", True),
        ("app:1.0", "localhost/app:1.0", True),
        ("docker.io/library/app:1.0", "app:1.0", True),
        ("1.0", "1.0", True),
        ("app", "app:1.0", False),
        ("app:1.0", "other/app:1.0", False),
        ("localhost/app:1.0", "app:1.0", False),
    ],
)
def test_what_people_mean(wanted: str, reference: str, same: bool) -> None:
    assert names_image(wanted, reference) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("app:1.0", "docker.io/library/app:1.0", True),
        ("app:1.0", "1.0", True),
        ("1.0", "app:1.0", True),
        ("app:1.0", "2.0", False),
        ("app:1.0", "app:2.0", False),
        ("app:1.0", "bad:1.0", False),
    ],
)
def test_what_two_writers_may_have_meant(one: str, other: str, same: bool) -> None:
    assert may_be_same(one, other) is same


@pytest.mark.parametrize(
    ("wanted", "platform", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/x86_64", "linux/amd64", True),
        ("Linux/AMD64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/aarch64", "linux/arm64", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm", False),
        ("linux/arm", "linux/arm/v6", True),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "", False),
        ("linux/amd64", "unknown", False),
    ],
)
def test_platforms(wanted: str, platform: str, fits: bool) -> None:
    assert platform_fits(wanted, platform) is fits


@pytest.mark.parametrize("wanted", ["amd64", "linux/", "linux/arm/v7/x", ""])
def test_what_is_no_platform(wanted: str) -> None:
    with pytest.raises(ValueError, match="no platform"):
        platform_fits(wanted, "linux/amd64")


def machine(image: Made, architecture: str) -> Made:
    document = json.loads(image.document)
    return Made(image.layers, json.dumps({**document, "architecture": architecture}).encode())


def several() -> list[Item]:
    """Return an OCI layout with one name for two platforms, and another image."""
    intel, arm, other = make_image(), machine(make_image(), "arm64"), make_image(layer(file("x")))
    parts = [oci(image, name=None) for image in (intel, arm, other)]
    rows = [json.loads(part[-1].data)["manifests"][0] for part in parts]
    nested = json.dumps({"schemaVersion": 2, "manifests": rows[:2]}).encode()
    blob = file("blobs/sha256/" + digest(nested)[7:], nested)
    name = "org.opencontainers.image.ref.name"
    top = {
        "mediaType": INDEX_TYPE,
        "digest": digest(nested),
        "size": len(nested),
        "annotations": {name: "app:1"},
    }
    listed = [top, {**rows[2], "annotations": {name: "2"}}]
    items = {item.path: item for part in parts for item in part}
    index = file("index.json", json.dumps({"schemaVersion": 2, "manifests": listed}))
    return list({**items, blob.path: blob, "index.json": index}.values())


SEVERAL = pack(several())
with imagespec.open(io.BytesIO(SEVERAL)) as _archive:
    IMAGES = _archive.images
ARM_ID, ARM_DIGEST = str(IMAGES[1].image_id), str(IMAGES[1].manifest_digest)


@pytest.mark.parametrize(
    ("image", "platform", "numbers"),
    [
        (None, None, [0, 1, 2]),
        ("app:1", None, [0, 1]),
        ("app:1", "linux/arm64", [1]),
        (None, "linux/amd64", [0, 2]),
        ("docker.io/library/app:1", "linux/amd64/v1", []),
        ("2", None, [2]),
        ("@2", None, [2]),
        ("1", None, [1]),
        ("@0", None, [0]),
        ("@9", None, []),
        (ARM_ID, None, [1]),
        (ARM_ID[7:19], None, [1]),
        (ARM_ID[7:18], None, []),
        (ARM_DIGEST, None, [1]),
        (f"app@{ARM_DIGEST}", None, [1]),
        (f"other@{ARM_DIGEST}", None, []),
        (f"@{ARM_DIGEST}", None, [1]),
        (str(IMAGES[0].index_digests[0]), None, [0, 1]),
        ("", None, []),
    ],
)
def test_what_is_chosen(image: str | None, platform: str | None, numbers: list[int]) -> None:
    if numbers:
        with imagespec.open(io.BytesIO(SEVERAL), image=image, platform=platform) as archive:
            assert [each.number for each in archive.images] == numbers
    else:
        with pytest.raises(UsageError, match="holds 3 images: @0 app:1 linux/amd64 sha256:"):
            imagespec.open(io.BytesIO(SEVERAL), image=image, platform=platform)


def test_commands_that_need_one_image() -> None:
    assert choosing.only(IMAGES[:1], "a.tar") is IMAGES[0]
    with pytest.raises(
        UsageError,
        match=r"^a.tar: one .* choose it with --image or --platform: the archive holds 3 images: @0 app:1",
    ):
        choosing.only(IMAGES, "a.tar")
    hundred = [attrs.evolve(IMAGES[0], number=number) for number in range(100)]
    with pytest.raises(UsageError, match=r"; and 80 more$"):
        choosing.only(hundred, "a.tar")


def test_names_are_shown_safely() -> None:
    bad = attrs.evolve(IMAGES[0], references=("a\x1b[31m",))
    assert "\x1b" not in choosing.listing([bad])


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("image.tar", Location("image.tar")),
        ("docker-archive:image.tar", Location("image.tar", PREFIXES["docker-archive"])),
        ("docker-archive:image.tar:app:1.0", Location("image.tar", PREFIXES["docker-archive"], "app:1.0")),
        ("docker-archive:image.tar:@1", Location("image.tar", PREFIXES["docker-archive"], "@1")),
        ("docker-archive:no.tar:app:1.0", Location("no.tar", PREFIXES["docker-archive"], "app:1.0")),
        ("oci:with:colon:1.0", Location("with:colon", PREFIXES["oci"], "1.0")),
        ("oci:with:colon", Location("with:colon", PREFIXES["oci"])),
        ("dir:there", Location("dir:there")),
        ("dir:other", Location("other", PREFIXES["dir"])),
        ("docker-archive:-:app", Location("-", PREFIXES["docker-archive"], "app")),
        ("C:image.tar", Location("C:image.tar")),
        ("s3://bucket/image.tar", Location("s3://bucket/image.tar")),
        ("oci://bucket@space/image.tar", Location("oci://bucket@space/image.tar")),
        ("oci:s3://bucket/layout:1.0", Location("s3://bucket/layout:1.0", PREFIXES["oci"])),
    ],
)
def test_locations(text: str, location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("image.tar", "with:colon", "dir:there"):
        Path(name).touch()
    assert parse_location(text) == location


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("docker://app:1", "skopeo copy docker://app:1 oci-archive:"),
        ("docker-daemon:app:1", "docker save app:1 -o"),
        ("containers-storage:app:1", "podman save app:1 -o"),
        ("registry:app:1", "skopeo copy docker://app:1"),
    ],
)
def test_transports_that_are_no_files(text: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        imagespec.open(text)
    assert advice in str(caught.value)


def test_prefixes_force_the_layout(tmp_path: Path) -> None:
    oci_dir = unpack(oci(make_image()), tmp_path / "oci")
    plain_dir = unpack(skopeo_dir(make_image()), tmp_path / "dir")
    both = shutil.copy(FIXTURES / "sample-docker-26.1.tar", tmp_path / "both.tar")
    for text, container in (
        (f"oci:{oci_dir}", "oci-dir"),
        (f"oci-dir:{oci_dir}:1.0", "oci-dir"),
        (f"dir:{plain_dir}", "skopeo-dir"),
        (f"oci-archive:{both}", "oci-archive"),
        (f"docker-archive:{both}:modelarts-sample:1.0", "docker-archive"),
        (str(both), "docker-archive"),
    ):
        with imagespec.open(text) as archive:
            assert (archive.container, archive.name) == (container, text)
    for text, words in (
        (f"docker-archive:{oci_dir}", "asks for the layout docker or docker-v1, but its layout is oci"),
        (f"oci:{plain_dir}", "asks for the layout oci, but its layout is skopeo"),
        (f"registry-dir:{oci_dir}", "asks for the layout registry, but its layout is oci"),
        (f"dir:{tmp_path}/both.tar", "asks for the layout skopeo, but its layout is docker"),
    ):
        with pytest.raises(InputError, match=words):
            imagespec.open(text)


def test_one_image_cannot_be_asked_for_twice() -> None:
    with pytest.raises(UsageError, match="two images are asked for"):
        imagespec.open(f"docker-archive:{TWO}:modelarts-sample:1.0", image="modelarts-second:1.0")


def test_choosing_on_the_command_line() -> None:
    done = run("check", "--format", "json", "--image", "modelarts-second:1.0", TWO)
    (image,) = json.loads(done.stdout)["inputs"][0]["images"]
    assert (image["number"], image["references"]) == (1, ["localhost/modelarts-second:1.0"])
    done = run("check", f"docker-archive:{TWO}:@0")
    assert "modelarts-second" not in done.stdout.decode()
    done = run("check", TWO)
    assert "modelarts-sample:1.0  @0" in done.stdout.decode()
    done = run("check", "--platform", "linux/arm64", TWO)
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        f"{TWO}: no image fits --platform linux/arm64; it holds 2 images: @0 localhost/"
        in done.stderr.decode()
    )
    done = run("inspect", "--image", "@1", TWO)
    assert "modelarts-second:1.0" in done.stdout.decode()
    done = run("check", "docker-archive:-:modelarts-second:1.0", stdin=TWO)
    assert "modelarts-second:1.0" in done.stdout.decode()
    done = run("check", "docker://app")
    assert (done.returncode, done.stderr.decode().count("\n")) == (2, 1)
