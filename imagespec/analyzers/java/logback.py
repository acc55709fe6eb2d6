"""
Where a Spring Boot application logs: to the console, unless its configuration of logback says otherwise.

Sources: Spring Boot 2.7 and 3.2, "Logging" (its ``DefaultLogbackConfiguration`` has always a console appender); logback
1.2 and 1.4 manual, chapter 3.
"""

from __future__ import annotations

import posixpath
import re
from xml.etree import ElementTree as ET

import attrs

from imagespec.analyzers.java.settings import UnknownSettingError
from imagespec.analyzers.java.springapp import SpringApp
from imagespec.analyzers.servers.listening import ServerLog
from imagespec.verdict import Evidence

_CONSOLE = "ch.qos.logback.core.ConsoleAppender"
_FILES = {"ch.qos.logback.core.FileAppender", "ch.qos.logback.core.rolling.RollingFileAppender"}
_INCLUDED = "org/springframework/boot/logging/logback/"
_KNOWN = {
    "configuration",
    "appender",
    "root",
    "logger",
    "property",
    "include",
    "springProperty",
    "contextName",
}
_SETTINGS = (
    "logging.config", "logging.pattern.console", "logging.threshold.console", "logging.console", "server.tomcat.accesslog",
    "server.jetty.accesslog", "server.undertow.accesslog",
)  # fmt: skip
_XML_CHARACTERS = 256 << 10


def spring_log(app: SpringApp, place: Evidence) -> tuple[ServerLog, ...]:
    """Return the one log of the application: the console, a file, or one that is not known."""
    try:
        doubt = _doubt(app)
    except UnknownSettingError as error:
        doubt = f"its logging is not known: {error}"
    if doubt:
        return (ServerLog(path=None, certain=False, evidence=attrs.evolve(place, message=doubt)),)
    if not app.logback:
        message = "Spring Boot logs to the console by default"
        return (ServerLog(path="/dev/stdout", certain=True, evidence=attrs.evolve(place, message=message)),)
    path, certain, message = _root(app.logback)
    return (ServerLog(path=path, certain=certain, evidence=attrs.evolve(place, message=message)),)


def _doubt(app: SpringApp) -> str:
    """Return what keeps the log of the application from being known; empty for nothing."""
    settings = app.settings
    level = (settings.get("logging.level.root") or "").strip().lower()
    for name in _SETTINGS:
        if settings.below(name):
            return f"{name} is set, which is not followed"
    if level == "off":
        return "logging.level.root is off"
    if not {"logback-classic", "logback-core"} <= app.libraries:
        return "its logging library is none that is followed"
    others = sorted(
        name
        for name in app.members
        if re.match(r"(?:logback|log4j2?|logging)[\w-]*\.(?:xml|groovy|properties)\Z", name)
    )
    if [name for name in others if name not in {"logback.xml", "logback-spring.xml"}] or len(others) > 1:
        return f"{others[0]} configures its logs, which is not followed"
    for library, mark in sorted(app.marks):
        if mark.startswith(b"logback"):
            return f"{library} has a configuration of logback"
    writer = app.names("FileAppender", "java/util/logging/FileHandler", "java/lang/System.setOut")
    return f"{writer} may log to a file" if writer else ""


def _root(text: str) -> tuple[str | None, bool, str]:
    """Return where logback's root logger writes: a path, whether that is certain, and a sentence."""
    unknown = (None, False, "its configuration of logback is not followed")
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL) or len(text) > _XML_CHARACTERS:
        return unknown
    try:
        tree = ET.fromstring(text.lstrip("\ufeff"))  # noqa: S314 - it declares nothing, and is small
    except (ET.ParseError, ValueError):
        return unknown
    if {one.tag for one in tree} - _KNOWN or any(
        one.get("additivity") == "false" for one in tree.iter("logger")
    ):
        return unknown
    included = {(one.get("resource") or "").removeprefix(_INCLUDED) for one in tree.iter("include")}
    if included - {"defaults.xml", "console-appender.xml"}:
        return unknown
    classes = {one.get("name"): one for one in tree.iter("appender")}
    roots = [ref.get("ref") for root in tree.iter("root") for ref in root.iter("appender-ref")]
    kinds = [
        one.get("class") if (one := classes.get(name)) is not None else _shared(name, included)
        for name in roots
    ]
    filtered = any(one.find("filter") is not None for one in classes.values())
    level = {(root.get("level") or "").lower() for root in tree.iter("root")}
    if _CONSOLE in kinds and not filtered and "off" not in level:
        return "/dev/stdout", True, "logback's root logger writes to the console"
    if not kinds or not set(kinds) <= _FILES or "off" in level:
        return unknown
    return _file(tree, [classes[name] for name in roots if name in classes])


def _shared(name: str | None, included: set[str]) -> str | None:
    """Return the class of an appender that Spring Boot's own files define."""
    return _CONSOLE if name == "CONSOLE" and "console-appender.xml" in included else None


def _file(tree: ET.Element, appenders: list[ET.Element]) -> tuple[str | None, bool, str]:
    values = {one.get("name"): one.get("value") or "" for one in tree.iter("property")}
    path = (appenders[0].findtext("file") or "").strip()
    path = re.sub(r"\$\{([\w.-]{1,100})\}", lambda found: values.get(found[1], found[0]), path)
    if not path.startswith("/") or "$" in path:
        return (
            None,
            False,
            "logback's root logger writes to a file whose name is not known, and not to the console",
        )
    path = posixpath.normpath(path)
    return path, True, f"logback's root logger writes to {path} only"
