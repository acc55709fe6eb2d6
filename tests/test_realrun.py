"""What imagespec says of the images in realrun/ never contradicts what running them showed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.realrun.bases import BASES
from tests.realrun.observe import Seen
from tests.realrun.slim import FIXTURE, MOST_BYTES, stale_files
from tests.realrun.sources import load_sources
from tests.realrun.summary import compare_all, image_names, load_labels, tables
from tests.realrun.truth import BAD, GOOD, judge

KNOWN: dict[tuple[str, str], str] = {}
"""Contradictions that are defects of imagespec, with the reason; each fails the test once it is mended."""


_PARTS = 8  # so that the images are spread over the processors


@pytest.mark.parametrize("part", range(_PARTS))
def test_no_verdict_contradicts_what_a_run_showed(part: int) -> None:
    found = list(compare_all(slice(part, None, _PARTS)))
    print("\n" + tables(found))  # noqa: T201 - `pytest -s` shows how often the answer is unknown
    wrong = {(item.image, item.rule): item for item in found if item.contradicts}
    new = set(wrong) - set(KNOWN)
    assert not new, "\n".join(wrong[key].describe() for key in sorted(new))
    judged = {(item.image, item.rule) for item in found}
    gone = (set(KNOWN) & judged) - set(wrong)
    assert not gone, f"no contradiction any more, so take it out of KNOWN: {gone}"


def test_every_rule_has_good_and_bad_images() -> None:
    labels = load_labels()
    sources = load_sources()
    assert set(labels) == {source.name for source in sources} == set(image_names())
    assert len(labels) == len(sources), "two collections have an image of one name"
    assert {source.base for source in sources} <= set(BASES)
    collections = Counter(source.collection for source in sources)
    assert set(collections) == {"by-rule", "ordinary", "adversarial"}
    assert min(collections.values()) >= 30
    count = Counter((rule, label["truth"]) for row in labels.values() for rule, label in row["rules"].items())
    rules = {rule for rule, _ in count}
    assert len(rules) == 7
    assert all(count[rule, truth] >= 3 for rule in rules for truth in (GOOD, BAD)), count
    assert all(reason and rule in rules for (_, rule), reason in KNOWN.items())


def test_labels_follow_from_what_was_observed() -> None:
    labels = load_labels()
    for source in load_sources():
        row = labels[source.name]
        truths = judge(source, Seen(**row["seen"]))
        assert {rule: (label["truth"], label["because"]) for rule, label in row["rules"].items()} == truths


def test_fixture_holds_all_that_is_kept_of_a_layer() -> None:
    assert FIXTURE.stat().st_size <= MOST_BYTES
    assert not (stale := stale_files()), (
        f"{len(stale)} files of the bases are kept by now and have no content in the fixture, such as {stale[:5]}: "
        "write it again by `python3 -m tests.realrun.slim DIR/saved.tar` (tests/realrun/README.md)"
    )
