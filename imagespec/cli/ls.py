"""``imagespec ls``: a directory of an image."""

from __future__ import annotations

import click

from imagespec.cli.browsing import (
    browsed,
    entry_to_dict,
    find,
    format_option,
    layer_option,
    mode_text,
    name_text,
    print_json,
    table,
    time_text,
)
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.entry import Entry, EntryKind


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("path", default="/")
@choosing_options
@layer_option
@format_option
def ls(*, image: str, choice: Choice, path: str, layer: int | None, format_name: str) -> None:
    """
    List a directory of an image.

    It is shown as a container would see it; a file is shown alone.

    Columns: mode, owner and group by number, size in bytes, time (UTC), the layer that it comes from, name.

    Exit code: 0 done, 2 wrong usage or no such path, 3 something could not be read.
    """
    with browsed(image, layer, choice=choice) as (_, view):
        top = find(view, path)
        is_directory = top.kind is EntryKind.DIRECTORY
        entries = view.list(top.path) if is_directory else [find(view, path, follow=False)]
        if format_name == "json":
            print_json([entry_to_dict(entry) for entry in entries])
            return
        for line in table((_row(entry, is_listed=is_directory) for entry in entries), "lrrrlr"):
            click.echo(line)


def _row(entry: Entry, *, is_listed: bool) -> tuple[str, ...]:
    name = entry.path.rpartition("/")[2] if is_listed else "/" + entry.path
    return (
        mode_text(entry),
        str(entry.uid),
        str(entry.gid),
        str(entry.size_bytes),
        time_text(entry),
        "-" if entry.layer is None else str(entry.layer),
        name_text(entry, name),
    )
