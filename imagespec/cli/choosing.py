"""The options by which every command chooses among images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
import click

_OPTIONS = (
    click.option(
        "--image", "chosen", metavar="REF", help="Only this image: a reference, image ID, digest or @NUMBER."
    ),
    click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Only images of this platform."),
    click.option(
        "--blobs",
        type=click.Path(exists=True, file_okay=False),
        help="Where blobs lie that are not in the layout itself.",
    ),
)


@attrs.frozen
class Choice:
    """What the options say: which images of an input, and where blobs lie that are not in it."""

    image: str | None = None
    platform: str | None = None
    blobs: str | None = None


def choosing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets them as ``choice``."""

    @functools.wraps(command)
    def run(*, chosen: str | None, platform: str | None, blobs: str | None, **others: Any) -> None:
        command(choice=Choice(chosen, platform, blobs), **others)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run
