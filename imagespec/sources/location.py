"""
What a user's word for an input means: a path, with a prefix that forces the layout and an image's name behind it.

The prefixes are those of containers-transports(5) and of syft: ``docker-archive:path[:ref|@number]``, ``oci:path:ref``.
A local path that exists is never cut at a colon.
"""

from __future__ import annotations

import os

import attrs

from imagespec.errors import UsageError

PREFIXES = {
    "docker-archive": ("docker", "docker-v1"),
    "oci-archive": ("oci",),
    "oci-dir": ("oci",),
    "oci": ("oci",),
    "dir": ("skopeo",),
    "registry-dir": ("registry",),
}
"""Each prefix with the layouts (`imagespec.sources.detect`) that it admits."""

_COPY = "imagespec reads files and asks no {what}; copy the image to a file first: `{command}`"
_TRANSPORTS = {
    "docker": ("registry", "skopeo copy docker:{rest} oci-archive:image.tar"),
    "registry": ("registry", "skopeo copy docker://{rest} oci-archive:image.tar"),
    "docker-daemon": ("engine", "docker save {rest} -o image.tar"),
    "podman": ("engine", "podman save {rest} -o image.tar"),
    "containers-storage": ("storage of podman", "podman save {rest} -o image.tar"),
    "ostree": ("ostree repository", "skopeo copy ostree:{rest} oci-archive:image.tar"),
    "sif": ("runtime", "skopeo copy sif:{rest} oci-archive:image.tar"),
}


@attrs.frozen
class Location:
    """Where an input is, which layouts it may have (none: any), and which image of it is meant (None: all)."""

    path: str
    layouts: tuple[str, ...] = ()
    image: str | None = None


def parse_location(text: str) -> Location:
    """Return what ``text`` means; raises UsageError for a transport that is no file."""
    prefix, colon, rest = text.partition(":")
    if not colon or os.path.lexists(text):
        return Location(text)
    if prefix in PREFIXES:
        path, image = _cut(rest)
        return Location(path, PREFIXES[prefix], image)
    if prefix in _TRANSPORTS:
        what, command = _TRANSPORTS[prefix]
        raise UsageError(f"{text}: {_COPY.format(what=what, command=command.format(rest=rest))}")
    return Location(text)


def _cut(rest: str) -> tuple[str, str | None]:
    """Part a path from the image's name: the longest part that exists is the path, else what is before the first colon."""
    at = len(rest)
    while at > 0:
        if os.path.lexists(rest[:at]) or rest[:at] == "-":
            return rest[:at], rest[at + 1 :] or None
        at = rest.rfind(":", 0, at)
    path, _, image = rest.partition(":")
    return path, image or None
