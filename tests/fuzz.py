"""
Fuzzing with atheris (libFuzzer), guided by the coverage of the Python implementation.

    pip install -e '.[fuzz]'
    python -m tests.fuzz layer CORPUS -max_total_time=600     a layer's bytes
    python -m tests.fuzz archive CORPUS -max_total_time=600   a whole archive

CORPUS is a folder that keeps what reached something new; where it is empty it is filled with the tests' own hostile
streams, or archives. What is asked is in tests/oracle.py, within libFuzzer's limits of time and memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["imagespec"]):
    from tests.oracle import TARGETS, seeds

_DEFAULTS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=65536")


def main(arguments: list[str]) -> None:
    """Fuzz; does not return."""
    target, corpus, *options = arguments
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        for number, raw in enumerate(seeds(target)):
            (folder / f"seed-{number}").write_bytes(raw)
    atheris.Setup([sys.argv[0], *_DEFAULTS, *options, corpus], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
