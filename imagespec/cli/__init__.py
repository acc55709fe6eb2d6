"""The command line: each command is one call of the library and one renderer."""

from __future__ import annotations

import click

from imagespec._version import __version__
from imagespec.cli.catalog import profiles, rules
from imagespec.cli.check import check
from imagespec.cli.inspect import inspect

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value and not context.resilient_parsing:
        from imagespec import compression, tar  # noqa: PLC0415 - only to name what runs

        gzip = "isal" if compression.igzip_lib else "zlib"
        click.echo(f"imagespec {__version__} (tar scanner: {tar.backend}, gzip: {gzip})")
        context.exit()


@click.group(context_settings=_CONTEXT)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def cli() -> None:
    """
    Judge container image archives against the specification they are about to be imported under.

    Reads what `docker save`, skopeo, podman and others write, without a daemon, root, network or unpacking.
    """


cli.add_command(check)
cli.add_command(inspect)
cli.add_command(rules)
cli.add_command(profiles)


def main() -> None:
    """Run the command line and exit with its code."""
    cli(prog_name="imagespec")
