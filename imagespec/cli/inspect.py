"""``imagespec inspect``: what is in an archive, without verdicts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from imagespec.analyzers.facts import Facts
from imagespec.cli.choosing import choosing_options
from imagespec.cli.common import INCOMPLETE, console, read_input
from imagespec.documents.config import ImageConfig
from imagespec.engine import describe_image, describe_unreadable, scan_layers
from imagespec.image import Image
from imagespec.report.text import remarks, render_image
from imagespec.results import ImageReport, InputReport, image_to_dict
from imagespec.sources import Archive
from imagespec.text import printable


@click.command()
@click.argument("image", metavar="IMAGE")
@choosing_options
@click.option(
    "--format", "format_name", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def inspect(
    *, image: str, chosen: str | None, platform: str | None, blobs: Path | None, format_name: str
) -> None:
    """
    Show the images of an archive: config, layers, sizes, history.

    IMAGE is as for `imagespec check`.
    """
    configs: list[ImageConfig] = []

    def look(archive: Archive) -> InputReport:
        configs.extend(item.config for item in archive.images)
        reports = tuple(_describe(item) for item in archive.images)
        problems = tuple(describe_unreadable(item) for item in archive.unreadable)
        return InputReport(
            name=archive.name,
            container=archive.container,
            images=reports,
            problems=problems,
            notes=archive.notes,
        )

    report, code = read_input(image, look, image=chosen, platform=platform, blobs=blobs)
    if code:
        sys.exit(code)
    if format_name == "json":
        rows = [
            {**image_to_dict(item), "config": json.loads(config.raw)}
            for item, config in zip(report.images, configs, strict=True)
        ]
        click.echo(
            json.dumps(
                {"name": printable(report.name), "container": report.container, "images": rows}, indent=2
            )
        )
    else:
        _render(report, configs, console())
    sys.exit(INCOMPLETE if report.problems or any(item.problems for item in report.images) else 0)


def _describe(image: Image) -> ImageReport:
    scans, problems = scan_layers(image)
    return describe_image(image, Facts(image, scans), (), tuple(problems))


def _render(report: InputReport, configs: list[ImageConfig], target: Console) -> None:
    target.print(
        Text.assemble((printable(report.name), "bold"), (f"  {report.container}", "dim")), soft_wrap=True
    )
    for text in remarks(report):
        target.print(text, soft_wrap=True)
    target.print()
    for image, config in zip(report.images, configs, strict=True):
        for name, value in _config_lines(config):
            target.print(Text.assemble((f"  {name:<12}", "dim"), printable(value)), soft_wrap=True)
        target.print()
        render_image(image, target, several=len(configs) > 1)


def _config_lines(config: ImageConfig) -> list[tuple[str, str]]:
    lines = [
        ("entrypoint", json.dumps(list(config.entrypoint)) if config.entrypoint else ""),
        ("cmd", json.dumps(list(config.cmd)) if config.cmd else ""),
        ("workdir", config.working_dir),
        ("user", config.user),
        ("ports", ", ".join(config.exposed_ports)),
        ("volumes", ", ".join(config.volumes)),
        ("created", config.created or ""),
    ]
    lines += [("env", item) for item in config.env]
    lines += [("label", f"{key}={value}") for key, value in config.labels.items()]
    return [(name, value) for name, value in lines if value]
