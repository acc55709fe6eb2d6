"""Which layout a store has: by its documents, never by its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib import import_module

import attrs

from imagespec.errors import ImageSpecError, InputError, UnknownFormatError
from imagespec.image import Image, UnreadableImage
from imagespec.scan import ScanRequest
from imagespec.sources.layout import Layout, Listed
from imagespec.sources.store import Store
from imagespec.sources.views import Folder, Remembering

# Two of these at the top of a tar make it a root filesystem (Filesystem Hierarchy Standard 3.0, section 3).
_ROOT_DIRECTORIES = frozenset(
    ("bin", "dev", "etc", "lib", "proc", "root", "sbin", "sys", "tmp", "usr", "var")
)
_DESCENTS = 4
# What a folder has at whose top a layout lies that is told by a document of its own.
_MARKS = frozenset(("oci-layout", "version"))
_LAYOUTS = {
    "docker": ("docker_archive", "manifest.json"),
    "skopeo": ("skopeo_dir", "manifest.json"),
    "oci": ("oci_layout", "index.json"),
    "docker-v1": ("docker_v1", ""),
    "registry": ("registry", ""),
}
"""
Each layout's name with its module and the document without which it is not there; none for those that only a look at
every name tells, which come last. So a module is imported where its layout may be.
"""


def read_images(store: Store, request: ScanRequest, forced: Collection[str] = ()) -> tuple[str, Listed]:
    """
    Return the container's name (``docker-archive`` …) and the images that a store holds.

    ``forced`` names the only layouts that it may have. Raises ImageSpecError, with what the input looks like, where it
    has none or lists no image.
    """
    store = Remembering(store)
    places = list(_places(store, forced))
    if not places:
        raise _not_forced(store, forced) if forced else _unknown_layout(store)
    found = [_read(place, layouts, request) for place, layouts in places]
    images = [image for listed in found for image in listed.images]
    listed = Listed(
        tuple(attrs.evolve(image, number=number) for number, image in enumerate(images)),
        tuple(note for listed in found for note in listed.notes),
        tuple(item for listed in found for item in listed.unreadable),
        found[0].reason,
    )
    if not images:
        if listed.unreadable:
            raise listed.unreadable[0].error
        raise UnknownFormatError(f"{listed.reason}; export it again")
    return f"{places[0][1][0].name}-{store.kind}", listed


def _places(store: Store, forced: Collection[str]) -> Iterator[tuple[Store, list[Layout]]]:
    """Yield where layouts are: at the root, or in folders, as zarf, `skopeo sync` and people with `tar` put them."""
    place = store
    for _ in range(_DESCENTS):
        layouts = _layouts_of(place, forced)
        if layouts:
            yield place, layouts
            return
        tops = {name.partition("/")[0] for name in place.names()}
        if len(tops) != 1 or place.has(next(iter(tops))):
            break
        place = Folder(place, tops.pop())
    if not _looks_like_rootfs(store.names()):
        yield from _marked_places(store, forced)


def _marked_places(store: Store, forced: Collection[str]) -> Iterator[tuple[Store, list[Layout]]]:
    parted = (name.rpartition("/") for name in store.names())
    for path in sorted({folder for folder, _, name in parted if folder and name in _MARKS}):
        # No look at every name: there may be thousands of folders.
        layouts = _layouts_of(Folder(store, path), forced, by_names=False)
        if layouts:
            yield Folder(store, path), layouts


def _layouts_of(store: Store, forced: Collection[str], *, by_names: bool = True) -> list[Layout]:
    """Return the layout at the root of a store, and the second one where there are two; nothing where there is none."""
    found: list[Layout] = []
    for name, (module, document) in _LAYOUTS.items():
        # An archive of Docker 25 and newer has an index, too.
        if (found and name != "oci") or (forced and name not in forced):
            continue
        if not (store.has(document) if document else by_names):
            continue
        layout = import_module(f"imagespec.sources.{module}").LAYOUT
        assert isinstance(layout, Layout)
        if layout.is_here(store):
            found.append(layout)
        if found and found[0].name != "docker":
            break
    return found


def _read(store: Store, layouts: Sequence[Layout], request: ScanRequest) -> Listed:
    listed = layouts[0].read(store, request)
    if len(layouts) > 1:
        try:
            from imagespec.sources.join import join  # noqa: PLC0415 - most archives have one document

            listed = join(listed, layouts[1].read(store, request))
        except ImageSpecError as error:
            listed = attrs.evolve(listed, unreadable=(*listed.unreadable, UnreadableImage(error)))
    if isinstance(store, Folder):
        listed = attrs.evolve(listed, images=tuple(_named(image, store.path) for image in listed.images))
    return listed


def _named(image: Image, folder: str) -> Image:
    # `skopeo sync --dest dir` writes each image to a folder `<name>:<tag>`, and nothing else says what it is called.
    if image.references or ":" not in folder.rpartition("/")[2]:
        return image
    return attrs.evolve(image, references=(folder,))


def _not_forced(store: Store, forced: Collection[str]) -> InputError:
    here = _layouts_of(store, ())
    wanted = " or ".join(forced)
    found = f"its layout is {here[0].name}" if here else str(_unknown_layout(store))
    return InputError(f"the prefix asks for the layout {wanted}, but {found}; leave the prefix out")


def _unknown_layout(store: Store) -> InputError:
    names = store.names()
    if _looks_like_rootfs(names):
        return UnknownFormatError(
            "this is a root filesystem, as `docker export` writes it, without the image's config and layers; save the "
            "image itself with `docker save IMAGE -o FILE`, or turn this into one with `docker import FILE IMAGE` first"
        )
    if any("/_manifests/" in name for name in names):
        return UnknownFormatError(
            "this is a part of a registry's storage; give the directory above, which holds repositories and blobs"
        )
    if store.kind == "dir":
        return UnknownFormatError(
            "the directory is no image layout: it has neither index.json (OCI) nor manifest.json (docker-archive)"
        )
    if any(name.endswith("/Chart.yaml") for name in names):
        return UnknownFormatError("this is a Helm chart, not an image; save the images that it names instead")
    if store.end_bytes is not None:
        return InputError(
            f"the archive is truncated: it ends at byte {store.end_bytes:,} without an end marker and before the "
            "documents that name its images; copy or export it again"
        )
    return UnknownFormatError(
        "the archive has neither manifest.json (docker-archive) nor index.json (OCI), so it names no image; "
        "save one with `docker save IMAGE -o FILE`"
    )


def _looks_like_rootfs(names: Collection[str]) -> bool:
    return len({name.partition("/")[0] for name in names if "/" in name} & _ROOT_DIRECTORIES) >= 2
