"""``imagespec cat``: files of an image on standard output."""

from __future__ import annotations

import shutil
import sys

import click

from imagespec.cli.browsing import browsed, find, layer_option
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.nodes import as_text, split_path

_COPY_BYTES = 1 << 20


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@choosing_options
@layer_option
def cat(*, image: str, choice: Choice, paths: tuple[str, ...], layer: int | None) -> None:
    """
    Write files of an image to standard output.

    They are written byte for byte; links are followed inside the image. Only the layers that the answer needs are read, the uppermost first. From a pipe or a file compressed as a whole,
    files of up to 8 MiB are found whose path has no links.

    Exit code: 0 done, 2 wrong usage or no such path, 3 something could not be read.
    """
    asked = {tuple(split_path(path)) for path in paths}

    def wanted(name: bytes, size: int, _mode: int) -> int:
        return size if tuple(split_path(as_text(name))) in asked else 0

    with browsed(image, layer, wanted, choice=choice) as (_, view):
        for path in paths:
            with view.open(find(view, path)) as file:
                shutil.copyfileobj(file, sys.stdout.buffer, _COPY_BYTES)
        sys.stdout.buffer.flush()
