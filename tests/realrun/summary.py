"""
What imagespec says of the images against what running them showed.

    python3 -m tests.realrun.summary [-v]

prints how often each rule passes, fails and stays unknown, by what is true, for each collection and for all; with -v
every image that stays unknown.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

import imagespec
from imagespec.engine import check_image
from imagespec.profiles import load_profile
from imagespec.rules.base import Service
from imagespec.verdict import Outcome, Verdict
from tests.realrun.slim import FIXTURE, image_name, stale_files
from tests.realrun.sources import HERE, load_sources
from tests.realrun.truth import BAD, GOOD, NOT_JUDGED

LABELS = HERE / "labels.json"
_CONTRADICTS = {(Verdict.PASS, BAD), (Verdict.FAIL, GOOD)}


@attrs.frozen(kw_only=True)
class Comparison:
    """One rule's verdict on one image, and the truth."""

    image: str
    rule: str
    outcome: Outcome
    truth: str
    because: str
    """The observation that decides the truth."""

    @property
    def contradicts(self) -> bool:
        """Tell whether the verdict is wrong."""
        return (self.outcome.verdict, self.truth) in _CONTRADICTS

    def describe(self) -> str:
        """Return what is said and what is true, with the evidence for both."""
        evidence = "".join(
            f"\n    {item.path or item.pointer or ''}{f':{item.line}' if item.line else ''} {item.message}"
            for item in self.outcome.evidence
        )
        return (
            f"{self.image}, {self.rule}: imagespec says {self.outcome.verdict} ({self.outcome.summary}){evidence}\n"
            f"  and a run showed {self.truth}: {self.because}"
        )


def load_labels() -> dict[str, Any]:
    """Return what running the images showed, by image."""
    labels: dict[str, Any] = json.loads(LABELS.read_text(encoding="utf-8"))
    return labels


def image_names() -> list[str]:
    """Return the names of the fixture's images."""
    with imagespec.open(FIXTURE) as archive:
        return [image_name(image) for image in archive.images]


def compare_all(part: slice = slice(None)) -> Iterator[Comparison]:
    """Judge the images of the fixture, or a part of them, and yield each verdict that there is a label for."""
    labels = load_labels()
    ruled = {rule for label in labels.values() for rule in label["rules"]}
    profile = load_profile("modelarts")
    profile = attrs.evolve(profile, rules=tuple(item for item in profile.rules if item.rule.id in ruled))
    with imagespec.open(FIXTURE) as archive:
        for image in archive.images[part]:
            name = image_name(image)
            rules = labels[name]["rules"]
            report = check_image(image, profile, Service(labels[name]["service"]))
            assert not report.problems, f"{name}: {report.problems}"
            for result in report.results:
                if result.rule in rules:
                    label = rules[result.rule]
                    yield Comparison(
                        image=name,
                        rule=result.rule,
                        outcome=result.outcome,
                        truth=label["truth"],
                        because=label["because"],
                    )


def table(found: list[Comparison]) -> str:
    """Return the table of verdicts by rule; shares are of the images whose truth is known."""
    lines = [
        f"{'rule':<16}{'judged':>7}{'good: pass':>12}{'bad: fail':>11}{'unknown':>9}{'share':>7}{'wrong':>7}"
    ]
    for rule in dict.fromkeys(item.rule for item in found):
        rows = [item for item in found if item.rule == rule and item.truth != NOT_JUDGED]
        count = Counter((item.outcome.verdict, item.truth) for item in rows)
        unknown = count[Verdict.UNKNOWN, GOOD] + count[Verdict.UNKNOWN, BAD]
        wrong = sum(item.contradicts for item in rows)
        right = (count[Verdict.PASS, GOOD], count[Verdict.FAIL, BAD])
        share = f"{unknown / len(rows):.0%}" if rows else "-"
        lines.append(f"{rule:<16}{len(rows):>7}{right[0]:>12}{right[1]:>11}{unknown:>9}{share:>7}{wrong:>7}")
    return "\n".join(lines)


def tables(found: list[Comparison]) -> str:
    """Return the table of each collection, and of all."""
    collections = {source.name: source.collection for source in load_sources()}
    parts = []
    for collection in dict.fromkeys(collections.values()):
        rows = [item for item in found if collections[item.image] == collection]
        parts.append(f"{collection}\n{table(rows)}")
    return "\n\n".join((*parts, f"all\n{table(found)}"))


def main() -> None:
    """Print the table, each contradiction, and with -v what stays unknown."""
    parser = argparse.ArgumentParser(description="Compare verdicts with what running the images showed.")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what stays unknown")
    verbose: bool = parser.parse_args().verbose
    found = list(compare_all())
    for item in found:
        unknown = item.outcome.verdict is Verdict.UNKNOWN and item.truth != NOT_JUDGED
        if item.contradicts or (verbose and unknown):
            print(item.describe())
    print(tables(found))
    if stale := stale_files():
        print(
            f"the fixture lacks what imagespec keeps of {len(stale)} files by now, such as {stale[0]}: make it again"
        )


if __name__ == "__main__":
    main()
