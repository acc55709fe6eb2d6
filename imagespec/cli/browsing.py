"""What the commands share that look into an image: options, opening, exit codes, and how entries are shown."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imagespec.choosing import only
from imagespec.cli.choosing import Choice
from imagespec.cli.common import INCOMPLETE, complain, failure_of
from imagespec.entry import Entry, EntryKind
from imagespec.errors import PathError
from imagespec.image import Image
from imagespec.scan import ScanRequest
from imagespec.sources import open_archive
from imagespec.tar import Want
from imagespec.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imagespec.rootfs import RootFs

_TYPE_BITS = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.DIRECTORY: stat.S_IFDIR,
    EntryKind.SYMLINK: stat.S_IFLNK,
    EntryKind.CHAR_DEVICE: stat.S_IFCHR,
    EntryKind.BLOCK_DEVICE: stat.S_IFBLK,
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.OTHER: 0,
}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def layer_option(command: _Command) -> _Command:
    """Add ``--layer``."""
    text = "The state after this layer, 0 being the base, instead of the last."
    return click.option("--layer", type=click.IntRange(min=0), metavar="N", help=text)(command)


def format_option(command: _Command) -> _Command:
    """Add ``--format``, which the command gets as ``format_name``."""
    return click.option(
        "--format", "format_name", type=click.Choice(["text", "json"]), default="text", show_default=True
    )(command)


@contextmanager
def exit_codes(name: str) -> Iterator[None]:
    """End the process with the command line's code for an error, which is told on standard error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect of ours is told like anything that could not be read
        failure = failure_of(name, error)
        complain(failure.message)
        sys.exit(failure.code)


@contextmanager
def browsed(
    name: str, layer: int | None = None, want: Want | None = None, *, choice: Choice
) -> Iterator[tuple[Image, RootFs]]:
    """
    Open the image of an archive that ``choice`` leaves and the view of it, up to ``layer``; ``-`` is standard input.

    ``want`` chooses what is kept of files in a pipe. What could not be read and was needed, or may have been the image
    that is meant, is told at the end, and ends the process with the code for it.
    """
    source: Any = sys.stdin.buffer if name == "-" else name
    with (
        exit_codes(name),
        open_archive(
            source, ScanRequest(want), image=choice.image, platform=choice.platform, blobs=choice.blobs
        ) as archive,
    ):
        image = only(archive.images, archive.name)
        view = image.rootfs()
        view = view if layer is None else view.after(layer)
        try:
            yield image, view
        except PathError as error:
            if not view.unread:
                raise
            complain(str(error))
        problems = [item.message for item in archive.unreadable]
        problems += view.problems if view.unread else ()
        for problem in problems:
            complain(problem)
        if problems:
            sys.exit(INCOMPLETE)


def find(view: RootFs, path: str, *, follow: bool = True) -> Entry:
    """Return what a path of the command line leads to; raises PathError."""
    entry = view.resolve(path) if follow else view.lookup(path)
    if entry is None:
        raise PathError(f"/{path.strip('/')}: no such file or directory in the image")
    return entry


def print_json(value: object) -> None:
    """Print a JSON document; names that are no UTF-8 have lone surrogates for their bytes, escaped."""
    click.echo(json.dumps(value, indent=2))


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry for JSON; null where no layer lists a directory."""
    return {
        "path": "/" + entry.path,
        "kind": entry.kind.value,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size_bytes": entry.size_bytes,
        "mtime": entry.mtime if entry.member is not None else None,
        "link_target": entry.link_target or None,
        "layer": entry.layer,
    }


def mode_text(entry: Entry) -> str:
    """Return mode bits as ``ls -l`` shows them."""
    return stat.filemode(_TYPE_BITS[entry.kind] | entry.mode)


def time_text(entry: Entry) -> str:
    """Return the time of a change to the minute, in UTC; a dash where the layers do not say."""
    if entry.member is None:
        return "-"
    try:
        return datetime.fromtimestamp(entry.mtime, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):  # years that no calendar has
        return f"{entry.mtime:.0f}"


def name_text(entry: Entry, name: str) -> str:
    """Return a name safe to show, with a link's target."""
    arrow = f" -> {entry.link_target}" if entry.kind is EntryKind.SYMLINK else ""
    return printable(name + arrow)


def table(rows: Iterable[tuple[str, ...]], right: str) -> Iterator[str]:
    """Yield lines with aligned columns; ``right`` says of each column but the last whether it is right-aligned."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1] if rows else []
    for *cells, last in rows:
        shown = [
            f"{cell:{'>' if side == 'r' else '<'}{width}}"
            for cell, width, side in zip(cells, widths, right, strict=True)
        ]
        yield "  ".join((*shown, last)).rstrip()
