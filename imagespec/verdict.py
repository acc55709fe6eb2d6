"""What a rule answers: a verdict, and the evidence for it."""

from __future__ import annotations

import enum

import attrs


class Verdict(enum.StrEnum):
    """The answer of one rule about one image."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Cannot be decided from the bytes; the evidence says what was looked at and what would decide it."""
    NOT_APPLICABLE = "not-applicable"


def _absolute(path: str) -> str:
    return "/" + path.lstrip("/")


@attrs.frozen(kw_only=True)
class Evidence:
    """
    One observation and its place; None where a field does not apply.

    ``message`` is a sentence for people. The place is a file of the image (``path``, with ``line`` from 1 and the
    ``layer`` that put it there, from 0 at the base) or a value of a document (``pointer``, such as
    ``config.json#/apis/0/url`` or ``config#/config/Cmd``). ``seen`` and ``wanted`` are the values compared.
    """

    message: str
    path: str | None = attrs.field(default=None, converter=attrs.converters.optional(_absolute))
    """From the root of the image, with one leading slash."""
    line: int | None = None
    layer: int | None = None
    pointer: str | None = None
    seen: str | None = None
    wanted: str | None = None


@attrs.frozen
class Outcome:
    """A rule's answer: verdict, one summarising sentence, evidence, and advice where there is any."""

    verdict: Verdict
    summary: str
    evidence: tuple[Evidence, ...] = ()
    advice: str | None = None
