"""List a plain layer: the header hop against everything else that reads tar."""

from __future__ import annotations

from benchmarks import contenders, inputs, measure


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for the real layer."""
    path = inputs.large("large-layer.tar")
    return [
        measure.Scenario(
            "List a plain layer, page cache warm",
            (
                *contenders.ours("ours", str(path)),
                *contenders.tools(("tar", "-tf", str(path)), ("bsdtar", "-tf", str(path))),
                *contenders.go_lister(path),
                *contenders.libarchive(path),
                contenders.subject("tarfile", str(path), label="tarfile"),
            ),
            "tar -tf",
            (f"{path.name}: {path.stat().st_size:,} bytes",),
        )
    ]


if __name__ == "__main__":
    measure.main("list_plain", scenarios)
