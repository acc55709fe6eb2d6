"""List a zstd layer: the decoder is the floor, and nothing else may show."""

from __future__ import annotations

from benchmarks import contenders, inputs, measure


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for the real layer."""
    path = inputs.large("large-layer.tar.zst")
    return [
        measure.Scenario(
            "List a zstd layer",
            (*contenders.ours("ours", str(path)), *contenders.tools(("zstd", "-dc", str(path)))),
            "zstd -dc",
            (f"{path.name}: {path.stat().st_size:,} bytes, level 3",),
        )
    ]


if __name__ == "__main__":
    measure.main("list_zstd", scenarios)
