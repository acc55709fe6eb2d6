"""``imagespec stat``: what a path is, where it comes from, and what it was."""

from __future__ import annotations

from typing import Any

import click

from imagespec.cli.browsing import (
    browsed,
    entry_to_dict,
    format_option,
    layer_option,
    mode_text,
    name_text,
    print_json,
    table,
    time_text,
)
from imagespec.cli.choosing import Choice, choosing_options
from imagespec.entry import Entry
from imagespec.errors import PathError
from imagespec.layerhistory import Version
from imagespec.rootfs import RootFs
from imagespec.text import printable


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("path")
@choosing_options
@layer_option
@format_option
def stat(*, image: str, choice: Choice, path: str, layer: int | None, format_name: str) -> None:
    """
    Show what a path of an image is, and where it comes from.

    Every state is listed that the layers have of it, and what hid it. A link is shown itself. Paths that later layers removed are found, too.

    Exit code: 0 done, 2 wrong usage or no layer has such a path, 3 something could not be read.
    """
    with browsed(image, layer, choice=choice) as (_, view):
        entry = view.lookup(path)
        versions = view.versions(entry.path if entry else path)
        if entry is None and not versions:
            raise PathError(f"/{path.strip('/')}: no such file or directory in any layer of the image")
        if format_name == "json":
            print_json(_to_dict(view, path, entry, versions))
            return
        for line in _describe(view, path, entry):
            click.echo(line)
        click.echo("versions")
        for line in table((_version_row(version) for version in versions), "rlrl"):
            click.echo("  " + line)


def _to_dict(view: RootFs, path: str, entry: Entry | None, versions: Any) -> dict[str, Any]:
    layer = view.layers[entry.layer] if entry and entry.layer is not None else None
    return {
        "path": "/" + (entry.path if entry else path.strip("/")),
        "entry": entry_to_dict(entry) if entry else None,
        "link_count": view.link_count(entry) if entry else None,
        "xattrs": {name: value.hex() for name, value in view.xattrs(entry).items()} if entry else {},
        "origin": {
            "layer": layer.number,
            "diff_id": layer.diff_id,
            "created_by": layer.created_by,
        }
        if layer
        else None,
        "versions": [
            {
                **entry_to_dict(version.entry),
                "layer": version.layer,
                "hidden_by": version.hidden_by,
                "hidden_how": version.hidden_how.value if version.hidden_how else None,
            }
            for version in versions
        ],
    }


def _describe(view: RootFs, path: str, entry: Entry | None) -> list[str]:
    if entry is None:
        return [f"{printable('/' + path.strip('/'))}: not in the image any more"]
    pairs = [
        ("path", name_text(entry, "/" + entry.path)),
        ("kind", entry.kind.value),
        ("mode", f"{mode_text(entry)} ({entry.mode:04o})"),
        ("owner", f"{entry.uid}:{entry.gid}"),
        ("size", f"{entry.size_bytes:,} bytes"),
        ("time", time_text(entry)),
        ("names", str(view.link_count(entry))),
    ]
    pairs += [(f"xattr {name}", value.hex()) for name, value in view.xattrs(entry).items()]
    if entry.layer is not None:
        layer = view.layers[entry.layer]
        pairs += [
            ("layer", str(layer.number)),
            ("diff_id", layer.diff_id or "not said"),
            ("created by", layer.created_by or "not said"),
        ]
    return [f"{printable(name):<11} {printable(value)}" for name, value in pairs]


def _version_row(version: Version) -> tuple[str, ...]:
    entry = version.entry
    fate = (
        ""
        if version.hidden_how is None
        else f"hidden by layer {version.hidden_by}: {version.hidden_how.value}"
    )
    return f"layer {version.layer}", mode_text(entry), str(entry.size_bytes), time_text(entry), fate
