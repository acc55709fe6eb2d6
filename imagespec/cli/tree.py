"""``imagespec tree``: a directory of an image and all below it."""

from __future__ import annotations

import click

from imagespec.cli.browsing import (
    browsed,
    entry_to_dict,
    find,
    format_option,
    layer_option,
    name_text,
    print_json,
)
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.entry import Entry, EntryKind
from imagespec.errors import PathError
from imagespec.rootfs import RootFs
from imagespec.text import printable


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("path", default="/")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Show no more than N levels.")
@choosing_options
@layer_option
@format_option
def tree(
    *, image: str, choice: Choice, path: str, depth: int | None, layer: int | None, format_name: str
) -> None:
    """
    Show a directory of an image as a tree.

    Links are not followed.

    Exit code: 0 done, 2 wrong usage or no such path, 3 something could not be read.
    """
    with browsed(image, layer, choice=choice) as (_, view):
        top = find(view, path)
        if top.kind is not EntryKind.DIRECTORY:
            raise PathError(f"/{top.path}: no directory ({top.kind.value})")
        if format_name == "json":
            level = top.path.count("/") + 1 if top.path else 0
            print_json(
                [
                    entry_to_dict(entry)
                    for entry in view.walk(top.path)
                    if depth is None or entry.path.count("/") < level + depth
                ]
            )
        else:
            click.echo(printable("/" + top.path))
            _draw(view, top.path, depth)


def _draw(view: RootFs, top: str, depth: int | None) -> None:
    pending = [("", entry, is_last) for entry, is_last in _children(view, top)]
    while pending:
        indent, entry, is_last = pending.pop()
        name = entry.path.rpartition("/")[2]
        click.echo(f"{indent}{'└── ' if is_last else '├── '}{name_text(entry, name)}")
        indent += "    " if is_last else "│   "
        if entry.kind is EntryKind.DIRECTORY and (depth is None or len(indent) < 4 * depth):
            pending += [(indent, child, last) for child, last in _children(view, entry.path)]


def _children(view: RootFs, path: str) -> list[tuple[Entry, bool]]:
    """Return what a directory holds, the last first, each with whether it is the last."""
    entries = view.list(path)
    return [(entry, place == len(entries) - 1) for place, entry in enumerate(entries)][::-1]
