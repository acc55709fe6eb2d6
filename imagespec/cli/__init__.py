"""The command line: each command is one call of the library and one renderer."""

from __future__ import annotations

from importlib import import_module

import click

from imagespec._version import __version__

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

COMMANDS = {
    "check": ("imagespec.cli.check", "Judge image archives against a profile."),
    "inspect": ("imagespec.cli.inspect", "Show what the documents of an archive say."),
    "ls": ("imagespec.cli.ls", "List a directory of an image."),
    "tree": ("imagespec.cli.tree", "Show a directory of an image as a tree."),
    "cat": ("imagespec.cli.cat", "Write files of an image to standard output."),
    "stat": ("imagespec.cli.stat", "Show what a path of an image is, and where it comes from."),
    "diff": ("imagespec.cli.diff", "Show what differs between layers or images."),
    "layers": ("imagespec.cli.layers", "Show what each layer adds, replaces, removes and wastes."),
    "extract": ("imagespec.cli.extract", "Write files of an image into a new directory."),
    "rules": ("imagespec.cli.catalog", "List the rules, or show one."),
    "profiles": ("imagespec.cli.catalog", "List the profiles, or show one."),
}
"""Each command with its module and what the list of commands says of it, so that the list imports none of them."""


class LazyGroup(click.Group):
    """The group of all commands; the module of one is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value and not context.resilient_parsing:
        from imagespec import decoders, tar  # noqa: PLC0415 - only to name what runs

        gzip = "isal" if decoders.igzip_lib else "zlib"
        click.echo(f"imagespec {__version__} (tar scanner: {tar.backend}, gzip: {gzip})")
        context.exit()


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
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


def main() -> None:
    """Run the command line and exit with its code."""
    cli(prog_name="imagespec")
