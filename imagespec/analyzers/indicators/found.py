"""What the indicators of malicious code yield, and the notebook in which the single checks write it down."""

from __future__ import annotations

import enum

import attrs

from imagespec.entry import Entry
from imagespec.verdict import Evidence

# Evidence for one kind of observation, and examples of one gap: a careless `chmod -R` makes thousands.
_MOST_FOUND, _MOST_MISSED = 20, 4


class Strength(enum.StrEnum):
    """How far an indicator can be trusted."""

    HIGH = "high"
    """Nothing innocent is known that looks like this."""
    LOW = "low"
    """Worth a look; innocent images have it too."""


@attrs.frozen
class Indicator:
    """One observation; ``id`` is stable."""

    id: str
    strength: Strength
    evidence: Evidence


@attrs.frozen(kw_only=True)
class Indicators:
    """
    What the built-in indicators saw in one image.

    ``looked_at`` counts what was examined. ``not_looked_at`` lists what the indicators cover and could not examine
    in this image; ``out_of_scope`` what they never examine. Nothing here proves the absence of malicious code.
    """

    found: tuple[Indicator, ...] = ()
    looked_at: tuple[Evidence, ...] = ()
    not_looked_at: tuple[Evidence, ...] = ()
    out_of_scope: tuple[Evidence, ...] = ()
    engines: tuple[str, ...] = ()
    """Titles of the engines that were given the content of files."""


class _Bounded:
    """The first few observations of one kind, and how many there were."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Evidence] = []
        self._total = 0

    def add(self, evidence: Evidence) -> None:
        """Keep an observation, or only count it."""
        self._total += 1
        if self._total <= self._most:
            self._kept.append(evidence)

    def close(self, what: str) -> list[Evidence]:
        """Return what was kept and, where that is not all, how many more there are."""
        more = self._total - len(self._kept)
        return [*self._kept, Evidence(message=f"{what}: {more:,} more, not listed")] if more else self._kept


class Notebook:
    """Collects observations, counts and gaps; evidence of one kind is bounded, and the rest is counted."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Strength], _Bounded] = {}
        self._gaps: dict[str, _Bounded] = {}
        self._counts: dict[str, int] = {}

    def find(self, kind: str, strength: Strength, evidence: Evidence) -> None:
        """Write down an indicator."""
        self._found.setdefault((kind, strength), _Bounded(_MOST_FOUND)).add(evidence)

    def count(self, what: str, number: int) -> None:
        """Write down how many things of a kind were examined."""
        self._counts[what] = self._counts.get(what, 0) + number

    def miss(self, why: str, entry: Entry | None = None) -> None:
        """Write down something that should have been examined and could not be."""
        evidence = evidence_at(entry, why) if entry else Evidence(message=why)
        self._gaps.setdefault(why, _Bounded(_MOST_MISSED)).add(evidence)

    def close(self, out_of_scope: tuple[Evidence, ...], engines: tuple[str, ...] = ()) -> Indicators:
        """Return everything written down, indicators of high strength first."""
        found = [
            Indicator(kind, strength, evidence)
            for (kind, strength), several in sorted(self._found.items(), key=lambda item: item[0][::-1])
            for evidence in several.close(kind)
        ]
        return Indicators(
            found=tuple(found),
            looked_at=tuple(Evidence(message=what, seen=str(count)) for what, count in self._counts.items()),
            not_looked_at=tuple(evidence for why, gap in self._gaps.items() for evidence in gap.close(why)),
            out_of_scope=out_of_scope,
            engines=engines,
        )


def evidence_at(entry: Entry, message: str, *, line: int | None = None, seen: str | None = None) -> Evidence:
    """Return evidence whose place is a file of the image."""
    return Evidence(message=message, path=f"/{entry.path}", line=line, layer=entry.layer, seen=seen)
