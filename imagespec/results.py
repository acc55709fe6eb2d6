"""What a run yields: plain values, the same for every face. `Report.to_dict` follows report/report.schema.json."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from imagespec.analyzers.sizes import ImageSizes
from imagespec.tar import Finding
from imagespec.text import printable
from imagespec.verdict import Evidence, Outcome, Verdict

SCHEMA_ID = "imagespec-report/1"


@attrs.frozen
class Problem:
    """Something that could not be read; ``slug`` is the error's stable name."""

    slug: str
    message: str
    layer: int | None = None


@attrs.frozen
class RuleResult:
    """The outcome of one rule, with the clause of the document that asks for it."""

    rule: str
    title: str
    clause: str
    outcome: Outcome


@attrs.frozen(kw_only=True)
class LayerReport:
    """What is known of one layer; None where the archive does not say or the bytes could not be read."""

    number: int
    diff_id: str | None
    blob_digest: str | None
    media_type: str | None
    state: str
    codec: str | None
    stored_bytes: int | None
    tar_bytes: int | None
    docker_bytes: int | None
    entries: int | None
    created_by: str | None


@attrs.frozen(kw_only=True)
class ImageReport:
    """Everything found out about one image."""

    references: tuple[str, ...]
    number: int
    """The image's place in its archive, from 0."""
    image_id: str | None
    """None for archives of Docker before 1.10."""
    manifest_digest: str | None
    platform: str | None
    layers: tuple[LayerReport, ...]
    sizes: ImageSizes
    results: tuple[RuleResult, ...]
    problems: tuple[Problem, ...]
    findings: tuple[tuple[int, Finding], ...]
    """(layer number, finding) for each construct that other readers see differently."""

    @property
    def name(self) -> str:
        """Return the first reference, or the image ID where there is none."""
        return self.references[0] if self.references else self.image_id or "(untagged)"

    def verdict(self, rule: str) -> Verdict:
        """Return the verdict of a rule by its id; raises KeyError."""
        for result in self.results:
            if result.rule == rule:
                return result.outcome.verdict
        raise KeyError(rule)


@attrs.frozen(kw_only=True)
class InputReport:
    """One archive: its images, or why it could not be opened."""

    name: str
    container: str | None = None
    images: tuple[ImageReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What the archive lists and does not hold."""


@attrs.frozen(kw_only=True)
class Report:
    """A whole run."""

    tool_version: str
    backend: str
    profile: str
    profile_title: str
    document: str
    edition: str
    service: str
    verified: bool
    """Whether the layers' digests were computed."""
    inputs: tuple[InputReport, ...]

    def counts(self) -> Counter[Verdict]:
        """Return how many results have each verdict."""
        images = (image for item in self.inputs for image in item.images)
        return Counter(result.outcome.verdict for image in images for result in image.results)

    @property
    def complete(self) -> bool:
        """Tell whether everything could be read."""
        return not any(item.problems or any(image.problems for image in item.images) for item in self.inputs)

    def exit_code(self, *, strict: bool = False) -> int:
        """
        Return 0 when every rule passed, 1 when one failed, 3 when something could not be read.

        Unknown verdicts count as failures when ``strict``. What could not be read wins: a failure may be no failure
        once it can.
        """
        if not self.complete:
            return 3
        counts = self.counts()
        return int(bool(counts[Verdict.FAIL] or (strict and counts[Verdict.UNKNOWN])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; names are made printable (`imagespec.text.printable`)."""
        counts = self.counts()
        return {
            "schema": SCHEMA_ID,
            "tool": {"name": "imagespec", "version": self.tool_version, "backend": self.backend},
            "profile": {
                "id": self.profile,
                "title": self.profile_title,
                "document": self.document,
                "edition": self.edition,
            },
            "service": self.service,
            "verified": self.verified,
            "complete": self.complete,
            "summary": {verdict.value: counts[verdict] for verdict in Verdict},
            "inputs": [_input(item) for item in self.inputs],
        }


def _input(item: InputReport) -> dict[str, Any]:
    return {
        "name": printable(item.name),
        "container": item.container,
        "images": [image_to_dict(image) for image in item.images],
        "problems": [_problem(problem) for problem in item.problems],
        "notes": [printable(note) for note in item.notes],
    }


def image_to_dict(image: ImageReport) -> dict[str, Any]:
    """Return an image's report as plain JSON values."""
    return {
        "references": [printable(reference) for reference in image.references],
        "number": image.number,
        "image_id": image.image_id,
        "manifest_digest": image.manifest_digest,
        "platform": _text(image.platform),
        "sizes": attrs.asdict(image.sizes, filter=lambda field, _: field.name != "readable_docker_bytes"),
        "layers": [
            {
                **attrs.asdict(layer),
                "media_type": _text(layer.media_type),
                "created_by": _text(layer.created_by),
            }
            for layer in image.layers
        ],
        "results": [_result(result) for result in image.results],
        "problems": [_problem(problem) for problem in image.problems],
        "findings": [
            {
                "code": finding.code,
                "message": printable(finding.message),
                "layer": layer,
                "offset": finding.offset,
            }
            for layer, finding in image.findings
        ],
    }


def _result(result: RuleResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "rule": result.rule,
        "title": result.title,
        "clause": result.clause,
        "verdict": outcome.verdict.value,
        "summary": printable(outcome.summary),
        "advice": _text(outcome.advice),
        "evidence": [_evidence(item) for item in outcome.evidence],
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    values = attrs.asdict(item, filter=lambda _, value: value is not None)
    return {key: printable(value) if isinstance(value, str) else value for key, value in values.items()}


def _problem(problem: Problem) -> dict[str, Any]:
    return {"slug": problem.slug, "message": printable(problem.message), "layer": problem.layer}


def _text(value: str | None) -> str | None:
    return None if value is None else printable(value)
