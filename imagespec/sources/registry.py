"""
A registry's storage: distribution's and Harbor's directory (distribution registry/storage/paths.go, v2 and v3).

``<root>/repositories/<name>/_manifests/tags/<tag>/current/link`` holds the digest of a manifest or index, and
``<root>/blobs/sha256/<2 hex>/<hex>/data`` its bytes; ``<root>`` ends in ``docker/registry/v2``. Media types are not
stored, so documents are told by their shape. Images are those with a tag; a repository without any, as mirrors by
digest have it, gives those of its revisions. Mirrors made in steps (oc-mirror) hold part of the blobs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

import attrs

from imagespec.digest import Digest, parse_digest
from imagespec.documents.oci import Descriptor
from imagespec.errors import DocumentError, ImageSpecError
from imagespec.image import UnreadableImage
from imagespec.scan import ScanRequest
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.manifests import Blobs, ManifestReader, Pending
from imagespec.sources.store import Store

_LINK_BYTES = 256
# distribution/reference: what a tag may be; a repository's name is whatever lies above `_manifests`.
_LINK = re.compile(
    r"(?P<name>[^/]+(?:/[^/]+)*)/_manifests/"
    r"(?:tags/(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})/current|revisions/(?P<algorithm>[a-z0-9]+)/(?P<hex>[0-9a-f]+))/link"
)
_REPOSITORIES = "repositories/"
_ROOT = "docker/registry/v2/"


@attrs.define
class _Repository:
    """Links of one repository: what each is called, and its name in the store."""

    tags: dict[str, str] = attrs.field(factory=dict)
    revisions: dict[str, str] = attrs.field(factory=dict)


def is_here(store: Store) -> bool:
    """Tell whether a link of a repository lies anywhere in the store."""
    return any(_place(name) for name in store.names())


def read(store: Store, request: ScanRequest) -> Listed:
    """Return the images of every repository and tag, in the order of their names; raises LimitError."""
    images: list[Listed] = []
    for root, repositories in _repositories(store).items():
        reader = ManifestReader(Blobs(store, _names_under(root)), request)
        unreadable: list[UnreadableImage] = []
        for name, repository in sorted(repositories.items()):
            links = [(f"{name}:{tag}", link) for tag, link in sorted(repository.tags.items())] or [
                (f"{name}@{digest}", link) for digest, link in sorted(repository.revisions.items())
            ]
            for reference, link in links:
                try:
                    reader.add(_pending(store, reference, link))
                except ImageSpecError as error:
                    unreadable.append(UnreadableImage(error, (reference,)))
        listed = reader.listed()
        images.append(attrs.evolve(listed, unreadable=(*unreadable, *listed.unreadable)))
    notes = tuple(note for listed in images for note in listed.notes)
    return Listed(
        tuple(image for listed in images for image in listed.images),
        notes,
        tuple(item for listed in images for item in listed.unreadable),
        notes[0] if notes else Listed().reason,
    )


def _place(name: str) -> tuple[str, re.Match[str]] | None:
    """Return the registry's root and what a link names, None for another file."""
    if not name.endswith("/link"):
        return None
    at = name.find(_ROOT + _REPOSITORIES)
    root = name[: at + len(_ROOT)] if at >= 0 else ""
    if at < 0 and not name.startswith(_REPOSITORIES):
        before, found, _ = name.partition("/" + _REPOSITORIES)
        if not found:
            return None
        root = before + "/"
    match = _LINK.fullmatch(name, len(root) + len(_REPOSITORIES))
    return (root, match) if match else None


def _repositories(store: Store) -> dict[str, dict[str, _Repository]]:
    roots: dict[str, dict[str, _Repository]] = defaultdict(lambda: defaultdict(_Repository))
    for name in store.names():
        place = _place(name)
        if not place:
            continue
        root, match = place
        repository = roots[root][match["name"]]
        if match["tag"]:
            repository.tags[match["tag"]] = name
        else:
            repository.revisions[f"{match['algorithm']}:{match['hex']}"] = name
    return roots


def _pending(store: Store, reference: str, link: str) -> Pending:
    raw = store.read(link, "the registry")
    try:
        digest = parse_digest(raw[:_LINK_BYTES].decode("ascii", "replace").strip())
    except ValueError as error:
        raise DocumentError(link, str(error)) from error
    # A link says neither type nor size.
    descriptor = Descriptor(media_type="", digest=digest, size_bytes=None)
    return Pending(descriptor=descriptor, names=(reference,), named_by=link)


def _names_under(root: str) -> Callable[[Digest], tuple[str, ...]]:
    def names_of(digest: Digest) -> tuple[str, ...]:
        algorithm, _, value = digest.partition(":")
        return (f"{root}blobs/{algorithm}/{value[:2]}/{value}/data",)

    return names_of


LAYOUT = Layout("registry", is_here, read)
