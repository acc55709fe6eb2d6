"""``imagespec inspect``: what the documents of an archive say, without verdicts and without reading a layer."""

from __future__ import annotations

import json
import os
import sys
from typing import IO

import click

from imagespec.cli.choosing import Choice, choosing_options
from imagespec.cli.common import INCOMPLETE, Failure, attempt, shown_name
from imagespec.cli.progress import ProgressLine
from imagespec.report.inspection import Line, inspection_lines, inspection_to_dict
from imagespec.scan import ScanRequest
from imagespec.sources import Archive, open_archive

_PLAIN_WIDTH = 240  # of history lines in files and pipes


@click.command()
@click.argument("image", metavar="IMAGE")
@choosing_options
@click.option(
    "--format", "format_name", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def inspect(*, image: str, choice: Choice, format_name: str) -> None:
    """
    Show what the documents of an archive say.

    References, digests, platform, config, and the layers with their stored sizes and history lines. No layer is read,
    so that it takes the same short time for any size. IMAGE is as for `imagespec check`.
    """
    done = attempt(image, lambda: _show(image, choice, format_name))
    sys.exit(done.code if isinstance(done, Failure) else done)


def _show(name: str, choice: Choice, format_name: str) -> int:
    """Print what an input's documents say and return the exit code: some of its images may be unreadable."""
    source: str | IO[bytes] = sys.stdin.buffer if name == "-" else name
    with (
        ProgressLine(shown_name(name)) as progress,
        open_archive(
            source,
            ScanRequest(progress=progress.advance),
            image=choice.image,
            platform=choice.platform,
            blobs=choice.blobs,
        ) as archive,
    ):
        text = _as_json(archive) if format_name == "json" else _as_text(archive)
    click.echo(text, color=False if "NO_COLOR" in os.environ else None)
    return INCOMPLETE if archive.unreadable else 0


def _as_json(archive: Archive) -> str:
    return json.dumps(inspection_to_dict(archive), indent=2)


def _as_text(archive: Archive) -> str:
    width = _PLAIN_WIDTH
    if sys.stdout.isatty():
        import shutil  # noqa: PLC0415 - it brings every compression library along

        width = shutil.get_terminal_size().columns
    return "\n".join(map(_styled, inspection_lines(archive, max(width, 80))))


def _styled(line: Line) -> str:
    return "".join(
        click.style(text, bold=style == "bold" or None, dim=style == "dim" or None) if style else text
        for text, style in line
    )
