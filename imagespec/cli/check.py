"""``imagespec check``: verdicts."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any, TextIO

import attrs
import click
from rich.console import Console

from imagespec import api
from imagespec.analyzers.malware.scanners import OpenScanners, Scanners, open_scanners
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.cli.common import (
    INCOMPLETE,
    PLAIN_WIDTH,
    USAGE,
    Failure,
    attempt,
    complain,
    console,
    shown_name,
)
from imagespec.cli.progress import ProgressLine
from imagespec.cli.scanning import scanning_options
from imagespec.documents.model_config import ModelConfig, parse_model_config
from imagespec.engine import check_archive
from imagespec.errors import ImageSpecError, ReadError
from imagespec.limits import Limits
from imagespec.profiles import DEFAULT, Profile, load_profile
from imagespec.report.text import render_report
from imagespec.results import InputReport, Problem, Report
from imagespec.rules.base import Service


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--profile", "profile_name", default=DEFAULT, show_default=True, help="Profile id or TOML file."
)
@click.option(
    "--service",
    type=click.Choice([service.value for service in Service]),
    default=Service.REAL_TIME.value,
    show_default=True,
    help="What the image will be deployed as.",
)
@choosing_options
@click.option(
    "--config-json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ModelArts config.json that goes with the image.",
)
@click.option(
    "--format", "format_name", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to a file.")
@click.option("--strict", is_flag=True, help="Count unknown verdicts as failures.")
@click.option("--verify", is_flag=True, help="Read everything and compute every digest.")
@click.option(
    "--toc",
    type=click.Choice(["ignored", "trusted"]),
    default="ignored",
    show_default=True,
    help="Trusted: list eStargz and zstd:chunked layers from their tables, if the manifest vouches for them.",
)
@scanning_options
@click.option("--verbose", is_flag=True, help="Show all evidence.")
def check(  # noqa: PLR0913 - one parameter for each option
    *,
    images: tuple[str, ...],
    profile_name: str,
    service: str,
    choice: Choice,
    config_json: Path | None,
    format_name: str,
    output: Path | None,
    strict: bool,
    verify: bool,
    toc: api.Toc,
    scanners: Scanners,
    verbose: bool,
) -> None:
    """
    Judge image archives against a profile.

    IMAGE is an archive or layout directory as docker, podman, skopeo, buildah and others write it, or a registry's
    storage; as a path or a URL, and "-" reads standard input. A prefix forces how it is read, and a name behind the
    path chooses the image: docker-archive:FILE[:REF], oci-archive:FILE[:REF], oci:DIR[:REF], dir:DIR,
    registry-dir:DIR[:REF].

    Exit code: 0 every rule passed (unknown allowed unless --strict), 1 a rule failed, 2 wrong usage, 3 something
    could not be read.
    """
    try:
        profile = load_profile(profile_name)
        given = _read_model_config(config_json, service)
        engines = open_scanners(scanners)
    except ImageSpecError as error:
        complain(str(error))
        sys.exit(INCOMPLETE if isinstance(error, ReadError) else USAGE)
    options = {**attrs.asdict(choice), "verify": verify, "toc": toc}
    report, worst = _check_all(images, profile, Service(service), given, engines, options)
    if output is None:
        _print(report, format_name, sys.stdout, console(), verbose=verbose)
    else:
        _write(report, format_name, output, verbose=verbose)
    sys.exit(worst or report.exit_code(strict=strict))


def _read_model_config(path: Path | None, service: str) -> ModelConfig | None:
    if path is None:
        return None
    return parse_model_config(path.read_bytes(), path.name, Limits(), batch=service == Service.BATCH)


def _check_all(
    names: tuple[str, ...],
    profile: Profile,
    service: Service,
    given: ModelConfig | None,
    engines: OpenScanners,
    options: dict[str, Any],
) -> tuple[Report, int]:
    def judge(name: str) -> InputReport:
        source: Any = sys.stdin.buffer if name == "-" else name
        with (
            ProgressLine(shown_name(name)) as progress,
            api.open(source, progress=progress.advance, **options) as archive,
        ):
            return check_archive(archive, profile, service, model_config=given, scanners=engines)

    inputs, worst = [], 0
    for name in names:
        result = attempt(name, functools.partial(judge, name))
        if isinstance(result, Failure):
            worst = max(worst, result.code)
            problem = Problem(result.slug, result.message)
            result = InputReport(name=shown_name(name), problems=(problem,))
        inputs.append(result)
    return api.report_of(profile, service, tuple(inputs), verified=options["verify"]), worst


def _write(report: Report, format_name: str, output: Path, *, verbose: bool) -> None:
    try:
        with output.open("w", encoding="utf-8") as file:
            plain = Console(
                file=file, highlight=False, markup=False, emoji=False, color_system=None, width=PLAIN_WIDTH
            )
            _print(report, format_name, file, plain, verbose=verbose)
    except OSError as error:
        complain(f"{output}: {error.strerror or error}")
        sys.exit(INCOMPLETE)


def _print(report: Report, format_name: str, file: TextIO, target: Console, *, verbose: bool) -> None:
    if format_name == "json":
        json.dump(report.to_dict(), file, indent=2, ensure_ascii=True)
        file.write("\n")
    elif any(item.images for item in report.inputs):
        render_report(report, target, verbose=verbose)
