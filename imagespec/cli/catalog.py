"""``imagespec rules`` and ``imagespec profiles``: what can be checked, and against what."""

from __future__ import annotations

import sys

import click
from rich.table import Table
from rich.text import Text

from imagespec.cli.common import USAGE, complain, console
from imagespec.errors import ImageSpecError
from imagespec.profiles import list_profiles, load_profile
from imagespec.rules import ALL


@click.group()
def rules() -> None:
    """List the rules, or show one."""


@rules.command("list")
def list_rules() -> None:
    """List every rule."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("rule", "services", "statement"):
        table.add_column(column)
    for rule in ALL:
        table.add_row(Text(rule.id, style="bold"), ", ".join(sorted(rule.services)), rule.title)
    console().print(table)


@rules.command("show")
@click.argument("rule_id", metavar="RULE")
def show_rule(rule_id: str) -> None:
    """Show a rule's documentation and parameters."""
    rule = next((rule for rule in ALL if rule.id == rule_id), None)
    if rule is None:
        complain(f"no rule {rule_id!r}; the rules are {', '.join(rule.id for rule in ALL)}")
        sys.exit(USAGE)
    out = console()
    out.print(Text(f"{rule.id}: {rule.title}", style="bold"))
    for heading, body in rule.sections().items():
        out.print()
        out.print(Text(heading, style="bold"))
        out.print(Text(body))
    if rule.parameters:
        out.print()
        out.print(Text("Parameters", style="bold"))
    for name, schema in rule.parameters.items():
        out.print(Text(f"{name}: {schema['description']} (default: {schema['default']})"))


@click.group()
def profiles() -> None:
    """List the profiles, or show one."""


@profiles.command("list")
def list_all_profiles() -> None:
    """List the built-in profiles."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("profile", "title"):
        table.add_column(column)
    for name in list_profiles():
        table.add_row(Text(name, style="bold"), load_profile(name).title)
    console().print(table)


@profiles.command("show")
@click.argument("name", metavar="PROFILE")
def show_profile(name: str) -> None:
    """Show a profile: its document, and each rule with its parameters."""
    try:
        profile = load_profile(name)
    except ImageSpecError as error:
        complain(str(error))
        sys.exit(USAGE)
    out = console()
    out.print(Text(f"{profile.id}: {profile.title}", style="bold"))
    out.print(Text(f"{profile.document}\n{profile.edition}"))
    if profile.notes:
        out.print(Text("\n" + profile.notes.strip()))
    out.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("rule", "parameters", "clause"):
        table.add_column(column)
    for item in profile.rules:
        parameters = ", ".join(f"{key}={value}" for key, value in item.parameters.items())
        table.add_row(Text(item.rule.id, style="bold"), parameters, item.clause)
    out.print(table)
