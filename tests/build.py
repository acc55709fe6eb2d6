"""
The fixture language: layers and archives written in a line each.

Layers are written by the standard library's tarfile, so that our scanner is not its own witness; everything is
byte-stable.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import zstandard

from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan, ScanRequest, scan_stream
from imagespec.tar import Want


@attrs.frozen
class Item:
    """One member of a layer."""

    path: str
    kind: bytes = tarfile.REGTYPE
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    mtime: int = 1_700_000_000
    pax: Mapping[str, str] = attrs.field(factory=dict)


def file(path: str, data: bytes | str = b"", mode: int = 0o644, **other: Any) -> Item:
    return Item(path, data=data.encode() if isinstance(data, str) else data, mode=mode, **other)


def program(path: str, data: bytes | str | None = None, **other: Any) -> Item:
    """Return an executable: a minimal ELF file unless data is given."""
    return file(path, elf() if data is None else data, 0o755, **other)


def directory(path: str, mode: int = 0o755, **other: Any) -> Item:
    return Item(path, tarfile.DIRTYPE, mode=mode, **other)


def symlink(path: str, target: str) -> Item:
    return Item(path, tarfile.SYMTYPE, mode=0o777, link=target)


def hardlink(path: str, target: str, **other: Any) -> Item:
    """Return another name of a file; its owner and mode become the file's, as engines let the last name count."""
    return Item(path, tarfile.LNKTYPE, link=target, **other)


def whiteout(path: str) -> Item:
    head, _, base = path.rpartition("/")
    return file(f"{head}/.wh.{base}" if head else f".wh.{base}")


def opaque(path: str) -> Item:
    return file(f"{path}/.wh..wh..opq")


def layer(*items: Item, format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002 - tarfile's own word
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for item in items:
            info = tarfile.TarInfo(item.path)
            info.type, info.mode, info.uid, info.gid = item.kind, item.mode, item.uid, item.gid
            info.linkname, info.size, info.mtime = item.link, len(item.data), item.mtime
            info.devmajor, info.devminor = item.device
            info.pax_headers = dict(item.pax)
            tar.addfile(info, io.BytesIO(item.data))
    return out.getvalue()


class Pipe(io.RawIOBase):
    """A stream that cannot be sought and gives less than it is asked for."""

    def __init__(self, data: bytes, most: int = 30_011) -> None:
        self._inner = io.BytesIO(data)
        self._most = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, self._most) if size >= 0 else self._most)


def elf(machine: int = 62, *, bits: int = 64, interpreter: str | None = None) -> bytes:
    """Return a minimal ELF executable (default x86-64, static) with an optional PT_INTERP."""
    wide = bits == 64
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1, 1)) + bytes(9)
    header_size, program_size = (64, 56) if wide else (52, 32)
    path = (interpreter or "").encode() + b"\0"
    count, word = (2 if interpreter else 1), (8 if wide else 4)
    start = header_size + 2 * program_size
    body = (2).to_bytes(2, "little") + machine.to_bytes(2, "little") + (1).to_bytes(4, "little")
    body += start.to_bytes(word, "little") + header_size.to_bytes(word, "little") + bytes(word) + bytes(4)
    for value in (header_size, program_size, count, 0, 0, 0):
        body += value.to_bytes(2, "little")
    rows = b""
    for kind, at, length in ((3, start, len(path)), (1, 0, start + len(path)))[2 - count :]:
        if wide:
            rows += kind.to_bytes(4, "little") + (5).to_bytes(4, "little")
            rows += b"".join(value.to_bytes(8, "little") for value in (at, at, at, length, length, 1))
        else:
            rows += b"".join(
                value.to_bytes(4, "little") for value in (kind, at, at, at, length, length, 5, 1)
            )
    return (ident + body + rows).ljust(start, b"\0") + path


def keep_everything(name: bytes, size: int, mode: int) -> int:  # noqa: ARG001 - the shape of `Want`
    return size


def scan(raw: bytes, want: Want | None = keep_everything, *, verify: bool = False) -> LayerScan:
    return scan_stream(io.BytesIO(raw), ScanRequest(want=want, verify=verify))


def rootfs(*layers: bytes | Sequence[Item]) -> RootFs:
    """Return the merged view of layers given as tar bytes or as items."""
    raws = [item if isinstance(item, bytes) else layer(*item) for item in layers]
    return RootFs([scan(raw) for raw in raws])


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config(layers: Iterable[bytes], run: Mapping[str, Any] | None = None, **top: Any) -> bytes:
    """Return the config document of an image with these uncompressed layers; ``run`` is its inner config."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(run or {}),
        "rootfs": {"type": "layers", "diff_ids": [digest(raw) for raw in layers]},
        "history": [{"created_by": f"step {number}"} for number, _ in enumerate(layers)],
        **top,
    }
    return json.dumps(document).encode()


def outer_tar(members: Mapping[str, bytes]) -> bytes:
    """Return a tar of these members in their order."""
    return layer(*(file(name, data) for name, data in members.items()), format=tarfile.USTAR_FORMAT)


def docker_archive(
    layers: Sequence[bytes], config_document: bytes, tags: Sequence[str] | None = ("sample:latest",)
) -> bytes:
    """Return a docker-archive as Docker 1.10 to 24 writes it: manifest.json at the end."""
    members, names = {}, []
    for raw in layers:
        name = hashlib.sha256(b"v1" + raw).hexdigest() + "/layer.tar"
        members[name] = raw
        names.append(name)
    config_name = digest(config_document)[7:] + ".json"
    members[config_name] = config_document
    row = {"Config": config_name, "RepoTags": list(tags) if tags is not None else None, "Layers": names}
    members["manifest.json"] = json.dumps([row]).encode()
    return outer_tar(members)


def compress(raw: bytes, codec: str) -> tuple[bytes, str]:
    """Return the compressed bytes and the media type's suffix."""
    if codec == "gzip":
        return gzip.compress(raw, 6, mtime=0), "+gzip"
    if codec == "zstd":
        return zstandard.ZstdCompressor().compress(raw), "+zstd"
    return raw, ""


def oci_members(
    layers: Sequence[bytes], config_document: bytes, codec: str = "gzip", name: str | None = "latest"
) -> dict[str, bytes]:
    """Return the files of an OCI layout with one image."""
    blobs: dict[str, bytes] = {}

    def add(data: bytes, media_type: str) -> dict[str, Any]:
        blobs["blobs/sha256/" + digest(data)[7:]] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    rows = []
    for raw in layers:
        packed, suffix = compress(raw, codec)
        rows.append(add(packed, "application/vnd.oci.image.layer.v1.tar" + suffix))
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": add(config_document, "application/vnd.oci.image.config.v1+json"),
        "layers": rows,
    }
    row = add(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    if name:
        row["annotations"] = {"org.opencontainers.image.ref.name": name}
    return {
        **blobs,
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [row]}).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
    }
