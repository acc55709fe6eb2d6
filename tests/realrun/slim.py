"""
The fixture: every image of the set in one small OCI archive.

    python3 -m tests.realrun.slim SAVED

SAVED is what `docker save` wrote of all images and bases (make_images keeps it as `saved.tar`). Each image keeps its own
layers to the byte, and its config but for the digests of the bases' layers. Those keep every name, type, mode, owner and
link. Of their files they keep those whole, or as far, as imagespec keeps them when it scans a layer, and small
configuration files besides; programs lose their code (`elfstub`). All other files are empty, which their time says:
EMPTIED. That this changes no verdict is compared when the fixture is written.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import attrs
import zstandard

import imagespec
from imagespec.analyzers.facts import WANTED
from imagespec.analyzers.wanted import KIB, Wanted, compile_wanted
from imagespec.engine import check_image
from imagespec.image import Image
from imagespec.profiles import load_profile
from imagespec.rules.base import Service
from imagespec.tar import Want
from tests.realrun.elfstub import stub
from tests.realrun.sources import HERE, load_sources

FIXTURE = HERE / "images.tar"
EMPTIED = 1
"""The modification time of a file of a base whose content was left out."""
MOST_BYTES = 4_800_000

_BESIDES = (
    Wanted(suffixes=(".conf", ".ini", ".cfg", ".properties", ".toml", ".list"), up_to_bytes=64 * KIB),
    Wanted(
        names=frozenset({"METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt"}), up_to_bytes=64 * KIB
    ),
    Wanted(
        directories=("/etc/", "/usr/share/binfmts/", "/alternatives/", "/supervisor."), up_to_bytes=64 * KIB
    ),
    Wanted(suffixes=(".so",), directories=(".so.", "/lintian/overrides/python"), head_bytes=64),
    Wanted(names=frozenset({"java", "zip", "python3.11"}), head_bytes=8192 * KIB, up_to_bytes=8192 * KIB),
)
"""What no analyzer needs today, and a later one well may: configurations, packages, what programs are linked with."""
_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_OF_THE_ARCHIVE = {"image-size", "archive-integrity"}
"""Rules about what the fixture does not keep: sizes, and how an archive is made."""

Json = dict[str, Any]


class _Blobs:
    """The files of an OCI layout."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def add(self, data: bytes, media_type: str) -> Json:
        """Add a blob and return its descriptor."""
        name = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{name}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}

    def write(self, path: Path) -> None:
        """Write the layout as an archive."""
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def write_fixture(saved: Path, target: Path) -> None:
    """Write the fixture from the engine's own archive of the images and their bases."""
    blobs, manifests = _Blobs(), []
    layers: dict[str, _Layer] = {}
    with tarfile.open(saved) as outer:
        images = [_Saved.of(outer, row) for row in json.loads(_member(outer, "manifest.json").read())]
        in_bases = {digest for image in images if not image.of_set for digest in image.digests}
        for image in sorted(images, key=lambda image: (image.digests[0], image.tag)):
            if not image.of_set:
                continue
            for digest, name in zip(image.digests, image.layers, strict=True):
                if digest not in layers:
                    layers[digest] = _Layer.of(outer, name, blobs, in_base=digest in in_bases)
            manifests.append(_add_image(blobs, image, [layers[digest] for digest in image.digests]))
    blobs.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    blobs.write(target)
    size = target.stat().st_size
    of_bases = sum(layer.descriptor["size"] for digest, layer in layers.items() if digest in in_bases)
    print(f"{target.name}: {size:,} bytes, of which the bases {of_bases:,}")
    if size > MOST_BYTES:
        raise SystemExit(f"{target.name} is larger than {MOST_BYTES:,} bytes")


def stale_files() -> list[str]:
    """Return the files of the bases that imagespec keeps by now, and whose content the fixture left out."""
    want = compile_wanted(WANTED)
    found = []
    with tarfile.open(FIXTURE) as outer:
        index = json.loads(_member(outer, "index.json").read())
        manifests = [json.loads(_member(outer, _blob(row)).read()) for row in index["manifests"]]
        # The images' own layers have no file of that time (engines write 0 or now), so all may be looked at.
        for name in {_blob(layer) for manifest in manifests for layer in manifest["layers"]}:
            packed = _member(outer, name).read()
            with (
                zstandard.ZstdDecompressor().stream_reader(packed) as stream,
                tarfile.open(fileobj=stream, mode="r|") as tar,
            ):
                empty = (info for info in tar if info.isreg() and info.mtime == EMPTIED)
                found += [info.name for info in empty if want(_name(info), 1, info.mode)]
    return found


def differences(saved: Path, fixture: Path) -> Iterator[str]:
    """Yield where imagespec says something else about an image of the fixture than about the image itself."""
    services = {source.name: source.service for source in load_sources()}
    with imagespec.open(saved) as full, imagespec.open(fixture) as slim:
        ours = {image_name(image): image for image in slim.images}
        for image in full.images:
            name = image_name(image)
            if name not in services:
                continue  # a base
            profile, service = load_profile("modelarts"), Service(services[name])
            pair = [check_image(item, profile, service).results for item in (image, ours[name])]
            for one, other in zip(*pair, strict=True):
                if one.rule not in _OF_THE_ARCHIVE and one.outcome != other.outcome:
                    yield f"{name}, {one.rule}: {one.outcome}\n  and in the fixture: {other.outcome}"


def compare(saved: Path, fixture: Path) -> None:
    """Stop with every difference between the images and the fixture."""
    found = list(differences(saved, fixture))
    if found:
        raise SystemExit("\n".join(("the fixture is judged otherwise than the images are:", *found)))
    print("the fixture is judged as the images are, evidence included")


@attrs.frozen
class _Saved:
    """An image of the engine's archive; its layers are told apart by their digests, as one may have two names."""

    tag: str
    config: Json
    layers: list[str]

    @classmethod
    def of(cls, saved: tarfile.TarFile, row: Json) -> _Saved:
        """Read what the archive says of an image."""
        [tag] = row["RepoTags"]
        return cls(tag, json.loads(_member(saved, row["Config"]).read()), row["Layers"])

    @property
    def of_set(self) -> bool:
        """Tell an image of the set from a base."""
        return self.tag.startswith("realrun/")

    @property
    def digests(self) -> list[str]:
        """Return the digests of the layers' contents."""
        digests: list[str] = self.config["rootfs"]["diff_ids"]
        return digests


@attrs.frozen
class _Layer:
    """A layer of the fixture: its blob, and the digest of its content."""

    descriptor: Json
    diff_id: str

    @classmethod
    def of(cls, saved: tarfile.TarFile, name: str, blobs: _Blobs, *, in_base: bool) -> _Layer:
        """Take a layer over from the engine's archive, slim where it is a base's."""
        body = _member(saved, name)
        raw = _slim_layer(body) if in_base else body.read()
        packed = zstandard.ZstdCompressor(level=19).compress(raw)
        return cls(blobs.add(packed, _LAYER), f"sha256:{hashlib.sha256(raw).hexdigest()}")


def _add_image(blobs: _Blobs, image: _Saved, layers: list[_Layer]) -> Json:
    """Add config and manifest of an image, and return what the index says of it."""
    image.config["rootfs"]["diff_ids"] = [layer.diff_id for layer in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blobs.add(json.dumps(image.config).encode(), _CONFIG),
        "layers": [layer.descriptor for layer in layers],
    }
    name = {"org.opencontainers.image.ref.name": image.tag.removesuffix(":latest")}
    return blobs.add(json.dumps(manifest).encode(), _MANIFEST) | {"annotations": name}


def _slim_layer(layer: IO[bytes]) -> bytes:
    """Return a layer with every member, and only the contents that count."""
    want, besides = compile_wanted(WANTED), compile_wanted(_BESIDES)
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=layer, mode="r|") as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for info in source:
            data = b""
            if info.isreg():
                body = source.extractfile(info)
                assert body is not None
                whole = body.read()
                asked = [ask(_name(info), info.size, info.mode) for ask in (want, besides)]
                data = _content(info, whole, max(asked), want)
                info.mtime = EMPTIED if whole and not data else max(info.mtime, EMPTIED + 1)
                info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _content(info: tarfile.TarInfo, whole: bytes, keep: int, want: Want) -> bytes:
    """Return what stands for the content of a file of which ``keep`` bytes are kept."""

    def kept(size: int) -> int:
        return want(_name(info), size, info.mode)

    if keep == 0 and kept(1) == 0:
        return b""
    if whole.startswith(b"\x7fELF"):
        whole = stub(whole)
    # A file that looked shorter would be taken for one that is known whole, or is small enough to be kept.
    size = keep + 1 if keep and keep < len(whole) and kept(keep + 1) == kept(len(whole)) else len(whole)
    return whole[:keep].ljust(size, b"\0")


def _name(info: tarfile.TarInfo) -> bytes:
    return info.name.removeprefix("./").encode()


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    body = tar.extractfile(name)
    assert body is not None, f"{name} is no file"
    return body


def _blob(descriptor: Json) -> str:
    return "blobs/sha256/" + str(descriptor["digest"]).removeprefix("sha256:")


def image_name(image: Image) -> str:
    """Return the name of an image of the set."""
    return image.references[0].removeprefix("realrun/").removesuffix(":latest")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write the fixture from a `docker save` of all images.")
    parser.add_argument("saved", type=Path, help="the archive of all images")
    saved: Path = parser.parse_args().saved
    write_fixture(saved, FIXTURE)
    compare(saved, FIXTURE)


if __name__ == "__main__":
    main()
