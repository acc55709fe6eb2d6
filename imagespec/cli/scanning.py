"""The options that say which engines look into every file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from imagespec.analyzers.malware.scanners import Scanners
from imagespec.limits import MIB

_OPTIONS = (
    click.option(
        "--yara",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        help="Match every file of every layer against YARA rules: a file, or a folder of *.yar and *.yara.",
    ),
    click.option(
        "--hashes",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Compare every file with a list of hashes of bad ones: sha256 a line, or ClamAV's .hdb and .hsb.",
    ),
    click.option("--clamd", metavar="ADDRESS", help="Send every file to a clamd: unix:PATH or HOST:PORT."),
    click.option(
        "--pickles", is_flag=True, help="Take model files and pickles apart for calls that run code."
    ),
    click.option(
        "--scan-mib",
        type=click.IntRange(min=1, max=2048),
        default=64,
        show_default=True,
        help="Largest file that --yara, --clamd and --pickles are given; larger ones are told as not scanned.",
    ),
)


def scanning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, and its parameter ``scanners`` what they say."""

    @functools.wraps(command)
    def with_scanners(*, scan_mib: int, **options: Any) -> Any:
        engines = {name: options.pop(name) for name in ("yara", "hashes", "clamd", "pickles")}
        return command(scanners=Scanners(**engines, file_bytes=scan_mib * MIB), **options)

    for option in reversed(_OPTIONS):
        with_scanners = option(with_scanners)
    return with_scanners
