"""
What holds for every rule: its documentation, its parameters, its place in the profiles, and cases of each verdict.

Cases run the whole pipeline on an archive; how the analyzers behave in detail is their own tests' business.
"""

from __future__ import annotations

import importlib
import io
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import jsonschema
import pytest

import imagespec
from imagespec import rules
from imagespec.profiles import DEFAULT, Profile, list_profiles, load_profile
from imagespec.rules.base import HEADINGS, Rule
from imagespec.verdict import Evidence, Outcome, Verdict
from tests.build import compress, elf, file, program, symlink, whiteout
from tests.elffiles import LOADER, dynamic_elf
from tests.sampleimage import BOOT, JAVA_HOME, MODEL, SERVER, Members, Sample, changed, package, sample

PASS, FAIL, UNKNOWN, NONE = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
RULES = {rule.id: rule for rule in rules.ALL}


# Metadata.


def test_every_module_is_listed_once_under_its_own_name() -> None:
    modules = {item.name for item in pkgutil.iter_modules(rules.__path__)} - {"base", "modelconfig"}
    assert {rule.id.replace("-", "_") for rule in rules.ALL} == modules
    assert len(RULES) == len(rules.ALL)
    for name in modules:
        module = importlib.import_module(f"imagespec.rules.{name}")
        assert module.RULE is RULES[name.replace("_", "-")]
        assert module.RULE.doc is module.__doc__


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.id)
def test_documentation_has_every_section_in_order(rule: Rule) -> None:
    sections = rule.sections()
    assert tuple(sections) == HEADINGS
    assert [heading for heading, text in sections.items() if not text] == []
    statement, _, _ = rule.doc.strip().partition("\n\n")
    assert "\n" not in statement
    assert statement.endswith(".")
    assert statement == f"{rule.title}."
    assert len(rule.title) <= 90


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.id)
def test_parameters_are_described_and_their_defaults_valid(rule: Rule) -> None:
    for schema in rule.parameters.values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert {"type", "default", "description"} <= schema.keys()
        assert schema["description"].strip()
        jsonschema.validate(schema["default"], schema)
    assert rule.defaults() == {name: schema["default"] for name, schema in rule.parameters.items()}


@pytest.mark.parametrize("name", list_profiles())
def test_profile_names_every_rule_once(name: str) -> None:
    profile = load_profile(name)
    assert profile.id == name
    assert [item.rule.id for item in profile.rules] == list(RULES)
    for item in profile.rules:
        assert item.clause
        assert item.parameters.keys() == item.rule.parameters.keys()


def test_the_default_profile_comes_first() -> None:
    assert list_profiles()[0] == DEFAULT
    assert list_profiles() == tuple(dict.fromkeys(list_profiles()))


# Cases.


@attrs.frozen(kw_only=True)
class Case:
    """An image, and what one rule says of it."""

    name: str
    image: Callable[[], Sample]
    verdict: Verdict
    words: tuple[str, ...]
    """What occurs in the summary or the evidence."""
    service: str = "batch"
    profile: str = DEFAULT
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    model_config: str | None = None
    verify: bool = True
    kind: str = "docker"


def case(verdict: Verdict, name: str, image: Callable[[], Sample], *words: str, **other: Any) -> Case:
    return Case(name=name, image=image, verdict=verdict, words=words, **other)


def server(old: str, new: str) -> Callable[[], Sample]:
    return lambda: sample(server=changed(SERVER, old, new))


def boot(old: str, new: str) -> Callable[[], Sample]:
    return lambda: sample(boot=changed(BOOT, old, new))


def model(**values: object) -> str:
    """Return the config.json with top-level values replaced, or removed by None."""
    document = {**json.loads(MODEL), **values}
    return json.dumps({key: value for key, value in document.items() if value is not None})


def apis(*urls: str) -> str:
    return model(apis=[{**json.loads(MODEL)["apis"][0], "url": url, "method": "post"} for url in urls])


def without_layer(image: Sample, members: Members, kind: str) -> Members:
    """Lose the layer with the boot file."""
    return {name: data for name, data in members.items() if name != image.layer_name(3, kind)}


def without_another_layer(image: Sample, members: Members, kind: str) -> Members:
    """Lose a layer that has nothing to do with the service."""
    return {name: data for name, data in members.items() if name != image.layer_name(4, kind)}


def other_layer(image: Sample, members: Members, kind: str) -> Members:
    """Store a layer under the name of another."""
    codec = "gzip" if kind == "oci" else "plain"
    return {**members, image.layer_name(1, kind): compress(image.layers[2], codec)[0]}


RUN_LINE = 'app.run(host="0.0.0.0", port=8080)'
TLS_LINE = 'app.run(host="0.0.0.0", port=8080, ssl_context="adhoc")'
START_LINE = "exec python3 /home/app/server.py"
LOGGING = 'logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")'
UVICORN = "exec uvicorn --host :: --port 8080 server:app"

CASES: dict[str, list[Case]] = {
    "image-size": [
        case(PASS, "small", sample, "within the 30 GB allowed", "3,658 bytes"),
        case(
            FAIL, "too large", sample, "3.66 kB", "more than the 1 kB allowed", parameters={"limit_gb": 1e-6}
        ),
        case(UNKNOWN, "gap of the units", sample, "2^30 bytes", "10^9", parameters={"limit_gb": 3.5e-6}),
        case(UNKNOWN, "layer missing", lambda: sample(spoil=without_layer), "a layer could not be read"),
        case(
            FAIL,
            "too large already without a layer",
            lambda: sample(spoil=without_layer),
            "the readable layers",
            parameters={"limit_gb": 1e-6},
        ),
    ],
    "service-port": [
        case(PASS, "Flask", sample, "flask listens on port 8080 on all interfaces", "/home/app/server.py"),
        case(
            PASS,
            "another port asked for",
            server("port=8080", "port=9000"),
            "port 9000",
            parameters={"port": 9000},
        ),
        case(
            FAIL,
            "another port",
            server("port=8080", "port=9000"),
            "port 9000, not on port 8080",
            "Bind 0.0.0.0:8080",
        ),
        case(FAIL, "loopback", server("0.0.0.0", "127.0.0.1"), "127.0.0.1", "only the container itself"),
        case(
            FAIL, "no server", boot(START_LINE, "echo ready"), "nothing that the start command runs listens"
        ),
        case(
            FAIL,
            "cannot start",
            lambda: sample(Cmd=["/opt/serve"]),
            "cannot start",
            "/opt/serve",
            service="real-time",
        ),
        case(
            FAIL,
            "IPv6 only",
            lambda: sample(*package("uvicorn", console_script=True), boot=changed(BOOT, START_LINE, UVICORN)),
            "uvicorn listens on ::, port 8080, for IPv6 only",
        ),
        case(
            FAIL,
            "Unix socket",
            lambda: sample(
                *package("gunicorn", console_script=True),
                boot=changed(BOOT, START_LINE, "exec gunicorn --bind unix:/tmp/app.sock server:app"),
            ),
            "gunicorn listens on the Unix socket /tmp/app.sock",
        ),
        case(
            UNKNOWN,
            "port from outside",
            server("port=8080", 'port=int(open("/etc/port").read())'),
            "an unknown port",
        ),
        case(
            UNKNOWN,
            "unknown program",
            lambda: sample(program("usr/bin/serve"), Cmd=["serve"]),
            "could not be followed",
        ),
    ],
    "inference-api": [
        case(
            PASS,
            "served",
            sample,
            "POST / is served",
            "/home/mind/model/config.json#/apis/0",
            "/home/app/server.py",
        ),
        case(PASS, "given beside", lambda: sample(model=None), "config.json#/apis/0", model_config=MODEL),
        case(
            PASS,
            "two",
            lambda: sample(
                server=changed(
                    SERVER, '@app.route("/", ', '@app.route("/b", methods=["POST"])\n@app.route("/", '
                )
            ),
            "all 2 URLs of the apis are served",
            model_config=apis("/", "/b"),
        ),
        case(FAIL, "one of two", sample, "does not serve POST /b", "404", model_config=apis("/", "/b")),
        case(FAIL, "method", server('methods=["POST"]', 'methods=["PUT"]'), "does not serve POST /", "405"),
        case(
            FAIL,
            "defect",
            sample,
            "is not valid: ",
            "an imported image needs",
            model_config=model(model_type="Tensorflow"),
        ),
        case(
            FAIL,
            "two defects",
            sample,
            "and 1 more",
            "model_algorithm",
            model_config=model(model_type="Tensorflow", model_algorithm="&"),
        ),
        case(FAIL, "broken", lambda: sample(model=MODEL[:-3]), "cannot be read", "line"),
        case(
            UNKNOWN,
            "no file",
            lambda: sample(model=None),
            "no config.json was given or found",
            "--config-json",
        ),
        case(
            FAIL,
            "TLS where the configuration says http",
            server(RUN_LINE, TLS_LINE),
            "speaks https on port 8080, and the configuration says http",
            model_config=apis("/"),
        ),
        case(
            FAIL,
            "no TLS where the configuration says https",
            sample,
            "speaks http on port 8080, and the configuration says https",
            model_config=apis("/").replace('"protocol": "http"', '"protocol": "https"'),
        ),
        case(UNKNOWN, "no apis", sample, "declares no apis", model_config=model(apis=None)),
        case(UNKNOWN, "empty apis", sample, "declares no apis", model_config=model(apis=[])),
        case(
            UNKNOWN,
            "two files",
            lambda: sample(file("home/config.json", model(apis=[]))),
            "not exactly one",
            "several different",
        ),
        case(
            UNKNOWN,
            "registered from afar",
            server('@app.route("/", methods=["POST"])', "@app.route(os.environ['WHERE'], methods=['POST'])"),
            "it is not certain that POST / is served",
        ),
    ],
    "health-check": [
        case(PASS, "served", sample, "GET /health is served", "#/health/url"),
        case(
            FAIL,
            "TLS where the check says http",
            server(RUN_LINE, TLS_LINE),
            "speaks https on port 8080",
            model_config=model(health={"url": "/health", "protocol": "http"}),
        ),
        case(FAIL, "none", sample, "requires a health check", model_config=model(health=None)),
        case(
            NONE,
            "none, optional",
            sample,
            "optional",
            model_config=model(health=None),
            profile="modelarts-2024",
        ),
        case(
            FAIL,
            "optional, not served",
            sample,
            "404",
            model_config=model(health={"url": "/up"}),
            profile="modelarts-2024",
        ),
        case(
            FAIL,
            "no url",
            sample,
            "is not valid",
            "'url'",
            "#/health",
            model_config=model(health={"protocol": "http"}),
        ),
        case(
            FAIL,
            "misspelt",
            sample,
            "did you mean 'health'",
            model_config=model(health=None, Health={"url": "/health"}),
        ),
        case(
            UNKNOWN,
            "a command",
            sample,
            "a command inside the container",
            "sh /check.sh",
            model_config=model(health={"check_method": "EXEC", "command": "sh /check.sh", "url": "/"}),
        ),
        case(UNKNOWN, "no file", lambda: sample(model=None), "no config.json was given or found"),
        case(UNKNOWN, "broken file", lambda: sample(model=MODEL[:-3]), "cannot be read", "see inference-api"),
    ],
    "log-output": [
        case(PASS, "standard output", sample, "all logs go to the standard streams", "logging.basicConfig"),
        case(
            PASS,
            "a link to standard output",
            lambda: sample(
                symlink("var/log/app.log", "/dev/stdout"),
                boot=changed(BOOT, START_LINE, f"{START_LINE} > /var/log/app.log 2>&1"),
            ),
            "all logs go to the standard streams",
        ),
        case(
            FAIL,
            "redirected",
            boot(START_LINE, f"{START_LINE} >/tmp/log 2>&1"),
            "logs go to a file",
            "/tmp/log",
        ),
        case(
            FAIL,
            "file",
            server(LOGGING, 'logging.basicConfig(filename="/tmp/log")'),
            "/tmp/log",
            "/home/app/server.py",
        ),
        case(
            UNKNOWN,
            "one stream",
            boot(START_LINE, f"{START_LINE} >/tmp/log"),
            "it is not certain",
            "standard output",
        ),
        case(
            UNKNOWN,
            "configured",
            server(LOGGING, "import logging.config; logging.config.fileConfig('log.ini')"),
            "fileConfig",
        ),
        case(UNKNOWN, "no server", boot(START_LINE, "echo ready"), "no server was found"),
        case(UNKNOWN, "cannot start", lambda: sample(Cmd=["/opt/serve"]), "the container cannot start"),
    ],
    "boot-file": [
        case(PASS, "script", sample, "/home/run.sh holds commands for /usr/bin/sh"),
        case(
            PASS,
            "its user's own",
            lambda: sample(boot=file("home/run.sh", BOOT, 0o700, uid=1000), User="1000"),
            "/home/run.sh holds commands for /usr/bin/sh",
        ),
        case(
            UNKNOWN,
            "somebody else's",
            lambda: sample(boot=file("home/run.sh", BOOT, 0o711), User="1000"),
            "the user 1000 may not be allowed to read it",
        ),
        case(
            PASS,
            "link",
            lambda: sample(file("opt/run.sh", BOOT), boot=symlink("home/run.sh", "../opt/run.sh")),
            "/home/run.sh leads to /opt/run.sh",
        ),
        case(NONE, "real-time", lambda: sample(boot=None), "batch services only", service="real-time"),
        case(
            PASS,
            "made executable by the command",
            lambda: sample(
                program("usr/bin/chmod"),
                boot=file("home/run.sh", BOOT),
                Cmd=["sh", "-c", "chmod +x /home/run.sh && /home/run.sh"],
            ),
            "/home/run.sh holds commands",
        ),
        case(FAIL, "missing", lambda: sample(boot=None), "/home/run.sh is not in the image", "COPY run.sh"),
        case(FAIL, "empty", lambda: sample(boot=""), "/home/run.sh is empty"),
        case(
            FAIL,
            "no interpreter",
            lambda: sample(boot=file("home/run.sh", "#!/bin/bash\nls\n", 0o755), Cmd=["/home/run.sh"]),
            "/home/run.sh names the interpreter '/bin/bash', which is not in the image",
        ),
        case(
            FAIL,
            "no execute bit",
            lambda: sample(boot=file("home/run.sh", BOOT), Cmd=["/home/run.sh"]),
            "no execute bit",
        ),
        case(UNKNOWN, "CR LF", lambda: sample(boot=BOOT.replace("\n", "\r\n")), "it has CR LF line endings"),
        case(
            UNKNOWN,
            "layer missing",
            lambda: sample(spoil=without_another_layer),
            "not every layer could be read",
        ),
    ],
    "boot-command": [
        case(PASS, "shell form", sample, "the start command runs /home/run.sh", "config#/config/Cmd"),
        case(PASS, "exec form", lambda: sample(Cmd=["sh", "/home/run.sh"]), "runs /home/run.sh"),
        case(PASS, "directly", lambda: sample(Cmd=["/home/run.sh"]), "runs /home/run.sh"),
        case(NONE, "real-time", lambda: sample(Cmd=["ls"]), "batch services only", service="real-time"),
        case(FAIL, "none", lambda: sample(Cmd=None), "no start command", "ENTRYPOINT []"),
        case(
            FAIL,
            "something else",
            lambda: sample(Cmd=["python3", "server.py"]),
            "does not run",
            "python3 server.py",
        ),
        case(
            FAIL,
            "swallowed",
            lambda: sample(Entrypoint=["python3", "server.py"], Cmd=["sh", "/home/run.sh"]),
            "the Cmd names /home/run.sh",
            "Cmd gives the arguments of Entrypoint",
            "config#/config/Entrypoint",
        ),
        case(
            UNKNOWN,
            "on a branch",
            lambda: sample(Cmd=["sh", "-c", 'if [ "$MODE" = batch ]; then sh /home/run.sh; fi']),
            "on some paths only",
        ),
        case(UNKNOWN, "no boot file", lambda: sample(boot=None), "see boot-file"),
        case(
            UNKNOWN,
            "not followed",
            lambda: sample(program("usr/bin/serve"), Cmd=["sh", "-c", "$START"]),
            "could not be followed",
        ),
    ],
    "packages": [
        case(
            PASS,
            "all",
            sample,
            "python 3.11 (/usr/bin/python3.11), java 17.0.0",
            "zip (/usr/bin/zip) can start",
        ),
        case(
            FAIL,
            "a library is nowhere",
            lambda: sample(program("usr/bin/zip", dynamic_elf(["libbz2.so.1.0"])), program(LOADER)),
            "zip cannot start: /usr/bin/zip needs the shared library libbz2.so.1.0, which is not in the image",
        ),
        case(
            PASS,
            "all libraries are there",
            lambda: sample(
                program("usr/bin/zip", dynamic_elf(["libbz2.so.1.0"])),
                program(LOADER),
                file("opt/lib/libbz2.so.1.0", elf()),
                Env=["PATH=/usr/bin", "LD_LIBRARY_PATH=/opt/lib"],
            ),
            "needs shared libraries, which are there",
        ),
        case(
            UNKNOWN,
            "a library lies elsewhere",
            lambda: sample(
                program("usr/bin/zip", dynamic_elf(["libbz2.so.1.0"])),
                program(LOADER),
                file("opt/lib/libbz2.so.1.0", elf()),
            ),
            "it is not certain that zip can start",
            "/opt/lib/libbz2.so.1.0, in no directory that is certainly searched",
        ),
        case(
            UNKNOWN,
            "a library is no library",
            lambda: sample(
                program("usr/bin/zip", dynamic_elf(["libbz2.so.1.0"])),
                program(LOADER),
                file("opt/lib/libbz2.so.1.0", "no"),
                file("usr/lib/libbz2.so.1.0", elf()),
                Env=["PATH=/usr/bin", "LD_LIBRARY_PATH=/opt/lib"],
            ),
            "it is not certain that zip can start",
        ),
        case(
            PASS,
            "a script starts it",
            lambda: sample(
                program("usr/bin/zip", '#!/bin/sh\nexec /usr/bin/zip.real "$@"\n'),
                program("usr/bin/zip.real"),
            ),
            "can start",
        ),
        case(
            FAIL,
            "a script starts what is not there",
            lambda: sample(program("usr/bin/zip", '#!/bin/sh\nexec /usr/bin/zip.real "$@"\n')),
            "there is no /usr/bin/zip.real in the image",
        ),
        case(
            FAIL,
            "a script with a wrong JAVA_HOME",
            lambda: sample(
                program("usr/bin/java", '#!/bin/sh\nexec "$JAVA_HOME/bin/java" "$@"\n'),
                Env=["PATH=/usr/bin", "JAVA_HOME=/opt/jdk"],
            ),
            "there is no /opt/jdk/bin/java in the image",
        ),
        case(
            FAIL,
            "a JDK whose files lead to what was not copied",
            lambda: sample(symlink(f"{JAVA_HOME}/lib/jvm.cfg", "/etc/java-17/jvm.cfg")),
            "lib/jvm.cfg is a link to /etc/java-17/jvm.cfg, which is not in the image",
        ),
        case(
            PASS,
            "a JDK whose launcher has a spare for such a file",
            lambda: sample(
                symlink(f"{JAVA_HOME}/lib/jvm.cfg", "/etc/java-17/jvm.cfg"),
                file(f"{JAVA_HOME}/lib/jvm.cfg-default", "-server KNOWN\n"),
            ),
            "can start",
        ),
        case(
            FAIL,
            "a JDK without its machine",
            lambda: sample(file(f"{JAVA_HOME}/lib/libjava.so", elf())),
            "has no libjvm.so",
        ),
        case(
            FAIL,
            "a JDK without its modules",
            lambda: sample(file(f"{JAVA_HOME}/lib/libjimage.so", elf())),
            "has no modules",
        ),
        case(
            PASS,
            "options that every JVM knows",
            lambda: sample(Env=["PATH=/usr/bin", "JAVA_TOOL_OPTIONS=-Xmx1g -Dfile.encoding=UTF-8"]),
            "can start",
        ),
        case(
            UNKNOWN,
            "options that a JVM may not know",
            lambda: sample(Env=["PATH=/usr/bin", "JAVA_TOOL_OPTIONS=-XX:+UseFastGC"]),
            "JAVA_TOOL_OPTIONS has -XX:+UseFastGC",
        ),
        case(
            UNKNOWN,
            "options that zip may not know",
            lambda: sample(Env=["PATH=/usr/bin", "ZIPOPT=--maximum"]),
            "zip may not know its options",
        ),
        case(
            UNKNOWN,
            "a program that its user may not run",
            lambda: sample(file("usr/bin/zip", elf(), 0o750), User="1000"),
            "the user 1000 may not be allowed to run /usr/bin/zip",
        ),
        case(
            PASS,
            "busybox has it",
            lambda: sample(
                program("usr/bin/busybox", elf() + b"\0zcat\0zip\0"), symlink("usr/bin/zip", "busybox")
            ),
            "/usr/bin/busybox is busybox and has zip",
        ),
        case(
            FAIL,
            "busybox has it not",
            lambda: sample(
                program("usr/bin/busybox", elf() + b"\0unzip\0"), symlink("usr/bin/zip", "busybox")
            ),
            "zip cannot start: /usr/bin/busybox is busybox, which has no zip",
        ),
        case(
            NONE,
            "real-time",
            lambda: sample(whiteout("usr/bin/zip")),
            "batch services only",
            service="real-time",
        ),
        case(
            FAIL, "missing", lambda: sample(whiteout("usr/bin/zip")), "zip is not on the PATH", "Install zip"
        ),
        case(
            FAIL,
            "not on the PATH",
            lambda: sample(Env=["PATH=/opt/bin"]),
            "python is not on the PATH; java is not",
        ),
        case(
            FAIL, "link", lambda: sample(symlink("usr/bin/zip", "7z")), "a link that leads to nothing", "7z"
        ),
        case(
            FAIL,
            "processor",
            lambda: sample(program(f"{JAVA_HOME}/bin/java", elf(183))),
            "java cannot start",
            "64-bit Arm",
        ),
        case(
            FAIL,
            "loader",
            lambda: sample(program("usr/bin/zip", elf(interpreter="/lib64/ld-linux-x86-64.so.2"))),
            "zip cannot start",
            "/lib64/ld-linux-x86-64.so.2",
        ),
        case(
            UNKNOWN,
            "no architecture",
            lambda: sample(architecture=""),
            "it is not certain that python can start",
        ),
        case(UNKNOWN, "layer missing", lambda: sample(spoil=without_layer), "not every layer could be read"),
    ],
    "malicious-code": [
        case(PASS, "accepted", sample, "no indicator found", parameters={"accept_no_indicator": True}),
        case(FAIL, "setuid", lambda: sample(file("tmp/x", elf(), 0o4755)), "tmp/x"),
        case(
            FAIL,
            "accepted all the same",
            lambda: sample(file("tmp/x", elf(), 0o4755)),
            "tmp/x",
            parameters={"accept_no_indicator": True},
        ),
        case(UNKNOWN, "nothing found", sample, "cannot prove the absence"),
        case(
            UNKNOWN,
            "weak, accepted",
            lambda: sample(program("tmp/x")),
            "weak",
            "tmp/x",
            parameters={"accept_no_indicator": True},
        ),
    ],
    "archive-integrity": [
        case(PASS, "docker-archive", sample, "every digest is right"),
        case(PASS, "OCI", sample, "every digest is right", kind="oci"),
        case(FAIL, "another layer", lambda: sample(spoil=other_layer), "contradicts itself", "diff_id"),
        case(FAIL, "another layer, OCI", lambda: sample(spoil=other_layer), "blob digest", kind="oci"),
        case(
            FAIL,
            "a size without --verify",
            lambda: sample(spoil=other_layer),
            "its descriptor says",
            kind="oci",
            verify=False,
        ),
        case(
            FAIL, "missing layer", lambda: sample(spoil=without_layer), "not complete", "not in the archive"
        ),
        case(UNKNOWN, "digests not computed", sample, "were not computed", "--verify", verify=False),
    ],
}


def judge(rule: str, case: Case) -> Outcome:
    profile = with_parameters(load_profile(case.profile), rule, case.parameters)
    given = case.model_config.encode() if case.model_config is not None else None
    report = imagespec.check(
        io.BytesIO(case.image().archive(case.kind)),
        profile=profile,
        service=case.service,
        verify=case.verify,
        model_config=given,
    )
    (image,) = report.inputs[0].images
    (outcome,) = (result.outcome for result in image.results if result.rule == rule)
    return outcome


def with_parameters(profile: Profile, rule: str, parameters: Mapping[str, Any]) -> Profile:
    changed_rules = [
        attrs.evolve(item, parameters={**item.parameters, **parameters}) if item.rule.id == rule else item
        for item in profile.rules
    ]
    return attrs.evolve(profile, rules=tuple(changed_rules))


TABLE = [
    pytest.param(rule, item, id=f"{rule}: {item.name}") for rule, items in CASES.items() for item in items
]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_case_of_each_verdict(rule: str) -> None:
    assert {item.verdict for item in CASES[rule]} >= {PASS, FAIL, UNKNOWN}
    assert len({item.name for item in CASES[rule]}) == len(CASES[rule])


@pytest.mark.parametrize(("rule", "case"), TABLE)
def test_case(rule: str, case: Case) -> None:
    outcome = judge(rule, case)
    text = "\n".join(texts(outcome))
    assert outcome.verdict is case.verdict, text
    assert [word for word in case.words if word not in text] == [], text
    check_wording(outcome)


def texts(outcome: Outcome) -> Iterable[str]:
    """Yield everything that an outcome tells."""
    yield outcome.summary
    if outcome.advice:
        yield outcome.advice
    for item in outcome.evidence:
        if item.path:
            yield "/" + item.path.removeprefix("/")
        yield from (text for text in (item.message, item.pointer, item.seen, item.wanted) if text)


def check_wording(outcome: Outcome) -> None:
    """Check that what is said reads as a sentence, points at one place, and says nothing twice."""
    summary = outcome.summary
    assert summary
    assert summary[-1] not in ".:;, "
    assert not re.search(r"\bNone\b|  |\b1 (?:\w+ )?(?:defects|layers|URLs)\b|\bb'", summary), summary
    assert outcome.advice is None or outcome.advice.endswith(".")
    assert len(set(outcome.evidence)) == len(outcome.evidence), outcome.evidence
    for item in outcome.evidence:
        check_evidence(item)


def check_evidence(item: Evidence) -> None:
    assert item.message.strip() == item.message != ""
    assert "None" not in item.message
    assert item.line is None or (item.path and item.line > 0)
    if item.pointer is not None:
        # A document, then a JSON pointer (RFC 6901) into it.
        assert re.fullmatch(r"(?:config|/?(?:[\w.-]+/)*config\.json)#(?:/[^/]*)*", item.pointer), item.pointer
