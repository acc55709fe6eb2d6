"""
Layers with a table of contents, byte for byte: what the real tools' libraries do not write.

The forms follow stargz-snapshotter docs/estargz.md and containers/storage pkg/chunked/internal/minimal.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import zstandard

from imagespec.tar import FileSpan
from tests.build import Item, digest, outer_tar

JSON_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
CHUNKED = "io.github.containers.zstd-chunked."
_KINDS = {
    tarfile.REGTYPE: "reg",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
Edit = Callable[[dict[str, Any]], object]
"""Changes a table before it is written and its digest is taken."""


def _nothing(_: dict[str, Any]) -> None:
    """Leave the table as it is."""


@attrs.frozen
class TabledLayer:
    """A blob and the annotations that belong to it."""

    blob: bytes
    annotations: Mapping[str, str]
    tar: bytes


def _header(item: Item) -> bytes:
    info = tarfile.TarInfo(item.path)
    info.type, info.mode, info.uid, info.gid = item.kind, item.mode, item.uid, item.gid
    info.linkname, info.size, info.mtime = item.link, len(item.data), 1_700_000_000
    info.devmajor, info.devminor = item.device
    info.pax_headers = dict(item.pax)
    return info.tobuf(tarfile.PAX_FORMAT)


def _entry(item: Item) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": item.path + "/" * (item.kind == tarfile.DIRTYPE),
        "type": _KINDS[item.kind],
        "modtime": "2023-11-14T22:13:20Z",
        "mode": item.mode,
        "uid": item.uid,
        "gid": item.gid,
        "devMajor": item.device[0],
        "devMinor": item.device[1],
    }
    if item.link:
        entry["linkName"] = item.link
    prefix = "SCHILY.xattr."
    xattrs = {key.removeprefix(prefix): value for key, value in item.pax.items() if key.startswith(prefix)}
    if xattrs:
        entry["xattrs"] = {
            key: base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
            for key, value in xattrs.items()
        }
    return entry


class _Writer:
    """Compresses a tar in pieces and notes where they begin."""

    def __init__(self, compress: Callable[[bytes], bytes], chunk_bytes: int) -> None:
        self._compress = compress
        self._chunk_bytes = chunk_bytes
        self.blob = bytearray()
        self.tar = bytearray()
        self.entries: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        """Of tar-split."""
        self._pending = bytearray()

    def add(self, item: Item) -> None:
        """Append a member."""
        self.write(_header(item))
        entry = _entry(item)
        self.entries.append(entry)
        if not item.data:
            return
        entry["size"], entry["digest"] = len(item.data), digest(item.data)
        self.flush()
        self.rows.append({"type": 2, "payload": base64.b64encode(self._segment()).decode()})
        self.rows.append({"type": 1, "name": item.path, "size": len(item.data), "payload": "AAAAAAAAAAA="})
        for at in range(0, len(item.data), self._chunk_bytes):
            data = item.data[at : at + self._chunk_bytes]
            if at:
                entry = {"name": item.path, "type": "chunk", "chunkOffset": at}
                self.entries.append(entry)
            entry["offset"], entry["chunkDigest"] = len(self.blob), digest(data)
            if at + len(data) < len(item.data):
                entry["chunkSize"] = len(data)
            self.blob += self._compress(data)
            self.tar += data
        self._split_at = len(self.tar)
        self.write(bytes(-len(item.data) % 512))

    _split_at = 0

    def _segment(self) -> bytes:
        data, self._split_at = bytes(self.tar[self._split_at :]), len(self.tar)
        return data

    def write(self, data: bytes) -> None:
        """Append bytes that are no file's."""
        self.tar += data
        self._pending += data

    def flush(self) -> None:
        """Compress what is pending."""
        if self._pending:
            self.blob += self._compress(bytes(self._pending))
            self._pending.clear()

    def split(self) -> bytes:
        """Return the tar-split data of the whole."""
        self.rows.append({"type": 2, "payload": base64.b64encode(self._segment()).decode()})
        rows = ({**row, "position": number} for number, row in enumerate(self.rows))
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def _table(entries: Sequence[dict[str, Any]], edit: Edit, **top: Any) -> bytes:
    table = {"version": 1, "entries": [dict(entry) for entry in entries], **top}
    edit(table)
    return json.dumps(table).encode()


def estargz(
    *items: Item,
    edit: Edit = _nothing,
    chunk_bytes: int = 4096,
    legacy: bool = False,
    footer: bytes | None = None,
    tail: bytes = b"",
) -> TabledLayer:
    """Return an eStargz layer; ``legacy`` has the footer of 2019, ``tail`` follows the table inside its member."""
    writer = _Writer(_gzip, chunk_bytes)
    for item in items:
        writer.add(item)
    writer.flush()
    document = _table(writer.entries, edit)
    table = Item("stargz.index.json", data=document, mode=0)
    last = _header(table) + document + bytes(-len(document) % 512) + bytes(1024)
    offset = len(writer.blob)
    own = estargz_footer(offset, legacy=legacy) if footer is None else footer
    blob = bytes(writer.blob) + _gzip(last + tail) + own
    return TabledLayer(blob, {JSON_DIGEST: digest(document)}, bytes(writer.tar) + last)


def estargz_footer(offset: int, *, legacy: bool = False) -> bytes:
    text = b"%016xSTARGZ" % offset
    extra = text if legacy else b"SG" + struct.pack("<H", len(text)) + text
    return _gzip_footer(extra)


def external_footer() -> bytes:
    text = b"STARGZEXTERNALTOC"
    return _gzip_footer(b"SG" + struct.pack("<H", len(text)) + text)


def _gzip_footer(extra: bytes) -> bytes:
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff"
    return head + struct.pack("<H", len(extra)) + extra + b"\x01\x00\x00\xff\xff" + bytes(8)


def zstd_chunked(
    *items: Item,
    edit: Edit = _nothing,
    edit_split: Callable[[bytes], bytes] = bytes,
    chunk_bytes: int = 4096,
    footer_bytes: int = 64,
) -> TabledLayer:
    """Return a zstd:chunked layer as containers/storage writes it; tar-split data with the 64-byte footer only."""
    writer = _Writer(_zstd, chunk_bytes)
    for item in items:
        writer.add(item)
    writer.write(bytes(1024))
    writer.flush()
    split = edit_split(writer.split())
    packed_split = _zstd(split)
    has_split = footer_bytes == 64
    top = {"tarSplitDigest": digest(packed_split)} if has_split else {}
    document = _table(writer.entries, edit, **top)
    packed = _zstd(document)
    offset = len(writer.blob) + 8
    blob = bytes(writer.blob) + _skippable(packed)
    annotations = {
        CHUNKED + "manifest-checksum": digest(packed),
        CHUNKED + "manifest-position": f"{offset}:{len(packed)}:{len(document)}:1",
    }
    fields = [offset, len(packed), len(document), 1]
    if has_split:
        place = len(blob) + 8, len(packed_split), len(split)
        annotations[CHUNKED + "tarsplit-position"] = ":".join(map(str, place))
        blob += _skippable(packed_split)
        footer = struct.pack("<7Q", *fields, *place) + b"GNUlInUx"
    else:
        footer = (struct.pack("<4Q", *fields) + b"GnUlInUx").ljust(footer_bytes, b"\0")
    return TabledLayer(blob + _skippable(footer), annotations, bytes(writer.tar))


def _skippable(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + struct.pack("<I", len(data)) + data


class CountedAccess:
    """Random access to bytes that counts what is read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes = len(data)
        self.read_bytes = 0

    def pread(self, size: int, offset: int) -> bytes:
        data = self._data[offset : offset + size]
        self.read_bytes += len(data)
        return data

    def locate(self) -> FileSpan:
        return FileSpan(self.pread, 0, self.size_bytes)


def oci_image(layers: Sequence[TabledLayer], config_document: bytes) -> bytes:
    """Return an OCI archive of these layers."""
    blobs: dict[str, bytes] = {}

    def add(data: bytes, kind: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        blobs["blobs/sha256/" + digest(data)[7:]] = data
        row = {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": digest(data),
            "size": len(data),
        }
        return {**row, "annotations": dict(annotations)} if annotations else row

    rows = []
    for layer in layers:
        suffix = "gzip" if layer.blob[:2] == b"\x1f\x8b" else "zstd"
        rows.append(add(layer.blob, f"layer.v1.tar+{suffix}", layer.annotations))
    manifest = {"schemaVersion": 2, "config": add(config_document, "config.v1+json"), "layers": rows}
    top = add(json.dumps(manifest).encode(), "manifest.v1+json")
    members = {
        **blobs,
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [top]}).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
    }
    return outer_tar(members)
