"""
Build every image of `images/` with the real engine, run each once, and write the labels and the small fixture.

    python3 -m tests.realrun.make_images [--work DIR] [--only NAME ...]

Run it as root from the top of the repository, on Debian 12 with docker.io, mmdebstrap and iproute2, in an environment
with pip in which imagespec can be imported. DIR keeps what the bases are made of, the engine's state, the observations
and the saved images (about 6 GB), must not lie on an overlay file system, and makes a second run shorter.

With --only nothing but these images is built, run and printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs

from benchmarks.engine import Client, docker_engine, run
from tests.realrun import slim
from tests.realrun.bases import BASES, download, make_bases
from tests.realrun.observe import OUTSIDE, Seen, observe
from tests.realrun.sources import HERE, ImageSource, load_sources
from tests.realrun.truth import judge

LABELS = HERE / "labels.json"
FIXTURE = HERE / "images.tar"
_ISOLATED = "REALRUN_ISOLATED"
"""Set to 1 for the process that runs in a network namespace of its own."""


def isolate() -> None:
    """
    Set up a fresh network namespace: nothing but loopback and OUTSIDE, and no IPv6.

    Docker's own networks have IPv6 off unless the engine is told otherwise, so images meet it that way.
    """
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")


def build(docker: Client, source: ImageSource, work: Path) -> None:
    """Build one image."""
    context = work / "context"
    shutil.rmtree(context, ignore_errors=True)
    source.write_context(context)
    docker("build", "--quiet", "--network=none", f"--tag=realrun/{source.name}", context)


def write_labels(seen: dict[str, Seen], sources: list[ImageSource]) -> None:
    """Write what was observed and what it says, for every image."""
    document: dict[str, Any] = {}
    for source in sources:
        truths = judge(source, seen[source.name])
        rules = {rule: {"truth": truth, "because": because} for rule, (truth, because) in truths.items()}
        document[source.name] = {
            "service": source.service,
            "rules": rules,
            "seen": attrs.asdict(seen[source.name]),
        }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    LABELS.write_text(text + "\n", encoding="utf-8")


def run_all(docker: Client, sources: list[ImageSource], work: Path) -> dict[str, Seen]:
    """Build and run every image that was not yet observed, and return all observations."""
    folder = work / "observed"
    folder.mkdir(exist_ok=True)
    seen = {}
    for source in sources:
        # What was observed of an image that has not changed since stays true.
        path = folder / f"{source.name}.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        build(docker, source, work)
        if known.get("files") != source.files:
            fresh = attrs.asdict(observe(docker, source))
            known = {"files": source.files, "seen": fresh}
            path.write_text(json.dumps(known), encoding="utf-8")
        seen[source.name] = Seen(**known["seen"])
        truths = judge(source, seen[source.name])
        print(
            f"{source.name:<32}",
            ", ".join(f"{rule} {truth}" for rule, (truth, _) in truths.items()),
            flush=True,
        )
    return seen


def make(work: Path, only: list[str]) -> None:
    """Make everything, or build and run some images."""
    sources = [source for source in load_sources() if not only or source.name in only]
    with docker_engine(work / "engine") as docker:
        make_bases(docker, work)
        seen = run_all(docker, sources, work)
        if only:
            return
        saved = work / "saved.tar"
        docker("save", f"--output={saved}", *BASES, *(f"realrun/{source.name}" for source in sources))
    write_labels(seen, sources)
    slim.write_fixture(saved, FIXTURE)
    slim.compare(saved, FIXTURE)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build, run and label the images of the set.")
    parser.add_argument("--work", type=Path, help="a directory to keep; without it, one that is removed")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="build, run and print these")
    arguments = parser.parse_args()
    given: Path | None = arguments.work
    if os.environ.get(_ISOLATED) == "1":
        assert given is not None
        isolate()
        make(given, arguments.only)
        return
    work = (given or Path(tempfile.mkdtemp(prefix="realrun-", dir="/var/tmp"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        download(work)
        only = ["--only", *arguments.only] if arguments.only else []
        words = ["unshare", "--net", sys.executable, "-m", "tests.realrun.make_images", "--work", work, *only]
        subprocess.run(words, check=True, env={**os.environ, _ISOLATED: "1"})
    finally:
        if given is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
