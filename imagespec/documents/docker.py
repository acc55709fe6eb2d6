"""Docker's ``manifest.json`` inside a docker-archive (moby daemon/internal/image/tarexport, `manifestItem`)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError
from imagespec.limits import Limits


@attrs.frozen
class DockerImage:
    """One row: the members of the archive that make an image."""

    config: str
    """Name of the member that holds the config."""
    repo_tags: tuple[str, ...]
    layers: tuple[str, ...]
    """Names of the members that hold the layers, base first."""
    layer_types: Mapping[str, str] = attrs.field(factory=dict)
    """Media types by diff_id, of the layers for which the writer gives one (``LayerSources``)."""


def parse_docker_manifest(raw: bytes, document: str, limits: Limits) -> tuple[DockerImage, ...]:
    """Parse the document; ``document`` is its name in errors. Raises DocumentError or LimitError."""
    rows = load_json(raw, document, limits)
    if not isinstance(rows, list):
        raise DocumentError(document, "should be an array of images")
    images = []
    for number, row in enumerate(rows):
        node = Node(row, document, f"/{number}")
        config = node.text("Config", "")
        if not config:
            raise DocumentError(document, f"#/{number}/Config is missing")
        sources = node.node("LayerSources")
        types = {key: sources.node(key).text("mediaType", "") for key in sources.value}
        types = {key: kind for key, kind in types.items() if kind}
        images.append(DockerImage(config, node.texts("RepoTags"), node.texts("Layers"), types))
    return tuple(images)
