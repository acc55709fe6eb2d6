"""
What a user's word for an input means: a path or a URL, with a prefix that forces the layout.

The prefixes are those of containers-transports(5) and of syft: ``docker-archive:path[:ref|@number]``, ``oci:path:ref``.
A local path that exists is never cut at a colon. Behind a path there may be an image's name, never behind a URL, where
colons and slashes are its own.
"""

from __future__ import annotations

import os
import re

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
    if prefix in _TRANSPORTS:
        what, command = _TRANSPORTS[prefix]
        raise UsageError(f"{text}: {_COPY.format(what=what, command=command.format(rest=rest))}")
    # `oci://bucket@namespace/image.tar` is a URL of Oracle's object storage.
    if is_url(text) or prefix not in PREFIXES:
        return Location(text)
    path, image = (rest, None) if is_url(rest) else _cut(rest)
    return Location(path, PREFIXES[prefix], image)


def is_url(source: object) -> bool:
    """Tell a URL from a path: what exists as a path is one."""
    if not isinstance(source, str) or "://" not in source:
        return False
    # RFC 3986, 3.1
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source)) and not os.path.exists(source)  # noqa: PTH110


def shown_location(text: str) -> str:
    """Return how messages call an input: a URL without what may be secret, everything else as it is."""
    return without_secrets(text) if is_url(text) or is_url(text.partition(":")[2]) else text


def without_secrets(text: str) -> str:
    """Return a URL, or a message with URLs in it, without passwords and queries, which may hold signatures."""
    return re.sub(r"(?<=://)[^/@\s]*@|\?\S*", "", text)


def _cut(rest: str) -> tuple[str, str | None]:
    """Part a path from the image's name: the longest part that exists is the path, else what is before the first colon."""
    at = len(rest)
    while at > 0:
        if os.path.lexists(rest[:at]) or rest[:at] == "-":
            return rest[:at], rest[at + 1 :] or None
        at = rest.rfind(":", 0, at)
    path, _, image = rest.partition(":")
    return path, image or None
