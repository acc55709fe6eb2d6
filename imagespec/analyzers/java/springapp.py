"""
Spring Boot applications in executable archives: their classes, libraries and settings.

Sources: Spring Boot 2.7 and 3.2, "The Executable Jar Format" and "Externalized Configuration", as observed with archives
of both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from imagespec.analyzers.java.classfile import BrokenClassError, ClassFile, read_class
from imagespec.analyzers.java.jars import Archive, UnreadJarError, read_manifest
from imagespec.analyzers.java.settings import (
    Settings,
    Source,
)
from imagespec.analyzers.java.springsources import CLASSES, Given, find_settings

_LAUNCHER = re.compile(r"org\.springframework\.boot\.loader\.(?:launch\.)?JarLauncher\Z")
_LIBRARIES = "BOOT-INF/lib/"
_LIBRARY = re.compile(r"([A-Za-z][\w.]*?(?:-[A-Za-z][\w.]*?)*)-([0-9][\w.]*(?:-[\w.]+)*)\.jar\Z")
_MOST_CLASSES = 3_000
_MARKS = (
    b"META-INF/spring.factories", b"META-INF/spring/org.springframework", b"META-INF/resources/",
    b"application.properties", b"application.y", b"logback.xml", b"logback-spring.xml",
)  # fmt: skip
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


def is_launcher(name: str) -> bool:
    """Tell whether a class is Spring Boot's loader of archives, which reads them unpacked, too."""
    return _LAUNCHER.match(name) is not None


def read_app(given: Given) -> SpringApp:
    """Return the application of an archive; raises UnreadJarError with the reason why there is none that is followed."""
    jar = given.jar
    manifest = read_manifest(jar.read("META-INF/MANIFEST.MF"))
    launcher = given.java.main or manifest.get("main-class", "")
    if not _LAUNCHER.match(launcher):
        raise UnreadJarError(
            f"/{jar.entry.path} is no archive of Spring Boot, so whether it listens is not known"
        )
    version = re.match(r"([0-9]{1,3})\.([0-9]{1,3})\.", manifest.get("spring-boot-version", ""))
    release = (int(version[1]), int(version[2])) if version else (0, 0)
    if not (2, 2) <= release < (4, 0):
        raise UnreadJarError(f"the version of Spring Boot in /{jar.entry.path} is not followed")
    classes, start = _classes(jar), manifest.get("start-class", "")
    if start not in classes or "jarmode" in given.java.properties:
        raise UnreadJarError(f"the start class of /{jar.entry.path} is none of its own classes")
    packages = base_packages(classes[start]) or ()
    libraries, marks = _libraries(jar, tuple(f"{name.replace('.', '/')}/".encode() for name in packages))
    return SpringApp(
        version=release,
        start=classes[start],
        classes=tuple(classes.values()),
        libraries=libraries,
        marks=marks,
        members=frozenset(name.removeprefix(CLASSES) for name in jar.names if name.startswith(CLASSES)),
        settings=find_settings(given, classes.values(), release, _by_code(classes, marks)),
        majors=(_class(jar, launcher.replace(".", "/") + ".class").major, classes[start].major),
        logback=_logback(jar),
    )


def _logback(jar: Archive) -> str:
    """Return the application's own configuration of logback; empty where it has none."""
    found = next(
        (name for name in ("logback.xml", "logback-spring.xml") if CLASSES + name in jar.names), None
    )
    return jar.read(CLASSES + found).decode("utf-8", "replace") if found else ""


def _classes(jar: Archive) -> dict[str, ClassFile]:
    own = [name for name in jar.names if name.startswith(CLASSES) and name.endswith(".class")]
    if len(own) > _MOST_CLASSES or any("META-INF/versions/" in name for name in jar.names):
        raise UnreadJarError(f"/{jar.entry.path} has more classes than are read, or several for one name")
    return {one.name: one for one in (_class(jar, name) for name in sorted(own))}


def base_packages(start: ClassFile) -> tuple[str, ...] | None:
    """Return the packages that are searched for components; None where that is not known."""
    mark = next((one for one in start.annotations if one.name.endswith(".SpringBootApplication")), None)
    if mark is None or "." not in start.name or "scanBasePackageClasses" in mark.values:
        return None
    return mark.texts("scanBasePackages") or (start.name.rpartition(".")[0],)


def _class(jar: Archive, name: str) -> ClassFile:
    try:
        return read_class(jar.read(name))
    except BrokenClassError:
        raise UnreadJarError(f"{name} in /{jar.entry.path} is no class file that is understood") from None


def _libraries(
    jar: Archive, folders: tuple[bytes, ...]
) -> tuple[frozenset[str], frozenset[tuple[str, bytes]]]:
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
