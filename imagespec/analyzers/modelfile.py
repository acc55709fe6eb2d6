"""
The ModelArts config.json inside an image, where it has one.

A container import reads config.json from beside the image, so most images have none; but many people copy the model
folder into the image, and custom engines find theirs at /home/mind/model (ModelArts, "Specifications for Using a
Custom Engine to Create a Model").
"""

from __future__ import annotations

import attrs

from imagespec.analyzers.wanted import KIB, Wanted
from imagespec.documents.config import ImageConfig
from imagespec.documents.model_config import ModelConfig, parse_model_config
from imagespec.entry import Entry, EntryKind
from imagespec.errors import ImageSpecError
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

WANTED = (Wanted(names=frozenset({"config.json"}), head_bytes=1024 * KIB, up_to_bytes=1024 * KIB),)

_FOLDERS = ("home/mind/model", "home/ma-user/model", "home/model", "model", "home", "")
_WORKDIR_FOLDERS = ("", "model")
# Keys that tell it from the config.json of a model library, which may lie in the same folder.
_OWN_KEYS = ("apis", "model_algorithm")


@attrs.frozen
class ModelFile:
    """What the search found: a configuration, one that is broken, or nothing."""

    config: ModelConfig | None = None
    broken: Evidence | None = None
    """A ModelArts config.json that cannot be parsed."""
    notes: tuple[Evidence, ...] = ()
    """What was looked at and does not decide."""


def find_model_file(rootfs: RootFs, config: ImageConfig, limits: Limits, *, batch: bool) -> ModelFile:
    """Look for the image's own config.json in the places where models lie."""
    notes: list[Evidence] = []
    found: dict[bytes, Entry] = {}
    for entry in _candidates(rootfs, config):
        content = rootfs.content(entry)
        if content is None or len(content) < entry.size_bytes:
            notes.append(Evidence(message="was not read: too large", path=entry.path, layer=entry.layer))
        elif any(f'"{key}"'.encode() in content for key in _OWN_KEYS):
            found.setdefault(content, entry)
        else:
            notes.append(
                Evidence(message="is no ModelArts configuration", path=entry.path, layer=entry.layer)
            )
    if len(found) > 1:
        notes.extend(
            Evidence(
                message="is one of several different ModelArts configurations",
                path=entry.path,
                layer=entry.layer,
            )
            for entry in found.values()
        )
        return ModelFile(notes=tuple(notes))
    for content, entry in found.items():
        try:
            parsed = parse_model_config(content, f"/{entry.path}", limits, batch=batch)
        except ImageSpecError as error:
            return ModelFile(
                None, Evidence(message=str(error), path=entry.path, layer=entry.layer), tuple(notes)
            )
        return ModelFile(parsed, None, tuple(notes))
    return ModelFile(notes=tuple(notes))


def _candidates(rootfs: RootFs, config: ImageConfig) -> list[Entry]:
    folders = [*_FOLDERS, *(f"{config.working_dir}/{name}" for name in _WORKDIR_FOLDERS)]
    entries = [rootfs.resolve(f"{folder}/config.json") for folder in folders]
    return list({entry.path: entry for entry in entries if entry and entry.kind is EntryKind.FILE}.values())
