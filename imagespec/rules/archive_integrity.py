"""
The archive's documents agree with one another and with the layers.

What it checks
--------------
That the config lists one diff_id for each layer; that indexes, manifests and configs have the digests and sizes that
name them, and layers the sizes; that the index and the config tell one platform; that `manifest.json` and `index.json`
give the same layers and names where an archive has both; and, with `--verify`, that every layer has the digest of its
descriptor and the diff_id of the config, and that an eStargz or zstd:chunked layer holds what its table of contents
says: the same members with the same attributes and contents. The evidence lists what was compared, and what was not.

Why it matters
--------------
An archive that contradicts itself is refused, or loaded differently by different tools: what was judged is then not
what will run. A runtime that pulls lazily sees a layer's table of contents, and every other one sees its tar.

What passes
-----------
No contradiction, every layer's digests were computed and are right, and every layer with a table of contents was
compared with it. A config that nothing names by digest (as in jib's archives) is taken as it is, and the evidence says
so.

What fails
----------
Any contradiction, or a layer that the documents name and the archive does not hold.

What stays unknown
------------------
The documents agree, but the layers' digests were not computed, because the run did not ask for it, or there is nothing
to compare them with: archives of Docker before 1.10 record none. Or a layer was not compared with its table of
contents: the table cannot be used, or the archive came through a pipe.

How to fix
----------
Export the image again, with a current version of the tool, and check that the copy is complete.

Source
------
OCI image-spec v1.1, descriptor.md ("Verification") and config.md (`rootfs.diff_ids`); Docker's own load refuses the
same contradictions (moby daemon/internal/image/tarexport/load.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from imagespec.analyzers.facts import Facts
from imagespec.layer import Layer, LayerState
from imagespec.rules.base import Parameters, Rule
from imagespec.scan import LayerScan
from imagespec.verdict import Evidence, Outcome, Verdict

_Scanned = tuple[Layer, LayerScan]

_ADVICE = "Export the image again, and check that the copy is complete."


def _check(facts: Facts, _: Parameters) -> Outcome:
    layers = facts.image.layers
    wrong = tuple(_contradictions(facts))
    if wrong:
        missing = any(layer.state is LayerState.MISSING for layer in layers)
        lead = "is not complete" if missing else "contradicts itself"
        more = f"; and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return Outcome(Verdict.FAIL, f"the archive {lead}: {wrong[0].message}{more}", wrong, _ADVICE)
    scanned = [(layer, scan) for layer, scan in zip(layers, facts.scans, strict=True) if scan]
    computed = sum(scan.diff_id is not None and _is_comparable(layer) for layer, scan in scanned)
    evidence = (*_compared(facts, scanned, computed), *_not_compared(facts, scanned, computed))
    if len(scanned) < len(layers):
        summary = f"{len(layers) - len(scanned)} of {len(layers)} layers could not be read"
        return Outcome(Verdict.UNKNOWN, summary, evidence)
    if not all(map(_is_comparable, layers)):
        summary = "the documents agree; the archive gives no sha256 digests to compare every layer with"
        return Outcome(
            Verdict.UNKNOWN, summary, evidence, "Load the image into a current engine and save it again."
        )
    if computed < len(layers):
        summary = "the documents agree; the layers' digests were not computed"
        return Outcome(Verdict.UNKNOWN, summary, evidence, "Run again with --verify to compute them.")
    uncompared = _without_comparison(scanned)
    if uncompared:
        summary = f"{uncompared} layers could not be compared with their tables of contents"
        return Outcome(Verdict.UNKNOWN, summary, evidence, "Check the archive from a file, with --verify.")
    return Outcome(Verdict.PASS, "the documents agree, and every digest is right", evidence)


def _without_comparison(scanned: list[_Scanned]) -> int:
    return sum(layer.has_table and not scan.table_compared for layer, scan in scanned)


def _compared(facts: Facts, scanned: list[_Scanned], computed: int) -> Iterator[Evidence]:
    yield Evidence(
        message="layers whose digests were computed and are right",
        seen=str(computed),
        wanted=str(len(facts.image.layers)),
    )
    for what in facts.image.checked:
        yield Evidence(message=f"compared: {what}")
    tables = sum(scan.table_compared for _, scan in scanned)
    if tables:
        yield Evidence(message=f"compared: {tables} layers, with their tables of contents")


def _not_compared(facts: Facts, scanned: list[_Scanned], computed: int) -> Iterator[Evidence]:
    for what in facts.image.unchecked:
        yield Evidence(message=f"not compared: {what}")
    if computed < len(scanned):
        yield Evidence(message=f"not compared: digests of {len(scanned) - computed} layers")
    tables = _without_comparison(scanned)
    if tables:
        yield Evidence(message=f"not compared: {tables} layers, with their tables of contents")


def _contradictions(facts: Facts) -> Iterator[Evidence]:
    for defect in facts.image.defects:
        yield Evidence(message=defect.message)
    for layer, scan in zip(facts.image.layers, facts.scans, strict=True):
        if layer.state is LayerState.MISSING:
            message = f"{layer.stored_name} is named, but is not in the archive"
            yield Evidence(message=message, layer=layer.number)
        elif scan:
            yield from _mismatches(layer, scan)


def _is_comparable(layer: Layer) -> bool:
    # Only sha256 is computed; a layer named by another algorithm stays uncompared.
    named = (layer.diff_id or "", layer.blob_digest or "sha256:")
    return all(digest.startswith("sha256:") for digest in named)


def _mismatches(layer: Layer, scan: LayerScan) -> Iterator[Evidence]:
    pairs = (("diff_id", layer.diff_id, scan.diff_id), ("blob digest", layer.blob_digest, scan.blob_digest))
    for message in scan.contradictions:
        yield Evidence(message=f"{layer.stored_name}: {message}", layer=layer.number)
    for what, wanted, seen in pairs:
        if wanted and seen and wanted.startswith("sha256:") and wanted != seen:
            message = f"the {what} of {layer.stored_name} is wrong"
            yield Evidence(message=message, layer=layer.number, seen=seen, wanted=wanted)


RULE = Rule(id="archive-integrity", doc=__doc__, check=_check, reads_files=False)
