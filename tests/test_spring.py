"""
Spring Boot applications: where they listen, what they answer, where they log.

The answers of `ROUTES` and `PORTS` are those that real applications of Spring Boot 2.7.18 and 3.2.5 with the classes of
fixtures/spring gave.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from imagespec.analyzers.facts import Facts
from imagespec.analyzers.java.classfile import BrokenClassError, read_class
from imagespec.analyzers.java.settings import read_properties, read_yaml
from tests.build import Item, file, whiteout
from tests.springjars import asked, boot_jar, boot_members, classes, facts_of, image_of, shown, zipped

OLD, NEW = {"version": "2.7.18"}, {"version": "3.2.5"}
ACTUATOR = ("spring-boot-actuator-autoconfigure-3.2.5",)


def messages(facts: Facts) -> str:
    found = [*facts.listening.gaps, *facts.listening.never]
    return "; ".join(
        item.message
        for item in (*found, *(one for item in facts.listening.listeners for one in item.evidence))
    )


@pytest.mark.parametrize("version", ["2.7.18", "3.2.5"])
def test_the_default_is_port_8080_on_all_interfaces(version: str) -> None:
    facts = facts_of(image_of(boot_jar(version=version)))
    assert shown(facts) == ["tomcat :8080"]
    assert not facts.listening.gaps
    assert [item.path for item in facts.listening.listeners[0].evidence] == [None, "/app/app.jar"]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"Cmd": ["java", "-Xmx512m", "-XX:+UseG1GC", "-jar", "/app/app.jar", "--server.port=9000"]}, ["tomcat :9000"]),
        ({"Cmd": ["java", "-cp", "app.jar", "org.springframework.boot.loader.launch.JarLauncher"]}, ["tomcat :8080"]),
        ({"Cmd": ["java", "-Dserver.port=9001", "-jar", "app.jar"], "Env": ["SERVER_PORT=9002"]}, ["tomcat :9001"]),
        ({"Env": ["SERVER_PORT=9002", "SERVER_ADDRESS=127.0.0.1"]}, ["tomcat 127.0.0.1:9002"]),
        ({"Env": ["JAVA_TOOL_OPTIONS=-Dserver.port=9003 -Xmx1g"]}, ["tomcat :9003"]),
        ({"Env": ["JAVA_TOOL_OPTIONS=-javaagent:/a.jar"]}, []),
        ({"Env": ['SPRING_APPLICATION_JSON={"server.port":1}']}, ["? tomcat None:None"]),
        ({"Env": ["SPRING_CONFIG_LOCATION=/etc/app/"]}, ["? tomcat None:None"]),
        ({"Cmd": ["java", "-XX:+UseConcMarkSweepGC", "-jar", "app.jar"]}, ["? tomcat :8080"]),
        ({"Cmd": ["java", "-Xms4g", "-Xmx1g", "-jar", "app.jar"]}, ["? tomcat :8080"]),
        ({"Cmd": ["java", "-jar", "app.jar", "--server.port=0"]}, ["tomcat :0"]),
        ({"Cmd": ["java", "-jar", "app.jar", "--server.port=-1"]}, []),
        ({"Cmd": ["java", "-jar", "app.jar", "--spring.main.web-application-type=none"]}, []),
        ({"Cmd": ["java", "-Djarmode=layertools", "-jar", "app.jar"]}, []),
        ({"Cmd": ["java", "-jar", "other.jar"]}, []),
        ({"Env": ["SERVER_SSL_KEYSTORE=/k.p12"]}, ["? tomcat :8080!"]),
        ({"Env": ["MANAGEMENT_SERVER_PORT=9009"]}, ["tomcat :8080", "? tomcat (management) :9009"]),
    ],
)  # fmt: skip
def test_the_command_and_the_environment_decide(run: dict[str, Any], expected: list[str]) -> None:
    assert shown(facts_of(image_of(boot_jar(), **run))) == expected


YML = "application__yml"
PORTS: list[tuple[dict[str, str], list[Item], dict[str, Any], str]] = [
    # What the archive has, what lies beside it, how it is run, what is listened on.
    ({"application__properties": "server.port=9000"}, [], {}, "tomcat :9000"),
    ({"application__properties": "server.port=9000", YML: "server:\n  port: 9001\n"}, [], {}, "tomcat :9000"),
    ({YML: "server:\n  port: ${MY_PORT:8080}\n"}, [], {}, "tomcat :8080"),
    ({YML: "server:\n  port: ${MY_PORT:8080}\n"}, [], {"Env": ["MY_PORT=9002"]}, "tomcat :9002"),
    ({YML: "server:\n  port: ${MY_PORT}\n"}, [], {}, "? tomcat None:None"),
    ({YML: "server: &a\n  port: 8080\n"}, [], {}, "? tomcat None:None"),
    ({"application-dev__yml": "server.port: 9003\n"}, [], {}, "tomcat :8080"),
    ({"application-dev__yml": "server.port: 9003\n"}, [], {"Env": ["SPRING_PROFILES_ACTIVE=dev"]}, "tomcat :9003"),
    ({"application-dev__yml": "server.port: 9003\n", YML: "spring.profiles.active: dev"}, [], {}, "tomcat :9003"),
    ({"application-default__yml": "server.port: 9004\n"}, [], {}, "tomcat :9004"),
    ({YML: "a: 1\n---\nspring.config.activate.on-profile: x\nserver.port: 1\n"}, [], {}, "tomcat :8080"),
    (
        {YML: "a: 1\n---\nspring.config.activate.on-profile: x\nserver.port: 1\n"}, [],
        {"Env": ["SPRING_PROFILES_ACTIVE=x"]}, "? tomcat None:None",
    ),
    ({"application__properties": "server.port=1"}, [file("app/application.yml", "server:\n  port: 9005\n")], {}, "tomcat :9005"),
    (
        {}, [file("app/application.properties", "server.port=1"), file("app/config/application.yml", "server.port: 9006")], {},
        "tomcat :9006",
    ),
    ({}, [file("app/config/x/application.yml", "server.port: 9007")], {}, "? tomcat None:None"),
    ({"application__properties": "spring.config.import=x.properties"}, [], {}, "? tomcat None:None"),
    ({"application__properties": "server.port=\\u0038080"}, [], {}, "? tomcat None:None"),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "beside", "run", "expected"), PORTS)
def test_configuration_files_decide(
    inside: dict[str, str], beside: list[Item], run: dict[str, Any], expected: str
) -> None:
    assert shown(facts_of(image_of(boot_jar(**inside), *beside, **run))) == [expected]


@pytest.mark.parametrize(
    ("names", "start", "run", "expected"),
    [
        (["demo/PortByCode"], "demo.App", {}, "? tomcat None:None"),
        ([], "demo.NoArguments", {}, "tomcat :8080"),
        (
            [],
            "demo.NoArguments",
            {"Cmd": ["java", "-jar", "app.jar", "--server.port=8080"]},
            "? tomcat None:None",
        ),
        ([], "demo.web.Page", {}, "? tomcat :8080"),
    ],
)
def test_what_code_does_is_not_guessed(
    names: list[str], start: str, run: dict[str, Any], expected: str
) -> None:
    assert shown(facts_of(image_of(boot_jar(*names, start=start), **run))) == [expected]


@pytest.mark.parametrize(
    ("more", "java", "expected"),
    [
        (["commons-lang3-3.12.0"], "17.0.9", ["tomcat :8080"]),
        (["spring-jdbc-6.1.6"], "17.0.9", ["? tomcat :8080"]),
        (["spring-cloud-context-4.1.0"], "17.0.9", ["? tomcat :8080"]),
        ([], "1.8.0_392", ["? tomcat :8080"]),
        ([], None, ["? tomcat :8080"]),
    ],
)
def test_what_may_keep_it_from_starting(more: list[str], java: str | None, expected: list[str]) -> None:
    assert shown(facts_of(image_of(boot_jar(more=more), java=java))) == expected


@pytest.mark.parametrize(
    ("libraries", "web", "expected"),
    [
        (["spring-webmvc-6.1.6"], "jetty-server-12.0.1", ["jetty :8080"]),
        (["spring-webmvc-6.1.6"], "undertow-core-2.3.1.Final", ["undertow :8080"]),
        (["spring-webflux-6.1.6"], "reactor-netty-http-1.1.18", ["reactor-netty :8080"]),
        (["spring-core-6.1.6"], "tomcat-embed-core-10.1.20", []),
    ],
)
def test_the_server_is_that_of_the_libraries(libraries: list[str], web: str, expected: list[str]) -> None:
    facts = facts_of(image_of(boot_jar(libraries=libraries, web=web)))
    assert shown(facts) == expected
    assert bool(facts.listening.gaps) == (not expected)


BOTH = (
    "POST /v1/predict YES, GET /v1/predict NO, GET /v1/health YES, POST /v1/a YES, POST /v1/b NO, POST /v1/b/ YES, "
    "GET /v1/items/3 YES, GET /v1/items/ NO, GET /v1/rest YES, GET /v1/rest/ YES, GET /v1/rest/a/b YES, DELETE /v1/any YES, "
    "PUT /v1/two YES, POST /v1/two NO, GET /v1/q YES*, GET /v1 YES, GET /page YES, GET /view OPEN, GET /nosuch NO, "
    "POST / NO, HEAD /v1/health YES, OPTIONS /v1/health YES, GET /v1/busy YES*, GET /v1/fine YES, POST /v1/broken OPEN, "
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.7.18", BOTH + "GET /v1/health/ YES, GET /v1/items/3/ YES, GET /v1/ YES"),
        ("3.2.5", BOTH + "GET /v1/health/ NO, GET /v1/items/3/ NO, GET /v1/ NO"),
    ],
)
def test_controllers_are_served(version: str, expected: str) -> None:
    assert asked(facts_of(image_of(boot_jar(version=version))), expected) == expected


@pytest.mark.parametrize(
    ("jar", "expected"),
    [
        (boot_jar(application__properties="server.servlet.context-path=/api"), "GET /api/v1/health YES, GET /v1/health NO"),
        (boot_jar("demo/Login"), "GET /v1/health OPEN, GET /nosuch OPEN"),
        (boot_jar(more=["spring-security-web-6.2.4"]), "GET /v1/health OPEN, GET /nosuch OPEN"),
        (boot_jar("demo/Maybe"), "GET /maybe OPEN, GET /v1/health YES, GET /nosuch NO"),
        (boot_jar("other/Outside"), "GET /outside OPEN, GET /nosuch NO"),
        (boot_jar("demo/Functional"), "GET /functional OPEN, GET /v1/health YES"),
        (boot_jar(application__properties="spring.mvc.pathmatch.matching-strategy=ant_path_matcher"), "GET /v1/health OPEN"),
        (boot_jar(more=ACTUATOR), "GET /actuator/health YES, GET /actuator/env OPEN, GET /health NO"),
        (
            boot_jar(more=ACTUATOR, application__properties="management.endpoints.web.base-path=/m"),
            "GET /actuator/health OPEN, GET /m/health OPEN, GET /v1/health YES",
        ),
        (boot_jar(), "GET /actuator/health NO"),
    ],
)  # fmt: skip
def test_what_changes_routes(jar: bytes, expected: str) -> None:
    assert asked(facts_of(image_of(jar)), expected) == expected


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("com/acme/Tool.class", "GET /v1/health YES, GET /nosuch NO"),
        ("demo/more/Other.class", "GET /v1/health OPEN, GET /nosuch OPEN"),  # may be a controller
        ("META-INF/spring.factories", "GET /v1/health OPEN, GET /nosuch OPEN"),
        ("META-INF/resources/x.js", "GET /v1/health YES, GET /nosuch OPEN"),
    ],
)
def test_libraries_may_bring_routes(member: str, expected: str) -> None:
    jar = zipped({**boot_members(), "BOOT-INF/lib/acme-1.0.jar": zipped({member: b"x"})})
    assert asked(facts_of(image_of(jar)), expected) == expected


def test_a_context_path_without_a_slash_is_not_followed() -> None:
    facts = facts_of(image_of(boot_jar(), Env=["SERVER_SERVLET_CONTEXT_PATH=api"]))
    assert shown(facts) == ["? tomcat :8080"]  # as observed, it does not start
    assert asked(facts, "GET /api/v1/health OPEN, GET /x OPEN") == "GET /api/v1/health OPEN, GET /x OPEN"


def test_an_image_without_a_folder_for_temporary_files_may_not_start() -> None:
    assert shown(facts_of(image_of(boot_jar(), whiteout("tmp")))) == ["? tomcat :8080"]


def test_static_files_are_served() -> None:
    jar = zipped({**boot_members(), "BOOT-INF/classes/static/index.html": "x"})
    assert asked(facts_of(image_of(jar)), "GET / YES") == "GET / YES"
    assert asked(facts_of(image_of(jar)), "GET /index.html YES") == "GET /index.html YES"


CONSOLE = '<appender name="C" class="ch.qos.logback.core.ConsoleAppender"/>'
FILE = (
    '<property name="DIR" value="/var/log"/>'
    '<appender name="F" class="ch.qos.logback.core.rolling.RollingFileAppender"><file>${DIR}/app.log</file></appender>'
)


@pytest.mark.parametrize(
    ("resources", "lost", "doubts"),
    [
        ({}, False, False),
        ({"application__properties": "logging.file.name=/var/log/app.log"}, False, False),  # beside the console
        ({"application__properties": "logging.config=/x.xml"}, False, True),
        ({"logback__xml": f"<configuration>{CONSOLE}<root><appender-ref ref='C'/></root></configuration>"}, False, False),
        ({"logback__xml": f"<configuration>{FILE}<root><appender-ref ref='F'/></root></configuration>"}, True, False),
        (
            {"logback-spring__xml": f"<configuration>{FILE}{CONSOLE}<root><appender-ref ref='F'/><appender-ref ref='C'/></root></configuration>"},
            False, False,
        ),
        ({"logback__xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><configuration/>"}, False, True),
        ({"logback__xml": "<configuration><if/></configuration>"}, False, True),
        ({"log4j2__xml": "<Configuration/>"}, False, True),
    ],
)  # fmt: skip
def test_logs_go_to_the_console(resources: dict[str, str], lost: bool, doubts: bool) -> None:
    sinks = facts_of(image_of(boot_jar(**resources))).log_sinks
    assert (bool(sinks.lost), bool(sinks.doubts)) == (lost, doubts)


def test_a_plain_java_program_stays_unknown() -> None:
    jar = zipped({"META-INF/MANIFEST.MF": "Main-Class: demo.App\n\n", **classes("demo/App")})
    facts = facts_of(image_of(jar))
    assert not shown(facts)
    assert "no archive of Spring Boot" in messages(facts)
    assert "followed" in messages(facts_of(image_of(jar, Cmd=["java", "-version"])))


def test_an_archive_that_passed_by_in_a_pipe_is_a_gap() -> None:
    facts = facts_of(image_of(boot_jar()), pipe=True)
    assert not shown(facts)
    assert "passed by in a stream" in messages(facts)


def test_a_bomb_is_not_unpacked() -> None:
    name = "BOOT-INF/classes/demo/Big.class"
    jar = zipped({**boot_members(), name: bytes(20 << 20)}, deflated=[name])
    assert "larger than what is read" in messages(facts_of(image_of(jar)))


def test_many_members_are_not_listed() -> None:
    members: dict[str, bytes | str] = {f"{number:040}": b"" for number in range(60_000)}
    assert "more members than are read" in messages(facts_of(image_of(zipped(members))))


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        jar = _twice(boot_members())
    assert "same name" in messages(facts_of(image_of(jar)))


def _twice(members: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(2):
            archive.writestr("META-INF/MANIFEST.MF", members["META-INF/MANIFEST.MF"])
    return out.getvalue()


@pytest.mark.parametrize("name", ["demo/App", "demo/web/Predict"])
def test_broken_classes_are_refused(name: str) -> None:
    (data,) = classes(name).values()
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(BrokenClassError):
            read_class(data[:length])
    for place in range(0, len(data), 3):
        for byte in (0, 0xFF, data[place] ^ 1):
            try:
                read_class(data[:place] + bytes((byte,)) + data[place + 1 :])
            except BrokenClassError:
                continue
    jar = zipped({**boot_members(), "BOOT-INF/classes/demo/Broken.class": data[:-9]})
    assert "no class file" in messages(facts_of(image_of(jar)))


def test_annotations_inside_annotations_are_bounded() -> None:
    def utf8(text: str) -> bytes:
        return b"\1" + len(text).to_bytes(2, "big") + text.encode()

    pool = [utf8("A"), b"\7\0\1", utf8("RuntimeVisibleAnnotations"), utf8("LA;"), utf8("value")]
    nested = b"\0\4\0\1\0\5@" * 5_000 + b"\0\4\0\0"
    body = b"\0\1" + nested
    data = b"\xca\xfe\xba\xbe\0\0\0\x3d" + (len(pool) + 1).to_bytes(2, "big") + b"".join(pool)
    data += b"\0\x21\0\2\0\0\0\0\0\0\0\0\0\1\0\3" + len(body).to_bytes(4, "big") + body
    with pytest.raises(BrokenClassError):
        read_class(data)
    short = b"\0\1" + b"\0\4\0\1\0\5@" * 2 + b"\0\4\0\0"
    fine = data[: -len(body) - 4] + len(short).to_bytes(4, "big") + short
    assert read_class(fine).annotations[0].name == "A"


def test_settings_are_read_strictly() -> None:
    assert read_properties("a.b-c = 1\n# x\n! y\nd: 2\ne 3", "p").values == {"a.bc": "1", "d": "2", "e": "3"}
    assert read_properties("a=1\\\n2", "p").opaque
    assert read_properties("# x\x85a=1\rb=2", "p").values == {"b": "2"}
    assert read_properties("#---\na=1", "p").opaque
    assert read_yaml("a:\n  b: true\n  c: ${X:1}\nd.e: x\n", "p", ()).values == {
        "a.b": "true",
        "a.c": "${X:1}",
        "d.e": "x",
    }
    assert read_yaml("a: [1", "p", ()).opaque


def test_placeholders_of_one_another_end() -> None:
    text = "server.port=${a}\na=${b}\nb=${a}"
    assert shown(facts_of(image_of(boot_jar(application__properties=text)))) == ["? tomcat None:None"]


def test_a_step_before_may_change_the_archive() -> None:
    run: dict[str, Any] = {"Cmd": ["sh", "-c", "cp /other.jar /app/app.jar; exec java -jar app.jar"]}
    assert "may have changed" in messages(facts_of(image_of(boot_jar(), **run)))
