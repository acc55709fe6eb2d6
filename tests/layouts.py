"""
One image in the container of every writer: builders that follow the facts about each tool's output.

What is built here is synthetic; the archives in `fixtures/` are the real tools' own. A builder returns the members in
the writer's order, so that `pack` makes the tar and `unpack` the directory of it.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import lzma
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import fsspec
import zstandard

from tests.build import Item, compress, config, digest, directory, file, layer, symlink
from tests.sampleimage import RUN, sample

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
MANIFEST_TYPE = OCI + "manifest.v1+json"
INDEX_TYPE = OCI + "index.v1+json"
CONFIG_TYPE = OCI + "config.v1+json"
NAME = "docker.io/library/sample:1.0"


@attrs.frozen
class Made:
    """An image that is not in a container yet: plain layers, base first, and the config."""

    layers: tuple[bytes, ...]
    document: bytes

    @property
    def diff_ids(self) -> list[str]:
        return [digest(raw) for raw in self.layers]


def make_image(*more: bytes) -> Made:
    """Return the sample image with one layer twice, as Docker writes equal layers as links."""
    layers = (*sample().layers, sample().layers[-1], *more)
    return Made(layers, config(layers, RUN))


def pack(items: Sequence[Item], *, dots: bool = False) -> bytes:
    """Return the tar of the members; with a leading ``./`` as `tar -C dir -cf x.tar .` writes them."""
    start = [directory("./")] if dots else []
    named = [attrs.evolve(item, path=f"./{item.path}") if dots else item for item in items]
    return layer(*start, *named)


def unpack(items: Sequence[Item], folder: Path) -> Path:
    """Write the members below a folder."""
    for item in items:
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if item.kind == tarfile.DIRTYPE:
            path.mkdir(exist_ok=True)
        elif item.kind == tarfile.SYMTYPE:
            path.symlink_to(item.link)
        else:
            path.write_bytes(item.data)
    return folder


OBJECTS = "memory://layouts/"


def put(name: str, data: bytes) -> str:
    """Write an object and return its URL."""
    fsspec.filesystem("memory").pipe_file(OBJECTS + name, data)
    return OBJECTS + name


def put_all(name: str, folder: Path) -> str:
    """Write the files of a folder as objects, and return their common URL; what is linked is copied."""
    for path in folder.rglob("*"):
        if path.is_file():
            put(f"{name}/{path.relative_to(folder)}", path.read_bytes())
    return OBJECTS + name


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
}
"""What people put around an archive."""


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _row(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def _blob(data: bytes) -> Item:
    return file("blobs/sha256/" + digest(data)[7:], data)


def _unique(items: Sequence[Item]) -> list[Item]:
    return list({item.path: item for item in items}.values())


# Docker with its own image store.


def docker_1_9(image: Made, *, tagged: bool = True) -> list[Item]:
    """Docker before 1.10 (moby graph/export.go): a chain of layers, no digests."""
    items: list[Item] = []
    parent = ""
    for number, raw in enumerate(image.layers):
        this = hashlib.sha256(f"{parent}{number}".encode()).hexdigest()
        step: dict[str, Any] = {
            "id": this,
            "created": "2015-11-01T00:00:00Z",
            "container_config": {"Cmd": ["/bin/sh", "-c", f"step {number}"]},
            "architecture": "amd64",
            "os": "linux",
            "Size": len(raw),
        }
        if parent:
            step["parent"] = parent
        if number == len(image.layers) - 1:
            step["config"] = json.loads(image.document)["config"]
        items += [
            directory(f"{this}/"),
            file(f"{this}/VERSION", "1.0"),
            file(f"{this}/json", _json(step)),
            file(f"{this}/layer.tar", raw),
        ]
        parent = this
    return items + ([file("repositories", _json({"sample": {"1.0": parent}}))] if tagged else [])


def docker_1_10(image: Made, *, links: str | None = None, first: bool = False) -> list[Item]:
    """
    Docker 1.10 to 24 (moby image/tarexport/save.go).

    From 1.12 on an equal layer is a link (``links`` is its start: ``../``, in one release ``../../``), which may lie
    before its target (``first``).
    """
    folders: list[list[Item]] = []
    names: list[str] = []
    seen: dict[bytes, str] = {}
    for number, raw in enumerate(image.layers):
        this = hashlib.sha256(f"v1 {number}".encode()).hexdigest()
        link = links is not None and raw in seen
        folders.append(
            [
                directory(f"{this}/"),
                file(f"{this}/VERSION", "1.0"),
                file(f"{this}/json", _json({"id": this, "os": "linux"})),
                symlink(f"{this}/layer.tar", f"{links}{seen[raw]}/layer.tar")
                if link
                else file(f"{this}/layer.tar", raw),
            ]
        )
        seen.setdefault(raw, this)
        names.append(f"{this}/layer.tar")
    if first:
        folders.reverse()
    name = digest(image.document)[7:] + ".json"
    rows = [{"Config": name, "RepoTags": ["sample:1.0"], "Layers": names}]
    return [
        file(name, image.document),
        *(item for folder in folders for item in folder),
        file("manifest.json", _json(rows)),
        file("repositories", _json({"sample": {"1.0": names[-1].split("/", 1)[0]}})),
    ]


def docker_25(image: Made, index: str = "right") -> list[Item]:
    """Docker 25 and newer with overlay2: both documents, orphan blobs, and the faults that releases had."""
    rows = [_row(raw, OCI + "layer.v1.tar") for raw in image.layers]
    if index == "order":  # 25.0.0 (moby 17fd6562)
        rows.reverse()
    manifest = _manifest(_row(image.document, CONFIG_TYPE), [] if index == "no-layers" else rows)
    annotations = {"io.containerd.image.name": NAME, "org.opencontainers.image.ref.name": "1.0"}
    listed = [_row(manifest, MANIFEST_TYPE, annotations=annotations)]
    orphans = [_json({"id": f"{number:064x}", "os": "linux"}) for number in range(len(image.layers))]
    blobs = [_blob(data) for data in (*image.layers, image.document, manifest, *orphans)]
    paths = ["blobs/sha256/" + digest(raw)[7:] for raw in image.layers]
    document = {
        "Config": "blobs/sha256/" + digest(image.document)[7:],
        "RepoTags": None if index == "null" else ["sample:1.0"],
        "Layers": paths,
        "LayerSources": {digest(raw): _row(raw, OCI + "layer.v1.tar") for raw in image.layers},
    }
    return [
        directory("blobs/"),
        directory("blobs/sha256/"),
        *sorted(_unique(blobs), key=lambda item: item.path),
        # 25.0.0 to 25.0.2 save by ID (moby#47210).
        file("index.json", _index(None if index == "null" else listed)),
        file("manifest.json", _json([document])),
        file("oci-layout", '{"imageLayoutVersion": "1.0.0"}'),
        file("repositories", _json({"sample": {"1.0": "0" * 64}})),
    ]


def _manifest(
    config_row: dict[str, Any], rows: list[dict[str, Any]], media_type: str = MANIFEST_TYPE
) -> bytes:
    return _json({"schemaVersion": 2, "mediaType": media_type, "config": config_row, "layers": rows})


def _index(rows: list[dict[str, Any]] | None) -> bytes:
    return _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": rows})


# OCI.


def oci(
    image: Made,
    codecs: Sequence[str] = ("gzip",),
    name: str | None = "1.0",
    *,
    data: bool = False,
    annotations: dict[str, str] | None = None,
) -> list[Item]:
    """An OCI layout as skopeo writes it; ``data`` embeds the config in its descriptor instead of a blob."""
    blobs, manifest = _oci_image(image, codecs, data=data)
    given = annotations or ({"org.opencontainers.image.ref.name": name} if name else {})
    row = _row(manifest, MANIFEST_TYPE, **({"annotations": given} if given else {}))
    return [
        file("oci-layout", '{"imageLayoutVersion": "1.0.0"}'),
        *_unique([_blob(each) for each in (*blobs, manifest)]),
        file("index.json", _index([row])),
    ]


def _oci_image(image: Made, codecs: Sequence[str], *, data: bool = False) -> tuple[list[bytes], bytes]:
    packed = [compress(raw, codecs[number % len(codecs)]) for number, raw in enumerate(image.layers)]
    rows = [_row(raw, OCI + "layer.v1.tar" + suffix) for raw, suffix in packed]
    named = _row(image.document, CONFIG_TYPE)
    if data:
        named["data"] = base64.b64encode(image.document).decode()
    manifest = _manifest(named, rows)
    return [raw for raw, _ in packed] + ([] if data else [image.document]), manifest


def containerd(image: Made, *, name: str = NAME) -> list[Item]:
    """
    Docker with containerd's store and `ctr images export` (core/images/archive/exporter.go) of one platform of three.

    Of arm64 the manifest alone was exported, of s390x nothing; two attestations, of the older and the newer kind.
    """
    blobs, manifest = _oci_image(image, ("gzip",))
    arm = _manifest(_row(b"no config", CONFIG_TYPE), [_row(b"no layer", OCI + "layer.v1.tar+gzip")])
    statement = b'{"_type": "https://in-toto.io/Statement/v0.1"}'
    in_toto = [_row(statement, "application/vnd.in-toto+json")]
    note_config = config([])
    old = _manifest(_row(note_config, CONFIG_TYPE), in_toto)
    new = json.loads(_manifest(_row(b"{}", "application/vnd.oci.empty.v1+json"), in_toto))
    new = _json({**new, "artifactType": "application/vnd.docker.attestation.manifest.v1+json"})
    about = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest(manifest),
    }
    unknown = {"os": "unknown", "architecture": "unknown"}

    def platform(machine: str) -> dict[str, Any]:
        return {"platform": {"os": "linux", "architecture": machine}}

    nested = _index(
        [
            _row(b"nothing of s390x", MANIFEST_TYPE, **platform("s390x")),
            _row(arm, MANIFEST_TYPE, **platform("arm64")),
            _row(manifest, MANIFEST_TYPE, **platform("amd64")),
            _row(old, MANIFEST_TYPE, platform=unknown, annotations=about),
            _row(new, MANIFEST_TYPE),
        ]
    )
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "1.0"}
    row = {
        "Config": "blobs/sha256/" + digest(image.document)[7:],
        "RepoTags": ["sample:1.0"],
        "Layers": ["blobs/sha256/" + digest(raw)[7:] for raw in blobs[:-1]],
    }
    every = (*blobs, manifest, arm, statement, note_config, old, new, nested)
    return [
        directory("blobs/"),
        directory("blobs/sha256/"),
        *sorted(_unique([_blob(each) for each in every]), key=lambda item: item.path),
        file("index.json", _index([_row(nested, INDEX_TYPE, annotations=annotations)])),
        file("manifest.json", _json([row])),
        file("oci-layout", '{"imageLayoutVersion": "1.0.0"}'),
    ]


def hauler(image: Made, *, layout_file: bool = True) -> list[Item]:
    """A haul: an OCI layout with images, signatures, charts and files in one index."""
    blobs, manifest = _oci_image(image, ("gzip",))
    chart = _manifest(
        _row(b'{"name": "chart"}', "application/vnd.cncf.helm.config.v1+json"),
        [_row(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    )
    signature = _manifest(
        _row(config([]), CONFIG_TYPE), [_row(b"{}", "application/vnd.dev.cosign.simplesigning.v1+json")]
    )
    text = _manifest(
        _row(b"{}", "application/vnd.content.hauler.file.local.config.v1+json"),
        [_row(b"a file", "application/vnd.content.hauler.file.layer.v1")],
    )

    def row(document: bytes, kind: str, name: str) -> dict[str, Any]:
        annotations = {
            "kind": f"dev.hauler/{kind}",
            "org.opencontainers.image.ref.name": name,
            "io.containerd.image.name": f"index.docker.io/{name}",
        }
        return _row(document, MANIFEST_TYPE, annotations=annotations)

    rows = [
        row(chart, "chart", "hauler/chart:1.0"),
        row(manifest, "image", "library/sample:1.0"),
        row(signature, "sigs", "library/sample:1.0"),
        row(text, "file", "hauler/notes:latest"),
    ]
    every = (
        *blobs,
        manifest,
        chart,
        signature,
        text,
        config([]),
        b"{}",
        b"chart",
        b"a file",
        b'{"name": "chart"}',
    )
    layout = [file("oci-layout", '{"imageLayoutVersion": "1.0.0"}')] if layout_file else []
    return [*_unique([_blob(each) for each in every]), file("index.json", _index(rows)), *layout]


def zarf(image: Made) -> list[Item]:
    """A zarf package: an OCI layout in a folder, beside Kubernetes manifests."""
    inner = oci(image, name=NAME)
    return [
        file("zarf.yaml", "kind: ZarfPackageConfig\n"),
        file("checksums.txt", ""),
        file("components/one.tar", layer(file("manifests/deployment.yaml", "kind: Deployment\n"))),
        *(attrs.evolve(item, path=f"images/{item.path}") for item in inner),
        file("sboms.tar", layer(file("sbom.json", "{}"))),
    ]


# go-containerregistry's tarball and its kin.


def crane(image: Made, codecs: Sequence[str] = ("gzip", "zstd", "plain")) -> list[Item]:
    """`crane pull`, ko and kaniko (pkg/v1/tarball/write.go): a colon in the config's name, mixed compression."""
    ending = {"+gzip": ".tar.gz", "+zstd": ".tar.zst", "": ".tar"}
    packed = [compress(raw, codecs[number % len(codecs)]) for number, raw in enumerate(image.layers)]
    layers = [file(digest(raw)[7:] + ending[suffix], raw) for raw, suffix in packed]
    row = {
        "Config": digest(image.document),
        "RepoTags": ["registry.example/sample:1.0", "registry.example/sample:latest"],
        "Layers": [item.path for item in layers],
    }
    return [
        file(digest(image.document), image.document),
        *_unique(layers),
        file("manifest.json", _json([row])),
    ]


def apko(image: Made) -> list[Item]:
    """apko (pkg/build/oci/index.go): a tarball, and an index with manifests beside it, without ``blobs/``."""
    *members, documents = crane(image, ("gzip",))
    blobs, manifest = _oci_image(image, ("gzip",))
    del blobs
    machine = {"os": "linux", "architecture": "amd64"}
    rows = json.loads(documents.data)
    rows[0]["RepoTags"] = ["sample:1.0-amd64"]
    return [
        *members,
        file("manifest.json", _json(rows)),
        file(digest(manifest), manifest),
        file("index.json", _index([_row(manifest, MANIFEST_TYPE, platform=machine)])),
    ]


def jib(image: Made) -> list[Item]:
    """jib's `ImageTarball`: no directories, and a config that is called config.json."""
    layers = [
        file(digest(compress(raw, "gzip")[0])[7:] + ".tar.gz", compress(raw, "gzip")[0])
        for raw in image.layers
    ]
    row = {"Config": "config.json", "RepoTags": ["sample:1.0"], "Layers": [item.path for item in layers]}
    return [*_unique(layers), file("config.json", image.document), file("manifest.json", _json([row]))]


def rules_oci(image: Made) -> list[Item]:
    """rules_oci (oci/private/tarball.sh.tpl): every layer is called .tar.gz, whatever it is."""
    layers = [file(f"blobs/sha256/{digest(raw)[7:]}.tar.gz", raw) for raw in image.layers]
    name = "blobs/sha256/" + digest(image.document)[7:]
    row = {"Config": name, "RepoTags": ["sample:1.0"], "Layers": [item.path for item in layers]}
    return [file(name, image.document), *_unique(layers), file("manifest.json", _json([row]))]


def nix(image: Made, *, build: bool = False) -> list[Item]:
    """nixpkgs: `streamLayeredImage`, or ``build``: `buildImage`, whose manifest is not last."""
    layers = [file(f"{digest(raw)[7:]}/layer.tar", raw) for raw in image.layers]
    name = digest(image.document)[7:] + ".json"
    row = {"Config": name, "RepoTags": ["sample:1.0"], "Layers": [item.path for item in layers]}
    items = [*_unique(layers), file(name, image.document), file("manifest.json", _json([row]))]
    if not build:
        return items
    v1 = [
        file(f"{item.path.split('/')[0]}/{part}", "{}")
        for item in _unique(layers)
        for part in ("json", "VERSION")
    ]
    more = [file("repositories", _json({"sample": {"1.0": "0" * 64}}))]
    return [directory("./"), *sorted([*items, *v1, *more], key=lambda item: item.path)]


# Directories.


def skopeo_dir(image: Made, *, several: bool = False) -> list[Item]:
    """`skopeo copy … dir:`: plain layers that the manifest calls gzip; ``several``: a list, as with `--all`."""
    rows = [_row(raw, DOCKER + "image.rootfs.diff.tar.gzip") for raw in image.layers]
    kind = DOCKER + "distribution.manifest.v2+json"
    manifest = _manifest(_row(image.document, DOCKER + "container.image.v1+json"), rows, kind)
    files = [file(digest(data)[7:], data) for data in (*image.layers, image.document)]
    top = manifest
    if several:
        machine = {"os": "linux", "architecture": "amd64"}
        other = {"os": "linux", "architecture": "arm64", "variant": "v8"}
        rows = [_row(b"elsewhere", kind, platform=other), _row(manifest, kind, platform=machine)]
        top = _json(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER + "distribution.manifest.list.v2+json",
                "manifests": rows,
            }
        )
        files.append(file(digest(manifest)[7:] + ".manifest.json", manifest))
    return [
        *_unique(files),
        file("manifest.json", top),
        file("version", "Directory Transport Version: 1.1\n"),
    ]


def skopeo_sync(image: Made) -> list[Item]:
    """`skopeo sync --dest dir`: a folder for each image."""
    return [
        attrs.evolve(item, path=f"mirror/{name}/{item.path}")
        for name in ("sample:1.0", "sample:2.0")
        for item in skopeo_dir(image)
    ]


def registry(
    image: Made, root: str = "docker/registry/v2/", *, tags: Sequence[str] = ("1.0", "latest")
) -> list[Item]:
    """distribution's storage (registry/storage/paths.go); without tags, as a mirror by digest has it."""
    blobs, manifest = _oci_image(image, ("gzip",))
    items = [
        file(f"{root}blobs/sha256/{digest(data)[7:9]}/{digest(data)[7:]}/data", data)
        for data in (*blobs, manifest)
    ]
    repository = f"{root}repositories/team/sample/"
    link = digest(manifest)
    items += [file(f"{repository}_layers/sha256/{digest(data)[7:]}/link", digest(data)) for data in blobs]
    items.append(file(f"{repository}_manifests/revisions/sha256/{link[7:]}/link", link))
    for tag in tags:
        items.append(file(f"{repository}_manifests/tags/{tag}/current/link", link))
        items.append(file(f"{repository}_manifests/tags/{tag}/index/sha256/{link[7:]}/link", link))
    return _unique(items)


BUILDERS: dict[str, Callable[[Made], list[Item]]] = {
    "docker-1.9": docker_1_9,
    "docker-1.9-by-id": lambda image: docker_1_9(image, tagged=False),
    "docker-1.10": docker_1_10,
    "docker-1.12-links": lambda image: docker_1_10(image, links="../"),
    "docker-1.12-links-first": lambda image: docker_1_10(image, links="../", first=True),
    "docker-1.12-links-too-far": lambda image: docker_1_10(image, links="../../"),
    "docker-25": docker_25,
    "docker-25-null": lambda image: docker_25(image, "null"),
    "containerd": containerd,
    "oci-gzip": oci,
    "oci-mixed": lambda image: oci(image, ("plain", "zstd", "gzip")),
    "oci-embedded-config": lambda image: oci(image, data=True),
    "oci-no-layout-file": lambda image: [item for item in oci(image) if item.path != "oci-layout"],
    "hauler": hauler,
    "hauler-containerd": lambda image: hauler(image, layout_file=False),
    "zarf": zarf,
    "crane": crane,
    "apko": apko,
    "jib": jib,
    "rules-oci": rules_oci,
    "nix-stream": nix,
    "nix-build": lambda image: nix(image, build=True),
    "dir": skopeo_dir,
    "dir-list": lambda image: skopeo_dir(image, several=True),
    "registry": registry,
    "registry-parent": lambda image: registry(image, "var/data/docker/registry/v2/"),
    "registry-inside": lambda image: registry(image, ""),
    "registry-v2": lambda image: registry(image, "v2/"),
    "registry-untagged": lambda image: registry(image, tags=()),
    "in-a-folder": lambda image: [
        attrs.evolve(item, path=f"export/{item.path}") for item in docker_25(image)
    ],
}
"""Every container with one readable image in it, by writer."""
