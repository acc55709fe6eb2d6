"""
The docker-archive of Docker before 1.10: a chain of layers, each with a config of its own (moby graph/export.go, 1.9).

``repositories`` gives names and tags to the top layer's id; ``<id>/json`` says what is below (``parent``),
``<id>/layer.tar`` holds the files. Nothing in it is named by a digest, so diff_ids are not known and not invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from imagespec.documents.config import History, ImageConfig, parse_config
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError, ImageSpecError, LimitError
from imagespec.image import Image, UnreadableImage
from imagespec.layer import Layer, LayerState
from imagespec.scan import ScanRequest
from imagespec.sources.layers import platform_of
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.store import Store

REPOSITORIES = "repositories"
_ID = re.compile(r"[0-9a-f]{64}")
_NEWER_CONFIG = re.compile(r"[0-9a-f]{64}\.json")
_DOCUMENT = re.compile(r"([0-9a-f]{64})/json")


@attrs.frozen
class _Step:
    """One layer of a chain."""

    id: str
    config: ImageConfig
    parent: str | None
    created_by: str


def is_here(store: Store) -> bool:
    """
    Tell whether there are v1 documents and none of those that Docker 1.10 and newer add.

    Newer archives have v1 documents, too, and `manifest.json` last: one that was cut off is no v1 archive.
    """
    if store.end_bytes is not None or store.has("manifest.json") or store.has("index.json"):
        return False
    names = store.names()
    return any(map(_DOCUMENT.fullmatch, names)) and not any(map(_NEWER_CONFIG.fullmatch, names))


def read(store: Store, request: ScanRequest) -> Listed:
    """Return the images that ``repositories`` names; without it, those that no other is built on."""
    steps = {
        match.group(1): _read_step(store, match.group(1), request)
        for name in store.names()
        if (match := _DOCUMENT.fullmatch(name))
    }
    images, unreadable = [], []
    for top, references in _tops(store, steps, request).items():
        try:
            chain = _chain(steps, top, request)
            images.append(_image(store, chain, tuple(references), request))
        except ImageSpecError as error:
            unreadable.append(UnreadableImage(error, tuple(references)))
    return Listed(tuple(images), unreadable=tuple(unreadable))


def _read_step(store: Store, number: str, request: ScanRequest) -> _Step:
    name = f"{number}/json"
    raw = store.read(name, "the archive")
    tree = Node(load_json(raw, name, request.limits), name)
    words = tree.node("container_config").words("Cmd")
    return _Step(
        number, parse_config(raw, name, request.limits), tree.optional_text("parent") or None, " ".join(words)
    )


def _tops(store: Store, steps: dict[str, _Step], request: ScanRequest) -> dict[str, list[str]]:
    if not store.has(REPOSITORIES):  # saved by ID
        below = {step.parent for step in steps.values()}
        return {number: [] for number in steps if number not in below} or {number: [] for number in steps}
    tree = Node(
        load_json(store.read(REPOSITORIES, "the archive"), REPOSITORIES, request.limits), REPOSITORIES
    )
    tops: dict[str, list[str]] = {}
    for repository in tree.value:
        tags = tree.node(repository)
        for tag in tags.value:
            number = tags.text(tag, "")
            if not _ID.fullmatch(number):
                raise DocumentError(REPOSITORIES, f"{repository}:{tag} is no layer's id: {number!r}")
            tops.setdefault(number, []).append(f"{repository}:{tag}")
    return tops


def _chain(steps: dict[str, _Step], top: str, request: ScanRequest) -> list[_Step]:
    """Return the layers below ``top`` and itself, base first; raises where they do not end."""
    chain: dict[str, _Step] = {}
    named_by, number = REPOSITORIES, top
    while number:
        if number in chain:
            raise DocumentError(
                named_by, f"the parents of {top} lead back to {number}; export the image again"
            )
        if number not in steps:
            raise DocumentError(named_by, f"names the layer {number}, which the archive does not hold")
        if len(chain) == request.limits.layers:
            raise LimitError("layers", request.limits.layers, len(chain) + 1, named_by)
        chain[number] = steps[number]
        named_by, number = f"{number}/json", steps[number].parent or ""
    return list(reversed(chain.values()))


def _image(store: Store, chain: list[_Step], references: tuple[str, ...], request: ScanRequest) -> Image:
    history = tuple(History(step.created_by, empty_layer=False) for step in chain)
    config = attrs.evolve(chain[-1].config, history=history, diff_ids=())
    return Image(
        references=references,
        config=config,
        layers=tuple(_layers(store, chain)),
        platform=platform_of(config),
        unchecked=("the config and the layers, because archives of Docker before 1.10 record no digests",),
        request=request,
    )


def _layers(store: Store, chain: list[_Step]) -> Iterator[Layer]:
    for number, step in enumerate(chain):
        name = f"{step.id}/layer.tar"
        blob = store.blob(name)
        yield Layer(
            number=number,
            diff_id=None,
            stored_name=name,
            created_by=step.created_by or None,
            state=LayerState.PRESENT if blob else LayerState.MISSING,
            blob=blob,
        )


LAYOUT = Layout("docker-v1", is_here, read)
