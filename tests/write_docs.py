"""Write docs/rules.md from the rules' own documentation: `python -m tests.write_docs`; a test keeps it true."""

from __future__ import annotations

from pathlib import Path

from imagespec.profiles import list_profiles, load_profile
from imagespec.rules import ALL
from imagespec.rules.base import Rule

TARGET = Path(__file__).parent.parent / "docs" / "rules.md"


def render() -> str:
    """Return the page."""
    lines = ["# Rules", "", "Written by `python -m tests.write_docs` from the rules' own documentation.", ""]
    lines += ["| rule | services | statement |", "| --- | --- | --- |"]
    lines += [
        f"| [{rule.id}](#{rule.id}) | {', '.join(sorted(rule.services))} | {rule.title} |" for rule in ALL
    ]
    for rule in ALL:
        lines += ["", *_rule(rule)]
    lines += ["", *_profiles()]
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> list[str]:
    lines = [f"## {rule.id}", "", f"{rule.title}."]
    for heading, body in rule.sections().items():
        lines += ["", f"**{heading}.** {body}"]
    if rule.parameters:
        lines += ["", "| parameter | default | meaning |", "| --- | --- | --- |"]
        lines += [
            f"| `{key}` | `{row['default']}` | {row['description']} |" for key, row in rule.parameters.items()
        ]
    return lines


def _profiles() -> list[str]:
    lines = ["# Profiles", "", "| profile | edition | parameters |", "| --- | --- | --- |"]
    for name in list_profiles():
        profile = load_profile(name)
        values = [
            f"{row.rule.id}: {key} = {value}"
            for row in profile.rules
            for key, value in row.parameters.items()
        ]
        lines.append(f"| `{name}` | {profile.document}, {profile.edition} | {'; '.join(values)} |")
    return lines


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
