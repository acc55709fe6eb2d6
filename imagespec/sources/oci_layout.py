"""
The OCI image layout: ``index.json`` and ``blobs/`` (image-spec v1.1 image-layout.md).

apko adds an ``index.json`` to a docker-archive without ``oci-layout`` and ``blobs/``: its manifests are called
``sha256:<hex>`` and its layers ``<hex>.tar.gz``.
"""

from __future__ import annotations

import attrs

from imagespec.digest import Digest
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.image import Defect
from imagespec.scan import ScanRequest
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.manifests import Blobs, ManifestReader, Pending, names_in, read_index
from imagespec.sources.store import Store
from imagespec.text import printable

INDEX = "index.json"
LAYOUT_FILE = "oci-layout"


def is_here(store: Store) -> bool:
    """Tell whether there is an index; tools leave ``oci-layout`` out (hauler, apko)."""
    return store.has(INDEX)


def read(store: Store, request: ScanRequest) -> Listed:
    """Return the images in the order of the index, one for each manifest; raises ImageSpecError."""
    index = read_index(store.read(INDEX, "the archive"), INDEX, request)
    reader = ManifestReader(Blobs(store, _names_of), request)
    defects = tuple(_layout_defects(store, request))
    reader.add(
        *(
            Pending(descriptor=item, names=names_in(item), named_by=INDEX, defects=defects)
            for item in index.manifests
        )
    )
    listed = reader.listed()
    return attrs.evolve(listed, reason=_reason(listed, reader) or listed.reason)


def _reason(listed: Listed, reader: ManifestReader) -> str | None:
    """Return why an index leads to no image."""
    if listed.notes:
        return f"{listed.notes[0]}; if the blobs lie elsewhere, shared with other layouts, say where (--blobs DIR)"
    if reader.artifacts:
        kinds = ", ".join(sorted(kind or "no type" for kind in reader.artifacts))
        return f"{INDEX} lists no image, only other artifacts ({printable(kinds)})"
    return None


def _names_of(digest: Digest) -> tuple[str, ...]:
    algorithm, _, value = digest.partition(":")
    return (
        f"blobs/{algorithm}/{value}",
        *(digest, f"{value}.tar.gz", f"{value}.tar", f"{value}.tar.zst"),
    )


def _layout_defects(store: Store, request: ScanRequest) -> list[Defect]:
    # image-spec v1.1 image-layout.md, "oci-layout file".
    if not store.has(LAYOUT_FILE):
        return []
    raw = store.read(LAYOUT_FILE, "the archive")
    tree = Node(load_json(raw, LAYOUT_FILE, request.limits), LAYOUT_FILE)
    version = tree.optional_text("imageLayoutVersion")
    if version == "1.0.0":
        return []
    message = f"{LAYOUT_FILE} has version {version!r} instead of '1.0.0', so readers may refuse it"
    return [Defect("layout-version", message)]


LAYOUT = Layout("oci", is_here, read)
