"""A layer of ten files of 3 GiB: the time must not depend on the bytes of the bodies."""

from __future__ import annotations

from benchmarks import contenders, inputs, measure


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for a layer that is mostly holes."""
    path = inputs.sparse_layer()
    return [
        measure.Scenario(
            "List a plain layer of 30 GiB in ten files",
            (
                *contenders.ours("ours", str(path)),
                *contenders.tools(("tar", "-tf", str(path)), ("bsdtar", "-tf", str(path))),
                *contenders.go_lister(path),
                contenders.subject("tarfile", str(path), label="tarfile"),
            ),
            "tar -tf",
        )
    ]


if __name__ == "__main__":
    measure.main("sparse_30g", scenarios)
