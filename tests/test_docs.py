"""The documentation says what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagespec.cli import COMMANDS, cli
from tests.test_layering import FLOORS
from tests.write_docs import TARGET, render

ROOT = Path(__file__).parent.parent


def test_the_rules_page_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run `python -m tests.write_docs`"


def test_the_design_page_draws_the_floors() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d) \| (.+?) \|", page, re.MULTILINE))
    for number, names in enumerate(FLOORS, 1):
        drawn = {
            name.removesuffix(".py").rstrip("/") for name in re.findall(r"`([\w./]+)`", rows[str(number)])
        }
        assert drawn == names - {"__main__", "_version"}


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [
        line.split(" #")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]


@pytest.mark.parametrize(
    "options",
    sorted({option for command in readme_commands() for option in re.findall(r"--[a-z-]+", command)}),
)
def test_every_option_in_the_readme_exists(options: str) -> None:
    shown = "".join(
        CliRunner().invoke(cli, [*words, "--help"]).output for words in ([], *([name] for name in COMMANDS))
    )
    if options != "--quiet":  # pip's
        assert options in shown


@pytest.mark.parametrize(("number", "wanted"), [(0, "service-port pass"), (1, "ID=sample")])
def test_the_readme_examples_run(number: int, wanted: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    code = example.replace('"image.tar"', repr(str(ROOT / "tests/fixtures/sample-docker-20.10.tar")))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert wanted in done.stdout
