"""What the commands share: consoles, opening inputs, and the one way an error is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console

from imagespec import api
from imagespec.cli.progress import ProgressLine
from imagespec.errors import ImageSpecError, UsageError
from imagespec.results import InputReport, Problem
from imagespec.sources import Archive
from imagespec.text import printable

USAGE = 2
INCOMPLETE = 3
PLAIN_WIDTH = 200  # of tables in files and pipes, where no terminal says how wide it is


def console() -> Console:
    """Return the console of standard output: colours on a terminal only, and never under NO_COLOR."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def complain(message: str) -> None:
    """Tell an error on standard error, in one line."""
    click.echo(f"imagespec: {printable(message)}", err=True)


@contextmanager
def opened(name: str, **options: Any) -> Iterator[Archive]:
    """Open an input of the command line, ``-`` for standard input; with a progress line when it takes long."""
    source: Any = sys.stdin.buffer if name == "-" else name
    with (
        ProgressLine(name) as progress,
        api.open(source, progress=progress.advance, **options) as archive,
    ):
        yield archive


def read_input(name: str, judge: Callable[[Archive], InputReport], **options: Any) -> tuple[InputReport, int]:
    """
    Return the report of one input and 0, or the problem it met and the exit code for it.

    ``options`` are those of `imagespec.open`. The problem is told on standard error as well.
    """
    shown = "standard input" if name == "-" else name
    try:
        with opened(name, **options) as archive:
            return judge(archive), 0
    except UsageError as error:
        problem, code = Problem(error.slug, str(error)), USAGE
    except ImageSpecError as error:
        problem, code = Problem(error.slug, str(error)), INCOMPLETE
    except BrokenPipeError:
        raise
    except OSError as error:
        problem, code = Problem("unreadable", f"{shown}: {error.strerror or error}"), INCOMPLETE
    except Exception as error:  # noqa: BLE001 - a defect of ours must not look like a failed rule, nor end a batch
        text = f"{shown}: internal error ({type(error).__name__}: {error}); please report this as a bug"
        problem, code = Problem("internal", text), INCOMPLETE
    complain(problem.message)
    return InputReport(name=shown, problems=(problem,)), code
