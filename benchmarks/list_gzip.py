"""List a gzip layer: the decoder is the floor, and nothing else may show."""

from __future__ import annotations

from benchmarks import contenders, inputs, measure


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for the real layer."""
    path = inputs.large("large-layer.tar.gz")
    commands = tuple((*words, str(path)) for words in (("igzip", "-dc"), ("pigz", "-dc"), ("gzip", "-dc")))
    return [
        measure.Scenario(
            "List a gzip layer",
            (
                *contenders.ours("ours", str(path)),
                *contenders.tools(*commands),
                *contenders.go_lister(path),
                contenders.subject("tarfile", str(path), "r|gz", label="tarfile r|gz"),
            ),
            "igzip -dc",
            (f"{path.name}: {path.stat().st_size:,} bytes, as pigz writes it",),
        )
    ]


if __name__ == "__main__":
    measure.main("list_gzip", scenarios, rounds=3)
