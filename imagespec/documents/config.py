"""The image config: what the container will run, and what its layers must hash to (image-spec v1.1 config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from imagespec.digest import DiffId, Digest, sha256_of
from imagespec.documents.node import Node
from imagespec.documents.strictjson import load_json
from imagespec.errors import DocumentError
from imagespec.limits import Limits


@attrs.frozen
class History:
    """One line of the image's history."""

    created_by: str
    empty_layer: bool


@attrs.frozen(kw_only=True)
class ImageConfig:
    """
    An image's config.

    Lists and mappings are empty where the document has none or null. ``shell`` is what a shell-form CMD was wrapped
    with (Docker's extension), None where the image does not say.
    """

    raw: bytes = attrs.field(repr=False)
    digest: Digest
    """Of the document's bytes; the image ID, except before Docker 1.10."""
    architecture: str
    os: str
    variant: str | None
    created: str | None
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: tuple[str, ...]
    """As written, ``KEY=value``."""
    working_dir: str
    user: str
    exposed_ports: tuple[str, ...]
    """As written: ``8080/tcp``, sometimes without the protocol."""
    shell: tuple[str, ...] | None
    healthcheck: Mapping[str, Any] | None
    labels: Mapping[str, str]
    volumes: tuple[str, ...]
    stop_signal: str | None
    diff_ids: tuple[DiffId, ...]
    history: tuple[History, ...]

    def environment(self) -> dict[str, str]:
        """Return the environment as a mapping; the last value of a repeated key counts, as in the kernel's list."""
        return dict(item.partition("=")[::2] for item in self.env if "=" in item)


def parse_config(raw: bytes, document: str, limits: Limits) -> ImageConfig:
    """Parse a config; ``document`` is its name in errors. Raises DocumentError or LimitError."""
    tree = Node(load_json(raw, document, limits), document)
    run = tree.node("config")
    rootfs = tree.node("rootfs")
    if rootfs.text("type", "layers") != "layers":
        raise DocumentError(document, f"#/rootfs/type is {rootfs.text('type', '')!r}, not 'layers'")
    return ImageConfig(
        raw=raw,
        digest=sha256_of(raw),
        architecture=tree.text("architecture", ""),
        os=tree.text("os", ""),
        variant=tree.optional_text("variant"),
        created=tree.optional_text("created"),
        entrypoint=run.words("Entrypoint"),
        cmd=run.words("Cmd"),
        env=run.texts("Env"),
        working_dir=run.text("WorkingDir", ""),
        user=run.text("User", ""),
        exposed_ports=tuple(run.mapping("ExposedPorts")),
        shell=run.texts("Shell") or None,
        healthcheck=run.mapping("Healthcheck") or None,
        labels={key: value for key, value in run.mapping("Labels").items() if isinstance(value, str)},
        volumes=tuple(run.mapping("Volumes")),
        stop_signal=run.optional_text("StopSignal"),
        diff_ids=tuple(DiffId(digest) for digest in rootfs.digests("diff_ids")),
        history=tuple(
            History(item.text("created_by", ""), item.flag("empty_layer")) for item in tree.nodes("history")
        ),
    )
