"""
Applications of Spring Boot that lie unpacked in the image, read as the archive that they were.

Either with the loader (``java org.springframework.boot.loader.launch.JarLauncher`` over BOOT-INF), or with a class path
of folders and libraries (``java -cp app:app/lib/* demo.App``), as Spring Boot's reference and Jib lay images out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

import attrs

from imagespec.analyzers.java.jars import MOST_JAR_BYTES, MOST_MEMBER_BYTES, UnreadJarError
from imagespec.entry import Entry, EntryKind
from imagespec.errors import ImageSpecError
from imagespec.rootfs import RootFs

_PARTS = ("META-INF", "BOOT-INF", "org/springframework/boot/loader")
_MOST_FILES = 20_000
_DEPTH = 40
_MANIFEST = "META-INF/MANIFEST.MF"
_LOADER = "org/springframework/boot/loader/JarLauncher.class"
_SPRING_BOOT = re.compile(r"spring-boot-([0-9]+\.[0-9]+\.[0-9][\w.-]*)\.jar\Z")


@attrs.define
class Folder:
    """Files of the view under the names that they have in an archive; ``entry`` is the folder they lie in."""

    entry: Entry
    _rootfs: RootFs
    _files: dict[str, Entry]
    _texts: dict[str, bytes] = attrs.field(factory=dict)
    _left: int = MOST_JAR_BYTES

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all members."""
        return frozenset(self._files.keys() | self._texts.keys())

    def read(self, name: str) -> bytes:
        """Return a member's bytes; raises UnreadJarError where there is none, or it cannot be read."""
        return self._texts[name] if name in self._texts else self._read(name, MOST_MEMBER_BYTES)

    def stored_marks(self, name: str, marks: tuple[bytes, ...]) -> set[bytes]:
        """Return which of these bytes a member contains."""
        data = self._read(name, MOST_JAR_BYTES)
        return {mark for mark in marks if mark in data}

    def _read(self, name: str, most: int) -> bytes:
        entry = self._files.get(name)
        if entry is None or entry.size_bytes > min(most, self._left):
            raise UnreadJarError(f"{name} below /{self.entry.path} is not there, or larger than what is read")
        self._left -= entry.size_bytes
        try:
            return self._rootfs.read(entry, most)
        except ImageSpecError as error:
            raise UnreadJarError(f"/{entry.path} could not be read: {error}") from None


def open_folder(rootfs: RootFs, folder: Entry) -> Folder:
    """Return the archive that a folder is, which the loader reads; raises UnreadJarError where it is not plain."""
    files: dict[str, Entry] = {}
    for part in _PARTS:
        below = rootfs.resolve(posixpath.join("/", folder.path, part))
        for entry in _walk(rootfs, below) if below is not None else ():
            files[part + entry.path[len(below.path) :] if below is not None else ""] = entry
    return Folder(folder, rootfs, files)


def open_class_path(rootfs: RootFs, paths: Sequence[str], main: str) -> Folder:
    """Return the archive that a class path is; ``main`` is the class that is started."""
    files: dict[str, Entry] = {}
    folders = [one for path in paths if (one := _add_part(rootfs, path, files)) is not None]
    start = files.get(f"BOOT-INF/classes/{main.replace('.', '/')}.class")
    if not folders or start is None:
        message = f"the class {main} is in no folder of the class path, so whether it listens is not known"
        raise UnreadJarError(message)
    versions = [match[1] for name in files if (match := _SPRING_BOOT.search(posixpath.basename(name)))]
    if len(versions) != 1:
        raise UnreadJarError(f"the class path of {main} has no library of Spring Boot, or several")
    files[_LOADER] = start  # there is none, and nothing that is older or newer runs before the application
    text = (
        f"Main-Class: org.springframework.boot.loader.JarLauncher\n"
        f"Start-Class: {main}\nSpring-Boot-Version: {versions[0]}\n"
    )
    return Folder(folders[0], rootfs, files, {_MANIFEST: text.encode()})


def _add_part(rootfs: RootFs, path: str, files: dict[str, Entry]) -> Entry | None:
    """Add what one part of a class path holds; returns the folder, where it is one of classes."""
    if path.endswith("/*"):
        found = [entry for entry in rootfs.list(path[:-2]) if entry.path.endswith(".jar")]
    else:
        entry = rootfs.resolve(path)
        found = [entry] if entry is not None else []
    for one in found:
        if one.kind is EntryKind.DIRECTORY:
            inner = _walk(rootfs, one, jars=False)
            _add(files, ((f"BOOT-INF/classes{item.path[len(one.path) :]}", item) for item in inner))
            return one
        if one.kind is not EntryKind.FILE or not one.path.endswith(".jar"):
            raise UnreadJarError(f"/{one.path} of the class path is not understood")
        _add(files, [(f"BOOT-INF/lib/{posixpath.basename(one.path)}", one)])
    return None


def _add(files: dict[str, Entry], found: Iterator[tuple[str, Entry]] | list[tuple[str, Entry]]) -> None:
    for name, entry in found:
        if name in files:
            raise UnreadJarError(f"the class path has {name.partition('/')[2]} twice")
        files[name] = entry


def _walk(rootfs: RootFs, folder: Entry, *, jars: bool = True) -> Iterator[Entry]:
    """Yield the files below a folder; raises UnreadJarError for links, and where there are too many."""
    pending = [(folder, 0)]
    count = 0
    while pending:
        one, depth = pending.pop()
        for entry in rootfs.list(one.path):
            count += 1
            if entry.kind is EntryKind.DIRECTORY and depth < _DEPTH:
                pending.append((entry, depth + 1))
            elif entry.kind is not EntryKind.FILE or count > _MOST_FILES:
                raise UnreadJarError(
                    f"/{entry.path} is no plain file, or there are too many below /{folder.path}"
                )
            elif jars or not entry.path.endswith(".jar"):
                yield entry
