"""Archives of Spring Boot applications, made of the compiled classes in fixtures/spring, and images that run them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import imagespec
from imagespec.analyzers.facts import Facts
from imagespec.engine import scan_layers
from tests.build import Item, Pipe, config, directory, docker_archive, file, layer, program, symlink

_CLASSES = Path(__file__).parent / "fixtures" / "spring" / "classes.zip"
JAVA = "usr/lib/jvm/java-17"
SPRING_6 = [
    "spring-core-6.1.6",
    "spring-web-6.1.6",
    "spring-webmvc-6.1.6",
    "logback-classic-1.4.14",
    "logback-core-1.4.14",
]
SPRING_5 = [
    "spring-core-5.3.31",
    "spring-web-5.3.31",
    "spring-webmvc-5.3.31",
    "logback-classic-1.2.12",
    "logback-core-1.2.12",
]
_EMPTY = b"PK\5\6" + bytes(18)


def classes(*names: str) -> dict[str, bytes]:
    with zipfile.ZipFile(_CLASSES) as archive:
        return {f"BOOT-INF/classes/{name}.class": archive.read(f"{name}.class") for name in names}


def zipped(members: Mapping[str, bytes | str], deflated: Iterable[str] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            kind = zipfile.ZIP_DEFLATED if name in deflated else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return out.getvalue()


def boot_members(
    *names: str,
    version: str = "3.2.5",
    start: str = "demo.App",
    libraries: Sequence[str] | None = None,
    more: Sequence[str] = (),
    web: str = "tomcat-embed-core-10.1.20",
    **resources: str,
) -> dict[str, bytes | str]:
    """Return an archive's members; ``names`` are more classes, ``resources`` files with ``__`` for a dot."""
    package = "loader.launch" if version > "3.2" else "loader"
    spring = libraries or (SPRING_6 if version > "3" else SPRING_5)
    own = classes(start.replace(".", "/"), "demo/web/Predict", "demo/web/Page", *names)
    launcher = f"org.springframework.boot.{package}.JarLauncher"
    manifest = f"Manifest-Version: 1.0\r\nMain-Class: {launcher}\r\nStart-Class: {start}\r\nSpring-Boot-Version: {version}\r\n\r\n"
    return {
        "META-INF/MANIFEST.MF": manifest,
        launcher.replace(".", "/") + ".class": classes("demo/App")["BOOT-INF/classes/demo/App.class"],
        **own,
        **{"BOOT-INF/classes/" + name.replace("__", "."): text for name, text in resources.items()},
        **{f"BOOT-INF/lib/{name}.jar": _EMPTY for name in (*spring, *more, web)},
    }


def boot_jar(*names: str, **other: Any) -> bytes:
    return zipped(boot_members(*names, **other))


def image_of(jar: bytes, *items: Item, java: str | None = "17.0.9", **run: Any) -> bytes:
    """Return an archive of an image that runs a jar as /app/app.jar; ``run`` are keys of its inner config."""
    base = layer(
        program(f"{JAVA}/bin/java"),
        symlink("usr/bin/java", f"/{JAVA}/bin/java"),
        program("bin/sh"),
        directory("tmp", 0o1777),
        *([file(f"{JAVA}/release", f'JAVA_VERSION="{java}"\n')] if java else []),
    )
    inner = {"WorkingDir": "/app", "Cmd": ["java", "-jar", "app.jar"], **run}
    layers = [base, layer(file("app/app.jar", jar), *items)]
    return docker_archive(layers, config(layers, json.loads(json.dumps(inner))))


def facts_of(archive: bytes, *, pipe: bool = False) -> Facts:
    """Return what the analyzers make of an image, through the whole reader."""
    source = cast("io.BytesIO", Pipe(archive)) if pipe else io.BytesIO(archive)
    (image,) = imagespec.open(source).images
    return Facts(image, scan_layers(image)[0])


def shown(facts: Facts) -> list[str]:
    """Return the listeners as texts: ``?`` is not certain, ``!`` speaks TLS."""
    return [
        f"{'' if one.certain else '? '}{one.server} {one.host}:{one.port}{'!' if one.tls else ''}"
        for one in facts.listening.listeners
    ]


def asked(facts: Facts, text: str) -> str:
    """Return ``text``, such as ``GET /x YES, POST /y NO``, with the answers that are given; ``*`` has caveats."""
    names = {True: "YES", False: "NO", None: "OPEN"}
    answers = []
    for item in text.split(", "):
        method, path = item.split()[:2]
        answer = facts.routes.answer(method, path)
        answers.append(f"{method} {path} {names[answer.served]}{'*' if answer.caveats else ''}")
    return ", ".join(answers)
