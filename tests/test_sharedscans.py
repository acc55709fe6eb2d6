"""Layers that several images of one archive share: scanned once, and judged as if each image had come alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagespec import Limits, api
from tests.build import config, digest, file, layer, outer_tar

BASE = layer(*(file(f"base/{number}.sh", f"echo {number}\n" * 50, mode=0o755) for number in range(40)))
TOPS = [layer(file("home/run.sh", f"#!/bin/sh\nexec sleep {number}\n", mode=0o755)) for number in range(3)]


def archive(*images: list[bytes]) -> bytes:
    members: dict[str, bytes] = {}
    documents = []
    for number, layers in enumerate(images):
        names = [f"{digest(raw)[7:]}/layer.tar" for raw in layers]
        members |= dict(zip(names, layers, strict=True))
        members[f"{number}.json"] = config(layers, {"Cmd": ["/home/run.sh"]})
        documents.append({"Config": f"{number}.json", "RepoTags": [f"i:{number}"], "Layers": names})
    return outer_tar(members | {"manifest.json": json.dumps(documents).encode()})


def as_alone(path: Path, count: int, limits: Limits) -> list[object]:
    alone = [api.check(path, image=f"i:{number}", limits=limits) for number in range(count)]
    return [report.inputs[0].images[0].results for report in alone]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(kept_bytes=1000),
        Limits(kept_bytes=20_000),
        Limits(kept_bytes=24_000),
        Limits(layer_members=41),
    ],
)
def test_the_verdicts_are_those_of_each_image_alone(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "images.tar"
    path.write_bytes(archive([BASE, TOPS[0]], [BASE, TOPS[1]], [TOPS[1], BASE, TOPS[2]]))
    together = [image.results for image in api.check(path, limits=limits).inputs[0].images]
    assert together == as_alone(path, 3, limits)


def test_a_shared_layer_is_read_once(tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "images.tar"
    path.write_bytes(archive([BASE, TOPS[0]], [BASE, TOPS[1]], [BASE, TOPS[2]]))
    api.check(path, progress=told.append)
    assert sum(told) == len(BASE) + sum(map(len, TOPS))


def test_a_damaged_layer_is_a_problem_of_every_image_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    path.write_bytes(archive([BASE[:7000], TOPS[0]], [BASE[:7000], TOPS[1]]))
    images = api.check(path).inputs[0].images
    assert [[problem.layer for problem in image.problems] for image in images] == [[0], [0]]
