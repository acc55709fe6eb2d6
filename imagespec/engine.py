"""The engine: one image, one profile, one pass over the layers, one verdict for each rule."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from imagespec.analyzers.facts import Facts
from imagespec.analyzers.malware.scanners import OpenScanners
from imagespec.documents.model_config import ModelConfig
from imagespec.errors import ImageSpecError
from imagespec.image import Image
from imagespec.layer import UNREADABLE, Layer
from imagespec.profiles import Profile, ProfileRule
from imagespec.results import ImageReport, InputReport, LayerReport, Problem, RuleResult
from imagespec.rules.base import Service
from imagespec.scan import LayerScan
from imagespec.sharedscans import SharedScans
from imagespec.sources import Archive
from imagespec.tar import Finding
from imagespec.verdict import Outcome, Verdict


def check_archive(
    archive: Archive,
    profile: Profile,
    service: Service,
    *,
    model_config: ModelConfig | None = None,
    scanners: OpenScanners | None = None,
) -> InputReport:
    """Judge every image of an archive; ``scanners`` are given the content of every file."""
    shared = SharedScans(archive.images)
    images = tuple(
        check_image(image, profile, service, model_config=model_config, scanners=scanners, shared=shared)
        for image in archive.images
    )
    return InputReport(
        name=archive.name,
        container=archive.container,
        images=images,
        problems=tuple(Problem(item.error.slug, item.message) for item in archive.unreadable),
        notes=archive.notes,
    )


def check_image(
    image: Image,
    profile: Profile,
    service: Service,
    *,
    model_config: ModelConfig | None = None,
    scanners: OpenScanners | None = None,
    shared: SharedScans | None = None,
) -> ImageReport:
    """
    Judge one image; ``shared`` has the layers that other images of the archive share with it.

    Layers that cannot be read become problems of the report, and the verdicts that stand on files become unknown.
    """
    scans, problems = scan_layers(image, shared)
    facts = Facts(image, scans, batch=service is Service.BATCH, given_config=model_config, scanners=scanners)
    results = []
    for rule in profile.rules:
        outcome, problem = _judge(rule, facts, service)
        results.append(RuleResult(rule.rule.id, rule.rule.title, rule.clause, outcome))
        if problem:
            problems.append(problem)
    return describe_image(image, facts, tuple(results), tuple(problems))


def describe_image(
    image: Image, facts: Facts, results: tuple[RuleResult, ...], problems: tuple[Problem, ...]
) -> ImageReport:
    """Return the report of an image whose layers were scanned."""
    return ImageReport(
        references=image.references,
        number=image.number,
        image_id=image.image_id,
        manifest_digest=image.manifest_digest,
        platform=image.platform,
        layers=tuple(_describe_layer(layer, facts) for layer in image.layers),
        sizes=facts.sizes,
        results=results,
        problems=problems,
        findings=_findings(facts),
    )


def scan_layers(
    image: Image, shared: SharedScans | None = None
) -> tuple[list[LayerScan | None], list[Problem]]:
    """Scan every layer once; one that cannot be read is None, with a problem that says why."""
    scans: list[LayerScan | None] = [None] * len(image.layers)
    problems: list[Problem] = []
    found = (shared or SharedScans((image,))).scan(image)
    for layer in image.layers:
        match found.get(layer.number):
            case LayerScan() as scan:
                scans[layer.number] = scan
            case ImageSpecError() as error:
                problems.append(Problem(error.slug, f"{layer.title}: {error}", layer.number))
            case None:
                slug, what = UNREADABLE[layer.state]
                problems.append(Problem(slug, f"{layer.title} {what}", layer.number))
    return scans, problems


def _judge(rule: ProfileRule, facts: Facts, service: Service) -> tuple[Outcome, Problem | None]:
    if service not in rule.rule.services:
        only = " and ".join(sorted(rule.rule.services))
        return Outcome(Verdict.NOT_APPLICABLE, f"asked of {only} services only"), None
    try:
        outcome = rule.rule.check(facts, rule.parameters)
    except ImageSpecError as error:
        summary = f"could not be decided: {error}"
        return Outcome(Verdict.UNKNOWN, summary), Problem(error.slug, f"rule {rule.rule.id}: {error}")
    except Exception as error:  # noqa: BLE001 - a defect of a rule must end as `unknown`, never as a pass or a crash
        text = f"{type(error).__name__}: {error}"
        problem = Problem("internal", f"rule {rule.rule.id} failed with {text}; please report this as a bug")
        return Outcome(Verdict.UNKNOWN, f"the rule failed with an internal error ({text})"), problem
    if (
        rule.rule.reads_files
        and not facts.rootfs.complete
        and outcome.verdict in (Verdict.PASS, Verdict.FAIL)
    ):
        summary = f"a layer could not be read; without it: {outcome.summary}"
        return attrs.evolve(outcome, verdict=Verdict.UNKNOWN, summary=summary), None
    return outcome, None


def _describe_layer(layer: Layer, facts: Facts) -> LayerReport:
    scan = facts.scans[layer.number]
    usage = facts.rootfs.usage[layer.number]
    return LayerReport(
        number=layer.number,
        diff_id=layer.diff_id,
        blob_digest=layer.blob_digest,
        media_type=layer.media_type,
        state=layer.state.value,
        codec=scan.codec.value if scan else None,
        stored_bytes=scan.stored_bytes if scan else None,
        tar_bytes=scan.tar_bytes if scan else None,
        docker_bytes=usage.apparent_bytes if usage else None,
        entries=len(scan.index) if scan else None,
        created_by=layer.created_by,
    )


def _findings(facts: Facts) -> tuple[tuple[int, Finding], ...]:
    scans: Sequence[LayerScan | None] = facts.scans
    of_tar = [(number, finding) for number, scan in enumerate(scans) if scan for finding in scan.findings]
    return tuple(sorted((*of_tar, *facts.rootfs.findings), key=lambda item: (item[0], item[1].offset or 0)))
