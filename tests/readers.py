"""
Both implementations of the scanner's fast path.

A test module that imports `reader` runs all its tests under each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagespec.tar import backends
from imagespec.tar.plain import MakeReader

MUST = os.environ.get("IMAGESPEC_EXTENSION") == "1"


def native() -> MakeReader:
    """Return the C reader; skips the test where it was not built, and fails where it had to be."""
    name, reader = backends.choose_backend("1" if MUST else None)
    if name != "c":
        pytest.skip("the C function is not built")
    return reader


def python() -> MakeReader:
    return backends.choose_backend("0")[1]


@pytest.fixture(params=[native, python], ids=["c", "python"], autouse=True, scope="module")
def reader(request: pytest.FixtureRequest) -> Iterator[MakeReader]:
    """Let every scanner use one of the implementations."""
    with pytest.MonkeyPatch.context() as patch:
        made: MakeReader = request.param()
        patch.setattr(backends, "DEFAULT", made)
        yield made
