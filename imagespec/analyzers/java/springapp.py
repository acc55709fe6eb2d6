"""
Spring Boot applications in executable archives: their classes, libraries and settings.

Sources: Spring Boot 2.7 and 3.2, "The Executable Jar Format" and "Externalized Configuration", as observed with archives
of both.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

import attrs

from imagespec.analyzers.java.classfile import BrokenClassError, ClassFile, read_class
from imagespec.analyzers.java.commandline import JavaCommand
from imagespec.analyzers.java.jars import Jar, UnreadJarError, read_manifest
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

_LAUNCHER = re.compile(r"org\.springframework\.boot\.loader\.(?:launch\.)?JarLauncher\Z")
_CLASSES, _LIBRARIES = "BOOT-INF/classes/", "BOOT-INF/lib/"
_LIBRARY = re.compile(r"([A-Za-z][\w.]*?(?:-[A-Za-z][\w.]*?)*)-([0-9][\w.]*(?:-[\w.]+)*)\.jar\Z")
_MOST_CLASSES = 3_000
_CONFIG_BYTES = 1 << 20
_FOLDERS = 100
_MARKS = (
    b"META-INF/spring.factories", b"META-INF/spring/org.springframework", b"META-INF/resources/",
    b"application.properties", b"application.y", b"logback.xml", b"logback-spring.xml",
)  # fmt: skip
_FILES = re.compile(r"application(?:-([\w-]+))?\.(properties|yml|yaml|xml)\Z")
_RANKS = {"properties": 0, "yml": 2, "yaml": 3}
# In the constant pools of the application's own classes: what may set properties, or make a server of its own.
_BY_CODE = (
    "WebServerFactory", "setDefaultProperties", "SpringApplicationBuilder", "setWebApplicationType",
    "EnvironmentPostProcessor", "ApplicationContextInitializer", "setAdditionalProfiles", "setEnvironment",
    "ConfigurableEnvironment", "PropertySource", "setAddCommandLineProperties",
)  # fmt: skip


@attrs.frozen(kw_only=True, eq=False)
class SpringApp:
    """One application."""

    version: tuple[int, int]
    """Of Spring Boot."""
    start: ClassFile
    classes: Sequence[ClassFile]
    libraries: frozenset[str]
    """The names of its libraries, without versions."""
    marks: frozenset[tuple[str, bytes]]
    """Which library has which of `_MARKS`, or a folder of the application's own packages."""
    members: frozenset[str]
    """What lies in its own class path."""
    settings: Settings
    majors: tuple[int, ...]
    """Versions of the class files that are loaded first."""
    logback: str = ""
    """Its own configuration of logback."""

    def names(self, *fragments: str) -> str | None:
        """Return a class of the application that refers to something named so; None without one."""
        for one in self.classes:
            if any(fragment in one.texts for fragment in fragments):
                return one.name
        return None


def read_app(jar: Jar, java: JavaCommand, step: Step, rootfs: RootFs) -> SpringApp:
    """Return the application of an archive; raises UnreadJarError with the reason why there is none that is followed."""
    manifest = read_manifest(jar.read("META-INF/MANIFEST.MF"))
    launcher, start = java.main or manifest.get("main-class", ""), manifest.get("start-class", "")
    if not _LAUNCHER.match(launcher):
        raise UnreadJarError(
            f"/{jar.entry.path} is no archive of Spring Boot, so whether it listens is not known"
        )
    version = re.match(r"([0-9]+)\.([0-9]+)\.", manifest.get("spring-boot-version", ""))
    if version is None or not (2, 2) <= (int(version[1]), int(version[2])) < (4, 0):
        raise UnreadJarError(f"the version of Spring Boot in /{jar.entry.path} is not followed")
    own = [name for name in jar.names if name.startswith(_CLASSES) and name.endswith(".class")]
    if len(own) > _MOST_CLASSES or any("META-INF/versions/" in name for name in jar.names):
        raise UnreadJarError(f"/{jar.entry.path} has more classes than are read, or several for one name")
    classes = {one.name: one for one in (_class(jar, name) for name in sorted(own))}
    if start not in classes or "jarmode" in java.properties:
        raise UnreadJarError(f"the start class of /{jar.entry.path} is none of its own classes")
    loader = _class(jar, launcher.replace(".", "/") + ".class")
    packages = base_packages(classes[start]) or ()
    libraries, marks = _libraries(jar, tuple(f"{name.replace('.', '/')}/".encode() for name in packages))
    release = (int(version[1]), int(version[2]))
    logback = next(
        (name for name in ("logback.xml", "logback-spring.xml") if _CLASSES + name in jar.names), ""
    )
    return SpringApp(
        version=release,
        start=classes[start],
        classes=tuple(classes.values()),
        libraries=libraries,
        marks=marks,
        members=frozenset(name.removeprefix(_CLASSES) for name in jar.names if name.startswith(_CLASSES)),
        settings=_settings(jar, java, step, rootfs, classes, release, marks),
        majors=(loader.major, classes[start].major),
        logback=jar.read(_CLASSES + logback).decode("utf-8", "replace") if logback else "",
    )


def base_packages(start: ClassFile) -> tuple[str, ...] | None:
    """Return the packages that are searched for components; None where that is not known."""
    mark = next((one for one in start.annotations if one.name.endswith(".SpringBootApplication")), None)
    if mark is None or "." not in start.name or "scanBasePackageClasses" in mark.values:
        return None
    return mark.texts("scanBasePackages") or (start.name.rpartition(".")[0],)


def _class(jar: Jar, name: str) -> ClassFile:
    try:
        return read_class(jar.read(name))
    except BrokenClassError:
        raise UnreadJarError(f"{name} in /{jar.entry.path} is no class file that is understood") from None


def _libraries(jar: Jar, folders: tuple[bytes, ...]) -> tuple[frozenset[str], frozenset[tuple[str, bytes]]]:
    found: set[str] = set()
    marks: set[tuple[str, bytes]] = set()
    for name in jar.names:
        if name.startswith(_LIBRARIES) and name.endswith(".jar"):
            base = name.removeprefix(_LIBRARIES)
            match = _LIBRARY.match(base)
            library = match[1] if match else base
            found.add(library)
            has = jar.stored_marks(name, (*_MARKS, *folders))
            if has is None:
                raise UnreadJarError(f"{base} in /{jar.entry.path} is compressed, which Spring Boot refuses")
            marks.update((library, mark) for mark in has)
    return frozenset(found), frozenset(marks)


def _settings(
    jar: Jar,
    java: JavaCommand,
    step: Step,
    rootfs: RootFs,
    classes: dict[str, ClassFile],
    version: tuple[int, int],
    marks: frozenset[tuple[str, bytes]],
) -> Settings:
    given = [
        _arguments(java, classes),
        Source("a -D option", {canonical(name): value for name, value in java.properties.items()}),
        _environment(step),
    ]
    files = [*_outside(step, rootfs), *_inside(jar)]
    plain = Settings([*given, *(_read(file, ("",)) for file in files if not file.profile)])
    try:
        names = plain.get("spring.profiles.active")
        profiles = [name.strip() for name in (names or "default").split(",")]
        where = plain.elsewhere()
        if not all(re.fullmatch(r"[\w-]+", name) for name in profiles):
            where = f"the profiles {names} are not followed"
    except UnknownSettingError as error:
        profiles, where = [], str(error)
    if where or (
        version < (2, 4) and any(file.outside for file in files) and any(file.profile for file in files)
    ):
        return Settings(
            [Source("its configuration", {}, where or "its order before Spring Boot 2.4 is not followed")]
        )
    code = _by_code(classes, marks)
    chosen = [file for file in files if not file.profile or file.profile in profiles]
    chosen.sort(
        key=lambda file: (
            not file.outside,
            -profiles.index(file.profile) if file.profile else 1,
            file.folder,
            file.rank,
        )
    )
    sources = [_read(file, profiles) for file in chosen]
    settings = Settings([*([code] if code else []), *given, *sources])
    where = settings.elsewhere()
    return Settings([Source("its configuration", {}, where)]) if where else settings


def _arguments(java: JavaCommand, classes: dict[str, ClassFile]) -> Source:
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
        for one in classes.values()
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


def _by_code(classes: dict[str, ClassFile], marks: frozenset[tuple[str, bytes]]) -> Source | None:
    """Return a source that says that code may set properties; None where no code does."""
    for one in classes.values():
        word = next((name for name in _BY_CODE if name in one.texts), None)
        if word:
            return Source(f"the class {one.name}", {}, f"it refers to {word}")
        for method in one.methods:
            if "java.lang.System.setProperty" in " ".join(method.references):
                return Source(f"the class {one.name}", {}, "it sets system properties")
    for library, mark in sorted(marks):
        if mark.startswith(b"application"):
            return Source(f"the library {library}", {}, "it has a configuration file")
    return None


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


def _inside(jar: Jar) -> Iterator[_File]:
    for folder, prefix in enumerate((_CLASSES + "config/", _CLASSES)):
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
