"""
Scanning a layer that has a table of contents: from the table where the caller trusts it, compared with it on request.

A table is trusted where its own runtime trusts it, and never without a digest in the manifest: eStargz, and zstd layers
of stargz-snapshotter, by the annotation of the containerd family; zstd:chunked of containers/storage only with tar-split
data, which the table's digest covers. In every other case the layer is inflated.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec import compression
from imagespec.access import RandomAccess
from imagespec.compression import Codec
from imagespec.errors import LimitError, TableError
from imagespec.limits import Limits
from imagespec.scan import AccessBlob, LayerScan, ScanRequest
from imagespec.tar import Finding, LayerIndex
from imagespec.tar.contents import Contents
from imagespec.tarbytes import TarBytes
from imagespec.toc import estargz, zstdchunked
from imagespec.toc.build import build_index
from imagespec.toc.compare import compare_contents, compare_members, first_differences
from imagespec.toc.contents import ChunkReader, TableFiles
from imagespec.toc.table import TableEntry, parse_table
from imagespec.toc.vouchers import Vouchers, find_vouchers

_KINDS = {Codec.GZIP: "eStargz", Codec.ZSTD: "zstd:chunked"}


@attrs.frozen(kw_only=True)
class LayerTable:
    """A layer's table with what it makes of the layer; the manifest vouches for it."""

    kind: str
    codec: Codec
    entries: tuple[TableEntry, ...]
    """Without the table's own member of the tar."""
    payload_end: int
    """Offset in the blob."""
    index: LayerIndex
    findings: tuple[Finding, ...]
    tar_bytes: int | None
    own_member: bytes | None = None
    """The content of the last member, where that is the table itself."""
    doubt: str | None = None
    """Why the table is compared at most, and not trusted."""


@attrs.frozen
class TableBlob:
    """A layer with a table of contents, by the annotations of its descriptor in a manifest whose digest is right."""

    blob: AccessBlob
    annotations: Mapping[str, str]

    @property
    def size_bytes(self) -> int:
        """Return the size as stored."""
        return self.blob.size_bytes

    def is_worth_a_thread(self, request: ScanRequest) -> bool:
        """Tell whether a scan would spend its time in decoders, as it may even where a table is trusted."""
        return self.blob.is_worth_a_thread(request)

    def open_tar(self, limits: Limits) -> TarBytes:
        """Return the uncompressed bytes of the layer itself."""
        return self.blob.open_tar(limits)

    def scan(self, request: ScanRequest) -> LayerScan:
        """Scan the layer by its table if that is trusted, or inflate it; with ``verify``, compare the two."""
        if not request.trust_tables and not request.verify:
            return self.blob.scan(request)
        access = self.blob.access
        try:
            vouchers = find_vouchers(self.annotations)
            table = read_layer_table(access, vouchers, request.limits) if vouchers else None
            if table and not request.verify:
                return _trusted(access, table, request)
        except TableError as error:
            return _untrusted(self.blob.scan(request), error)
        except LimitError as error:
            return _untrusted(self.blob.scan(request), TableError(str(error)))
        scan = self.blob.scan(request)
        return _compared(access, table, scan, request.limits) if table else scan


def _untrusted(scan: LayerScan, error: TableError) -> LayerScan:
    if error.is_contradiction:
        return attrs.evolve(scan, contradictions=(*scan.contradictions, str(error)))
    finding = Finding("layer.table-unused", f"the layer's table of contents was not used: {error}")
    return attrs.evolve(scan, findings=(*scan.findings, finding))


def _compared(access: RandomAccess, table: LayerTable, scan: LayerScan, limits: Limits) -> LayerScan:
    """Return the scan of the inflated layer with what its table says otherwise."""
    entries = table.entries
    members = first_differences(compare_members(scan.index, _members(scan.index, table), entries))
    if members:
        return attrs.evolve(scan, contradictions=members, table_compared=True)
    reader = ChunkReader(access, table.codec, entries, table.payload_end, limits)
    try:
        found = first_differences(compare_contents(access, scan.codec, scan.index, entries, limits))
        for entry in () if found else entries:
            reader.check(entry)  # at the offsets that the table says
    except TableError as error:
        return _untrusted(scan, error)
    return attrs.evolve(scan, contradictions=found, table_compared=True)


def _members(index: LayerIndex, table: LayerTable) -> int:
    """Return how many members the table should list: eStargz' table is the last one and is not in itself."""
    last = len(index) - 1
    is_own = table.own_member is not None and last >= 0 and index.name(last) == estargz.TABLE_NAME
    return last if is_own else len(index)


def read_layer_table(access: RandomAccess, vouchers: Vouchers, limits: Limits) -> LayerTable:
    """Return the table that the manifest vouches for; raises TableError where there is none that can be used."""
    codec = compression.sniff(access.pread(16, 0))
    if codec is Codec.GZIP and vouchers.of_json and not vouchers.of_compressed:
        return _read_estargz(access, vouchers, limits)
    if codec is Codec.ZSTD:
        return _read_chunked(access, vouchers, limits)
    raise TableError(f"the annotations do not fit a layer that is {codec.value}", is_contradiction=True)


def _read_estargz(access: RandomAccess, vouchers: Vouchers, limits: Limits) -> LayerTable:
    found = estargz.read_table(access, limits)
    vouchers.check(b"", found.document)
    entries = parse_table(found.document, found.payload_end, limits).entries
    built = build_index(entries, limits, own_member=found.member)
    return LayerTable(
        kind="eStargz",
        codec=Codec.GZIP,
        entries=entries,
        payload_end=found.payload_end,
        index=built.index,
        findings=built.findings,
        tar_bytes=None,
        own_member=found.document,
    )


def _read_chunked(access: RandomAccess, vouchers: Vouchers, limits: Limits) -> LayerTable:
    found = zstdchunked.read_table(access, vouchers, limits)
    vouchers.check(found.compressed, found.document)
    table = parse_table(found.document, found.payload_end, limits)
    split, doubt = None, None
    if table.tar_split_digest and vouchers.tar_split:
        split = zstdchunked.read_tar_split(access, vouchers.tar_split, table.tar_split_digest, limits)
        if differences := first_differences(compare_members(split.index, len(split.index), table.entries)):
            raise TableError(f"{differences[0]} (by its tar-split data)", is_contradiction=True)
    elif not vouchers.of_json:
        doubt = "it has no tar-split data, without which containers/storage does not trust a table either"
    built = split or build_index(table.entries, limits)
    return LayerTable(
        kind="zstd:chunked",
        codec=Codec.ZSTD,
        entries=table.entries,
        payload_end=found.payload_end,
        index=built.index,
        findings=built.findings,
        tar_bytes=split.tar_bytes if split else None,
        doubt=doubt,
    )


def _trusted(access: RandomAccess, table: LayerTable, request: ScanRequest) -> LayerScan:
    if table.doubt:
        raise TableError(table.doubt)
    reader = ChunkReader(access, table.codec, table.entries, table.payload_end, request.limits)
    kept = _keep(reader, table, request)
    if request.progress:
        request.progress(access.size_bytes)
    message = (
        f"listed from its table of contents ({table.kind}), which the manifest vouches for; the layer itself was not "
        "inflated, and what it holds beside the table is not known"
    )
    finding = Finding("layer.table-trusted", message)
    return LayerScan(
        table.index,
        kept,
        (finding, *table.findings),
        table.codec,
        access.size_bytes,
        table.tar_bytes,
        files=TableFiles(reader, table.entries, table.own_member),
    )


def _keep(reader: ChunkReader, table: LayerTable, request: ScanRequest) -> dict[int, bytes]:
    """Return the wanted contents, chosen as a scan of the inflated layer chooses them."""
    contents = Contents(request.limits, request.want, request.room)
    for row, entry in enumerate(table.entries):
        if entry.chunks and (length := contents.choose(entry.name, entry.size_bytes, entry.mode)):
            contents.kept[row] = reader.read(entry, length)
    if table.own_member:
        row, size = len(table.entries), len(table.own_member)
        length = contents.choose(estargz.TABLE_NAME, size, table.index.modes[row])
        if length:
            contents.kept[row] = table.own_member[:length]
    return contents.kept
