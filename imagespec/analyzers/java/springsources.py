"""
Where a Spring Boot application takes its settings from: arguments, properties, variables and files, in their order.

Sources: Spring Boot 2.7 and 3.2, "Externalized Configuration"; as observed with applications of both.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import attrs

from imagespec.analyzers.java.classfile import ClassFile
from imagespec.analyzers.java.commandline import JavaCommand
from imagespec.analyzers.java.jars import Archive
from imagespec.analyzers.java.settings import (
    Settings,
    Source,
    UnknownSettingError,
    canonical,
    read_properties,
    read_yaml,
)
from imagespec.analyzers.reading import read_whole
from imagespec.analyzers.startup.steps import OpenEnvironment, Step
from imagespec.rootfs import RootFs

CLASSES = "BOOT-INF/classes/"
_FILES = re.compile(r"application(?:-([\w-]+))?\.(properties|yml|yaml|xml)\Z")
_RANKS = {"properties": 0, "yml": 2, "yaml": 3}
_CONFIG_BYTES = 1 << 20
_FOLDERS = 100


@attrs.frozen
class Given:
    """What an application is started with: its archive, command line and step."""

    jar: Archive
    java: JavaCommand
    step: Step
    rootfs: RootFs


def find_settings(
    given: Given, classes: Collection[ClassFile], version: tuple[int, int], code: Source | None
) -> Settings:
    """Return the sources, strongest first; ``code`` is what the application's code may set, before all others."""
    first = [
        _arguments(given.java, classes),
        Source("a -D option", {canonical(name): value for name, value in given.java.properties.items()}),
        _environment(given.step),
    ]
    files = [*_outside(given.step, given.rootfs), *_inside(given.jar)]
    plain = Settings([*first, *(_read(file, ("",)) for file in files if not file.profile)])
    try:
        profiles = [name.strip() for name in (plain.get("spring.profiles.active") or "default").split(",")]
        where = plain.elsewhere()
    except UnknownSettingError as error:
        profiles, where = [], str(error)
    if not all(re.fullmatch(r"[\w-]+", name) for name in profiles):
        where = "the names of its profiles are not followed"
    if version < (2, 4) and any(file.outside for file in files) and any(file.profile for file in files):
        where = "its order before Spring Boot 2.4 is not followed"
    settings = Settings([*([code] if code else []), *first, *_chosen(files, profiles)])
    where = where or settings.elsewhere()
    return Settings([Source("its configuration", {}, where)]) if where else settings


def _chosen(files: Iterable[_File], profiles: Sequence[str]) -> list[Source]:
    """Return the files that count: those outside first, then those of the last profile, then by folder and kind."""

    def strength(file: _File) -> tuple[bool, int, int, int]:
        order = -profiles.index(file.profile) if file.profile else 1
        return not file.outside, order, file.folder, file.rank

    chosen = [file for file in files if not file.profile or file.profile in profiles]
    return [_read(file, profiles) for file in sorted(chosen, key=strength)]


def _arguments(java: JavaCommand, classes: Collection[ClassFile]) -> Source:
    """Return ``--name=value`` behind the archive; unknown where the start class may not hand them on."""
    values: dict[str, str | None] = {}
    for word in java.arguments:
        if word is None:
            return Source("the command line", {}, "a word of it is not known")
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            values[canonical(name)] = value
    hands_on = any(
        call.startswith("org.springframework.boot.SpringApplication.run ")
        for one in classes
        for method in one.methods
        if method.name == "main"
        for call in method.hands_arguments_to
    )
    if values and not hands_on:
        return Source(
            "the command line", {}, "whether the program hands its arguments to Spring is not known"
        )
    return Source("the command line", values)


def _environment(step: Step) -> Source:
    if isinstance(step.env, OpenEnvironment):
        return Source("the environment", {}, "its variables are not known", environment=True)
    return Source("the environment", dict(step.env), environment=True)


@attrs.frozen(kw_only=True)
class _File:
    """A configuration file; ``folder`` and ``rank`` order those of one profile."""

    place: str
    profile: str
    kind: str
    outside: bool
    folder: int
    data: bytes | None

    @property
    def rank(self) -> int:
        return _RANKS.get(self.kind, 1)


def _read(file: _File, profiles: Sequence[str]) -> Source:
    if file.data is None or file.kind == "xml":
        return Source(file.place, {}, "it is not read")
    if file.kind == "properties":
        return read_properties(file.data.decode("latin-1"), file.place)
    return read_yaml(file.data.decode("utf-8", "replace"), file.place, profiles)


def _inside(jar: Archive) -> Iterator[_File]:
    for folder, prefix in enumerate((CLASSES + "config/", CLASSES)):
        for name in sorted(jar.names):
            found = _FILES.match(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if found:
                yield _File(
                    place=name,
                    profile=found[1] or "",
                    kind=found[2],
                    outside=False,
                    folder=folder,
                    data=jar.read(name),
                )


def _outside(step: Step, rootfs: RootFs) -> Iterator[_File]:
    """Yield the files in the working directory and its ``config``; those in directories below are not read."""
    if step.cwd is None:
        yield _File(place="the working directory", profile="", kind="", outside=True, folder=0, data=None)
        return
    below = [one.path for one in rootfs.list(posixpath.join(step.cwd, "config"))][:_FOLDERS]
    if len(below) == _FOLDERS:
        yield _File(place=below[0], profile="", kind="", outside=True, folder=0, data=None)
    for folder, path in enumerate((*below, posixpath.join(step.cwd, "config"), step.cwd)):
        for entry in rootfs.list(path):
            found = _FILES.match(entry.path.rpartition("/")[2])
            file = rootfs.resolve(entry.path) if found else None
            if found and file is not None:
                data = read_whole(rootfs, file, _CONFIG_BYTES) if folder >= len(below) else None
                yield _File(
                    place=f"/{entry.path}",
                    profile=found[1] or "",
                    kind=found[2],
                    outside=True,
                    folder=folder,
                    data=data,
                )
