"""
Spring Boot applications that lie unpacked in the image are judged as the archives that they were.

An application of Spring Boot 3.2.5 was unpacked and started both ways with Java 17: its Tomcat listened where it does from
the archive.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import Item, file, symlink
from tests.springjars import asked, boot_members, facts_of, image_of, shown

LAUNCHER = "org.springframework.boot.loader.launch.JarLauncher"
OLD_LAUNCHER = "org.springframework.boot.loader.JarLauncher"


def unpacked(folder: str = "app", **other: Any) -> list[Item]:
    """Return an archive's members as files below a folder."""
    return [file(f"{folder}/{name}", data) for name, data in boot_members(**other).items()]


def class_path(**other: Any) -> list[Item]:
    """Return the classes of an archive in app/classes, and its libraries with Spring Boot's own in app/libs."""
    items = [file("app/libs/spring-boot-3.2.5.jar", b"PK\5\6" + bytes(18))]
    for name, data in boot_members(**other).items():
        if name.startswith("BOOT-INF/classes/"):
            items.append(file(f"app/classes/{name.removeprefix('BOOT-INF/classes/')}", data))
        elif name.startswith("BOOT-INF/lib/"):
            items.append(file(f"app/libs/{name.removeprefix('BOOT-INF/lib/')}", data))
    return items


def said(command: list[str], *items: Item, **run: Any) -> tuple[list[str], int]:
    """Return the listeners, and how many gaps there are."""
    facts = facts_of(image_of(b"", *items, Cmd=command, **run))
    return shown(facts), len(facts.listening.gaps)


@pytest.mark.parametrize(
    ("command", "run"),
    [
        (["java", LAUNCHER], {}),
        (["java", "-Xmx512m", LAUNCHER], {}),
        (["java", "-cp", "/app", LAUNCHER], {"WorkingDir": "/"}),
        (["java", "-cp", ".", LAUNCHER], {}),
        (["java", LAUNCHER], {"WorkingDir": "/", "Env": ["CLASSPATH=/app"]}),
        (["sh", "-c", f"java $JAVA_OPTS {LAUNCHER}"], {"Env": ["JAVA_OPTS=-Xmx1g"]}),
    ],
)
def test_the_loader_over_a_folder(command: list[str], run: dict[str, Any]) -> None:
    facts = facts_of(image_of(b"", *unpacked(), Cmd=command, **run))
    assert shown(facts) == ["tomcat :8080"]
    assert asked(facts, "GET /none") == asked(
        facts_of(image_of(b"", *unpacked(), Cmd=["java", LAUNCHER])), "GET /none"
    )


@pytest.mark.parametrize(
    ("command", "run"),
    [
        (["java", "-cp", "/app/classes:/app/libs/*", "demo.App"], {}),
        (["java", "-cp", "/app/resources:/app/classes:/app/libs/*", "demo.App"], {}),
        (["java", "-cp", "classes:libs/*", "demo.App"], {}),
        (["java", "demo.App"], {"Env": ["CLASSPATH=/app/classes:/app/libs/*"]}),
    ],
)
def test_a_class_path(command: list[str], run: dict[str, Any]) -> None:
    assert said(command, *class_path(), **run) == (["tomcat :8080"], 0)


def test_its_settings_are_read() -> None:
    port = {"application__properties": "server.port=9000\n"}
    assert said(["java", LAUNCHER], *unpacked(**port)) == (["tomcat :9000"], 0)
    assert said(["java", OLD_LAUNCHER], *unpacked(version="2.7.18", **port)) == (["tomcat :9000"], 0)
    assert said(["java", "-cp", "classes:libs/*", "demo.App"], *class_path(**port)) == (["tomcat :9000"], 0)
    outside = file("app/config/application.properties", "server.port=9100\n")
    assert said(["java", LAUNCHER], *unpacked(**port), outside) == (["tomcat :9100"], 0)


@pytest.mark.parametrize(
    ("command", "items"),
    [
        (["java", LAUNCHER], unpacked("elsewhere")),
        (["java", OLD_LAUNCHER], unpacked()),
        (["java", LAUNCHER], [*unpacked(), symlink("app/BOOT-INF/classes/x", "/etc")]),
        (["java", "-cp", "/app:/other", LAUNCHER], unpacked()),
        (["java", "-cp", "libs/*", "demo.App"], class_path()),
        (["java", "-cp", "classes:libs/*", "demo.Other"], class_path()),
        (["java", "-cp", "classes", "demo.App"], class_path()),
        (["java", "-cp", "classes:libs/*", "demo.App"], [*class_path(), file("app/libs/spring-boot-2.7.1.jar", b"")]),
        (["java", "-cp", "classes:more:libs/*", "demo.App"], [*class_path(), file("app/more/demo/App.class", b"")]),
        (["sh", "-c", f"sed -i s/a/b/ BOOT-INF/classes/application.yml; java {LAUNCHER}"], unpacked(application__yml="a: 1\n")),
    ],
)  # fmt: skip
def test_what_is_not_followed(command: list[str], items: list[Item]) -> None:
    listeners, gaps = said(command, *items)
    assert not [one for one in listeners if not one.startswith("?")]
    assert gaps
