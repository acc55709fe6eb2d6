"""``imagespec diff``: what differs between two states of an image, or two images."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from imagespec.cli.browsing import (
    browsed,
    entry_to_dict,
    format_option,
    layer_option,
    mode_text,
    print_json,
    time_text,
)
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.entry import Entry
from imagespec.rootdiff import Difference, DifferenceKind, diff_views
from imagespec.rootfs import RootFs
from imagespec.text import printable

_LETTERS = {DifferenceKind.ADDED: "A", DifferenceKind.REMOVED: "D", DifferenceKind.MODIFIED: "M"}


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("other", metavar="[OTHER]", required=False)
@click.option(
    "--from",
    "from_layer",
    type=click.IntRange(min=0),
    metavar="N",
    help="The state of IMAGE to compare from; by default the last, or with one IMAGE that below --layer.",
)
@choosing_options
@layer_option
@click.option("--contents", is_flag=True, help="Read files of equal size, and compare them byte by byte.")
@format_option
def diff(
    *,
    image: str,
    other: str | None,
    choice: Choice,
    from_layer: int | None,
    layer: int | None,
    contents: bool,
    format_name: str,
) -> None:
    """
    Show what differs between layers or images.

    Each line begins with A (added), D (removed) or M (modified). With one IMAGE that is what the last layer does, or the one that --layer names. Without --contents, files of one
    size and time are taken to be the same.

    Exit code: 0 no difference, 1 differences, 2 wrong usage, 3 something could not be read.
    """
    with _views(image, other, choice, from_layer, layer) as (before, after):
        differences = list(diff_views(before, after, contents=contents))
        if format_name == "json":
            print_json([_to_dict(item) for item in differences])
        else:
            for item in differences:
                click.echo(f"{_LETTERS[item.kind]} {printable('/' + item.path)}{_changes(item)}")
    sys.exit(1 if differences else 0)


@contextlib.contextmanager
def _views(
    image: str, other: str | None, choice: Choice, from_layer: int | None, layer: int | None
) -> Iterator[tuple[RootFs, RootFs]]:
    if other is not None:
        with (
            browsed(image, from_layer, choice=choice) as (_, before),
            browsed(other, layer, choice=choice) as (_, after),
        ):
            yield before, after
        return
    with browsed(image, choice=choice) as (picked, view):
        last = len(picked.layers) - 1 if layer is None else layer
        first = last - 1 if from_layer is None else from_layer
        yield view.after(first) if first >= 0 else RootFs(()), view.after(last)


def _changes(item: Difference) -> str:
    if item.before is None or item.after is None:
        return ""
    shown = []
    for name in item.changed:
        if name == "content":
            shown.append("content")
        else:
            old, new = _value(item.before, name), _value(item.after, name)
            shown.append(f"{name.removesuffix('_bytes')} {printable(old)} -> {printable(new)}")
    return f" ({', '.join(shown)})"


def _value(entry: Entry, name: str) -> str:
    match name:
        case "kind":
            return entry.kind.value
        case "mode":
            return mode_text(entry)
        case "mtime":
            return time_text(entry)
        case _:
            return str(getattr(entry, name))


def _to_dict(item: Difference) -> dict[str, Any]:
    return {
        "path": "/" + item.path,
        "kind": item.kind.value,
        "changed": list(item.changed),
        "before": entry_to_dict(item.before) if item.before else None,
        "after": entry_to_dict(item.after) if item.after else None,
    }
