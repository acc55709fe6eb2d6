"""The oracle, asked about the seeds and about what hypothesis makes of them."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import check_layer, check_whole, seeds
from tests.test_tar_differential import mutations

LAYERS = seeds("layer")
ARCHIVES = [raw for raw in seeds("archive") if len(raw) < 120_000]


@pytest.mark.parametrize("raw", LAYERS)
def test_layers(raw: bytes) -> None:
    check_layer(raw)


@given(mutations(), st.sampled_from([bytes, gzip.compress, zstandard.compress]))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_layers(raw: bytes, pack: type[bytes]) -> None:
    check_layer(pack(raw))


@given(st.sampled_from(ARCHIVES), st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_archives(raw: bytes, data: st.DataObject) -> None:
    mutated = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        mutated[start : start + 8] = data.draw(st.binary(min_size=1, max_size=8))
    check_whole(bytes(mutated[: data.draw(st.integers(len(raw) // 2, len(mutated)))]))
