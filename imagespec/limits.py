"""The bounds on what an attacker-controlled input may cost."""

from __future__ import annotations

import attrs

MIB = 1 << 20
GIB = 1 << 30


@attrs.frozen(kw_only=True)
class Limits:
    """
    Bounds of one run; exceeding one raises `imagespec.errors.LimitError` and never passes silently.

    Sizes are in bytes of the uncompressed form unless the comment says otherwise.
    """

    document_bytes: int = 4 * MIB
    """One JSON document: containers/image caps manifests and configs at 4 MiB (internal/iolimits)."""
    document_depth: int = 64
    """Nesting of arrays and objects in a JSON document."""
    documents_bytes: int = 64 * MIB
    """All documents kept from one pipe, where each small member might be one."""
    archive_members: int = 200_000
    """Members of the outer tar, or files of a layout directory."""
    layers: int = 500
    """Layers of one image: containers/storage stops at 500."""
    manifests: int = 256
    """Manifests reachable from one index."""
    index_depth: int = 4
    """Indexes nested in indexes."""

    layer_members: int = 2_000_000
    """Members of one layer."""
    layer_bytes: int = 64 * GIB
    """One uncompressed layer: more than the largest image that any edition of the specification admits."""
    names_bytes: int = 512 * MIB
    """Names, link targets, extended attributes and sparse maps (128 bytes an entry) of one layer together."""
    name_bytes: int = 64 * 1024
    """One name or link target."""
    meta_header_bytes: int = MIB
    """The body of one PAX or GNU long-name header: 1 MiB, as in Go's archive/tar (maxSpecialFileSize)."""
    meta_header_chain: int = 16
    """PAX and GNU headers before one member: 16, as in composefs/tar-core."""
    sparse_entries: int = 10_000
    """Entries of one sparse map: 10,000, as in composefs/tar-core."""
    findings: int = 1_000
    """Findings kept of one layer; the rest is counted."""

    table_bytes: int = 64 * MIB
    """A layer's table of contents, its tar-split data (the layer is inflated instead where they are larger), and one chunk
    of a file that is read by the table."""

    expansion_ratio: int = 1_100
    """Uncompressed per compressed byte, once `expansion_free_bytes` are out. Deflate cannot pass 1,032:1, so this
    never refuses a gzip layer; zstd bombs reach 32,744:1 and bzip2 bombs 1,290,555:1."""
    expansion_free_bytes: int = 64 * MIB
    """Output that may be reached at any ratio: small layers of zeros are ordinary."""
    zstd_window_bytes: int = 128 * MIB
    """Window of a zstd frame: libzstd's own default bound (2^27)."""
    xz_memory_bytes: int = 256 * MIB
    """Memory for one xz stream; `xz -9` needs 65 MiB to decode."""

    kept_file_bytes: int = 40 * MIB
    """Content kept of one file for the rules: conda's python (30 MB), a large distribution's package database."""
    kept_bytes: int = 256 * MIB
    """Content kept of one image's layers together for the rules; in a pipe, of all that passes."""
    symlink_hops: int = 40
    """Links followed in one lookup: the kernel's MAXSYMLINKS."""
    link_steps: int = 8_000_000
    """Path components that the links on the way to one layer's members add up to; real layers need one or two each."""
    content_bytes: int = GIB
    """One file's content read into memory at once."""
