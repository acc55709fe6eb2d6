"""Entrypoint and Cmd: the command line that an engine starts a container with."""

from __future__ import annotations

import json
import posixpath

import attrs

from imagespec.documents.config import ImageConfig
from imagespec.verdict import Evidence

_ENTRYPOINT = "config#/config/Entrypoint"
_CMD = "config#/config/Cmd"
_LIMIT_SEEN = 500  # characters of a command line quoted in evidence


@attrs.frozen
class EffectiveCommand:
    """The joined command line, and where it comes from; ``words`` empty when the image has neither part."""

    words: tuple[str, ...]
    trail: tuple[Evidence, ...]
    """The config's values, the one that names the program last, with what each is in words."""


def effective_command(config: ImageConfig) -> EffectiveCommand:
    """
    Join Entrypoint and Cmd.

    Source: image-spec v1.1 config.md, "Entrypoint" and "Cmd": Cmd gives the arguments of Entrypoint, or is the
    command itself where there is no Entrypoint. A shell-form instruction is stored as ``[SHELL…, text]``.
    """
    entrypoint, cmd = config.entrypoint, config.cmd
    if not entrypoint and not cmd:
        return EffectiveCommand((), ())
    trail: list[Evidence] = []
    if cmd:
        trail.append(Evidence(message=_explain_cmd(config), pointer=_CMD, seen=_quote(cmd)))
    if entrypoint:
        form = "shell" if is_shell_form(entrypoint, config.shell) else "exec"
        message = f"Entrypoint, in {form} form, is what the container starts"
        trail.append(Evidence(message=message, pointer=_ENTRYPOINT, seen=_quote(entrypoint)))
    return EffectiveCommand((*entrypoint, *cmd), tuple(trail))


def _explain_cmd(config: ImageConfig) -> str:
    if not config.entrypoint:
        form = "shell" if is_shell_form(config.cmd, config.shell) else "exec"
        return f"Cmd, in {form} form, is what the container starts: there is no Entrypoint"
    if is_shell_form(config.entrypoint, config.shell):
        return (
            "Cmd is not run: Entrypoint is in shell form, so the words of Cmd only become $0, $1 … of its text, "
            "which drops them unless it asks for them"
        )
    return "Cmd gives the arguments of Entrypoint"


def is_shell_form(words: tuple[str, ...], shell: tuple[str, ...] | None) -> bool:
    """Tell whether a command was written in shell form: a shell's own words and one text (Dockerfile SHELL)."""
    if shell and len(words) == len(shell) + 1 and words[: len(shell)] == shell:
        return True
    if len(words) != 3:
        return False
    name, option = words[0].rpartition("/")[2], words[1]
    return name in {"sh", "bash", "ash", "dash"} and option.startswith("-") and option.endswith("c")


def working_directory(config: ImageConfig) -> str:
    """Return the working directory; the engine makes it when it is missing (moby container/container.go)."""
    return "/" + posixpath.normpath("/" + config.working_dir).lstrip("/")


def _quote(words: tuple[str, ...]) -> str:
    text = json.dumps(words, ensure_ascii=False)
    return text if len(text) <= _LIMIT_SEEN else text[:_LIMIT_SEEN] + "…"
