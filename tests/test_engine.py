"""
Against a real engine, where one is on the machine: `pytest -m engine`.

Needs root, Debian's docker.io and busybox-static, and a temporary directory that is not itself an overlay file system
(`pytest --basetemp`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.engine import DOCKERD, docker_engine
from imagespec.api import check
from imagespec.api import open as open_archive
from imagespec.engine import scan_layers
from imagespec.rootfs import RootFs
from tests.comparing import differences
from tests.layouts import BUILDERS, make_image, pack

BUSYBOX = Path("/bin/busybox")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.engine,
    pytest.mark.skipif(
        not (Path(DOCKERD).exists() and BUSYBOX.exists() and hasattr(os, "geteuid") and os.geteuid() == 0),
        reason="needs root, docker.io and busybox-static",
    ),
]

DOCKERFILE = """
FROM scratch
COPY busybox /bin/busybox
COPY Dockerfile /etc/Dockerfile
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /d/e/f /gone /remade/old /usr/lib && echo 1 > /d/e/f/x && echo 2 > /gone/y && echo 3 > /remade/old/z \
 && ln -s usr/lib /lib && echo 4 > /lib/in-usr && echo 5 > /a && ln /a /b && ln -s nowhere /dangling && mkfifo /pipe
RUN rm -r /gone && rm /d/e/f/x && echo new > /a
RUN rm -r /remade && mkdir /remade && echo 6 > /remade/new && chmod 700 /d
RUN rm /dangling && mkdir /dangling && echo 7 > /dangling/file && rm /b && ln -s a /b
RUN rm -r /d && echo 8 > /d && chown 12:34 /a && chmod 4755 /a
RUN ln /remade/new /hard && echo name > "/\u6570 \u636e"
CMD ["/bin/sh", "-c", "httpd -f -p 8080"]
"""


@pytest.mark.parametrize("piped", [False, True])
def test_a_built_image_is_seen_as_the_engine_sees_it(piped: bool, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(BUSYBOX, context)
    (context / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    with docker_engine(tmp_path / "engine") as docker:
        docker("build", "--network=none", "--tag=built:1", context)
        docker("create", "--name=made", "--network=none", "built:1")
        docker("export", f"--output={tmp_path / 'export.tar'}", "made")
        docker("save", f"--output={tmp_path / 'image.tar'}", "built:1")
        (inspected,) = json.loads(docker("image", "inspect", "built:1"))
    if piped:
        with subprocess.Popen(["cat", tmp_path / "image.tar"], stdout=subprocess.PIPE) as process:
            assert process.stdout
            view = view_of(process.stdout)
    else:
        view = view_of(tmp_path / "image.tar")
    assert differences(view, tmp_path / "export.tar") == {}
    assert sum(usage.apparent_bytes for usage in view.usage if usage) == inspected["Size"]
    (image,) = check(tmp_path / "image.tar", verify=True).inputs[0].images
    assert image.image_id == inspected["Id"]
    assert image.verdict("archive-integrity") == "pass"


def test_what_is_built_for_the_tests_is_what_the_engine_loads(tmp_path: Path) -> None:
    """The synthetic archives that Docker 20.10 reads: the same layers, command and image ID."""
    image = make_image()
    with docker_engine(tmp_path / "engine") as docker:
        for name in LOADED:
            path = tmp_path / f"{name}.tar"
            path.write_bytes(pack(BUILDERS[name](image)))
            docker("load", f"--input={path}")
            with open_archive(path, verify=True) as archive:
                (read,) = archive.images
                scans, _ = scan_layers(read)
                (inspected,) = json.loads(docker("image", "inspect", read.references[0]))
                docker("image", "rm", "--force", inspected["Id"])
            assert [scan.diff_id for scan in scans if scan] == inspected["RootFS"]["Layers"], name
            assert list(read.config.cmd) == inspected["Config"]["Cmd"], name
            # Docker makes a config of its own for archives of its first generation.
            assert read.image_id == (None if name == "docker-1.9" else inspected["Id"]), name


LOADED = (
    *("docker-1.9", "docker-1.10", "docker-1.12-links", "docker-1.12-links-first", "docker-25", "containerd"),
    *("jib", "rules-oci", "nix-stream", "nix-build", "apko"),
)


def view_of(source: Path | object) -> RootFs:
    with open_archive(source) as archive:  # type: ignore[arg-type]
        scans, problems = scan_layers(archive.images[0])
    assert not problems
    return RootFs(scans)
