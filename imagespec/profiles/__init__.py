"""
Profiles: which rules an edition of a specification has, with which parameters.

A profile is data (TOML, checked against profile.schema.json and each rule's own parameters), so that a new edition
or a user's own policy needs no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from imagespec.documents.schemas import first_error, load_schema
from imagespec.errors import DocumentError, UsageError
from imagespec.rules import ALL
from imagespec.rules.base import Rule

DEFAULT = "modelarts"
_MAX_BYTES = 1 << 20


@attrs.frozen
class ProfileRule:
    """A rule as a profile uses it."""

    rule: Rule
    clause: str
    """Where the document asks for it."""
    parameters: Mapping[str, Any]
    """Every parameter of the rule: the profile's value, else the default."""


@attrs.frozen(kw_only=True)
class Profile:
    """One edition of a specification."""

    id: str
    title: str
    document: str
    """The document's title."""
    edition: str
    """Its dates and language, as far as they are known."""
    notes: str
    rules: tuple[ProfileRule, ...]


def list_profiles() -> tuple[str, ...]:
    """Return the ids of the built-in profiles, the default first."""
    names = [item.name.removesuffix(".toml") for item in _folder().iterdir() if item.name.endswith(".toml")]
    return tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))


def load_profile(name: str) -> Profile:
    """
    Load a built-in profile by its id, or the profile in the file ``name``.

    Raises UsageError where there is neither, and DocumentError where the file is no profile.
    """
    if name in list_profiles():
        return _parse((_folder() / f"{name}.toml").read_bytes(), name)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(list_profiles())
        raise UsageError(f"no profile {name!r}: there are {known}, or give the path of a TOML file")
    if path.stat().st_size > _MAX_BYTES:
        raise DocumentError(name, f"is larger than {_MAX_BYTES:,} bytes, too large for a profile")
    return _parse(path.read_bytes(), name)


def _folder() -> resources.abc.Traversable:
    return resources.files(__name__)


def _parse(raw: bytes, name: str) -> Profile:
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DocumentError(name, f"broken TOML: {error}") from error
    error_text = first_error(document, load_schema(__name__, "profile.schema.json"))
    if error_text:
        raise DocumentError(name, error_text)
    return Profile(
        id=document["id"],
        title=document["title"],
        document=document["document"],
        edition=document["edition"],
        notes=document.get("notes", ""),
        rules=tuple(_parse_rule(row, name) for row in document["rules"]),
    )


def _parse_rule(row: dict[str, Any], name: str) -> ProfileRule:
    rule = next((rule for rule in ALL if rule.id == row["id"]), None)
    if rule is None:
        known = ", ".join(rule.id for rule in ALL)
        raise DocumentError(name, f"no rule {row['id']!r}; the rules are {known}")
    given = row.get("parameters", {})
    schema = {"type": "object", "properties": dict(rule.parameters), "additionalProperties": False}
    error_text = first_error(given, schema)
    if error_text:
        raise DocumentError(name, f"parameters of {rule.id}: {error_text}")
    return ProfileRule(rule, row["clause"], {**rule.defaults(), **given})
