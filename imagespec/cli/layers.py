"""``imagespec layers``: what each layer adds, replaces, removes and wastes."""

from __future__ import annotations

from typing import Any

import click

from imagespec.cli.browsing import browsed, format_option, layer_option, print_json, table
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.image import Image
from imagespec.layerhistory import Changes
from imagespec.rootfs import RootFs
from imagespec.text import printable, shorten

_COLUMNS = ("layer", "bytes", "entries", "added", "replaced", "removed", "wasted", "created by")


@click.command()
@click.argument("image", metavar="IMAGE")
@click.option(
    "--waste", type=click.IntRange(min=0), default=10, show_default=True, help="Show N hidden files."
)
@choosing_options
@layer_option
@format_option
def layers(*, image: str, choice: Choice, waste: int, layer: int | None, format_name: str) -> None:
    """
    Show what each layer adds, replaces, removes and wastes.

    The largest files that later layers hide follow. Bytes are what `docker images` counts with the overlay2 driver: the sizes of a layer's files, each inode once, and
    the lengths of its links. Wasted are those of them that no path of the finished image shows.

    Exit code: 0 done, 2 wrong usage, 3 something could not be read.
    """
    with browsed(image, layer, choice=choice) as (picked, view):
        changes = view.changes(waste)
        if format_name == "json":
            print_json(_to_dict(picked, view, changes))
            return
        for line in table([_COLUMNS, *_rows(picked, view, changes)], "rrrrrrr"):
            click.echo(line)
        if changes.waste:
            click.echo("\nhidden files")
        rows = (
            (
                f"{item.size_bytes:,}",
                f"layer {item.layer}",
                f"by layer {item.hidden_by}: {item.hidden_how.value}",
                printable("/" + item.path),
            )
            for item in changes.waste
        )
        for line in table(rows, "rll"):
            click.echo(line)


def _rows(image: Image, view: RootFs, changes: Changes) -> list[tuple[str, ...]]:
    rows = []
    for layer, usage, change in zip(image.layers, view.usage, changes.layers, strict=False):
        numbers = (
            (
                usage.apparent_bytes,
                usage.entries,
                change.added,
                change.replaced,
                change.removed,
                change.wasted_bytes,
            )
            if usage
            else ("?",) * 6
        )
        shown = (f"{number:,}" if isinstance(number, int) else number for number in numbers)
        rows.append((str(layer.number), *shown, printable(shorten(layer.created_by or "", 80))))
    known = [usage for usage in view.usage if usage]
    total = sum(usage.apparent_bytes for usage in known)
    merged = view.merged_bytes()
    entries = f"{sum(usage.entries for usage in known):,}"
    doubt = "" if len(known) == len(view.usage) else ", of the layers that could be read"
    visible = f"{merged:,} bytes are visible{doubt}"
    rows.append(("all", f"{total:,}", entries, "", "", "", f"{total - merged:,}", visible))
    return rows


def _to_dict(image: Image, view: RootFs, changes: Changes) -> dict[str, Any]:
    known = [usage for usage in view.usage if usage]
    whole = len(known) == len(view.usage)
    return {
        "layers": [
            {
                "number": layer.number,
                "diff_id": layer.diff_id,
                "created_by": layer.created_by,
                "docker_bytes": usage.apparent_bytes if usage else None,
                "entries": usage.entries if usage else None,
                "added": change.added if usage else None,
                "replaced": change.replaced if usage else None,
                "removed": change.removed if usage else None,
                "wasted_bytes": change.wasted_bytes if usage else None,
            }
            for layer, usage, change in zip(image.layers, view.usage, changes.layers, strict=False)
        ],
        "docker_bytes": sum(usage.apparent_bytes for usage in known) if whole else None,
        "merged_bytes": view.merged_bytes() if whole else None,
        "waste": [
            {
                "path": "/" + item.path,
                "layer": item.layer,
                "size_bytes": item.size_bytes,
                "hidden_by": item.hidden_by,
                "hidden_how": item.hidden_how.value,
            }
            for item in changes.waste
        ],
    }
