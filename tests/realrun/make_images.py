"""
Build every image of `images/` with the real engine, run each once, and write the labels and the small fixture.

    python3 -m tests.realrun.make_images [--work DIR] [--only NAME ...]

Run it as root from the top of the repository, on Debian 12 with docker.io, mmdebstrap and iproute2, in an environment
in which imagespec can be imported. DIR keeps the base, the engine's state, the observations and the saved images (about
3 GB), must not lie on an overlay file system, and makes a second run shorter. DEBIAN_MIRROR names another mirror.

With --only nothing but these images is built, run and printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs

from benchmarks.engine import Client, docker_engine, run
from tests.realrun import slim
from tests.realrun.observe import OUTSIDE, Seen, observe
from tests.realrun.sources import HERE, ImageSource, load_sources
from tests.realrun.truth import judge

BASE_TAG = "realrun-base"
LABELS = HERE / "labels.json"
FIXTURE = HERE / "images.tar"

PACKAGES = (
    *("python3", "python3-flask", "python3-flask-restful", "python3-fastapi", "python3-tornado"),
    *("python3-aiohttp", "python3-django", "python3-bottle", "python3-falcon", "python3-quart"),
    *("gunicorn", "uvicorn", "python3-waitress", "python3-hypercorn", "uwsgi-core", "uwsgi-plugin-python3"),
    *("python3-loguru", "python3-cheroot", "nginx-light", "supervisor", "busybox"),
    *("default-jre-headless", "zip", "curl", "tini", "dumb-init", "gosu", "procps"),
)
# As Debian's own slim images leave them out; the Java package wants the directory of its manual pages all the same.
LEFT_OUT = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info"))
MANUAL_HOOK = '--essential-hook=mkdir -p "$1/usr/share/man/man1"'
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def isolate() -> None:
    """
    Go into a network namespace with nothing but loopback and OUTSIDE, and without IPv6.

    Docker's own networks have IPv6 off unless the engine is told otherwise, so images meet it that way.
    """
    if os.environ.get("REALRUN_ISOLATED") != "1":
        words = ["unshare", "--net", sys.executable, "-m", "tests.realrun.make_images", *sys.argv[1:]]
        os.execvpe("unshare", words, {**os.environ, "REALRUN_ISOLATED": "1"})
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")


def make_base(path: Path) -> None:
    """Install the base that all images share."""
    if path.exists():
        return
    mirror = os.environ.get("DEBIAN_MIRROR")
    unfinished = path.with_name("partial-base.tar")
    included = f"--include={','.join(PACKAGES)}"
    options = ("--variant=apt", *LEFT_OUT, MANUAL_HOOK, included)
    # In a namespace without a way out nothing can be fetched: this runs in that of the machine.
    run(
        "nsenter",
        "--net=/proc/1/ns/net",
        "mmdebstrap",
        *options,
        "bookworm",
        unfinished,
        *([mirror] if mirror else []),
    )
    unfinished.replace(path)


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
    base = work / "base.tar"
    make_base(base)
    with docker_engine(work / "engine") as docker:
        if not docker("images", "--quiet", BASE_TAG).strip():
            docker("import", f"--change=ENV {SEARCH_PATH}", base, BASE_TAG)
        seen = run_all(docker, sources, work)
        if only:
            return
        saved = work / "saved.tar"
        docker("save", f"--output={saved}", *(f"realrun/{source.name}" for source in sources))
    write_labels(seen, sources)
    slim.write_fixture(saved, FIXTURE)
    slim.compare(saved, FIXTURE)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build, run and label the images of the set.")
    parser.add_argument("--work", type=Path, help="a directory to keep; without it, one that is removed")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="build, run and print these")
    arguments = parser.parse_args()
    isolate()
    given: Path | None = arguments.work
    work = (given or Path(tempfile.mkdtemp(prefix="realrun-", dir="/var/tmp"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        make(work, arguments.only)
    finally:
        if given is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
