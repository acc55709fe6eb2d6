"""Entrypoint and Cmd as an engine joins them."""

from __future__ import annotations

from typing import Any

import pytest

from imagespec.analyzers.startup.command import effective_command, is_shell_form, working_directory
from imagespec.documents.config import ImageConfig, parse_config
from imagespec.limits import Limits
from tests.build import config


def image(run: dict[str, Any]) -> ImageConfig:
    return parse_config(config([], run), "config.json", Limits())


@pytest.mark.parametrize(
    ("run", "words", "pointers"),
    [
        ({}, (), []),
        ({"Entrypoint": None, "Cmd": None}, (), []),
        ({"Cmd": ["a", "b"]}, ("a", "b"), ["Cmd"]),
        ({"Entrypoint": ["a"]}, ("a",), ["Entrypoint"]),
        ({"Entrypoint": ["a"], "Cmd": ["b"]}, ("a", "b"), ["Cmd", "Entrypoint"]),
        (
            {"Entrypoint": ["/bin/sh", "-c", "x"], "Cmd": ["b"]},
            ("/bin/sh", "-c", "x", "b"),
            ["Cmd", "Entrypoint"],
        ),
    ],
)
def test_joining(run: dict[str, Any], words: tuple[str, ...], pointers: list[str]) -> None:
    command = effective_command(image(run))
    assert command.words == words
    assert [item.pointer for item in command.trail] == [f"config#/config/{name}" for name in pointers]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"Entrypoint": ["/bin/sh", "-c", "x"], "Cmd": ["b"]}, "Cmd is not run"),
        ({"Entrypoint": ["x"], "Cmd": ["/bin/sh", "-c", "b"]}, "arguments of Entrypoint"),
        ({"Cmd": ["/bin/sh", "-c", "b"]}, "in shell form"),
        ({"Cmd": ["/bin/zsh", "-o", "-c", "b"], "Shell": ["/bin/zsh", "-o", "-c"]}, "in shell form"),
        ({"Cmd": ["sh", "b"]}, "in exec form"),
    ],
)
def test_explanations(run: dict[str, Any], message: str) -> None:
    assert message in effective_command(image(run)).trail[0].message


@pytest.mark.parametrize(
    ("words", "shell", "answer"),
    [
        (("/bin/sh", "-c", "x"), None, True),
        (("bash", "-lc", "x"), None, True),
        (("bash", "x"), None, False),
        (("bash", "-x", "x"), None, False),
        (("python", "-c", "x"), None, False),
        (("/bin/zsh", "-c", "x"), ("/bin/zsh", "-c"), True),
    ],
)
def test_shell_form(words: tuple[str, ...], shell: tuple[str, ...] | None, answer: bool) -> None:
    assert is_shell_form(words, shell) is answer


@pytest.mark.parametrize(
    ("written", "path"), [("", "/"), ("/", "/"), ("/a/b/", "/a/b"), ("a", "/a"), ("//a/..", "/")]
)
def test_working_directory(written: str, path: str) -> None:
    assert working_directory(image({"WorkingDir": written})) == path


def test_long_commands_are_cut_in_evidence_only() -> None:
    command = effective_command(image({"Cmd": ["x" * 10_000]}))
    assert len(command.words[0]) == 10_000
    assert len(command.trail[0].seen or "") < 600
