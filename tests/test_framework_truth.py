"""
Small applications of each framework that were really run, and what is said of them without running them.

`framework_truth.json` has for each the status that a real server answered (null: it closed the connection or did not
start) and the answer that is given: ``yes``, ``yes, but`` with a caveat, ``no``, or ``open``; the versions of Python and
of the packages stand in the file, and `framework_runs` runs all of it again. A ``yes`` without a caveat behind another
status than success is the worst defect there is, so no row may have one; nor may a ``no`` stand beside a success.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.framework_runs import judged, load_record

RECORD = load_record()
APPLICATIONS: dict[str, dict[str, Any]] = RECORD["applications"]
CASES = [(framework, name) for framework, cases in APPLICATIONS.items() for name in cases]


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_judged_as_recorded(framework: str, name: str) -> None:
    case = APPLICATIONS[framework][name]
    assert judged(case, RECORD) == {asked: said for asked, (_, said) in case["requests"].items()}


def test_nothing_recorded_contradicts_what_was_seen() -> None:
    wrong = [
        (framework, name, asked)
        for framework, name in CASES
        for asked, (status, said) in APPLICATIONS[framework][name]["requests"].items()
        if said == ("no" if status is not None and 200 <= status < 300 else "yes")
    ]
    assert wrong == []


@pytest.mark.parametrize("framework", APPLICATIONS)
def test_each_framework_has_every_answer(framework: str) -> None:
    said = {word for case in APPLICATIONS[framework].values() for _, word in case["requests"].values()}
    assert said >= {"yes", "no", "open"}
