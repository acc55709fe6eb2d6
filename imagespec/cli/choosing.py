"""The options by which every command chooses among images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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


_Command = TypeVar("_Command", bound=Callable[..., Any])


def choosing_options(command: _Command) -> _Command:
    """Add the options; the command gets ``chosen``, ``platform`` and ``blobs``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
