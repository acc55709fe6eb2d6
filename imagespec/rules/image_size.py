"""
The unpacked image is not larger than the edition's limit.

What it checks
--------------
The image's size as Docker counts it: for each layer, the sizes of its files (each inode once) and the lengths of its
links. Files that a later layer replaces or deletes count, because they are still in the image.

Why it matters
--------------
A larger image is refused when it is imported, after it has been uploaded.

What passes
-----------
The size is at most the limit in decimal gigabytes (10^9 bytes).

What fails
----------
The size is above the limit in binary gigabytes (2^30 bytes), so that it is too large however a gigabyte is read.

What stays unknown
------------------
The size lies between the two readings of a gigabyte: the specification does not say which it means. Or a layer could
not be read, and the readable ones are within the limit.

How to fix
----------
Remove what the service does not need *in the layer that adds it* (deleting it in a later layer frees nothing), and build
in stages; the report says how many bytes later layers hide.

Source
------
"Specifications for Custom Images Used for Importing Models", image size: 30 GB in the English edition of 2022 to 2024,
10 GB in the Chinese edition of 2021, 50 GB in editions since 2024. That the unpacked size counts is said for custom
engines (inference-modelarts-0128, 2025-11).
"""

from __future__ import annotations

from imagespec.analyzers.facts import Facts
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_GB = 10**9
_GIB = 2**30


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    limit = parameters["limit_gb"]
    size = facts.sizes.docker_bytes
    known = facts.sizes.readable_docker_bytes
    evidence = (
        Evidence(
            message="unpacked size as Docker counts it"
            if size is not None
            else "unpacked size of the readable layers",
            seen=f"{known:,} bytes",
            wanted=f"at most {_decimal(limit * _GB)}",
        ),
    )
    if known > limit * _GIB:
        summary = f"the image unpacks to {_decimal(known)}, more than the {_decimal(limit * _GB)} allowed"
        advice = "Remove what the service does not need in the layer that adds it, or build in stages."
        return Outcome(Verdict.FAIL, summary, evidence, advice)
    if size is None:
        return Outcome(Verdict.UNKNOWN, "a layer could not be read, so the size is not known", evidence)
    if size > limit * _GB:
        summary = (
            f"the image unpacks to {_decimal(size)}: within the {_decimal(limit * _GB)} allowed if a gigabyte is 2^30 bytes, "
            "above them if it is 10^9"
        )
        return Outcome(Verdict.UNKNOWN, summary, evidence, "Make it smaller to be safe under both readings.")
    summary = f"the image unpacks to {_decimal(size)}, within the {_decimal(limit * _GB)} allowed"
    return Outcome(Verdict.PASS, summary, evidence)


def _decimal(size_bytes: float) -> str:
    """Return a size in the largest decimal unit that it fills."""
    for unit, name in ((_GB, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size_bytes:.0f} bytes"


RULE = Rule(
    id="image-size",
    doc=__doc__,
    check=_check,
    parameters={
        "limit_gb": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 30,
            "description": "largest unpacked size, in gigabytes",
        }
    },
    reads_files=False,
)
