"""What a rule is: frozen metadata, documentation that is its module's docstring, and one pure function."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from imagespec.analyzers.facts import Facts
from imagespec.verdict import Outcome

HEADINGS = (
    "What it checks",
    "Why it matters",
    "What passes",
    "What fails",
    "What stays unknown",
    "How to fix",
    "Source",
)
"""The sections that every rule's documentation has, in this order."""

_HEADING = re.compile(r"^(?P<title>[A-Z][^\n]+)\n-{3,}\n", re.MULTILINE)


class Service(enum.StrEnum):
    """What the image is deployed as; it decides which rules apply."""

    REAL_TIME = "real-time"
    BATCH = "batch"


Parameters = Mapping[str, Any]
Check = Callable[[Facts, Parameters], Outcome]


@attrs.frozen
class Rule:
    """
    One statement of a specification.

    ``parameters`` gives the JSON Schema of each parameter, with its ``default``; a profile may set them.
    ``reads_files`` says that the verdict stands on the merged file system: it cannot be certain while a layer could
    not be read, and the engine sees to that.
    """

    id: str
    doc: str = attrs.field(repr=False)
    check: Check = attrs.field(repr=False)
    services: frozenset[Service] = frozenset(Service)
    parameters: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    reads_files: bool = True

    @property
    def title(self) -> str:
        """Return the statement in one line."""
        return self.doc.strip().partition("\n")[0].rstrip(".")

    def sections(self) -> dict[str, str]:
        """Return the documentation by heading."""
        text = self.doc.strip()
        found = list(_HEADING.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        return {
            match["title"]: text[match.end() : end].strip() for match, end in zip(found, ends, strict=True)
        }

    def defaults(self) -> dict[str, Any]:
        """Return the parameters' default values."""
        return {name: schema["default"] for name, schema in self.parameters.items()}
