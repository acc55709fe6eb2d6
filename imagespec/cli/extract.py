"""``imagespec extract``: files of an image on disk, and a list of what was left out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from imagespec.cli.browsing import browsed, format_option, layer_option, print_json
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.cli.common import shown_name
from imagespec.errors import UsageError
from imagespec.extraction import extract as extract_view
from imagespec.limits import GIB
from imagespec.text import printable


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--path", default="/", show_default=True, help="The directory of the image to extract.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=0),
    default=64 * GIB,
    show_default=True,
    help="Write nothing when the files together have more.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="Where to list it; by default DIRECTORY.manifest.json.",
)
@choosing_options
@layer_option
@format_option
def extract(  # noqa: PLR0913 - one parameter for each option
    *,
    image: str,
    choice: Choice,
    directory: Path,
    path: str,
    max_bytes: int,
    manifest: Path | None,
    layer: int | None,
    format_name: str,
) -> None:
    """
    Write files of an image into a new directory.

    DIRECTORY must be new or empty. Only regular files and directories are written. Links, devices, owners, times, setuid bits and extended attributes are not written; files that share an inode
    become copies. The manifest lists what was left out, and why.

    Exit code: 0 done, 2 wrong usage or no such path, 3 something could not be read or written.
    """
    place = manifest or directory.with_name(directory.name + ".manifest.json")
    with browsed(image, layer, choice=choice) as (_, view):
        if place.exists():
            raise UsageError(f"{place} exists already; name another place with --manifest")
        done = extract_view(view, str(directory), top=path, max_bytes=max_bytes)
        listed = {"image": shown_name(image), "path": path, "layer": layer, **done.to_dict()}
        with place.open("x", encoding="utf-8") as file:
            json.dump(listed, file, indent=2)
            file.write("\n")
        if format_name == "json":
            print_json(listed)
            return
        click.echo(
            f"{done.files:,} files and {done.directories:,} directories, {done.size_bytes:,} bytes, written to "
            f"{printable(str(directory))}; {len(done.left_out):,} left out (see {printable(str(place))})"
        )
