"""
The layout of skopeo's and podman's ``dir:`` transport (containers/image directory/directory_transport.go).

``manifest.json`` is the image's own manifest, or an index, and every other file is called by its hex digest; the
manifests that an index lists are ``<hex>.manifest.json``. Layers may lie there uncompressed while the manifest calls
them gzip, as with `skopeo copy docker-archive:… dir:…`.
"""

from __future__ import annotations

from imagespec.digest import Digest, sha256_of
from imagespec.documents.oci import Descriptor
from imagespec.scan import ScanRequest
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.manifests import Blobs, ManifestReader, Pending
from imagespec.sources.store import Store

MANIFEST = "manifest.json"
VERSION = "version"
_VERSION_TEXT = b"Directory Transport Version: "


def is_here(store: Store) -> bool:
    """Tell whether ``manifest.json`` is an object, and nothing says that the layout is another one."""
    if not store.has(MANIFEST):
        return False
    if store.has(VERSION) and store.read(VERSION, "the directory").startswith(_VERSION_TEXT):
        return True
    return not store.has("index.json") and store.read(MANIFEST, "the directory").lstrip().startswith(b"{")


def read(store: Store, request: ScanRequest) -> Listed:
    """Return the image, or those of the index; raises ImageSpecError."""
    raw = store.read(MANIFEST, "the directory")
    reader = ManifestReader(Blobs(store, _names_of), request)
    top = Descriptor(media_type="", digest=sha256_of(raw), size_bytes=len(raw))
    reader.add(*reader.add_document(raw, Pending(descriptor=top, named_by=MANIFEST)))
    return reader.listed()


def _names_of(digest: Digest) -> tuple[str, ...]:
    algorithm, _, value = digest.partition(":")
    # directory_transport.go `layerPath`, `manifestPath`: other algorithms are written before the digest.
    value = value if algorithm == "sha256" else f"{algorithm}-{value}"
    return (value, f"{value}.manifest.json")


LAYOUT = Layout("skopeo", is_here, read)
