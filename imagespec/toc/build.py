"""The columns of a `LayerIndex` from the entries of a table."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from imagespec.errors import LimitError
from imagespec.limits import Limits
from imagespec.tar import Finding, LayerIndex
from imagespec.tar.index import UNKNOWN_OFFSET, Findings, IndexBuilder
from imagespec.tar.names import check_control_characters, check_unusual_name
from imagespec.toc.table import TableEntry


@attrs.frozen
class BuiltIndex:
    """An index without offsets, and what is odd about its names."""

    index: LayerIndex
    findings: tuple[Finding, ...]


def build_index(
    entries: Sequence[TableEntry], limits: Limits, *, own_member: LayerIndex | None = None
) -> BuiltIndex:
    """Return the index of a table, with the table's ``own_member`` of the tar at its end; raises LimitError."""
    columns, findings = IndexBuilder(), Findings(limits.findings)
    for entry in entries:
        check_unusual_name(entry.name, UNKNOWN_OFFSET, findings)
        _check_limits(entry, columns, limits)
        _append(columns, entry)
    if own_member is not None:
        member = 0
        owner = own_member.modes[member], own_member.uids[member], own_member.gids[member]
        rest = own_member.sizes[member], own_member.mtimes[member], UNKNOWN_OFFSET, UNKNOWN_OFFSET
        columns.extend(((own_member.name(member), own_member.types[member], owner, *rest),), {})
    index = columns.build()
    check_control_characters(index, findings)
    return BuiltIndex(index, tuple(attrs.evolve(finding, offset=None) for finding in findings.kept))


def _append(columns: IndexBuilder, entry: TableEntry) -> None:
    row = len(columns)
    owner = entry.mode, entry.uid, entry.gid
    fields = entry.size_bytes, entry.mtime, UNKNOWN_OFFSET, UNKNOWN_OFFSET
    columns.extend(((entry.name, entry.typeflag[0], owner, *fields),), {0: entry.link} if entry.link else {})
    if entry.xattrs:
        columns.xattrs[row] = dict(entry.xattrs)
        columns.text_bytes += sum(len(key) + len(value) for key, value in entry.xattrs.items())
    if any(entry.device):
        columns.devices[row] = entry.device


def _check_limits(entry: TableEntry, columns: IndexBuilder, limits: Limits) -> None:
    longest = max(len(entry.name), len(entry.link))
    for limit, allowed, seen in (
        ("name_bytes", limits.name_bytes, longest),
        ("names_bytes", limits.names_bytes, columns.text_bytes + len(entry.name) + len(entry.link)),
    ):
        if seen > allowed:
            raise LimitError(limit, allowed, seen, "table of contents")
