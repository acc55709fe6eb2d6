"""What the commands share: consoles, and the one way an error is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import attrs
import click

from imagespec.errors import ImageSpecError, UsageError
from imagespec.text import printable

if TYPE_CHECKING:
    from rich.console import Console

USAGE = 2
INCOMPLETE = 3
PLAIN_WIDTH = 200  # of tables in files and pipes, where no terminal says how wide it is

_Result = TypeVar("_Result")


@attrs.frozen
class Failure:
    """Why an input could not be dealt with: an error's slug and sentence, and the exit code for it."""

    slug: str
    message: str
    code: int


def console() -> Console:
    """Return the console of standard output: colours on a terminal only, and never under NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - a third of the time that a short command takes

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def complain(message: str) -> None:
    """Tell an error on standard error, in one line."""
    click.echo(f"imagespec: {printable(message)}", err=True)


def shown_name(name: str) -> str:
    """Return how messages call an input of the command line: a URL without what may be secret."""
    if name == "-":
        return "standard input"
    from imagespec.sources.location import shown_location  # noqa: PLC0415 - not for `imagespec rules`

    return shown_location(name)


def attempt(name: str, work: Callable[[], _Result]) -> _Result | Failure:
    """Return what ``work`` makes of the input ``name``, or the failure it met, which is told on standard error."""
    try:
        return work()
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect of ours must not look like a failed rule, nor end a batch
        failure = failure_of(name, error)
    complain(failure.message)
    return failure


def failure_of(name: str, error: Exception) -> Failure:
    """Return the failure that an error means which dealing with the input ``name`` raised."""
    match error:
        case UsageError():
            return Failure(error.slug, str(error), USAGE)
        case ImageSpecError():
            return Failure(error.slug, str(error), INCOMPLETE)
        case OSError():
            return Failure("unreadable", f"{shown_name(name)}: {error.strerror or error}", INCOMPLETE)
    text = f"internal error ({type(error).__name__}: {error}); please report this as a bug"
    return Failure("internal", f"{shown_name(name)}: {text}", INCOMPLETE)
