"""
Where images are read from: a *store* (archive, directory, pipe) times a *layout* (docker-archive, OCI layout).

`open_archive` finds out what an input is by its content, never by its name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import attrs

from imagespec import compression, tar
from imagespec.access import AccessReader, FileAccess, RandomAccess, Rewound
from imagespec.compression import Codec, CountingReader, Reader
from imagespec.errors import InputError, LimitError, TruncatedTarError, UnknownFormatError, UsageError
from imagespec.image import Defect, Image
from imagespec.scan import ScanRequest
from imagespec.sources import docker_archive, oci_layout
from imagespec.sources.remote import RemoteAccess, RemoteDirectory, is_url, open_url, without_secrets
from imagespec.sources.store import DirectoryStore, Store, TarStore

_HEAD = 512
# Two of these at the top of a tar make it a root filesystem (Filesystem Hierarchy Standard 3.0, section 3).
_ROOT_DIRECTORIES = frozenset(
    ("bin", "dev", "etc", "lib", "proc", "root", "sbin", "sys", "tmp", "usr", "var")
)


@attrs.define(eq=False)
class Archive:
    """The images of one input; a context manager that closes what it opened."""

    name: str
    """What the user called the input."""
    container: str
    """Layout and store: ``docker-archive``, ``oci-archive``, ``oci-dir`` …"""
    images: tuple[Image, ...]
    verify: bool = False
    """Whether the layers' digests are computed."""
    notes: tuple[str, ...] = ()
    """What the archive lists and does not hold, as exports of one platform of several do."""
    _resources: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack, repr=False)

    def close(self) -> None:
        """Close the input; layers cannot be read afterwards."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_archive(source: str | os.PathLike[str] | IO[bytes], request: ScanRequest) -> Archive:
    """
    Open a path, a URL, a binary file or a pipe and read its images' documents.

    A pipe is read to its end here, layers included. Raises ImageSpecError, with a message that names the input, and
    OSError where the system cannot read it.
    """
    name = _name_of(source)
    with contextlib.ExitStack() as resources:
        try:
            store = _open_store(source, request, resources)
            container, images, notes = _read_images(store, request)
        except TruncatedTarError as error:
            raise InputError(
                f"{name}: the archive is truncated: {error.reason}, at byte {error.offset:,}; "
                "copy or export it again"
            ) from error
        except (InputError, LimitError) as error:
            error.args = (f"{name}: {error}",)
            raise
        return Archive(name, container, images, request.verify, notes, resources.pop_all())


def _name_of(source: str | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(source, (str, os.PathLike)):
        return without_secrets(os.fspath(source)) if is_url(source) else os.fspath(source)
    name = getattr(source, "name", None)
    if not isinstance(name, str):
        return "the stream"
    return "standard input" if name == "<stdin>" else name


def _open_store(
    source: str | os.PathLike[str] | IO[bytes], request: ScanRequest, resources: contextlib.ExitStack
) -> Store:
    if isinstance(source, (str, os.PathLike)):
        if is_url(source):
            return _open_url(os.fspath(source), request, resources)
        path = Path(source)
        if path.is_dir():
            return _entered(DirectoryStore(path, request.limits), resources)
        if not path.exists():
            raise UsageError(f"{path}: no such file or directory")
        source = resources.enter_context(path.open("rb"))
    if source.seekable():
        return _open_access(FileAccess(source), request, resources)
    head = b""
    while len(head) < _HEAD and (more := source.read(_HEAD - len(head))):
        head += more
    _check_head(head)
    return _open_stream(head, Rewound(head, source), request, resources)


def _open_url(url: str, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    found = open_url(url, request.limits)
    if isinstance(found, RemoteAccess):
        return _open_access(found, request, resources)
    return _entered(found, resources)


def _open_access(access: RandomAccess, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    head = access.pread(_HEAD, 0)
    _check_head(head)
    if compression.sniff(head) is Codec.PLAIN:
        return _entered(TarStore(access, request.limits), resources)
    return _open_stream(head, AccessReader(access), request, resources)


def _open_stream(head: bytes, reader: Reader, request: ScanRequest, resources: contextlib.ExitStack) -> Store:
    counted = CountingReader(reader, lambda data: request.progress(len(data)) if request.progress else None)
    from imagespec.sources.pipe import PipeStore  # noqa: PLC0415 - files need none of it

    decoded = compression.open_decoder(counted, compression.sniff(head), request.limits)
    return _entered(PipeStore(decoded, request), resources)


def _entered(store: Store, resources: contextlib.ExitStack) -> Store:
    resources.callback(store.close)
    return store


def _check_head(head: bytes) -> None:
    """Raise UnknownFormatError, with what the input is, unless it may be a tar."""
    if not head:
        raise UnknownFormatError("the file is empty; export the image again")
    if compression.sniff(head) is not Codec.PLAIN or tar.is_header(head):
        return
    if not any(head):
        what = "an archive without members"
    elif head.lstrip()[:1] in (b"{", b"["):
        what = "a JSON document"
    elif _is_text(head):
        what = "a text file"
    elif len(head) < _HEAD:
        what = "too short to be an archive"
    else:
        what = "no tar archive (its first block is no tar header)"
    raise UnknownFormatError(f"this is {what}, not an image; save one with `docker save IMAGE -o FILE`")


def _is_text(head: bytes) -> bool:
    return not set(head) & (set(range(32)) - set(b"\t\n\f\r\x1b"))


def _read_images(store: Store, request: ScanRequest) -> tuple[str, tuple[Image, ...], tuple[str, ...]]:
    names = store.names()
    has_docker = docker_archive.MANIFEST in names
    has_oci = oci_layout.INDEX in names
    if _is_skopeo_dir(store):
        raise UnknownFormatError(
            "this is a directory of skopeo's dir: transport, which is not read; turn it into an archive with "
            "`skopeo copy dir:PATH oci-archive:FILE`"
        )
    if not has_docker and not has_oci:
        raise _unknown_layout(store)
    docker_images = tuple(docker_archive.read_images(store, request)) if has_docker else ()
    listed = oci_layout.read_images(store, request) if has_oci else oci_layout.Listed((), ())
    images = _join(docker_images, listed.images) if has_docker else listed.images
    notes = tuple(
        f"index.json lists {item.digest} ({item.platform or 'no platform given'}), which the archive does not hold"
        for item in listed.absent
    )
    if not images:
        reason = notes[0] if notes else "the archive lists no image"
        raise UnknownFormatError(f"{reason}; export it again")
    return f"{'docker' if has_docker else 'oci'}-{store.kind}", images, notes


def _join(docker_images: tuple[Image, ...], oci_images: tuple[Image, ...]) -> tuple[Image, ...]:
    """
    Join what ``manifest.json`` and ``index.json`` of one archive say, by the config's digest.

    Which images there are, and the order of their layers, is taken from ``manifest.json``: Docker 25 releases got
    ``index.json`` wrong (moby#47065, #51389). What the two say differently becomes a defect of the image. Images that
    only the index lists are of other platforms (containerd writes the preferred one alone into manifest.json).
    """
    by_config = {image.config.digest: image for image in oci_images}
    joined = []
    for image in docker_images:
        other = by_config.pop(image.config.digest, None)
        if other is None:
            if oci_images:
                message = f"manifest.json lists the image {image.config.digest}, index.json does not"
                image = attrs.evolve(image, defects=(*image.defects, Defect("index-disagrees", message)))
            joined.append(image)
            continue
        defects = image.defects
        if [layer.stored_name for layer in image.layers] != [layer.stored_name for layer in other.layers]:
            message = "manifest.json and index.json list different layers, so tools may see different images"
            defects = (*defects, Defect("index-disagrees", message))
            joined.append(attrs.evolve(image, defects=defects))
        else:
            references = image.references or other.references
            joined.append(attrs.evolve(other, references=references, defects=defects))
    return (*joined, *by_config.values())


def _unknown_layout(store: Store) -> InputError:
    names = store.names()
    if isinstance(store, (DirectoryStore, RemoteDirectory)):
        return UnknownFormatError(
            "the directory is no image layout: it has neither index.json (OCI) nor manifest.json (docker-archive)"
        )
    if _looks_like_rootfs(names):
        return UnknownFormatError(
            "this is a root filesystem, as `docker export` writes it, without the image's config and layers; save the "
            "image itself with `docker save IMAGE -o FILE`, or turn this into one with `docker import FILE IMAGE` first"
        )
    if store.end_bytes is not None:
        return InputError(
            f"the archive is truncated: it ends at byte {store.end_bytes:,} without an end marker and before the "
            "documents that name its images; copy or export it again"
        )
    return UnknownFormatError(
        "the archive has neither manifest.json (docker-archive) nor index.json (OCI), so it names no image; "
        "save one with `docker save IMAGE -o FILE`"
    )


def _is_skopeo_dir(store: Store) -> bool:
    # containers/image directory/directory_transport.go: the file `version`.
    return "version" in store.names() and store.read("version", "the directory").startswith(
        b"Directory Transport"
    )


def _looks_like_rootfs(names: Collection[str]) -> bool:
    return len({name.partition("/")[0] for name in names if "/" in name} & _ROOT_DIRECTORIES) >= 2
