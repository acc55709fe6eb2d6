"""
Small applications of each framework that were really run, and what is said of them without running them.

`framework_truth.json` has for each the status that a real server answered (null: it closed the connection or did not
start) and the answer that is given: ``yes``, ``yes, but`` with a caveat, ``no``, or ``open``. Python 3.11; the versions
of the packages stand in the file. A ``yes`` without a caveat behind another status than success is the worst defect there
is, so no row may have one; nor may a ``no`` stand beside a success.
"""

from __future__ import annotations

import json
import pathlib
import shlex
from typing import Any

import pytest

from tests.build import file, program
from tests.python_images import PACKAGES, SITE
from tests.services import service

TRUTH: dict[str, Any] = json.loads(
    (pathlib.Path(__file__).parent / "framework_truth.json").read_text(encoding="utf-8")
)
MORE = (*PACKAGES, *TRUTH["packages"])
WORDS = {True: "yes", False: "no", None: "open"}
APPLICATIONS: dict[str, dict[str, Any]] = TRUTH["applications"]
CASES = [(framework, name) for framework, cases in APPLICATIONS.items() for name in cases]


def judged(case: dict[str, Any]) -> dict[str, str]:
    """Return what is said of each request of an image that starts a case."""
    packages = [file(f"{SITE}/{name}/__init__.py") for name in MORE]
    scripts = [program(f"usr/local/bin/{name}", "#!/usr/local/bin/python3.11\n") for name in ("uvicorn",)]
    versions = [
        file(f"{SITE}/{name}-{version}.dist-info/METADATA") for name, version in TRUTH["versions"].items()
    ]
    sources = [file(f"app/{path}", text) for path, text in case["files"].items()]
    made = service({"Cmd": shlex.split(case["command"])}, *packages, *scripts, *versions, *sources)
    table = made.routes()
    said = {}
    for asked in case["requests"]:
        answer = table.answer(*asked.split())
        said[asked] = WORDS[answer.served] + (", but" if answer.served and answer.caveats else "")
    return said


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_judged_as_recorded(framework: str, name: str) -> None:
    case = APPLICATIONS[framework][name]
    assert judged(case) == {asked: said for asked, (_, said) in case["requests"].items()}


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
