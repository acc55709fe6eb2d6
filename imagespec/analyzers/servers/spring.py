"""
Spring Boot applications that ``java`` starts: where their embedded server listens.

Sources: Spring Boot 2.7 and 3.2, "Embedded Web Servers" and "Common Application Properties"; its auto-configurations.
"""

from __future__ import annotations

import posixpath
import re

import attrs

from imagespec.analyzers.java.commandline import JavaCommand, read_command
from imagespec.analyzers.java.folders import Folder, open_class_path, open_folder
from imagespec.analyzers.java.jars import Archive, UnreadJarError, open_jar
from imagespec.analyzers.java.logback import spring_log
from imagespec.analyzers.java.settings import UnknownSettingError
from imagespec.analyzers.java.springapp import SpringApp, is_launcher, read_app
from imagespec.analyzers.java.springsources import Given
from imagespec.analyzers.programs.packages import find_version
from imagespec.analyzers.servers.listening import FixedApi, Listener, Listening
from imagespec.analyzers.servers.words import Command, port_number
from imagespec.entry import EntryKind
from imagespec.verdict import Evidence

_SERVERS = {"tomcat-embed-core": "tomcat", "jetty-server": "jetty", "undertow-core": "undertow"}
# Libraries whose auto-configuration reaches for other services, or starts more than a web server.
_DEMANDING = re.compile(
    r"spring-(?:jdbc|orm|r2dbc|data-|rabbit|kafka|jms|batch|session|integration|ws-|cloud-|pulsar|ldap)"
    r"|hibernate-core|flyway|liquibase|quartz|hazelcast|infinispan|jersey|graphql|rsocket|mybatis|activemq|artemis"
    r"|cassandra|couchbase|neo4j|elasticsearch|nacos|apollo|dubbo|h2\Z|spring-boot-devtools"
)
_OWN = re.compile(
    r"spring-(?:boot(?:-autoconfigure|-actuator.*|-jarmode.*)?|aop|beans|core|context|web|webmvc|webflux)\Z|springdoc-openapi"
)
_UNRELATED = re.compile(
    r"[./]autoconfigure[./](?:jdbc|orm|mongo|data|flyway|liquibase|amqp|kafka|security|cache|gson|mail)[./]"
)
"""Configurations that may be left out: no server needs them."""
_SOCKETS = (
    "java/net/ServerSocket", "ServerSocketChannel", "com/sun/net/httpserver", "io/netty/", "io/grpc/",
    "org/apache/catalina", "org/eclipse/jetty", "io/undertow", "io/vertx",
)  # fmt: skip


def follow_java(command: Command) -> Listening:
    """Follow ``java [options] -jar FILE …`` or ``java -cp FILE LAUNCHER …`` to a Spring Boot application."""
    java = read_command(command.step, command.words)
    if isinstance(java, str):
        return command.gap(java)
    if command.step.script is not None or command.step.cwd is None:
        return command.gap("which archive java reads is not known")
    cwd = command.step.cwd
    places = [posixpath.normpath(posixpath.join(cwd, path)) for path in java.paths or (java.archive,)]
    beside = (posixpath.dirname(places[0]), cwd, posixpath.join(cwd, "config"), *places)
    changed = command.changed_before(posixpath.join(folder, "application.yml") for folder in beside)
    if changed:
        return command.gap(f"{changed} may have changed {places[0]} or the configuration beside it")
    try:
        archive = _archive(command, java, places)
        entry = archive.entry
        plain = (
            attrs.evolve(java, main="")
            if isinstance(archive, Folder) and not is_launcher(java.main)
            else java
        )
        app = read_app(Given(archive, plain, command.step, command.rootfs))
    except UnreadJarError as error:
        return command.gap(str(error))
    place = attrs.evolve(
        command.evidence, path="/" + entry.path, layer=entry.layer, line=None, pointer=None, seen=None
    )
    return _listening(command, app, java, place)


def _archive(command: Command, java: JavaCommand, places: list[str]) -> Archive:
    """Return what java reads; raises UnreadJarError where that is not known."""
    entry = command.rootfs.resolve(places[0])
    single = len(places) == 1 and entry is not None
    if single and entry is not None and entry.kind is EntryKind.FILE:
        return open_jar(command.rootfs, entry)
    if single and entry is not None and entry.kind is EntryKind.DIRECTORY and is_launcher(java.main):
        return open_folder(command.rootfs, entry)
    if not java.paths or is_launcher(java.main):
        raise UnreadJarError(f"{places[0]}, which java is to run, is not in the image, or not all of it")
    return open_class_path(command.rootfs, places, java.main)


def _listening(command: Command, app: SpringApp, java: JavaCommand, place: Evidence) -> Listening:
    kind = _kind(app)
    if kind is None:
        return command.gap("the Spring Boot application has no web server among its libraries")
    opens = app.names(*_SOCKETS)
    gaps = (attrs.evolve(place, message=f"{opens} may open sockets of its own"),) if opens else ()
    try:
        web = app.settings.get("spring.main.web-application-type")
        listeners = _listeners(command, app, kind, place)
        reasons = (*java.doubts, *_doubts(command, app, java, web))
    except UnknownSettingError as error:
        return _unsettled(
            command, app, kind, attrs.evolve(place, message=f"where {kind} listens: {error}"), gaps
        )
    if not listeners or (web or "").strip().lower() == "none":
        reason = "the Spring Boot application starts no web server, by its settings"
        return attrs.evolve(command.never(reason), gaps=gaps)
    doubts = [attrs.evolve(place, message=item) for item in reasons]
    main, *others = listeners
    main = attrs.evolve(main, certain=main.certain and not doubts, evidence=(*main.evidence, *doubts))
    others = [attrs.evolve(one, certain=False) for one in others]
    return Listening(listeners=(main, *others), gaps=gaps, logs=spring_log(app, place))


def _unsettled(
    command: Command, app: SpringApp, kind: str, why: Evidence, gaps: tuple[Evidence, ...]
) -> Listening:
    """Return a listener whose address is not known."""
    trail = command.step.trail[:-1]
    listener = Listener(
        host=None, port=None, server=kind, certain=False, evidence=(*trail, why), spring=app, tls=None
    )
    return Listening(listeners=(listener,), gaps=gaps, logs=spring_log(app, why))


def _kind(app: SpringApp) -> str | None:
    """Return the name of the embedded server; None where it has none that is followed."""
    if "spring-webmvc" in app.libraries or "spring-webflux" in app.libraries:
        for library, name in _SERVERS.items():
            if library in app.libraries:
                return name
    if is_reactive(app) and any(library.startswith("reactor-netty") for library in app.libraries):
        return "reactor-netty"
    return None


def is_reactive(app: SpringApp) -> bool:
    """Tell whether the application is one of WebFlux (WebApplicationType.deduceFromClasspath)."""
    return "spring-webflux" in app.libraries and "spring-webmvc" not in app.libraries


def _listeners(command: Command, app: SpringApp, kind: str, place: Evidence) -> list[Listener]:
    settings = app.settings
    written = settings.get("server.port")
    port = "8080" if written is None else written.strip()
    if port == "-1":
        return []
    where = settings.place("server.port")
    host = (settings.get("server.address") or "").strip()
    source = f"server.port of {where}" if where else "its default, 8080"
    message = f"{kind} of Spring Boot listens on {host or 'all interfaces'}, port {port} ({source})"
    if port == "0":
        message = f"{kind} of Spring Boot listens on a free port that the system chooses ({source})"
    tls = _tls(app)
    main = Listener(
        host=host,
        port=port_number(port),
        server=kind,
        certain=command.step.certain and tls is False,
        tls=tls,
        evidence=(*command.step.trail[:-1], command.evidence, attrs.evolve(place, message=message)),
        spring=app,
    )
    return [main, *_management(app, main)]


def _management(app: SpringApp, main: Listener) -> list[Listener]:
    """Return the listener that the actuator has for itself."""
    port = (app.settings.get("management.server.port") or "-1").strip()
    if port in {str(main.port), "-1"}:
        return []
    server = f"{main.server} (management)"
    return [
        attrs.evolve(main, port=port_number(port), server=server, api=FixedApi(kind="other"), spring=None)
    ]


def _tls(app: SpringApp) -> bool | None:
    """Tell whether it speaks TLS; where it does, its keys decide whether it starts."""
    if (app.settings.get("server.ssl.enabled") or "").strip().lower() == "false":
        return False
    if not app.settings.below("server.ssl."):
        return False
    named = ("server.ssl.key-store", "server.ssl.certificate", "server.ssl.bundle")
    return True if any(app.settings.get(name) for name in named) else None


def _doubts(command: Command, app: SpringApp, java: JavaCommand, web: str | None) -> list[str]:
    """Return why the application may not come to listen."""
    found = [*unknown_configurations(app), *_start_class(app)]
    demanding = sorted(name for name in app.libraries if _DEMANDING.match(name))
    if demanding:
        found.append(f"it starts only where what {demanding[0]} needs is there")
    if web is not None and web.strip().lower() != ("reactive" if is_reactive(app) else "servlet"):
        found.append(f"spring.main.web-application-type is {web}")
    if app.settings.below("spring.autoconfigure."):
        found.append("some of Spring Boot's configurations are left out")
    context = (app.settings.get("server.servlet.context-path") or "").strip()
    if context and not context.startswith("/"):
        found.append(f"its context path {context[:80]} has no slash before it, which the server refuses")
    folder = java.properties.get("java.io.tmpdir") or "/tmp"  # noqa: S108 - Java's own default
    if command.rootfs.resolve(folder) is None:
        found.append(f"the image has no {folder}, which the embedded server works in")
    return [*found, *_machine(command, app)]


def _start_class(app: SpringApp) -> list[str]:
    """Return what in the start class is not the ordinary way to start Spring."""
    found = []
    name = app.start.name
    mark = next((one for one in app.start.annotations if one.name.endswith(".SpringBootApplication")), None)
    if mark is None:
        found.append(f"{name} is no @SpringBootApplication")
    elif not all(
        map(_UNRELATED.search, (text for key in mark.values if "exclude" in key for text in mark.texts(key)))
    ):
        found.append("some of Spring Boot's configurations are left out")
    if "." not in name:
        found.append(f"{name} is in no package, so that all packages are searched")
    calls = " ".join(call for one in app.start.methods if one.name == "main" for call in one.references)
    if "org.springframework.boot.SpringApplication.run " not in calls:
        found.append(f"whether {name} starts Spring is not known")
    if "java.lang.System.exit " in calls:
        found.append(f"{name} may end the program")
    return found


def unknown_configurations(app: SpringApp) -> list[str]:
    """Return which libraries bring configurations of their own that are not known."""
    names = {name for name, mark in app.marks if mark.startswith(b"META-INF/spring") and not _OWN.match(name)}
    found = [f"{name} configures itself in a way that is not followed" for name in sorted(names)]
    own = {name for name, mark in app.marks if mark.endswith(b"/") and not mark.startswith(b"META-INF/")}
    found += [f"{name} has classes in the application's packages" for name in sorted(own)]
    if "META-INF/spring.factories" in app.members or any(
        name.startswith("META-INF/spring/") for name in app.members
    ):
        found.append("the application has configurations in META-INF")
    return found[:3]


def _machine(command: Command, app: SpringApp) -> list[str]:
    """Return why its Java may refuse the application: class files of N need Java N - 44 (JVMS 17, table 4.1-A)."""
    assert command.step.program is not None
    text = find_version(command.rootfs, "java", command.step.program).text
    match = re.match(r"(?:1\.)?([0-9]{1,3})", text or "")
    needed = max(app.majors) - 44
    if match is None:
        return [f"the version of java is not known, and Java {needed} is needed"]
    return [f"it needs Java {needed}, and java is {text}"] if int(match[1]) < needed else []
